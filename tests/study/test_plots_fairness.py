"""The figure of fairness: its bars, curves and titles are the numbers of fairness, and what is missing is said."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

from qflsim.scenario.load import load
from qflsim.study import plots
from qflsim.study.fairness import fairness, lorenz, shares
from qflsim.study.run import run
from qflsim.trace.reader import Trace


def said(axes: Axes) -> str:
    """What an empty panel says."""
    (text,) = axes.texts
    return text.get_text()


def test_bars_and_curves_of_fairness_are_its_numbers(timed: Trace) -> None:
    """Shares of the groups beside those of the devices, Jain's indices, the Lorenz curves, and all handovers."""
    told, found = fairness(timed), shares(timed)
    groups, devices, cells = plots.fairness(timed).axes
    names = [row["group"] for row in told["groups"]]
    assert [tick.get_text() for tick in groups.get_yticklabels()] == names
    widths = [patch.get_width() / 100.0 for patch in groups.patches]
    assert widths == pytest.approx([row[good] for good in ("airtime", "applied") for row in told["groups"]])
    (equal,) = groups.collections
    assert [path.vertices[0, 0] / 100.0 for path in equal.get_paths()] == pytest.approx(
        [row["share_of_devices"] for row in told["groups"]]
    )
    for axes, over in ((groups, "groups"), (devices, "devices")):
        title = axes.get_title(loc="left")
        for good, name in (("airtime", "airtime"), ("applied", "applied updates")):
            assert f"{name}: J = {told['jain'][f'{over}_{good}']:.3f}" in title
    straight, air, applied = (np.asarray(line.get_ydata()) / 100.0 for line in devices.get_lines())
    assert straight.tolist() == [0.0, 1.0]
    np.testing.assert_allclose(air, lorenz(found.devices["airtime_s"].to_numpy()))
    np.testing.assert_allclose(applied, lorenz(found.devices["applied"].to_numpy()))
    counts = [text.get_text().split(" of ") for text in cells.texts]
    assert sum(int(of) for _, of in counts) == len(timed.handovers) > 0
    assert sum(int(back) for back, _ in counts) / len(timed.handovers) == pytest.approx(told["ping_pong"])
    rates = [patch.get_width() for patch in cells.patches]
    assert rates == pytest.approx([100.0 * int(back) / int(of) for back, of in counts])


def test_what_fairness_cannot_show_is_said_in_its_place(finished: Trace, tmp_path: Path) -> None:
    """One group that is few has its devices, one that is many nothing to compare; no handovers, or transfers that are
    left out, are named; and of nothing at all each panel says why."""
    devices, _, cells = plots.fairness(finished).axes
    assert [tick.get_text() for tick in devices.get_yticklabels()] == finished.devices["name"].tolist()
    assert sum(patch.get_width() for patch in devices.patches) == pytest.approx(200.0)
    assert said(cells) == "(c) no handovers"
    overrides = ["trace.leave_out=['transfers', 'handovers']", "stop.duration_s=20.0"]
    trace = run(load("quickstart", overrides=overrides), tmp_path / "t.h5", timing_only=True)
    groups, devices, cells = plots.fairness(trace).axes
    assert said(groups) == "(a) one group of 20 devices:\nnothing to compare"
    assert "airtime: transfers left out" in devices.get_title(loc="left")
    assert len(devices.get_lines()) == 2
    assert said(cells) == "(c) handovers left out"
    trace = run(
        load("ingolstadt", overrides=[overrides[0], "stop.duration_s=0.01"]), tmp_path / "u.h5", timing_only=True
    )
    for axes, letter in zip(plots.fairness(trace).axes, "abc", strict=True):
        assert said(axes).startswith(f"({letter}) ")
        assert letter == "c" or said(axes).endswith("airtime: transfers left out\napplied updates: none")
