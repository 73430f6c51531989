"""Path loss of cities against published numbers, and the macro cell's mean over what reflects."""

import numpy as np
import pytest

from qflsim.radio.pathloss_city import Uma, UmiStreetCanyon, ground_reflects
from qflsim.units import Floats

UMI, UMA = UmiStreetCanyon(), Uma()


def at(*values: float) -> Floats:
    """An array of these numbers."""
    return np.array(values)


def test_ns3_vectors_at_5_ghz() -> None:
    """The numbers in ns-3's own test suite, four distances of either state."""
    los_db, nlos_db = UMI.loss_db(at(10, 100, 1000, 5000), 10.0, 1.5, 5e9)
    assert los_db == pytest.approx([69.8591, 88.4122, 119.3114, 147.2696], abs=0.01)
    assert nlos_db == pytest.approx([76.7563, 107.9432, 143.1886, 167.8617], abs=0.01)
    los_db, nlos_db = UMA.loss_db(at(10, 100, 1000, 5000), 25.0, 1.5, 5e9)
    assert los_db == pytest.approx([72.9380, 86.2362, 109.7252, 137.6794], abs=0.01)
    assert nlos_db == pytest.approx([82.5131, 106.1356, 144.7641, 172.0753], abs=0.01)


def test_grid_of_carriers_and_distances() -> None:
    """A grid computed twice elsewhere: by hand-written formulas and by Sionna's reference functions."""
    carrier_hz = 1e9 * at(3.5, 3.5, 3.5, 7.125, 7.125, 28, 28, 39)
    distance_m = at(100, 500, 1000, 100, 500, 100, 500, 100)
    los_db, nlos_db = UMI.loss_db(distance_m, 10.0, 1.5, carrier_hz)
    expected = [85.3142, 107.1138, 119.1531, 91.4885, 107.4276, 103.3760, 118.0228, 106.2541]
    assert los_db == pytest.approx(expected, abs=1e-4)
    expected = [104.6438, 129.2645, 139.8892, 111.2195, 135.8402, 123.8796, 148.5003, 126.9449]
    assert nlos_db == pytest.approx(expected, abs=1e-4)
    los_db, nlos_db = UMA.loss_db(distance_m, 25.0, 1.5, carrier_hz)
    expected = [83.1382, 98.2692, 109.4119, 89.3125, 104.4436, 101.2000, 116.3310, 104.0781]
    assert los_db == pytest.approx(expected, abs=1e-4)
    expected = [103.0375, 129.9158, 141.6660, 109.2119, 136.0902, 121.0993, 147.9776, 123.9775]
    assert nlos_db == pytest.approx(expected, abs=1e-4)


def test_los_probability_of_street_canyons() -> None:
    """One up to 18 m, and the reference numbers beyond."""
    assert UMI.los_probability(at(0, 10, 18), 10.0, 1.5).tolist() == [1.0, 1.0, 1.0]
    assert UMI.los_probability(at(50, 100, 500), 10.0, 1.5) == pytest.approx([0.519585, 0.230985, 0.036001], abs=1e-6)


def test_los_probability_over_roofs() -> None:
    """One up to 18 m, the reference numbers beyond, and more sight higher up."""
    assert UMA.los_probability(at(0, 10, 18), 25.0, 22.5).tolist() == [1.0, 1.0, 1.0]
    expected = [0.649402, 0.347671, 0.036345]
    assert UMA.los_probability(at(50, 100, 500), 25.0, 1.5) == pytest.approx(expected, abs=1e-6)
    assert UMA.los_probability(at(50, 100), 25.0, 15.0) == pytest.approx([0.655905, 0.367628], abs=1e-6)
    assert UMA.los_probability(at(500.0), 25.0, 22.5) == pytest.approx([0.223929], abs=1e-6)


def test_how_often_the_ground_reflects() -> None:
    """1/(1 + C) at three places, and always below 13 m and up to 18 m."""
    assert ground_reflects(at(200, 500, 100), at(20, 22.5, 13)) == pytest.approx([0.393114, 0.162304, 1.0], abs=1e-6)
    assert 1.0 / ground_reflects(at(200.0), 20.0) - 1.0 == pytest.approx([1.543788], abs=1e-6)
    assert ground_reflects(at(10, 18, 400), at(22.5, 22.5, 5)).tolist() == [1.0, 1.0, 1.0]


def test_a_high_devices_loss_is_the_mean_over_the_tables_draw() -> None:
    """What 40,000 links of one place lose that draw their own reflection, within five standard errors."""
    rng = np.random.default_rng(1)
    d2d_m, device_m, carrier_hz = 500.0, 20.0, 0.7e9
    ground = rng.random(40_000) < float(ground_reflects(at(d2d_m), device_m)[0])
    reflector_m = np.where(ground, 1.0, rng.choice([12.0, 15.0, 18.0], 40_000))
    slant_m, lg_f = np.hypot(d2d_m, 5.0), np.log10(0.7)
    breakpoint_m = 4.0 * (25.0 - reflector_m) * (device_m - reflector_m) * carrier_hz / 3e8
    near_db = 28.0 + 22.0 * np.log10(slant_m) + 20.0 * lg_f
    far_db = 28.0 + 40.0 * np.log10(slant_m) + 20.0 * lg_f - 9.0 * np.log10(breakpoint_m**2 + 25.0)
    drawn_db = np.where(d2d_m <= breakpoint_m, near_db, far_db)
    error_db = drawn_db.std() / 200.0
    assert error_db > 0.01
    assert abs(drawn_db.mean() - UMA.loss_db(at(d2d_m), 25.0, device_m, carrier_hz)[0][0]) < 5.0 * error_db


def test_below_the_first_roof_nothing_is_drawn() -> None:
    """Up to 13.5 m only the ground reflects, and devices beside a high one are not touched by it."""
    low_db = UMA.loss_db(at(900, 900), 25.0, at(13.0, 13.4), 3.5e9)[0]
    both_db = UMA.loss_db(at(900, 900, 900), 25.0, at(13.0, 13.4, 22.5), 3.5e9)[0]
    assert (both_db[:2] == low_db).all()
    assert low_db == pytest.approx(28.0 + 22.0 * np.log10(np.hypot(900, at(12.0, 11.6))) + 20 * np.log10(3.5), abs=1e-9)


def test_high_devices_lose_more_far_away_but_for_a_decibel_at_low_carriers() -> None:
    """The table's draw favours the ground again beyond 450 m, which costs the mean its slope, below 1 GHz alone."""
    distance_m, device_m = np.linspace(20.0, 5000.0, 2000), np.linspace(13.5, 22.5, 7)[:, None]
    for carrier_hz, most_db in ((0.5e9, 1.0), (1e9, 1e-9), (3.5e9, 1e-9), (28e9, 1e-9)):
        los_db, _ = UMA.loss_db(distance_m, 25.0, device_m, carrier_hz)
        assert (np.maximum.accumulate(los_db, axis=1) - los_db).max() < most_db


def test_breakpoints() -> None:
    """560 and 4480 m in macro cells, 210 and 1680 m in canyons, at 3.5 and 28 GHz: there the slope becomes 40 dB."""
    for model, site_m, carrier_hz, breakpoint_m in (
        (UMA, 25.0, 3.5e9, 560.0), (UMA, 25.0, 28e9, 4480.0), (UMI, 10.0, 3.5e9, 210.0), (UMI, 10.0, 28e9, 1680.0),
    ):  # fmt: skip
        near, _, far, farther = model.loss_db(
            breakpoint_m * at(0.98, 0.999, 1.001, 1.021), site_m, 1.5, carrier_hz
        )[0]  # fmt: skip
        assert near < far
        slope = (farther - far) / (
            np.log10(np.hypot(1.021 * breakpoint_m, site_m - 1.5) / np.hypot(1.001 * breakpoint_m, site_m - 1.5))
        )
        assert slope == pytest.approx(40.0, abs=1e-6)
        before, at_it = model.loss_db(breakpoint_m * at(0.97, 0.9999), site_m, 1.5, carrier_hz)[0]
        assert (at_it - before) / np.log10(0.9999 / 0.97) < 23.0
