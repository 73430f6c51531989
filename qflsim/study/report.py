"""What a run has come to: the tables for people."""

import math
from collections.abc import Iterable

import pandas as pd

from qflsim.learning.updates import FEDERATED, RATE_FACTORS
from qflsim.records import BASELINE
from qflsim.study.fairness import ping_pong
from qflsim.study.replay import Verdict
from qflsim.study.summary import headline, summary, table
from qflsim.terms import Fate, Happening
from qflsim.trace.reader import Trace
from qflsim.units import to_s

GOALS = {"ratio": "approximation ratio", "accuracy": "accuracy by class"}
RULES = {"spsa": "SPSA", "parameter-shift": "the parameter-shift rule"}
CLASSICAL = ("logistic-regression", "perceptron")
MEASURED = "measured"
"""Stands in a metric's name for its kind where a device's noise and shots show in it."""
_COLUMNS_WITH_INTERVALS = 4
_COLUMNS = 7
"""More classes of data than fit beside their mean are told by the one that is served worst."""
STAGES = {
    "radio [s]": [("invited_s", "download_end_s"), ("training_end_s", "arrived_s")],
    "queue [s]": [("download_end_s", "training_start_s")],
    "training [s]": [("training_start_s", "training_end_s")],
    "buffer [s]": [("arrived_s", "ended_s")],
}
"""What an applied update takes, as the columns of a table for people: from which instants to which."""
WAYS = ["sharing_s", "uncovered_s", "handover_s", "outage_s", "backhaul_s"]
"""What the time of a transfer is made of."""
RARE = {"outage_s": "sites down", "backhaul_s": "backhaul"}
"""What is told only where there is any of it."""


def _noise_free(trace: Trace) -> tuple[str, pd.DataFrame]:
    """The kind of metric by which versions are graded, and its evaluations, with the class of data as a column."""
    evaluations = trace.evaluations
    learned = evaluations[evaluations["version"] != BASELINE]
    kind, data_class = learned["metric"].str.partition("/")[[0, 2]].to_numpy().T
    learned = learned.assign(kind=kind, data_class=data_class)[kind != MEASURED]
    return str(learned["kind"].iloc[0]), learned


def grades(trace: Trace) -> tuple[list[str], list[list[str]]]:
    """The noise-free metric by class of data: of the first version, the best, the last, and of every baseline."""
    kind, learned = _noise_free(trace)
    baselines = trace.evaluations[trace.evaluations["version"] == BASELINE]
    classes = list(dict.fromkeys(learned["data_class"]))
    if len(classes) == 2:  # of a single class, "mean" says nothing more
        classes.remove("mean")
    rows = []
    for version in dict.fromkeys([learned["version"].iloc[0], best(trace)[0], learned["version"].iloc[-1]]):
        told = learned[learned["version"] == version].set_index("data_class")
        rows.append([f"version {version}", *_cells(told, classes)])
    names = baselines["metric"].str.rpartition("/").reindex(columns=range(3))  # of none pandas makes no columns
    by_class = baselines.set_index(names[2])
    rows += [[name, *_cells(by_class[(names[0] == name).to_numpy()], classes)] for name in dict.fromkeys(names[0])]
    if len(classes) > _COLUMNS:
        rows = [[name, min(cells[:-1]), cells[-1]] for name, *cells in rows]
        classes = ["worst class", "mean"]
    return [GOALS.get(kind, kind), *classes], rows


def _cells(told: pd.DataFrame, classes: list[str]) -> list[str]:
    """Values with the half-widths of their confidence intervals; in a wide table only the mean's."""
    cells = []
    for name in classes:
        if name not in told.index:
            cells.append("")
            continue
        value, half_width = told.loc[name, ["value", "half_width"]]
        shown = math.isfinite(half_width) and (name == "mean" or len(classes) <= _COLUMNS_WITH_INTERVALS)
        cells.append(f"{value:.3f} ±{half_width:.3f}" if shown else f"{value:.3f}")
    return cells


def measured(trace: Trace) -> tuple[list[str], list[list[str]]]:
    """What each group's devices would measure of the last version, beside what it is without noise and shots."""
    last = trace.evaluations.query("version == version.max()").set_index("metric")
    kind, learned = _noise_free(trace)
    classes = trace.devices.drop_duplicates("group").set_index("group")["data_class"]
    shots = {group["name"]: group["shots"] for group in trace.scenario["devices"]}
    rows = []
    for metric in last.index[last.index.str.startswith(f"{MEASURED}/")]:
        group = metric.removeprefix(f"{MEASURED}/")
        true = f"{kind}/{classes[group]}"
        if true not in last.index and classes.nunique() == 1:  # whose data are of all classes
            true = f"{kind}/mean"
        off = f"{last['value'][metric] - last['value'][true]:+.3f}" if true in last.index else ""
        rows.append([group, str(shots[group]), *_cells(last, [true, metric]), off])
    return [f"measured of version {learned['version'].max()}", "shots", "noise-free", "measured", "off"], rows


def best(trace: Trace) -> tuple[int, float]:
    """The version with the best mean grade, and the simulated time in seconds at which it was made."""
    _, learned = _noise_free(trace)
    mean = learned[learned["data_class"] == "mean"]
    top = mean.loc[mean["value"].idxmax()]
    return int(top["version"]), float(top["t_s"])


def fates(trace: Trace) -> tuple[list[str], list[list[str]]]:
    """How participations ended, by group of devices; and of how many devices an update was ever applied."""
    updates, devices = trace.updates, trace.devices
    groups = updates["device"].map(devices["group"])
    applied = updates["fate"] == Fate.APPLIED.label
    present = [fate.label for fate in Fate if (updates["fate"] == fate.label).any()]
    rows = []
    names = list(dict.fromkeys(devices["group"]))
    for group in [*names, "all"] if len(names) > 1 else names:
        mine = (groups == group) | (group == "all")
        counts, heard = updates["fate"][mine].value_counts(), updates["device"][mine & applied].nunique()
        registered = len(devices) if group == "all" else (devices["group"] == group).sum()
        told = [str(counts.sum()), *(str(counts[fate]) for fate in present), f"{heard:,} of {registered:,}"]
        rows.append([str(group), *told])
    return ["participations", "invited", *present, "devices applied"], rows


def efforts(trace: Trace) -> tuple[list[str], list[list[str]]]:
    """What an applied update took on average, by group: seconds by stage, the processor's energy, the device's own."""
    updates, devices = trace.updates, trace.devices
    applied = updates[updates["fate"] == "applied"]
    told = pd.DataFrame(
        {
            stage: sum((applied[end] - applied[start] for start, end in spans), start=pd.Series(0.0, applied.index))
            for stage, spans in STAGES.items()
        }
    )
    energy_j = trace.trainings.set_index("participation")["energy_j"]
    told["processor [kJ]"] = applied["participation"].map(energy_j) / 1e3
    told["device [J]"] = applied["energy_j"]
    groups = applied["device"].map(devices["group"])
    means = {
        str(group): told[groups == group].mean() for group in dict.fromkeys(devices["group"]) if (groups == group).any()
    }
    if len(means) > 1:
        means["all"] = told.mean()
    rows = [[name, *(f"{mean:.1f}" for mean in row[list(STAGES)]), *map(_energy, row[["processor [kJ]", "device [J]"]])]
            for name, row in means.items()]  # fmt: skip
    return ["mean applied update", *told.columns], rows


def _energy(mean: float) -> str:
    """Three digits or more; "nan" of a trace without its trainings."""
    return f"{mean:,.0f}" if mean >= 100 else f"{mean:.3g}"


def radio_told(trace: Trace) -> list[str]:
    """One line on how all transfers fared; none of a trace without them, or in which nobody was served.

    A ping-pong is what `fairness.ping_pong` says. Shares are of the time that
    transfers took: "uncovered" while the serving cell was too weak or none was heard, "sites down" while one would have
    covered the device, "backhaul" between site and server.
    """
    handovers, spent_s = trace.handovers, trace.transfers[WAYS].sum()
    if spent_s["sharing_s"] == 0.0:
        return []
    share, happened = spent_s / spent_s.sum(), trace.table("events")["happening"]
    told = [f"{len(handovers):,} handovers" + (f" ({ping_pong(trace):.1%} ping-pong)" if len(handovers) else "")]
    if len(happened):  # events may be left out of a trace
        told.append(f"{(happened == Happening.RADIO_LINK_FAILURE).sum():,} link failures")
    told.append(f"{share['uncovered_s']:.1%} uncovered")
    told += [f"{share[of]:.1%} {name}" for of, name in RARE.items() if spent_s[of]]
    return ["radio: " + ", ".join(told).replace("%", " %")]


def result(trace: Trace) -> str:
    """The result table of a run."""
    updates = trace.updates
    applied = updates[updates["fate"] == "applied"]
    lines = [*headline(trace, summary(trace)), "", *_learned(trace), *table(*fates(trace)), ""]
    if len(applied):
        staleness = applied["staleness"]
        lines += [
            *table(*efforts(trace)),
            f"staleness: {staleness.min()} to {staleness.max()}, mean {staleness.mean():.2f}",
        ]
    lines += radio_told(trace)
    for group in _unreached(trace):
        lines.append(f"{group}: none of its devices could reach a site{_for_ever(trace)}")
    command = "stragglers" if len(applied) else "inspect"
    lines += [f"trace: {trace.path}", f"next:  qflsim {command} {trace.path}"]
    return "\n".join(lines)


def _learned(trace: Trace) -> list[str]:
    if not len(trace.evaluations):
        return []
    version, t_s = best(trace)
    head, rows = measured(trace)
    shadows = trace.evaluations["metric"].str.startswith(f"{FEDERATED} ").any()
    return [
        *table(*grades(trace)),
        f"noise-free, ± 95 % over held-out data; best on average: version {version}, at {t_s:.1f} s",
        *([f"{FEDERATED} classical models: each at the best of {len(RATE_FACTORS)} learning rates"] if shadows else []),
        *(["", *table(head, rows)] if rows else []),
        _how(trace),
        "",
    ]


def _how(trace: Trace) -> str:
    """How the devices learned, and what the clock was charged for it."""
    training = trace.scenario["training"]
    model = trace.scenario["task"].get("model")
    if isinstance(model, dict) and model.get("kind") in CLASSICAL:
        return "learning from exact gradients of a classical model, for which no circuit runs"
    rule, noise = training["gradient"], " of noisy circuits" if training["noise"] else ""
    if rule["kind"] == "exact":
        charged = RULES[rule["charged_as"]]
        return f"learning from exact gradients{noise} (an idealisation); the clock charges {charged}'s circuits"
    return f"learning by {RULES.get(rule['kind'], rule['kind'])} from the shots{noise} that the clock is charged for"


def _unreached(trace: Trace) -> Iterable[str]:
    updates = trace.updates
    groups = updates["device"].map(trace.devices["group"])
    for group, starts in updates["download_start_s"].groupby(groups, sort=False):
        if starts.isna().all():
            yield str(group)


def _for_ever(trace: Trace) -> str:
    """Who never gives up keeps others from being invited."""
    patient = trace.scenario["aggregation"]["timeout_s"] is None
    return ", and without aggregation.timeout_s none gives up" if patient else ""


def verdict_told(verdict: Verdict) -> str:
    """What a replay found, for people: of a divergence the columns that differ."""
    first = verdict.first_divergence
    if first is None:
        return f"equal: {verdict.compared} rows ({verdict.held})"
    there, here = first["trace"] or {}, first["replay"] or {}
    rows = [[column, str(there.get(column, "no row")), str(here.get(column, "no row"))]
            for column in there or here if there.get(column) != here.get(column)]  # fmt: skip
    where = f"diverged at {to_s(first['t_ns']):.9f} s, in row {first['row']} of {first['table']}"
    return "\n".join([where, *table(["column", "trace", "replay"], rows)])
