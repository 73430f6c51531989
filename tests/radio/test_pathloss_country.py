"""Path loss of villages and suburbs against published numbers."""

import numpy as np
import pytest

from qflsim.radio.pathloss_country import Rma, Sma
from qflsim.units import Floats

RMA, SMA = Rma(), Sma()


def at(*values: float) -> Floats:
    """An array of these numbers."""
    return np.array(values)


def test_ns3_vectors_at_5_ghz() -> None:
    """The numbers in ns-3's own test suite, four distances of either state."""
    los_db, _ = RMA.loss_db(at(10, 100, 1000, 10_000), 35.0, 1.5, 5e9)
    assert los_db == pytest.approx([77.3784, 87.2965, 108.5577, 140.3896], abs=0.01)
    _, nlos_db = RMA.loss_db(at(10, 100, 1000, 5000), 35.0, 1.5, 5e9)
    assert nlos_db == pytest.approx([77.3784, 95.7718, 133.5223, 160.5169], abs=0.01)


def test_mathworks_example() -> None:
    """The one number in nrPathLoss's documentation: mast of 30 m, houses of 7 m, a device 1000 m east and north."""
    los_db, _ = Rma(building_height_m=7.0).loss_db(at(1000.0 * np.sqrt(2.0)), 30.0, 1.5, 3.5e9)
    assert los_db == pytest.approx([110.1615], abs=1e-4)


def test_grid_of_carriers_and_distances() -> None:
    """A grid computed twice elsewhere: by hand-written formulas and by Sionna's reference functions."""
    carrier_hz = 1e9 * at(3.5, 3.5, 3.5, 7.125, 7.125, 28, 28)
    los_db, nlos_db = RMA.loss_db(at(100, 500, 1000, 100, 500, 100, 500), 35.0, 1.5, carrier_hz)
    expected = [84.1984, 98.6119, 105.4596, 90.3728, 104.7863, 102.2602, 116.6737]
    assert los_db == pytest.approx(expected, abs=1e-4)
    expected = [92.6738, 118.8227, 130.4243, 98.8481, 124.9970, 110.7356, 136.8845]
    assert nlos_db == pytest.approx(expected, abs=1e-4)


def test_suburbs() -> None:
    """Three distances of either state at 7.125 GHz, from a mast of 30 m."""
    los_db, nlos_db = SMA.loss_db(at(100, 500, 1000), 30.0, 1.5, 7.125e9)
    assert los_db == pytest.approx([90.9110, 106.4339, 113.9162], abs=1e-4)
    assert nlos_db == pytest.approx([104.9242, 131.4415, 143.1133], abs=1e-4)


def test_a_corner_may_help_in_a_suburb() -> None:
    """Its table has no maximum: very near a mast the formula of NLOS is below that of LOS."""
    los_db, nlos_db = SMA.loss_db(at(10.0), 25.0, 10.0, 7.125e9)
    assert nlos_db[0] < los_db[0]
    same = Rma(building_height_m=10.0, street_width_m=10.0).loss_db(at(10.0), 25.0, 10.0, 7.125e9)
    assert same[0][0] == same[1][0] == los_db[0]


def test_los_probability() -> None:
    """The reference numbers; everything within 10 m is seen, and a device above all trees and houses always."""
    assert RMA.los_probability(at(0, 10, 50, 100, 500), 35.0, 1.5) == pytest.approx(
        [1.0, 1.0, 0.960789, 0.913931, 0.612626], abs=1e-6
    )
    assert SMA.los_probability(at(10, 100, 300), 30.0, 1.5) == pytest.approx([1.0, 0.697020, 0.338638], abs=1e-6)
    assert SMA.los_probability(at(10, 5000), 30.0, 20.0).tolist() == [1.0, 1.0]
    bare, dense = (Sma(vegetation=v).los_probability(at(300.0), 30.0, 1.5)[0] for v in (0.0, 0.2))
    assert dense < 0.338638 < bare


def test_shadows_deviate_more_beyond_the_breakpoint() -> None:
    """4 dB before, 6 dB beyond, from half a ramp of 37 m on; half way in the middle. 3848.451 m at 3.5 GHz."""
    middle_m = 3848.451
    los_db, nlos_db = RMA.sigma_db(middle_m + at(-1000, -18.6, 0, 18.6, 1000), 35.0, 1.5, 3.5e9)
    assert los_db == pytest.approx([4.0, 4.0, 5.0, 6.0, 6.0], abs=1e-4)
    assert nlos_db == 8.0
    assert RMA.sigma_db(at(30_787.608), 35.0, 1.5, 28e9)[0] == pytest.approx([5.0], abs=1e-4)
    steady = Sma(los_far_sigma_db=4.0).sigma_db(at(10, 1e5), 30.0, 1.5, 7.125e9)[0]
    assert np.asarray(steady).tolist() == [4.0, 4.0]
