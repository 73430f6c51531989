"""Figures of what was learned: the metric over simulated time, and when it came to its target."""

from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qflsim.records import BASELINE
from qflsim.study.findings import Source, findings
from qflsim.study.outcomes import SHARE, centralised_of
from qflsim.study.plots_style import (
    BLACK,
    GREY,
    GROUP_COLOURS,
    Missing,
    clock,
    legend_above,
    needs,
    panel,
    short,
    styled,
)
from qflsim.study.report import GOALS, MEASURED
from qflsim.study.summary import reach_s
from qflsim.trace.reader import Trace

MOST_CLASSES = 5
"""More classes of data than that are told by the one that is served worst."""
MARKED = 40
"""Up to so many versions each has a mark."""


class Curves(NamedTuple):
    """The metric of the versions: rows are instants in seconds, columns classes of data and their `mean`."""

    goal: str
    """what is measured; it has no unit"""
    value: pd.DataFrame
    half_width: pd.DataFrame
    """of the 95 % interval, nan where there is none"""
    centralised: float
    """what centralised training reaches on average, nan if the trace does not say"""
    baseline: str
    """how that is called"""


def curves(trace: Trace) -> Curves:
    """The noise-free metric over time. `Missing` if the trace has none, as one that only keeps time."""
    needs(trace, "evaluations")
    evaluations = trace.evaluations
    names = evaluations["metric"].astype(str).str.partition("/").reindex(columns=range(3))
    learned = (evaluations["version"] != BASELINE) & (names[0] != MEASURED)
    if not learned.any():
        got = "no metrics (timing only)" if trace.header.get("timing_only") else "no metrics"
        raise Missing(f"{trace.path}: evaluations", got, "a trace of a run that learned")
    kind = str(names[0][learned].iloc[0])
    rows = evaluations[learned & (names[0] == kind)].assign(data_class=names[2])
    value, half_width = (
        rows.pivot_table(index="version", columns="data_class", values=of, sort=False, dropna=False, observed=False)
        for of in ("value", "half_width")
    )
    t_s = rows.drop_duplicates("version").set_index("version")["t_s"]
    value.index = half_width.index = pd.Index(t_s.reindex(value.index), name="t_s")
    if "mean" not in value:
        value["mean"], half_width["mean"] = value.mean(axis="columns"), float("nan")
    baseline, centralised = centralised_of(evaluations)
    return Curves(GOALS.get(kind, kind), value, half_width, centralised, baseline.rpartition("/")[0])


def time_to_target_s(trace: Trace, target: float | None = None) -> float:
    """When the mean metric first was as good as a target (else `SHARE` of centralised training's), in seconds;
    nan if it never was, or there is nothing to compare with."""
    found = curves(trace)
    target = SHARE * found.centralised if target is None else target
    there = found.value["mean"].index[found.value["mean"] >= target]
    return float(there[0]) if len(there) else float("nan")


def metric(source: Source) -> Figure:
    """The metric of the shared model over simulated time: its mean, and by class of data.

    Bands are the 95 % intervals of the means over held-out data. The dashed line is what centralised training reaches
    on average. Of more than `MOST_CLASSES` classes the one that each version serves worst stands for all. `Missing` if
    the trace has no metrics.
    """
    trace = findings(source).trace
    found = curves(trace)
    value, half_width = found.value, found.half_width
    classes = [name for name in value.columns if name != "mean"]
    with styled():
        figure, axes = panel(height_in=2.6)
        last_s = reach_s(trace)
        unit_s, unit = clock(last_s)
        if len(classes) > MOST_CLASSES:
            _line(axes, value[classes].min(axis="columns"), None, f"worst of {len(classes)} classes", GROUP_COLOURS[0],
                  unit_s)  # fmt: skip
        else:
            for name, colour in zip(classes, GROUP_COLOURS, strict=False):
                _line(axes, value[name], half_width[name], short(name, 24), colour, unit_s)
        if len(classes) != 1:  # of a single class, the mean says nothing more
            _line(axes, value["mean"], half_width["mean"], "mean", BLACK, unit_s)
        if found.baseline:
            axes.axhline(
                found.centralised, color=GREY, linestyle=(0, (4, 2)), label=f"{short(found.baseline, 30)}, mean"
            )
        axes.set(xlabel=f"simulated time [{unit}]", ylabel=found.goal, xlim=(0.0, 1.02 * last_s / unit_s or None))
        legend_above(axes, 2)
    return figure


def target(source: Source) -> Figure:
    """The best mean metric so far over simulated time, and when it came to `SHARE` of centralised training's.

    A step function: a version counts from the instant at which it was made. `Missing` if the trace has no metrics or no
    centralised baseline.
    """
    trace = findings(source).trace
    found = curves(trace)
    if not found.baseline:
        raise Missing(f"{trace.path}: evaluations", "no centralised baseline", "a trace that has one to compare with")
    goal, reached_s = SHARE * found.centralised, time_to_target_s(trace)
    with styled():
        figure, axes = panel()
        last_s = reach_s(trace)
        unit_s, unit = clock(last_s)
        best = found.value["mean"].cummax()
        best.loc[max(last_s, float(best.index[-1]))] = best.iloc[-1]
        axes.step(best.index / unit_s, best, where="post", color=GROUP_COLOURS[0], label="best mean so far")
        axes.axhline(goal, color=GREY, linestyle=(0, (4, 2)), label=f"{SHARE} × {short(found.baseline, 30)}")
        note = "not reached"
        if reached_s == reached_s:
            axes.plot([reached_s / unit_s], [best.loc[reached_s]], "o", markersize=4.0, color=GROUP_COLOURS[1])
            note = f"reached at {reached_s / unit_s:.4g} {unit}"
        axes.set_title(note, loc="left")
        axes.set(xlabel=f"simulated time [{unit}]", ylabel=found.goal, xlim=(0.0, 1.02 * last_s / unit_s or None))
        legend_above(axes, 1)
    return figure


def _line(axes: Axes, value: pd.Series, half_width: pd.Series | None, name: str, colour: str, unit_s: float) -> None:
    mark = "o" if len(value) <= MARKED else None
    axes.plot(value.index / unit_s, value, color=colour, label=name, marker=mark, markersize=2.0)
    if half_width is not None and half_width.notna().any():
        axes.fill_between(value.index / unit_s, value - half_width, value + half_width, color=colour, alpha=0.2,
                          linewidth=0.0)  # fmt: skip
