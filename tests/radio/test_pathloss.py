"""Path loss against published numbers, an independent copy of the standard's tables, and its necessary shape."""

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tr3gpp import tr38901

from qflsim.radio.pathloss_city import UmiStreetCanyon
from qflsim.radio.pathloss_power_law import CloseIn
from qflsim.units import Floats

UMI = UmiStreetCanyon()
DISTANCES = st.floats(0.0, 20_000.0)
HEIGHTS = st.floats(1.5, 22.5)
CARRIERS = st.floats(0.5e9, 100e9)


def at(*values: float) -> Floats:
    """An array of these numbers."""
    return np.array(values)


def test_ns3_vectors_at_5_ghz() -> None:
    """The numbers in ns-3's own test suite, four distances of either state."""
    los_db, nlos_db = UMI.loss_db(at(10, 100, 1000, 5000), 10.0, 1.5, 5e9)
    assert los_db == pytest.approx([69.8591, 88.4122, 119.3114, 147.2696], abs=0.01)
    assert nlos_db == pytest.approx([76.7563, 107.9432, 143.1886, 167.8617], abs=0.01)


def test_grid_of_carriers_and_distances() -> None:
    """A grid computed twice elsewhere: by hand-written formulas and by Sionna's reference functions."""
    carrier_hz = 1e9 * at(3.5, 3.5, 3.5, 7.125, 7.125, 28, 28, 39)
    distance_m = at(100, 500, 1000, 100, 500, 100, 500, 100)
    los_db, nlos_db = UMI.loss_db(distance_m, 10.0, 1.5, carrier_hz)
    expected = [85.3142, 107.1138, 119.1531, 91.4885, 107.4276, 103.3760, 118.0228, 106.2541]
    assert los_db == pytest.approx(expected, abs=1e-4)
    expected = [104.6438, 129.2645, 139.8892, 111.2195, 135.8402, 123.8796, 148.5003, 126.9449]
    assert nlos_db == pytest.approx(expected, abs=1e-4)


def table_row(condition: str, f_ghz: float, d2d_m: float, site_m: float, device_m: float) -> float:
    """The loss in dB by the formula as printed in the table, translated from LaTeX and evaluated."""
    names = {
        "PL'_{UMi-NLOS}": "corner", "PL_1": "pl1", "PL_2": "pl2", r"\log_{10}": "*lg",
        r"d'_{BP}": "bp", "d_{3D}": "d", "f_c": "f", "h_{BS}": "hs", "h_{UT}": "hu", "^2": "**2",
    }  # fmt: skip
    known: dict[str, Any] = {
        "lg": math.log10, "f": f_ghz, "hs": site_m, "hu": device_m, "d": math.hypot(d2d_m, site_m - device_m),
        "bp": 4 * (site_m - 1) * (device_m - 1) * f_ghz * 1e9 / 3e8,
    }  # fmt: skip

    def value(condition: str, name: str) -> float:
        text = tr38901.section("7.4").pathloss(scenario="UMi-StreetCanyon", condition=condition).formula
        for latex, python in names.items():
            text = text.replace(latex, python)
        formula = next(part for part in re.split(r";|\\quad", text) if part.strip().startswith(f"{name} ="))
        formula = re.sub(r"([\d.)])\s*\(", r"\1*(", formula.split("=", 1)[1])
        return float(eval(formula, known))

    los = value("LOS", "pl1" if d2d_m <= known["bp"] else "pl2")
    return los if condition == "LOS" else max(los, value("NLOS", "corner"))


def test_equals_the_printed_formulas() -> None:
    """On 300 random links, a third of them near the breakpoint, the loss is that of the transcribed standard."""
    rng = np.random.default_rng(1)
    for link in range(300):
        f_ghz, d2d_m = np.exp(rng.uniform(np.log([0.5, 10.0]), np.log([100.0, 5000.0]))).tolist()
        site_m, device_m = rng.uniform(5.0, 15.0), rng.uniform(1.5, 22.5)
        if link % 3 == 0:
            breakpoint_m = 4.0 * (site_m - 1.0) * (device_m - 1.0) * f_ghz * 1e9 / 3e8
            d2d_m = max(10.0, breakpoint_m * rng.uniform(0.98, 1.02))
        los_db, nlos_db = UMI.loss_db(at(d2d_m), site_m, device_m, f_ghz * 1e9)
        assert los_db[0] == pytest.approx(table_row("LOS", f_ghz, d2d_m, site_m, device_m), abs=1e-9)
        assert nlos_db[0] == pytest.approx(table_row("NLOS", f_ghz, d2d_m, site_m, device_m), abs=1e-9)


def test_shadow_parameters_are_those_of_the_tables() -> None:
    """Deviation and correlation distances are the standard's, the state's distance too."""
    for condition, sigma_db, correlation_m in (
        ("LOS", UMI.los_sigma_db, UMI.los_correlation_m),
        ("NLOS", UMI.nlos_sigma_db, UMI.nlos_correlation_m),
    ):
        loss = tr38901.section("7.4").pathloss(scenario="UMi-StreetCanyon", condition=condition)
        assert float(loss.shadow_fading_std_db[0].value_db) == sigma_db
        large = tr38901.section("7.5").channel_model_parameters(scenario="UMi - Street Canyon", condition=condition)
        assert float(large.corr_distance_SF_m) == correlation_m
        state = tr38901.section("7.6").correlation_distance(scenario="UMi", condition=condition)
        assert float(state.los_nlos_state_m) == UMI.state_correlation_m


def test_los_probability_of_street_canyons() -> None:
    """One up to 18 m, and the reference numbers beyond."""
    assert UMI.los_probability(at(0, 10, 18), 10.0, 1.5).tolist() == [1.0, 1.0, 1.0]
    assert UMI.los_probability(at(50, 100, 500), 10.0, 1.5) == pytest.approx([0.519585, 0.230985, 0.036001], abs=1e-6)


def test_continuous_at_the_breakpoint() -> None:
    """Both branches meet: a millimetre across the breakpoint, 210 m at 3.5 GHz, moves the loss by under 1e-4 dB."""
    los_db, _ = UMI.loss_db(at(209.9995, 210.0005), 10.0, 1.5, 3.5e9)
    assert 0.0 <= los_db[1] - los_db[0] < 1e-4


@given(near_m=DISTANCES, farther_m=st.floats(0.0, 5000.0), device_m=HEIGHTS, carrier_hz=CARRIERS)
def test_loss_grows_with_distance_and_a_corner_never_helps(
    near_m: float, farther_m: float, device_m: float, carrier_hz: float
) -> None:
    """Monotone in distance (rounding aside), finite everywhere, and NLOS at least LOS."""
    for model in (UMI, CloseIn()):
        los_db, nlos_db = model.loss_db(at(near_m, near_m + farther_m), 10.0, device_m, carrier_hz)
        assert np.isfinite(nlos_db).all()
        assert (nlos_db >= los_db).all()
        assert los_db[1] >= los_db[0] - 1e-9
        assert nlos_db[1] >= nlos_db[0] - 1e-9


def test_nearer_than_ten_metres_the_loss_is_that_at_ten() -> None:
    """The street canyon is not continued into its near field, at no antenna height."""
    for height_m in (0.0, 1.5, 10.0):
        los_db, nlos_db = UMI.loss_db(at(0, 3, 10), 10.0, height_m, 28e9)
        assert len({*los_db}) == len({*nlos_db}) == 1


def test_arguments_broadcast() -> None:
    """Sites along rows and places along columns give a matrix whose entries are the single answers."""
    distance_m, carrier_hz = at(30, 300, 900), np.array([[3.5e9], [28e9]])
    for model in (UMI, CloseIn()):
        los_db, nlos_db = model.loss_db(distance_m, np.array([[10.0], [12.0]]), 1.5, carrier_hz)
        assert los_db.shape == nlos_db.shape == (2, 3)
        assert los_db[1, 2] == model.loss_db(at(900), 12.0, 1.5, 28e9)[0][0]


def test_close_in_reference_numbers() -> None:
    """Free space at one metre, and 100 m at 140 GHz in both states."""
    for carrier_hz, expected_db in ((28e9, 61.3909), (73e9, 69.7142), (140e9, 75.3703)):
        assert CloseIn().loss_db(at(1.0), 1.5, 1.5, carrier_hz)[0] == pytest.approx([expected_db], abs=1e-4)
    los_db, nlos_db = CloseIn().loss_db(at(100.0), 1.5, 1.5, 140e9)
    assert (los_db[0], nlos_db[0]) == pytest.approx((115.3703, 139.3703), abs=1e-4)


def test_close_in_sees_everywhere_when_told_so() -> None:
    """The LOS probability is that of street canyons, or one."""
    assert CloseIn(los_everywhere=True).los_probability(at(1, 1e4), 10.0, 1.5).tolist() == [1.0, 1.0]
    assert CloseIn().los_probability(at(50.0), 10.0, 1.5) == UMI.los_probability(at(50.0), 10.0, 1.5)
