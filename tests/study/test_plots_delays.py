"""Figures of delays: their bars, steps and numbers are those of the tables."""

import re
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qflsim.study import plots
from qflsim.study.phases import Delays
from qflsim.study.plots_delays import held_up, mean_phases, staleness_shares
from qflsim.study.stragglers import stragglers
from qflsim.trace.reader import Trace


def bars(figure: Figure) -> float:
    """The summed lengths of a figure's horizontal bars."""
    return float(sum(patch.get_width() for patch in figure.axes[0].patches))


def in_unit(figure: Figure) -> str:
    """The unit of the horizontal axis."""
    found = re.search(r"\[(.+)\]$", figure.axes[0].get_xlabel())
    assert found
    return found[1]


SECONDS = {"ms": 1e-3, "s": 1.0, "h": 3600.0, "d": 86_400.0}


def test_bars_of_stragglers_are_the_seconds_that_versions_were_held_up(finished: Trace, timed: Trace) -> None:
    """All of them by group; by device those of the top rows, the longest first."""
    for trace in (finished, timed):
        table = stragglers(trace)
        figure = plots.stragglers(trace, by="group")
        assert bars(figure) * SECONDS[in_unit(figure)] == pytest.approx(table["held_up_s"].sum())
        figure, by_device = plots.stragglers(trace), table.groupby("device")["held_up_s"].sum().nlargest(15)
        assert bars(figure) * SECONDS[in_unit(figure)] == pytest.approx(by_device.sum())
        whole = held_up(trace).sum(axis="columns")
        assert whole.is_monotonic_decreasing
        assert whole.sum() == pytest.approx(table["held_up_s"].sum())


def test_bars_of_phases_are_means_of_applied_updates(timed: Trace) -> None:
    """A group's bar is as long as its applied updates took on average, from their call to their application."""
    delays, updates = Delays(timed), timed.updates
    applied = (updates["fate"] == "applied").to_numpy()
    groups = updates["device"].map(timed.devices["group"])
    expected = [
        delays.whole_ns[applied & (groups == name)].mean() / 1e9 for name in dict.fromkeys(timed.devices["group"])
    ]
    assert mean_phases(timed).sum(axis="columns").tolist() == pytest.approx(expected)
    figure = plots.phases(timed)
    assert bars(figure) * SECONDS[in_unit(figure)] == pytest.approx(sum(expected))


def test_staleness_bars_add_up_to_all_of_a_group(timed: Trace) -> None:
    """100 % each, and the mean of each is that of its updates."""
    shares, updates = staleness_shares(timed), timed.updates
    applied = updates[updates["fate"] == "applied"]
    means = applied["staleness"].groupby(applied["device"].map(timed.devices["group"])).mean()
    for name in shares:
        assert shares[name].sum() == pytest.approx(100.0)
        assert (shares[name] * shares.index).sum() / 100.0 == pytest.approx(means[name])
    heights = [patch.get_height() for patch in plots.staleness(timed).axes[0].patches]
    assert sum(heights) == pytest.approx(100.0 * len(shares.columns))


def test_curves_of_survival_count_everybody(timed: Trace) -> None:
    """The legend's numbers add up to the participations, and a curve starts at 100 %."""
    figure = plots.survival(timed)
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    counts = [int(number.replace(",", "")) for text in told for number in re.findall(r"([\d,]+) (?:arrived|did)", text)]
    assert sum(counts) == len(timed.updates)
    assert np.asarray(figure.axes[0].get_lines()[0].get_ydata())[0] == 100.0


def test_beneath_the_curves_stand_the_numbers_at_risk(timed: Trace) -> None:
    """A row a group, at every tick: those whose end, or arrival, lies no earlier. The first is all, and none covers
    another or leaves the figure."""
    figure = plots.survival(timed)
    (axes,) = figure.axes
    ticks, updates = axes.get_xticks(), timed.updates
    until_s = updates["arrived_s"].fillna(updates["ended_s"])
    groups, unit_s = updates["device"].map(timed.devices["group"]), SECONDS[in_unit(figure)]
    cells = [text.get_text() for text in axes.texts[1:]]
    rows = [cells[at : at + 1 + len(ticks)] for at in range(0, len(cells), 1 + len(ticks))]
    assert [row[0] for row in rows] == [
        name for name in dict.fromkeys(timed.devices["group"]) if (groups == name).any()
    ]
    for name, *numbers in rows:
        lasted_s = (until_s - updates["invited_s"])[groups == name]
        assert [int(number.replace(",", "")) for number in numbers] == [(lasted_s >= t * unit_s).sum() for t in ticks]
        assert numbers[0] == f"{len(lasted_s):,}" != "0"
    FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent() for text in (*axes.texts, axes.xaxis.label)]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and figure.bbox.y0 <= box.y0 for box in boxes)
