"""Absorption against the recommendation's own numbers, and against an independent sum over its lines."""

import numpy as np
import pytest
from itur.models import itu676

from qflsim.errors import InputError
from qflsim.radio.absorption import specific_attenuation_db_per_km
from qflsim.units import Floats


def summed(carrier_hz: Floats) -> Floats:
    """P.676-12 line by line, in dB a kilometre."""
    itu676.change_version(12)
    return np.asarray(itu676.gamma_exact(carrier_hz / 1e9, 1013.25, 7.5, 288.15).value)


def test_the_recommendations_own_validation_numbers() -> None:
    """Five carriers of ITU's validation file for P.676-12."""
    carrier_hz = 1e9 * np.array([7.0, 10.0, 15.0, 60.0, 130.0])
    expected = [0.010351002, 0.014198542, 0.029058346, 14.77831664, 0.793353787]
    assert specific_attenuation_db_per_km(carrier_hz) == pytest.approx(expected, rel=1e-3)


def test_published_table() -> None:
    """The carriers that scenarios use, from mid band to 300 GHz, the centre of a water line among them."""
    carrier_hz = 1e9 * np.array([3.5, 28.0, 39.0, 73.0, 100.0, 120.0, 140.0, 183.31, 220.0, 300.0])
    expected = [0.007810, 0.101756, 0.123352, 0.393232, 0.458059, 1.515969, 0.923189, 28.020467, 2.486814, 5.247089]
    assert specific_attenuation_db_per_km(carrier_hz) == pytest.approx(expected, rel=1e-3)


def test_equals_the_sum_on_the_grid() -> None:
    """At every whole GHz the table's digits are the sum's."""
    carrier_hz = np.arange(1e9, 350.5e9, 1e9)
    assert specific_attenuation_db_per_km(carrier_hz) == pytest.approx(summed(carrier_hz), rel=1e-6)


def test_between_the_points_of_the_grid() -> None:
    """Across lines too, the spline is within 1e-3 of the sum; carriers in steps of 50 MHz."""
    carrier_hz = np.arange(1e9, 350e9, 5e7)
    assert specific_attenuation_db_per_km(carrier_hz) == pytest.approx(summed(carrier_hz), rel=1e-3)


def test_below_its_range_the_first_value_holds() -> None:
    """P.676 begins at 1 GHz."""
    low, first = specific_attenuation_db_per_km(np.array([0.5e9, 1e9]))
    assert low == first > 0.0


@pytest.mark.parametrize("carrier_hz", [28.0, 28e3, 0.4e9, 351e9, float("nan")])
def test_a_carrier_in_another_unit_is_refused(carrier_hz: float) -> None:
    """Nobody gets a number for 28 where 28e9 is meant."""
    with pytest.raises(InputError, match="in Hz"):
        specific_attenuation_db_per_km(carrier_hz)


def test_hundred_metres_at_140_ghz() -> None:
    """What air adds to 100 m of a sub-terahertz link: 0.0923 dB."""
    assert 0.1 * specific_attenuation_db_per_km(140e9) == pytest.approx(0.0923, abs=5e-5)
