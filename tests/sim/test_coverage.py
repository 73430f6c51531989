"""Coverage end to end: a Poisson field of sites, association, fading of all cells, and who disturbs whom."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qflsim.scenario.build import build
from qflsim.scenario.load import parse
from qflsim.scenario.sources import read
from qflsim.sim.world import World
from qflsim.terms import Direction
from qflsim.units import NS_PER_S, Floats, from_db

THRESHOLDS = np.array([0.1, 1.0, 10.0])
COVERED = np.array([0.911699, 0.560099, 0.200050])
"""1/(1 + sqrt T (pi/2 - atan(1/sqrt T))): Andrews, Baccelli and Ganti 2011, path-loss exponent 4, no noise."""
HALF_M, DEVICES = 10_000.0, 60
BEYOND = 0.002
"""What sites beyond the edges would take of it: an edge at d km hides pi/(4 d^2) of mean power, all four some 0.05 on
average, times E[T x^4; covered], with x the distance to the own site in km: at most 0.036, at T = 1."""


def field(seed: int) -> World:
    """Sites at one a square kilometre in a square of 20 km, and devices anywhere in the 12 km in its middle."""
    rng = np.random.default_rng(seed)
    places_m = rng.uniform(-HALF_M, HALF_M, (rng.poisson(400), 2)).tolist()
    loss = {"kind": "log-distance", "exponent": 4.0, "reference_loss_db": 0.0, "shadow_sigma_db": 0.0}
    area = {"kind": "static", "area_m": [12_000.0, 12_000.0], "origin_m": [-6000.0, -6000.0]}
    data: dict[str, Any] = {
        "name": "field", "seed": seed,
        "sites": {"carrier_hz": 0.5e9, "power_dbm": 80.0, "height_m": 1.5,
                  "at": [{"name": f"s{k}", "x_m": x_m, "y_m": y_m} for k, (x_m, y_m) in enumerate(places_m)]},
        "radio": {"path_loss": loss, "fading": {"kind": "rayleigh"}},
        "devices": [{"count": DEVICES, "mobility": area}],
    }  # fmt: skip
    scenario = parse(data, Path())
    return build(scenario, read(scenario)).server._world


def heard(world: World, device: int) -> tuple[int, Floats]:
    """Whom a device attaches to, and the mean powers of all cells at its place over that of its own."""
    link = world.link(device)
    _, cell = link.coverage(Direction.DOWNLOAD, 0)
    assert cell is not None
    gain_db, _ = link.quality(Direction.UPLOAD, 0)  # the level of an uplink is the gain
    assert gain_db.argmax() == cell
    return cell, from_db(gain_db - gain_db[cell])


def by_formula(cell: int, powers: Floats) -> Floats:
    """P(SIR > T | geometry) where all fade as Rayleigh has it: the product of 1/(1 + T p_j/p) over the others."""
    others = np.delete(powers, cell)
    return np.asarray(np.prod(1.0 / (1.0 + THRESHOLDS[:, None] * others), axis=1))


def assert_mean(samples: Floats, expected: Floats, bias: float = 0.0) -> None:
    """Means over the rows within five standard errors and a known bias."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    assert (np.abs(samples.mean(axis=0) - expected) < 5.0 * error + bias).all(), (samples.mean(axis=0), error)


def test_coverage_of_a_poisson_field_by_association() -> None:
    """The mean over 25 fields of 60 places each, fading averaged by its law: 0.911699, 0.560099, 0.200050."""
    fields = np.array([
        np.mean([by_formula(*heard(world, device)) for device in range(DEVICES)], axis=0)
        for world in map(field, range(25))
    ])  # fmt: skip
    assert_mean(fields, COVERED, BEYOND)
    assert (fields.std(axis=0, ddof=1) / np.sqrt(25) < 0.012).all()


@pytest.mark.slow
def test_coverage_of_a_poisson_field_by_the_fading_of_all_cells() -> None:
    """Over 120 places: SIR at 40 instants far apart, the cells' own fading processes in it, has the mean that geometry
    and Rayleigh's law give for each place, and over all places that of the closed form."""
    instants_ns = (np.arange(40) * 600 * NS_PER_S).astype(np.int64)
    seen, expected = [], []
    for seed in range(8):
        world = field(100 + seed)
        for device in range(0, DEVICES, 4):
            cell, powers = heard(world, device)
            fading = np.array([world.fading(device, k, instants_ns) for k in range(len(powers))])
            received = powers[:, None] * np.abs(fading) ** 2
            sir = received[cell] / (received.sum(axis=0) - received[cell])
            seen.append((sir > THRESHOLDS[:, None]).mean(axis=1))
            expected.append(by_formula(cell, powers))
    assert_mean(np.array(seen) - np.array(expected), np.zeros(3))
    assert_mean(np.array(seen), COVERED, BEYOND)
