"""The pattern of a sector: its named points, its symmetries and its bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qflsim.radio.antenna import sector_attenuation_db

ANGLE = st.floats(-720.0, 720.0)
BEAM = st.floats(5.0, 360.0)


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "expected_db"),
    [(0, 0, 0), (32.5, 0, 3), (0, 32.5, 3), (32.5, -32.5, 6), (65, 0, 12), (0, 65, 12), (180, 0, 30), (0, 90, 23.0059),
     (180, 90, 30), (65, 65, 24), (100, 32.5, 30)],
)  # fmt: skip
def test_named_points(azimuth_deg: float, elevation_deg: float, expected_db: float) -> None:
    """3 dB at half the beamwidth, 12 at all of it, both ways add up, and nothing is below -30 dB."""
    assert sector_attenuation_db(azimuth_deg, elevation_deg) == pytest.approx(expected_db, abs=1e-4)


def test_beamwidth_at_half_power() -> None:
    """Half a beamwidth off is 3 dB, whatever the beamwidth; the vertical one is 65 degrees or as narrow."""
    for beamwidth_deg in (10.0, 65.0, 90.0, 120.0):
        assert sector_attenuation_db(beamwidth_deg / 2, 0.0, beamwidth_deg) == pytest.approx(3.0, abs=1e-12)
    assert sector_attenuation_db(0.0, 5.0, 10.0) == pytest.approx(3.0, abs=1e-12)
    assert sector_attenuation_db(0.0, 32.5, 120.0) == pytest.approx(3.0, abs=1e-12)


@given(azimuth_deg=ANGLE, elevation_deg=st.floats(-90.0, 90.0), turns=st.integers(-3, 3), beamwidth_deg=BEAM)
def test_symmetries(azimuth_deg: float, elevation_deg: float, turns: int, beamwidth_deg: float) -> None:
    """Periodic in whole turns, the same to the left and to the right and up and down, between 0 and 30 dB."""
    here_db = float(sector_attenuation_db(azimuth_deg, elevation_deg, beamwidth_deg))
    assert 0.0 <= here_db <= 30.0
    for other in ((azimuth_deg + 360.0 * turns, elevation_deg), (-azimuth_deg, elevation_deg),
                  (azimuth_deg, -elevation_deg)):  # fmt: skip
        # The slope of the pattern, 24 x angle/beamwidth^2 dB a degree, times the rounding of 1,800 degrees.
        assert sector_attenuation_db(*other, beamwidth_deg) == pytest.approx(here_db, abs=1e-9)


@given(st.floats(0.0, 179.0), st.floats(0.01, 1.0), BEAM)
def test_falls_away_from_where_it_looks(azimuth_deg: float, more_deg: float, beamwidth_deg: float) -> None:
    """Farther off is never stronger."""
    nearer_db, farther_db = sector_attenuation_db(np.array([azimuth_deg, azimuth_deg + more_deg]), 0.0, beamwidth_deg)
    assert nearer_db <= farther_db


def test_three_sectors_cover_all_around() -> None:
    """Of three sectors 120 degrees apart the strongest is nowhere weaker than 12 (60/65)^2 = 10.2249 dB."""
    around_deg = np.arange(0.0, 360.0, 0.5)
    weakest_db = np.min([sector_attenuation_db(around_deg - look, 0.0) for look in (30.0, 150.0, 270.0)], axis=0)
    assert weakest_db.max() == pytest.approx(12 * (60 / 65) ** 2, abs=1e-12)
    assert weakest_db.min() == 0.0
