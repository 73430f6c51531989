"""What a trace says at a glance: the summary that `inspect` and `run` give as JSON, and the tables for people."""

from collections.abc import Iterable, Sequence
from typing import Any

from qflsim.records import Fate
from qflsim.study.phases import phase_times
from qflsim.study.run import BASELINE
from qflsim.trace.reader import Trace

FAMILY, MEAN = "ratio/", "mean"


def summary(trace: Trace) -> dict[str, Any]:
    """The contract of `inspect --json`."""
    header, totals, updates, versions = trace.header, trace.totals, trace.updates, trace.versions
    counts = updates["fate"].value_counts()
    rows = trace.rows
    return {
        "scenario": header["name"],
        "seed": header["seed"],
        "digest": header["digest"],
        "world": header["world"],
        "version": header["qflsim_version"],
        "complete": trace.complete,
        "reason": trace.reason,
        "simulated_s": totals.get("simulated_s", _last_s(trace)),
        "wall_s": totals.get("wall_s"),
        "events": totals.get("events", sum(rows.values())),
        "fingerprint": trace.fingerprint,
        "tables": rows,
        "fates": {fate.label: int(counts[fate.label]) for fate in Fate},
        "versions": len(versions),
        "metrics": final_metrics(trace),
    }


def _last_s(trace: Trace) -> float:
    """How far an incomplete trace reaches."""
    return max((float(frame["t_s"].max()) for frame in (trace.events, trace.updates) if len(frame)), default=0.0)


def final_metrics(trace: Trace) -> dict[str, float]:
    """Each metric's value at the last version that has it; baselines by their names."""
    evaluations = trace.evaluations.drop_duplicates("metric", keep="last")
    return {
        str(metric): float(value) for metric, value in zip(evaluations["metric"], evaluations["value"], strict=True)
    }


def ratios(trace: Trace) -> tuple[list[str], list[list[str]]]:
    """Approximation ratio by class of data: first and last version, then every baseline."""
    evaluations = trace.evaluations
    learned = evaluations[evaluations["version"] != BASELINE]
    baseline = evaluations[evaluations["version"] == BASELINE].set_index("metric")["value"]
    names = list(dict.fromkeys(metric.rpartition("/")[0] for metric in baseline.index))
    rows = []
    for metric, values in learned.groupby("metric", sort=False)["value"]:
        data_class = str(metric).removeprefix(FAMILY)
        others = [baseline.get(f"{name}/{data_class}") for name in names]
        cells = [f"{values.iloc[0]:.3f}", f"{values.iloc[-1]:.3f}"]
        rows.append([data_class, *cells, *("" if value is None else f"{value:.3f}" for value in others)])
    return ["approximation ratio", "first", "last", *names], rows


def fates(trace: Trace) -> tuple[list[str], list[list[str]]]:
    """How participations ended, by group of devices."""
    updates, devices = trace.updates, trace.devices
    groups = updates["device"].map(devices["group"])
    present = [fate.label for fate in Fate if (updates["fate"] == fate.label).any()]
    rows = []
    for group in [*dict.fromkeys(devices["group"]), "all"]:
        counts = updates["fate"][(groups == group) | (group == "all")].value_counts()
        rows.append([str(group), str(counts.sum()), *(str(counts[fate]) for fate in present)])
    return ["participations", "invited", *present], rows


def result(trace: Trace) -> str:
    """The result table of a run."""
    told = summary(trace)
    updates = trace.updates
    applied = updates[updates["fate"] == "applied"]
    lines = [
        f"{told['scenario']}  seed {told['seed']}  digest {told['digest'][:8]}  ({told['reason']})",
        f"{told['versions'] - 1} versions in {told['simulated_s']:.1f} simulated s, {told['events']} records"
        + (f", {told['wall_s']:.1f} s of real time" if told["wall_s"] is not None else ""),
        "",
    ]
    if len(trace.evaluations):
        lines += [
            *table(*ratios(trace)),
            "learning from exact gradients (an idealisation); the clock charges SPSA's circuits",
            "",
        ]
    lines += [*table(*fates(trace)), ""]
    if len(applied):
        means = phase_times(applied).mean()
        slowest = means.idxmax()
        lines += [
            f"slowest phase: {slowest} ({means[slowest]:.1f} of {means.sum():.1f} s of an applied update, on average)",
            f"staleness: {applied['staleness'].min()} to {applied['staleness'].max()}, mean {applied['staleness'].mean():.2f}",
        ]
    lines += [f"{group}: none of its devices could reach a site" for group in _unreached(trace)]
    lines += [f"trace: {trace.path}", f"next:  qflsim stragglers {trace.path}"]
    return "\n".join(lines)


def _unreached(trace: Trace) -> Iterable[str]:
    updates = trace.updates
    groups = updates["device"].map(trace.devices["group"])
    for group, starts in updates["download_start_s"].groupby(groups, sort=False):
        if starts.isna().all():
            yield str(group)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a plain table: the first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]
