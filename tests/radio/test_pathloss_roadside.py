"""Roadside units against the published numbers of vehicle links."""

import numpy as np
import pytest

from qflsim.radio.pathloss_roadside import Roadside
from qflsim.units import Floats


def at(*values: float) -> Floats:
    """An array of these numbers."""
    return np.array(values)


def test_the_vectors_of_ns3() -> None:
    """ns-3's test suite at 5 GHz, antennas level, 10, 100 and 1000 m: in sight, and around a corner."""
    distance_m = at(10, 100, 1000)
    los_db, nlos_db = Roadside().loss_db(distance_m, 1.5, 1.5, 5e9)
    assert los_db == pytest.approx([68.1913, 84.8913, 101.5913], abs=0.01)
    assert nlos_db == pytest.approx([80.0605, 110.0605, 140.0605], abs=0.01)
    los_db, nlos_db = Roadside(road="highway").loss_db(distance_m, 1.5, 1.5, 5e9)
    assert los_db == pytest.approx([66.3794, 86.3794, 106.3794], abs=0.01)
    assert nlos_db - los_db == pytest.approx([5.0, 5.0, 9.0], abs=1e-9)  # 15 lg 1000 - 41 = 4


def test_sight_along_roads() -> None:
    """Everybody near is seen; the pieces of the motorway's law meet within 0.004 at 475 m, and it ends at 1015 m."""
    city, motorway = Roadside(), Roadside(road="highway")
    assert city.los_probability(at(0, 4, 100, 1e4), 5.0, 1.5) == pytest.approx([1.0, 1.0, 0.335810, 0.0], abs=1e-6)
    seen = motorway.los_probability(at(0, 9, 100, 475, 475.001, 1015, 5000), 5.0, 1.5)
    assert seen == pytest.approx([1.0, 1.0, 0.840313, 0.543406, 0.539999, 0.0, 0.0], abs=1e-6)


def test_roads_have_shadows_of_their_own() -> None:
    """3 dB in sight, 4 dB around corners, and 3 dB with 4 dB of the vehicle in between; what is given counts."""
    for law, expected in (
        (Roadside(), (3.0, 4.0, 10.0)),
        (Roadside(road="highway"), (3.0, 5.0, 25.0)),
        (Roadside(los_sigma_db=2.0, nlos_sigma_db=0.0, correlation_m=7.0), (2.0, 0.0, 7.0)),
    ):
        assert (*law.sigma_db(at(50), 5.0, 1.5, 6e9), law.los_correlation_m) == expected
        assert law.nlos_correlation_m == law.los_correlation_m
