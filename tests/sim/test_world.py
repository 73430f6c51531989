"""The world of a run: what several devices hear at once is what each of them hears."""

from pathlib import Path
from typing import Any

import numpy as np

from qflsim.scenario.build import build
from qflsim.scenario.load import parse
from qflsim.scenario.sources import read
from qflsim.sim.world import World
from qflsim.terms import Direction

CITY: dict[str, Any] = {
    "name": "city",
    "sites": {"hexagons": {"rings": 1, "distance_m": 200.0}, "sectors": 3},
    "radio": {"activity": 0.1, "link_outages": [
        {"kind": "gilbert-elliott", "good_s": 1.0, "bad_s": 3.0, "loss_db": 15.0},
        {"kind": "blockage", "density_per_m2": 0.5}]},
    "outages": [{"kind": "renewal", "mtbf_s": 10.0, "mttr_s": 10.0}],
    "devices": [
        {"name": "walkers", "count": 5},
        {"name": "upstairs", "count": 4, "height_m": 12.0, "penetration": {"kind": "building", "walls": "low"}},
    ],
}  # fmt: skip


def world() -> World:
    """One in which nothing has happened yet."""
    scenario = parse(CITY, Path())
    return build(scenario, read(scenario)).server._world


def test_hearing_together_is_hearing_alone() -> None:
    """Levels and margins of links that expected to be asked, heard with all others: the same bits as alone, whatever
    was asked between."""
    together, alone = world(), world()
    expecting = [together.link(device) for device in range(9)]
    for device, link in enumerate(expecting):
        link.expect(device * 10**8, 0)
    for device, link in enumerate(expecting):
        for t_ns in (0, device * 10**8, 10**9, 0):
            for direction in Direction:
                np.testing.assert_array_equal(
                    link.quality(direction, t_ns), alone.link(device).quality(direction, t_ns)
                )
