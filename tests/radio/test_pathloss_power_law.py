"""Powers of distance against Friis' law and published numbers."""

import numpy as np
import pytest

from qflsim.radio.absorption import specific_attenuation_db_per_km
from qflsim.radio.pathloss_city import UmiStreetCanyon
from qflsim.radio.pathloss_power_law import CloseIn, FreeSpace, LogDistance
from qflsim.units import SPEED_OF_LIGHT_M_PER_S, Floats

SENT_W = 0.05035702


def at(*values: float) -> Floats:
    """An array of these numbers."""
    return np.array(values)


def test_friis_at_an_eighth_of_a_metre() -> None:
    """The powers in ns-3's test suite: four distances at a wave of 0.125 m, both states alike."""
    losses_db = FreeSpace().loss_db(at(100, 500, 1000, 2000), 1.5, 1.5, SPEED_OF_LIGHT_M_PER_S / 0.125)
    for loss_db in losses_db:
        received_w = SENT_W * 10.0 ** (-loss_db / 10.0)
        assert received_w == pytest.approx([4.98265e-10, 1.99306e-11, 4.98265e-12, 1.24566e-12], rel=1e-4)


def test_log_distance_in_ns3() -> None:
    """The powers in ns-3's test suite: exponent 3, 40.045997 dB at one metre."""
    loss_db, other_db = LogDistance(reference_loss_db=40.045997).loss_db(at(10, 20, 40, 80), 1.5, 1.5, 5e9)
    assert (loss_db == other_db).all()
    received_w = SENT_W * 10.0 ** (-loss_db / 10.0)
    assert received_w == pytest.approx([4.98265e-9, 6.22831e-10, 7.78539e-11, 9.73173e-12], rel=1e-4)


def test_log_distance_starts_in_free_space() -> None:
    """Without a reference of its own, an exponent of 2 is empty space; its shadows are one field's."""
    plain = LogDistance(exponent=2.0, shadow_sigma_db=0.0)
    distance_m = at(1, 30, 4000)
    expected_db = FreeSpace().loss_db(distance_m, 10.0, 1.5, 15e9)[0]
    assert plain.loss_db(distance_m, 10.0, 1.5, 15e9)[0] == pytest.approx(expected_db, abs=1e-9)
    assert plain.sigma_db(distance_m, 10.0, 1.5, 15e9) == (0.0, 0.0)
    assert FreeSpace().sigma_db(distance_m, 10.0, 1.5, 15e9) == (0.0, 0.0)
    law = LogDistance(correlation_m=30.0)
    assert law.los_correlation_m == law.nlos_correlation_m == 30.0
    assert law.sigma_db(distance_m, 10.0, 1.5, 15e9) == (6.0, 6.0)
    assert law.los_probability(distance_m, 10.0, 1.5).tolist() == [1.0, 1.0, 1.0]


def test_close_in_reference_numbers() -> None:
    """Free space at one metre; 100 m at 140 GHz in both states, without air and with it."""
    for carrier_hz, expected_db in ((28e9, 61.3909), (73e9, 69.7142), (140e9, 75.3703)):
        assert CloseIn().loss_db(at(1.0), 1.5, 1.5, carrier_hz)[0] == pytest.approx([expected_db], abs=1e-4)
    los_db, nlos_db = CloseIn().loss_db(at(100.0), 1.5, 1.5, 140e9)
    assert (los_db[0], nlos_db[0]) == pytest.approx((115.3703, 139.3703), abs=1e-4)
    air_db = 0.1 * specific_attenuation_db_per_km(140e9)
    assert (los_db[0] + air_db, nlos_db[0] + air_db) == pytest.approx((115.4626, 139.4626), abs=1e-4)


def test_close_in_sees_everywhere_when_told_so() -> None:
    """The LOS probability is that of street canyons, or one."""
    assert CloseIn(los_everywhere=True).los_probability(at(1, 1e4), 10.0, 1.5).tolist() == [1.0, 1.0]
    canyon = UmiStreetCanyon().los_probability(at(50.0), 10.0, 1.5)
    assert CloseIn().los_probability(at(50.0), 10.0, 1.5) == canyon
