"""Path loss of offices and factory halls against published numbers."""

import numpy as np
import pytest

from qflsim.radio.pathloss_indoor import IndoorFactory, IndoorHotspot
from qflsim.units import Floats

OFFICE = IndoorHotspot()


def at(*values: float) -> Floats:
    """An array of these numbers."""
    return np.array(values)


def test_ns3_vectors_of_offices_at_5_ghz() -> None:
    """The numbers in ns-3's own test suite: a ceiling of 3 m, devices at 1.5 m."""
    los_db, nlos_db = OFFICE.loss_db(at(1, 10, 50, 100), 3.0, 1.5, 5e9)
    assert los_db == pytest.approx([50.8072, 63.7630, 75.7750, 80.9802], abs=0.01)
    assert nlos_db == pytest.approx([50.8072, 73.1894, 99.7824, 111.3062], abs=0.01)


def test_grid_of_offices() -> None:
    """Slant distances of 10 and 100 m at 3.5 and 28 GHz."""
    los_db, nlos_db = OFFICE.loss_db(at(10, 100, 10, 100), 1.5, 1.5, 1e9 * at(3.5, 3.5, 28, 28))
    assert los_db == pytest.approx([60.5814, 77.8814, 78.6432, 95.9432], abs=1e-4)
    assert nlos_db == pytest.approx([69.1473, 107.4473, 91.6342, 129.9342], abs=1e-4)


@pytest.mark.parametrize(
    ("hall", "at_10_m_db", "at_100_m_db"),
    [("SL", 69.3814, 94.8814), ("DL", 69.3814, 100.8814), ("SH", 66.2814, 89.2814), ("DH", 66.4114, 88.3114),
     ("HH", 63.6773, 85.1773)],
)  # fmt: skip
def test_halls(hall: str, at_10_m_db: float, at_100_m_db: float) -> None:
    """Slant distances of 10 and 100 m at 3.5 GHz; dense clutter below is at least what sparse clutter is."""
    los_db, nlos_db = IndoorFactory.model_validate({"hall": hall}).loss_db(at(10, 100), 1.5, 1.5, 3.5e9)
    assert los_db == pytest.approx([63.6773, 85.1773], abs=1e-4)
    assert nlos_db == pytest.approx([at_10_m_db, at_100_m_db], abs=1e-4)


def test_los_probability_of_offices() -> None:
    """The reference numbers of both kinds, and one nearby."""
    expected = [1.0, 1.0, 0.702502, 0.537155, 0.424394]
    assert OFFICE.los_probability(at(0, 5, 30, 49, 100), 3.0, 1.0) == pytest.approx(expected, abs=1e-6)
    mixed = IndoorHotspot(office="mixed")
    expected = [1.0, 1.0, 0.445521, 0.287424, 0.084265]
    assert mixed.los_probability(at(0, 1.2, 5, 10, 50), 3.0, 1.0) == pytest.approx(expected, abs=1e-6)


def test_los_probability_of_halls() -> None:
    """exp(-d/k): k = -size/ln(1 - density) below the clutter's top, longer by (h_site - h)/(h_c - h) from above it."""
    low = IndoorFactory(hall="SL")
    assert low.los_probability(at(10.0), 1.5, 1.5) == pytest.approx([0.8], abs=1e-12)
    assert -10.0 / np.log(low.los_probability(at(10.0), 8.0, 1.5)) == pytest.approx([44.8142], abs=1e-4)
    high = IndoorFactory(hall="DH")
    k_m = -2.0 / np.log(1.0 - 0.6) * (8.0 - 1.5) / (6.0 - 1.5)
    assert high.los_probability(at(10, 50), 8.0, 1.5) == pytest.approx(np.exp(-at(10, 50) / k_m), rel=1e-12)
    assert high.los_probability(at(50.0), 8.0, 6.5).tolist() == [1.0]
    assert IndoorFactory(hall="HH").los_probability(at(50.0), 8.0, 1.5).tolist() == [1.0]


def test_clutter_can_be_said() -> None:
    """What is given replaces what is usual; the state of view remembers half of the clutter's size."""
    assert IndoorFactory(hall="DL").state_correlation_m == 1.0
    own = IndoorFactory(hall="DL", clutter_size_m=4.0, clutter_density=0.5, clutter_height_m=3.0)
    assert own.state_correlation_m == 2.0
    assert own.los_probability(at(8.0), 2.0, 1.5) == pytest.approx([0.25], abs=1e-12)
    assert own.limits.site_height_m == (0.0, 3.0)


def test_shadows_of_halls() -> None:
    """Each kind has its own without sight, unless one is given; where everything is seen it is that of sight."""
    given_ones = {hall: IndoorFactory.model_validate({"hall": hall}).sigma_db(at(10.0), 8.0, 1.5, 3.5e9)
                  for hall in ("SL", "DL", "SH", "DH", "HH")}  # fmt: skip
    assert given_ones == {"SL": (4.3, 5.7), "DL": (4.3, 7.2), "SH": (4.3, 5.9), "DH": (4.3, 4.0), "HH": (4.3, 4.3)}
    assert IndoorFactory(nlos_sigma_db=0.0).sigma_db(at(10.0), 8.0, 1.5, 3.5e9) == (4.3, 0.0)


def test_sites_stand_where_their_hall_has_them() -> None:
    """Below the clutter's top in SL and DL, above it in SH, DH and HH; devices above it in HH alone."""
    limits = {hall: IndoorFactory.model_validate({"hall": hall}).limits for hall in ("SL", "DL", "SH", "DH", "HH")}
    assert {hall: found.site_height_m for hall, found in limits.items()} == {
        "SL": (0.0, 2.0), "DL": (0.0, 6.0), "SH": (2.0, 1000.0), "DH": (6.0, 1000.0), "HH": (2.0, 1000.0)
    }  # fmt: skip
    assert {hall for hall, found in limits.items() if found.device_height_m[0] > 0.0} == {"HH"}
