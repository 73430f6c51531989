"""Every law of motion in a scenario file: read, resolved, driven through a run, and refused with its place."""

from pathlib import Path
from typing import Any

import pytest

from qflsim import records
from qflsim.errors import InputErrors
from qflsim.scenario.build import build
from qflsim.scenario.load import parse, resolved
from qflsim.scenario.sources import read
from qflsim.terms import Fate

AREA = {"area_m": [80.0, 60.0], "speed_m_per_s": [5.0, 30.0]}
KINDS: dict[str, dict[str, Any]] = {
    "random-direction": AREA | {"mean_way_s": 5.0},
    "gauss-markov": {"area_m": [80.0, 60.0], "mean_speed_m_per_s": 10.0, "speed_deviation_m_per_s": 3.0},
    "manhattan": {"blocks": [2, 2], "block_m": [40.0, 30.0], "speed_m_per_s": [5.0, 15.0], "pause_s": [0.0, 5.0]},
    "highway": {"length_m": 400.0, "lane_speeds_m_per_s": [138.9, 36.0]},
    "group": {"leader": {"kind": "random-waypoint", **AREA}, "size": 2, "spacing_m": 8.0},
}


def scenario(**mobility: Any) -> dict[str, Any]:
    """Three devices near a site."""
    return {"name": "x", "stop": {"duration_s": 15.0}, "sites": {"at": [{"name": "a", "x_m": 0.0, "y_m": 9.0}]},
            "devices": [{"count": 3, "processor": {"kind": "simulator"}, "mobility": mobility}]}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_devices_of_every_kind_take_part(kind: str) -> None:
    """Updates are applied, each device's legs follow one another, and the resolved form is read as the same."""
    chosen = parse(scenario(kind=kind, **KINDS[kind]), Path())
    assert parse(resolved(chosen), Path()).devices == chosen.devices
    told: list[records.Record] = []
    outcome = build(chosen, read(chosen), (told.append,)).run()
    assert not outcome.failed
    assert any(u.fate is Fate.APPLIED for u in told if isinstance(u, records.Update))
    for device in range(3):
        legs = [record for record in told if isinstance(record, records.Leg) and record.device == device]
        assert legs[0].start_ns == 0
        assert [leg.end_ns for leg in legs[:-1]] == [leg.start_ns for leg in legs[1:]]


@pytest.mark.parametrize(
    ("mobility", "where"),
    [
        ({"kind": "random-direction", **AREA, "at_walls": "wrap"}, r"mobility\.at_walls"),
        ({"kind": "random-waypoint", **AREA, "speed_m_per_s": [2.0, 1.0]}, r"mobility\.speed_m_per_s"),
        ({"kind": "group", "size": 2, "radius_m": 3.0, "leader": {"kind": "highway", "length_m": 0.0}}, "leader"),
        ({"kind": "group", "size": 2, "radius_m": 3.0, "leader": {"kind": "bus"}}, "leader"),
    ],
)
def test_mistakes_have_their_place(mobility: dict[str, Any], where: str) -> None:
    """A key that is none, a range upside down, a mistake in a leader, a leader of no known kind."""
    with pytest.raises(InputErrors, match=where):
        parse(scenario(**mobility), Path())
