"""The look of all figures: sizes of a paper's columns, colours that everybody can tell apart, units, names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qflsim.errors import InputError
from qflsim.study.phases import PHASES
from qflsim.trace.reader import Trace

LEGEND_KEY_IN, LETTER_IN = 0.38, 0.06
"""What a legend's key takes beside its text, and a letter of that."""
SINGLE_IN, DOUBLE_IN = 3.5, 7.2
"""Widths of a paper's single column and of both."""
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"
)  # fmt: skip
"""The palette of Okabe and Ito (2008), which the colour-blind can tell apart too."""
GROUP_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
GREY, PALE = "#777777", "#BBBBBB"
PHASE_COLOURS = dict(
    zip(PHASES, (PALE, BLUE, VERMILLION, PURPLE, BLACK, SKY, YELLOW, "#A06A00", ORANGE, GREEN, "#E4E4E4"), strict=True)
)
OTHERS = "others"
MOST_GROUPS = len(GROUP_COLOURS)
STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 8.0,
    "axes.labelsize": 8.5,
    "axes.titlesize": 8.5,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.columnspacing": 1.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "text.parse_math": False,  # a device may be called $1
    "figure.dpi": 100.0,
    "pdf.fonttype": 42,
    "pdf.compression": 6,
    "path.simplify": True,
}


class Missing(InputError):
    """What a figure needs and a trace does not have: nobody's mistake when all figures are drawn."""


@contextmanager
def styled() -> Iterator[None]:
    """In this context figures are drawn and saved: matplotlib's own defaults, then ours, whatever the user's are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def panel(width_in: float = SINGLE_IN, height_in: float = 2.4) -> tuple[Figure, Axes]:
    """A figure with one set of axes; room is made for whatever stands around them."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    axes = figure.subplots()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10]))
    return figure, axes


def legend_above(axes: Axes, columns: int) -> None:
    """The legend above the axes, where it covers nothing: in as many columns as fit, up to these.

    The figure grows by what rows beyond the second take.
    """
    handles, labels = axes.get_legend_handles_labels()
    figure = axes.figure
    if not handles or not isinstance(figure, Figure):
        return
    width_in, height_in = figure.get_size_inches()
    widths_in = [LEGEND_KEY_IN + LETTER_IN * len(label) for label in labels]
    columns = min(columns, len(labels))
    while columns > 1 and sum(max(column) for column in np.array_split(widths_in, columns)) > width_in:
        columns -= 1
    figure.set_size_inches(width_in, height_in + 0.17 * max(0, -(-len(labels) // columns) - 2))
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def clock(longest_s: float) -> tuple[float, str]:
    """Seconds of the unit in which times up to this are told, and its name."""
    for unit_s, name, least in ((86_400.0, "d", 4.0), (3_600.0, "h", 2.0), (1.0, "s", 0.1)):
        if longest_s >= least * unit_s:
            return unit_s, name
    return (1e-3, "ms") if longest_s > 0.0 else (1.0, "s")


def short(name: str, most: int = 22) -> str:
    """A name of at most so many characters; dots stand for its middle."""
    keep = most - 1
    return name if len(name) <= most else f"{name[: keep - keep // 2]}…{name[len(name) - keep // 2 :]}"


def needs(trace: Trace, *tables: str) -> None:
    """`Missing` if one of these tables was left out of the trace."""
    try:
        trace.demand(*tables)
    except InputError as error:
        raise Missing(error.where, error.got, error.want) from None


def by_group(trace: Trace, devices: pd.Series) -> tuple[pd.Series, dict[str, str]]:
    """The group of each of these devices, and the colour of each group among them, in the scenario's order.

    Of more groups than there are colours, those of most devices keep their names; the rest are `OTHERS`.
    """
    groups = trace.devices["group"]
    found = devices.map(groups)
    names = [str(name) for name in dict.fromkeys(groups)]
    colours = dict(zip(names, GROUP_COLOURS, strict=False))
    if len(names) > MOST_GROUPS:
        sizes = groups.value_counts()
        top = set(sorted(names, key=lambda name: -sizes[name])[: MOST_GROUPS - 1])
        kept = [name for name in names if name in top]
        colours = dict(zip(kept, GROUP_COLOURS, strict=False)) | {OTHERS: GREY}
        found = found.where(found.isin(top), OTHERS)
    present = set(found)
    return found, {name: colour for name, colour in colours.items() if name in present}


def stacked(axes: Axes, rows: Sequence[str], parts: pd.DataFrame, unit_s: float = 1.0) -> None:
    """Horizontal bars, the first row on top, of the seconds of each phase (columns of `parts`, in their order)."""
    left = pd.Series(0.0, parts.index)
    at = range(len(parts))
    for phase in parts.columns:
        if (parts[phase] > 0.0).any():
            axes.barh(at, parts[phase] / unit_s, left=left / unit_s, height=0.72, color=PHASE_COLOURS[phase],
                      label=phase, edgecolor=GREY, linewidth=0.3)  # fmt: skip
            left += parts[phase]
    axes.set_yticks(at, [short(row) for row in rows])
    axes.set_ylim(len(parts) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0.0)


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 device, 2,000 devices."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
