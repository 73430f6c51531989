"""Fairness: Jain's index at its ends, shares that add up, and the trace's own numbers."""

import math
from pathlib import Path

import numpy as np
import pytest

from qflsim.errors import InputWarning, RunError
from qflsim.scenario.load import load
from qflsim.study.fairness import fairness, fairness_told, groups, jain, lorenz, ping_pong, ping_pongs, shares
from qflsim.study.report import radio_told
from qflsim.study.run import run
from qflsim.trace.reader import Trace


def test_jain_is_one_of_equals_and_one_in_n_of_one_alone() -> None:
    """The ends of the index; k of n with the same have k/n; its unit does not matter, not even a tiny or huge one."""
    assert jain(np.full(7, 3.0)) == pytest.approx(1.0)
    assert jain(np.array([0.0, 0.0, 5.0, 0.0])) == pytest.approx(0.25)
    assert jain(np.array([2.0] * 3 + [0.0] * 7)) == pytest.approx(0.3)
    amounts = np.array([1.0, 2.0, 3.0])
    for unit in (1.0, 1e-200, 1e200):
        assert jain(unit * amounts) == pytest.approx(36.0 / 42.0)


def test_of_nothing_there_is_no_fairness() -> None:
    """Nobody, or nobody with anything: nan, not a division by zero."""
    assert math.isnan(jain(np.array([])))
    assert math.isnan(jain(np.zeros(4)))


def test_the_lorenz_curve_of_equals_is_straight() -> None:
    """It begins at 0 and ends at 1; of one alone it lies on the axis; by hand for three; its order does not matter."""
    np.testing.assert_allclose(lorenz(np.full(4, 3.0)), [0.0, 0.25, 0.5, 0.75, 1.0])
    assert lorenz(np.array([0.0, 7.0, 0.0])).tolist() == [0.0, 0.0, 0.0, 1.0]
    np.testing.assert_allclose(lorenz(np.array([5.0, 1.0, 4.0])), [0.0, 0.1, 0.5, 1.0])
    assert np.isnan(lorenz(np.zeros(3))).all()


def test_devices_are_counted_as_the_updates_say(finished: Trace) -> None:
    """Counts by hand, those who were never heard among them."""
    updates = finished.updates
    applied = updates[updates["fate"] == "applied"]
    counts = [int((applied["device"] == device).sum()) for device in range(len(finished.devices))]
    weights = [float(applied["weight"][applied["device"] == device].sum()) for device in range(len(finished.devices))]
    found = fairness(finished)["jain"]
    assert found["devices_applied"] == pytest.approx(sum(counts) ** 2 / (len(counts) * sum(c * c for c in counts)))
    assert found["devices_weight"] == pytest.approx(sum(weights) ** 2 / (len(weights) * sum(w * w for w in weights)))
    assert found["groups_applied"] == found["groups_airtime"] == pytest.approx(1.0)  # of a single group
    airtime_s = finished.transfers.groupby("device")["sharing_s"].sum().reindex(range(len(finished.devices)))
    assert found["devices_airtime"] == pytest.approx(jain(airtime_s.fillna(0.0).to_numpy()))


@pytest.fixture(scope="module")
def cities(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """Two groups with handovers, for a few seconds."""
    scenario = load("city-handover", overrides=["stop.duration_s=30.0"])
    return run(scenario, tmp_path_factory.mktemp("cities") / "t.h5", timing_only=True)


def test_shares_add_up_to_one(cities: Trace) -> None:
    """Each column of shares over the groups; airtime is of the transfers' time in service."""
    table, transfers = groups(cities), cities.transfers
    for column in ("share_of_devices", "invited", "applied", "weight", "airtime"):
        assert table[column].sum() == pytest.approx(1.0)
    mine = transfers["device"].map(cities.devices["group"]) == table["group"][0]
    assert table["airtime"][0] == pytest.approx(transfers["sharing_s"][mine].sum() / transfers["sharing_s"].sum())
    assert table["devices"].sum() == len(cities.devices)


def test_ping_pongs_are_those_of_the_report(cities: Trace) -> None:
    """The same share as the line on the radio tells."""
    assert len(cities.handovers) > 0
    assert f"({100 * ping_pong(cities):.1f} % ping-pong)" in radio_told(cities)[0]
    lines = fairness_told(fairness(cities)).splitlines()
    assert lines[0].split() == ["share", "of", "devices", "invited", "applied", "weight", "airtime"]
    assert "ping-pong" in lines[-1]


def test_handovers_are_counted_by_the_cell_that_was_left(cities: Trace) -> None:
    """Each once, by the name of the cell; by hand, those of a participation that returns within a second."""
    table, handovers = ping_pongs(cities), cities.handovers
    names = handovers["from_cell"].map(cities.cells["name"]).value_counts()
    assert dict(zip(table["cell"], table["handovers"], strict=True)) == names.to_dict()
    rows = list(handovers.sort_values("t_s").itertuples())
    back = 0
    for i, row in enumerate(rows):
        before = [other for other in rows[:i] if other.participation == row.participation][-1:]
        back += any(other.from_cell == row.to_cell and row.t_s - other.t_s < 1.0 for other in before)
    assert table["back"].sum() == back
    assert ping_pong(cities) == back / len(rows)


def test_numbers_are_those_of_the_shares(cities: Trace) -> None:
    """What devices have adds up to what their groups have a share of."""
    found = shares(cities)
    sums = found.devices.groupby("group", sort=False)[["invited", "applied", "weight", "airtime_s"]].sum()
    np.testing.assert_allclose(sums / sums.sum(), found.groups[["invited", "applied", "weight", "airtime"]])
    assert found.devices["applied"].sum() == (cities.updates["fate"] == "applied").sum()


def test_a_run_in_which_nothing_arrives(tmp_path: Path) -> None:
    """Out of everybody's reach: shares of nothing are nan, and nothing fails."""
    far = load("quickstart", overrides=["sites.at=[{name='far', x_m=1e5, y_m=1e5}]", "stop.duration_s=5.0"])
    with pytest.raises(RunError), pytest.warns(InputWarning):
        run(far, tmp_path / "t.h5", timing_only=True)
    trace = Trace(tmp_path / "t.h5")
    found = fairness(trace)
    assert math.isnan(found["jain"]["devices_applied"])
    assert math.isnan(found["groups"][0]["airtime"])
    assert math.isnan(found["ping_pong"])
    _, row = fairness_told(found).splitlines()
    assert row.split()[-3:] == ["-"] * 3
