"""Figures of delays: who held versions up, where the time went, how long answers took, how stale they were."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qflsim.study.findings import Source, findings
from qflsim.study.phases import PHASES
from qflsim.study.plots_style import (
    DOUBLE_IN,
    SINGLE_IN,
    Missing,
    by_group,
    clock,
    count,
    legend_above,
    needs,
    panel,
    short,
    stacked,
    styled,
)  # fmt: skip
from qflsim.study.survival import Survival, at_risk, kaplan_meier
from qflsim.units import Floats

TOP = 15
"""Rows of a ranking."""
MOST_BARS = 12
"""Staleness up to that has a bar a value; beyond, the cumulative share is drawn."""
BARRED_GROUPS = 4
TIMED = ("transfers", "trainings")
"""Tables without which phases are not known."""
ROW_IN, BELOW_PT, SMALL_PT = 0.14, -33.0, 7.5
"""Of the table beneath a curve: the height of a row, its place below the axis (past its label), the size of letters."""
WIDE, NAMED = 6, 16
"""Numbers of so many letters need more room; a group's name beside them has at most so many."""
MARKS = 200
"""Marks of censoring closer together than a 200th of the axis are one."""


def held_up(source: Source, by: str = "device") -> pd.DataFrame:
    """Seconds for which each device (or `by="group"`) held versions up, the most first; columns are phases.

    They are those of `stragglers`, each version's under the phase that it names. Who held nobody up has no row.
    """
    assert by in ("device", "group")
    table = findings(source).stragglers
    found = table.pivot_table(index=by, columns="phase", values="held_up_s", aggfunc="sum", fill_value=0.0)
    found = found.loc[(found > 0.0).any(axis="columns"), (found > 0.0).any()]
    found = found.reindex(columns=[phase for phase in PHASES if phase in found.columns])
    return found.loc[found.sum(axis="columns").sort_values(ascending=False, kind="stable").index]


def stragglers(source: Source, by: str = "device") -> Figure:
    """Who held versions up: seconds by device (or `by="group"`), stacked by the phase that took longest.

    At most `TOP` rows; the note says how many there are and what share of all seconds they make up. `Missing` if no
    version was made of updates, or the trace has no transfers or trainings.
    """
    known = findings(source)
    needs(known.trace, *TIMED, "pauses")
    whole = held_up(known, by)
    if whole.empty:
        raise Missing(
            f"{known.trace.path}: versions", "none that anybody held up", "a trace in which one waited for somebody"
        )
    rows = whole.iloc[:TOP]
    rows = rows.loc[:, (rows > 0.0).any()]
    with styled():
        figure, axes = panel(SINGLE_IN + 0.7, 1.25 + 0.155 * len(rows) + 0.14 * (len(rows.columns) // 2))
        unit_s, unit = clock(float(rows.sum(axis="columns").max()))
        stacked(axes, [str(row) for row in rows.index], rows, unit_s)
        total_s = float(whole.sum(axis=None))
        share = float(rows.sum(axis=None)) / total_s
        total = count(len(whole), by)
        note = total if len(rows) == len(whole) else f"top {len(rows)} of {total}: {100.0 * share:.0f} % of the time"
        axes.set_title(note, loc="left")
        axes.set(xlabel=f"held versions up for [{unit}]", xlim=(0.0, None))
        legend_above(axes, 2)
    return figure


def mean_phases(source: Source) -> pd.DataFrame:
    """Mean seconds of each phase of an applied update (columns), by group (rows, in the scenario's order)."""
    known = findings(source)
    needs(known.trace, *TIMED)
    updates = known.updates
    applied = (updates["fate"] == "applied").to_numpy()
    groups, colours = by_group(known.trace, updates["device"][applied])
    return known.paths.delays.frame()[applied].groupby(groups).mean().reindex(list(colours))


def phases(source: Source) -> Figure:
    """Where an applied update's time went: mean seconds of each phase, by group of devices.

    A bar's length is the mean time from the wait for the invitation to the application. `Missing` if nothing was
    applied, or the trace has no transfers or trainings.
    """
    known = findings(source)
    means = mean_phases(known)
    if means.empty:
        raise Missing(f"{known.trace.path}: updates", "none that was applied", "a trace in which somebody was heard")
    updates = known.updates
    counts = by_group(known.trace, updates["device"][updates["fate"] == "applied"])[0].value_counts()
    with styled():
        shown = int((means > 0.0).any().sum())
        figure, axes = panel(DOUBLE_IN, 1.1 + 0.28 * len(means) + 0.14 * ((shown - 1) // 4))
        unit_s, unit = clock(float(means.sum(axis="columns").max()))
        stacked(axes, [str(name) for name in means.index], means, unit_s)
        for row, (name, total_s) in enumerate(means.sum(axis="columns").items()):
            axes.annotate(f"{total_s / unit_s:.3g} {unit}, n = {counts[name]:,}", (total_s / unit_s, row), (4.0, 0.0),
                          textcoords="offset points", va="center")  # fmt: skip
        axes.set(xlabel=f"mean time of an applied update [{unit}]", xlim=(0.0, None))
        axes.margins(x=0.22)
        axes.set_xlim(0.0, 1.2 * float(means.sum(axis="columns").max()) / unit_s)
        legend_above(axes, 4)
    return figure


def delays(source: Source) -> dict[str, Survival]:
    """How long an answer takes from the invitation to the arrival, by group of devices: Kaplan-Meier estimates.

    What did not arrive is censored at its end: still in flight, recalled, abandoned, switched off. The first two say
    little about how long it would have taken. Who gave up or drove off was rather one of the slow ones, so among them
    the curve is optimistic.
    """
    known = findings(source)
    updates = known.updates
    groups, colours = by_group(known.trace, updates["device"])
    arrived = updates["arrived_s"].notna()
    lasted_s = updates["arrived_s"].where(arrived, updates["ended_s"]) - updates["invited_s"]
    return {
        name: kaplan_meier(lasted_s[groups == name].to_numpy(), arrived[groups == name].to_numpy()) for name in colours
    }


def survival(source: Source) -> Figure:
    """The share of participations that have not arrived yet, over the time since their invitation, by group.

    Steps are the estimates of `delays`, bands their pointwise 95 % intervals, ticks the instants at which some went out
    of sight without having arrived (those too close to tell apart share one). The numbers below are those of each group
    that were still on their way. `Missing` if nobody was invited.
    """
    known = findings(source)
    found = delays(known)
    if not found:
        raise Missing(f"{known.trace.path}: updates", "none", "a trace in which somebody was invited")
    _, colours = by_group(known.trace, known.updates["device"])
    longest_s = max(float(curve.t_s[-1]) for curve in found.values())
    with styled():
        figure, axes = panel(height_in=2.8 + ROW_IN * len(found))
        unit_s, unit = clock(longest_s)
        for name, curve in found.items():
            ended, censored = int(curve.ended.sum()), int(curve.censored.sum())
            _curve(
                axes,
                curve,
                unit_s,
                longest_s,
                f"{short(name)} ({ended:,} arrived, {censored:,} did not)",
                colours[name],
            )
        axes.set(xlabel=f"time since the invitation [{unit}]", ylabel="share not yet arrived [%]")
        axes.set_ylim(-2.0, 102.0)
        axes.set_xlim(0.0, 1.02 * max(longest_s, 1e-9) / unit_s)
        _numbers_at_risk(axes, found, unit_s)
        legend_above(axes, 1)
    return figure


def _numbers_at_risk(axes: Axes, found: dict[str, Survival], unit_s: float) -> None:
    """Beneath the axis a row a group: how many are still on their way at the ticks, which stay where they are."""
    end = axes.get_xlim()[1]
    most = max(len(f"{curve.at_risk.max():,}") for curve in found.values())
    locator = MaxNLocator(7 if most < WIDE else 5, steps=[1, 2, 2.5, 5, 10])
    ticks: Floats = np.asarray(locator.tick_values(0.0, end), dtype=float)
    ticks = ticks[(ticks >= 0.0) & (ticks <= end)]
    axes.set_xticks(ticks)

    def tell(text: str, at: float, shift_pt: float, row: int, align: str) -> None:
        axes.annotate(text, (at, 0.0), (shift_pt, BELOW_PT - 72.0 * ROW_IN * row), ("data", "axes fraction"),
                      "offset points", ha=align, va="top", fontsize=SMALL_PT)  # fmt: skip

    tell("number at risk (still on their way)", 0.0, 0.0, 0, "left")
    for row, (name, curve) in enumerate(found.items(), start=1):
        tell(short(name, NAMED), 0.0, -4.0 - 0.32 * SMALL_PT * most, row, "right")
        for tick, number in zip(ticks, at_risk(curve, ticks * unit_s), strict=True):
            tell(f"{number:,}", float(tick), 0.0, row, "center")


def _curve(axes: Axes, curve: Survival, unit_s: float, longest_s: float, name: str, colour: str) -> None:
    t = np.concatenate(([0.0], curve.t_s)) / unit_s
    share, low, high = (100.0 * np.concatenate(([1.0], of)) for of in (curve.share, curve.low, curve.high))
    axes.step(t, share, where="post", color=colour, label=name)
    axes.fill_between(t, low, high, step="post", color=colour, alpha=0.2, linewidth=0.0)
    at = np.flatnonzero(curve.censored)
    slots = np.floor(MARKS * curve.t_s[at] / max(longest_s, 1e-9))
    at = at[np.unique(slots, return_index=True)[1]]
    axes.plot(curve.t_s[at] / unit_s, 100.0 * curve.share[at], "|", color=colour, markersize=5.0, markeredgewidth=0.7)


def staleness_shares(source: Source) -> pd.DataFrame:
    """Of the applied updates of each group (columns) the share in percent that had each staleness (rows, from 0)."""
    known = findings(source)
    applied = known.updates[known.updates["fate"] == "applied"]
    groups, colours = by_group(known.trace, applied["device"])
    table = pd.crosstab(applied["staleness"], groups, normalize="columns") if len(applied) else pd.DataFrame()
    return 100.0 * table.reindex(
        range(int(applied["staleness"].max()) + 1 if len(applied) else 0), fill_value=0.0
    ).reindex(columns=list(colours))


def staleness(source: Source) -> Figure:
    """How stale applied updates were: versions made between an update's base and the one it went into, by group.

    Bars are shares of each group's applied updates. Where staleness exceeds `MOST_BARS`, or there are more than
    `BARRED_GROUPS` groups, steps show the share that was at most so stale. `Missing` if nothing was applied.
    """
    known = findings(source)
    shares = staleness_shares(known)
    if shares.empty:
        raise Missing(f"{known.trace.path}: updates", "none that was applied", "a trace in which somebody was heard")
    updates = known.updates
    _, colours = by_group(known.trace, updates["device"][updates["fate"] == "applied"])
    with styled():
        figure, axes = panel()
        barred = len(shares) <= MOST_BARS + 1 and len(shares.columns) <= BARRED_GROUPS
        width = 0.8 / len(shares.columns)
        for i, name in enumerate(shares.columns):
            colour = colours[name]
            if barred:
                at: Floats = np.asarray(shares.index, dtype=float) + width * (i - (len(shares.columns) - 1) / 2)
                axes.bar(at, shares[name], width, color=colour, label=short(str(name)))
            else:
                axes.step(shares.index, shares[name].cumsum(), where="post", color=colour, label=short(str(name)))
        of = "share of applied updates [%]" if barred else "share at most so stale [%]"
        axes.set(xlabel="staleness [versions]", ylabel=of)
        if barred:
            axes.set_xticks(range(len(shares)))
            axes.set_xlim(-0.6, len(shares) - 0.4)
        axes.set_ylim(0.0, None if barred else 102.0)
        legend_above(axes, 3)
    return figure
