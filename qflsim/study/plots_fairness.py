"""The figure of fairness: what groups and devices get, and how many handovers lead back."""

from math import isnan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from qflsim.study.fairness import PING_PONG_S, SHARED, Shares, lorenz
from qflsim.study.findings import Source, findings
from qflsim.study.plots_style import BLACK, BLUE, DOUBLE_IN, GREY, ORANGE, PURPLE, Missing, count, short, styled
from qflsim.trace.reader import Trace

FEW = 10
"""Up to so many groups, devices of a single group, and cells have a row each."""
NAMED = 16
"""Letters of a row's name."""


class Good(NamedTuple):
    """What is shared out: its name among the numbers of fairness and for people, its look, the table that says it."""

    name: str
    told: str
    colour: str
    line: Any
    table: str


GOODS = (
    Good("airtime", "airtime", ORANGE, "-", "transfers"),
    Good("applied", "applied updates", BLUE, (0, (4, 1.5)), "updates"),
)


def fairness(source: Source) -> Figure:
    """Who gets the air and is heard, by group and by device, and how many handovers lead back, by the cell left.

    On the left the shares of the groups, the largest `FEW`; of a single group those of its devices, if they are few. A
    line marks what each would have if every device had the same. In the middle the Lorenz curves over all registered
    devices. On the right the handovers out of a cell that led back within `fairness.PING_PONG_S` to where they came
    from, of the `FEW` cells with the most of them. The titles have Jain's indices and the ping-pong rate of
    `fairness.fairness`. What a trace does not have is told in its place. `Missing` if it has no devices.
    """
    known = findings(source)
    shares, told = known.shares, known.fairness
    if shares.devices.empty:
        raise Missing(f"{known.trace.path}: devices", "none", "a trace with devices")
    lacking = _lacking(known.trace, told["jain"])
    goods = [good for good in GOODS if good.name not in lacking]
    rows, left = _rows(shares), _left(shares.cells)
    with styled():
        height_in = 1.55 + max(1.35, 0.3 * len(rows), 0.17 * len(left))
        figure = Figure(figsize=(DOUBLE_IN, height_in), layout="constrained")
        of_groups, of_devices, of_cells = figure.subplots(1, 3)
        _bars(of_groups, shares, rows, goods, _index(told["jain"], "groups", lacking))
        _curves(of_devices, shares.devices, goods, _index(told["jain"], "devices", lacking))
        _back(of_cells, known.trace, shares.cells, left, told["ping_pong"])
        if goods:
            handles = [Patch(color=good.colour, label=good.told) for good in goods]
            equal = Line2D([], [], color=BLACK, linewidth=1.0, label="the same for every device")
            figure.legend(handles=[*handles, equal], loc="outside upper center", ncols=3)
    return figure


def _lacking(trace: Trace, index: dict[str, float]) -> dict[str, str]:
    """Why a good cannot be shown, by its name."""
    left_out = trace.left_out
    return {
        good.name: f"{good.table} left out" if good.table in left_out else "none"
        for good in GOODS
        if isnan(index[f"devices_{good.name}"])
    }


def _index(index: dict[str, float], over: str, lacking: dict[str, str]) -> str:
    """Jain's index of each good, or why there is none."""
    known = {good.name: f"J = {index[f'{over}_{good.name}']:.3f}" for good in GOODS}
    return "\n".join(f"{good.told}: {lacking.get(good.name, known[good.name])}" for good in GOODS)


def _rows(shares: Shares) -> pd.DataFrame:
    """The shares that have a bar: `name`, a column a good, and `equal`; none if there is nothing to compare."""
    groups, devices = shares.groups, shares.devices
    if len(groups) > 1:
        kept = groups.loc[np.sort(groups["devices"].nlargest(FEW).index)]
        return kept.rename(columns={"group": "name", "share_of_devices": "equal"})
    if len(devices) > FEW:
        return groups.iloc[:0]
    alone = {good.name: devices[SHARED[good.name]] / devices[SHARED[good.name]].sum() for good in GOODS}
    return devices[["name"]].assign(**alone, equal=1.0 / len(devices))


def _bars(axes: Axes, shares: Shares, rows: pd.DataFrame, goods: list[Good], index: str) -> None:
    groups = len(shares.groups)
    if rows.empty or not goods:
        alone = f"one group of {count(len(shares.devices), 'device')}:\nnothing to compare"
        _said(axes, "a", index if groups > 1 or len(shares.devices) <= FEW else alone)
        return
    at, height = np.arange(len(rows)), 0.7 / len(goods)
    for i, good in enumerate(goods):
        axes.barh(at + height * (i - (len(goods) - 1) / 2), 100.0 * rows[good.name], height, color=good.colour)
    axes.vlines(100.0 * rows["equal"], at - 0.42, at + 0.42, color=BLACK, linewidth=1.0)
    _named(axes, rows["name"])
    whose = f"{groups} groups" if len(rows) == groups else f"{len(rows)} of {groups} groups"
    axes.set_title(f"(a) {whose}, J per device\n{index}" if groups > 1 else "(a) by device\n\n", loc="left")
    axes.set(xlabel="share [%]", xlim=(0.0, None))


def _curves(axes: Axes, devices: pd.DataFrame, goods: list[Good], index: str) -> None:
    if not goods:
        _said(axes, "b", index)
        return
    axes.plot([0.0, 100.0], [0.0, 100.0], color=BLACK, linewidth=1.0)
    for good in goods:
        curve = lorenz(devices[SHARED[good.name]].to_numpy())
        axes.plot(np.linspace(0.0, 100.0, len(curve)), 100.0 * curve, color=good.colour, linestyle=good.line)
    axes.set_title(f"(b) {count(len(devices), 'device')}, Jain's index J\n{index}", loc="left")
    axes.set(xlabel="devices, least first [%]", ylabel="cumulative share [%]", xlim=(0.0, 100.0), ylim=(0.0, 100.0))
    axes.set_xticks(range(0, 101, 25))
    axes.set_yticks(range(0, 101, 25))


def _left(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells that most handovers led back from, and then those that were left most often."""
    return cells.sort_values(["back", "handovers"], ascending=False, kind="stable").iloc[:FEW]


def _back(axes: Axes, trace: Trace, cells: pd.DataFrame, left: pd.DataFrame, share: float) -> None:
    if left.empty:
        _said(axes, "c", "handovers left out" if "handovers" in trace.left_out else "no handovers")
        return
    rates = 100.0 * left["back"] / left["handovers"]
    axes.barh(range(len(left)), rates, 0.72, color=PURPLE)
    for row, (rate, led, out) in enumerate(zip(rates, left["back"], left["handovers"], strict=True)):
        axes.annotate(f"{led:,} of {out:,}", (rate, row), (3.0, 0.0), textcoords="offset points", va="center")
    _named(axes, left["cell"])
    shown = "" if len(left) == len(cells) else f", {len(left)} of {len(cells)}"
    of, back = count(int(cells["handovers"].sum()), "handover"), f"{100.0 * share:.2g} % led back"
    axes.set_title(f"(c) {of}\n{back} within {PING_PONG_S:g} s\nby the cell left{shown}", loc="left")
    axes.set(xlabel="share of handovers [%]", xlim=(0.0, 1.45 * max(float(rates.max()), 1.0)))


def _named(axes: Axes, names: pd.Series) -> None:
    axes.set_yticks(range(len(names)), [short(str(name), NAMED) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0.0)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))


def _said(axes: Axes, panel: str, why: str) -> None:
    """An empty panel that says why it is."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, f"({panel}) {why}", ha="center", va="center", color=GREY, transform=axes.transAxes)
