"""What a trace says at a glance: what `inspect` shows, and the JSON of `inspect` and `run`. No large table is read."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from qflsim.errors import InputError
from qflsim.study.foreign import as_recorded
from qflsim.terms import Fate
from qflsim.trace.reader import RECOVERED, Trace
from qflsim.units import NS_PER_S

HEADER = {"name": str, "seed": int, "digest": str, "world": str, "qflsim_version": str, "timing_only": bool}
REACHING = ("events", "updates", "versions")
"""Tables that tell how far a trace reaches which does not say so."""


def recorded_header(trace: Trace) -> dict[str, Any]:
    """What a run says of itself in its trace; an `InputError` if some other program wrote it."""
    header = trace.header
    for name, kind in HEADER.items():
        if not isinstance(header.get(name), kind):
            raise InputError(f"{trace.path}: {name}", header.get(name, "nothing"), "what a run of qflsim writes there")
    return header


def summary(trace: Trace) -> dict[str, Any]:
    """The contract of `inspect --json`. Of a trace without an end the updates are counted."""
    with as_recorded(trace):
        return _summary(trace)


def _summary(trace: Trace) -> dict[str, Any]:
    header, status, rows = recorded_header(trace), trace.status, trace.rows
    totals = status.totals
    return {
        "scenario": header["name"],
        "seed": header["seed"],
        "digest": header["digest"],
        "world": header["world"],
        "version": header["qflsim_version"],
        "complete": status.complete,
        "reason": status.reason,
        "simulated_s": reach_s(trace),
        "wall_s": totals.get("wall_s"),
        "events": totals.get("events", sum(rows.values())),
        "fingerprint": status.fingerprint,
        "tables": rows,
        "fates": _fates(trace),
        "versions": max(rows["versions"] - 1, 0),
        "metrics": final_metrics(trace),
    }


def _fates(trace: Trace) -> dict[str, int]:
    totals = trace.totals
    if all(fate.label in totals for fate in Fate):
        return {fate.label: int(totals[fate.label]) for fate in Fate}
    counts = np.bincount(trace.table("updates")["fate"], minlength=len(Fate))
    if len(counts) > len(Fate):
        raise InputError(f"{trace.path}: updates", f"a value that no run writes (fate {len(counts) - 1})",
                         "an undamaged trace")  # fmt: skip
    return {fate.label: int(counts[fate]) for fate in Fate}


def reach_s(trace: Trace) -> float:
    """How far a trace reaches, in simulated seconds: what its run says, or, if that came to no end, the last instant at
    which it told an event, an update or a version. Of these a run can leave out events; then it may have gone on."""
    said = trace.totals.get("simulated_s")
    if said is not None:
        return float(said)
    return max(int(trace.table(name)["t_ns"].max(initial=0)) for name in REACHING) / NS_PER_S


def final_metrics(trace: Trace) -> dict[str, float]:
    """Each metric's value at the last version that has it; baselines by their names."""
    evaluations = trace.table("evaluations")
    values = dict(zip(evaluations["metric"].tolist(), evaluations["value"].tolist(), strict=True))
    return {name.decode(): value for name, value in values.items()}


def headline(trace: Trace, told: dict[str, Any]) -> list[str]:
    """Two lines: what ran and how it ended, and how much it was."""
    wall = "" if told["wall_s"] is None else f", {told['wall_s']:.1f} s of real time"
    versions, simulated_s = told["versions"], told["simulated_s"]
    timing = ", timing only" if recorded_header(trace)["timing_only"] else ""
    return [
        f"{told['scenario']}, seed {told['seed']}, digest {told['digest'][:8]}{timing}: {told['reason']}",
        f"{versions} versions in {simulated_s:.1f} simulated s{wall}, {told['events']} records",
    ]


def overview(trace: Trace) -> str:
    """What a trace holds, for people."""
    told = summary(trace)
    lines = headline(trace, told)
    if not trace.complete:
        cure = (
            ""
            if trace.totals or trace.reason == RECOVERED
            else f"; qflsim recover {trace.path} -o FILE makes a clean file of it"
        )
        lines.append(f"incomplete{cure}")
    lines += ["", *(f"{key:12} {told[key]}" for key in ("digest", "world", "fingerprint") if told[key]), ""]
    fates = {fate: str(count) for fate, count in told["fates"].items() if count}
    lines += table(["participations", "invited", *fates],
                   [["all", str(sum(told["fates"].values())), *fates.values()]])  # fmt: skip
    if told["metrics"]:
        metrics = [[name, f"{value:.4f}"] for name, value in told["metrics"].items()]
        lines += ["", *table(["last value of", "value"], metrics)]
    lines += ["", *table(["table", "rows"], [[name, str(rows)] for name, rows in told["tables"].items()])]
    return "\n".join(lines)


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
