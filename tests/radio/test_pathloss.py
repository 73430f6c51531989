"""All families of path loss: the printed tables, and what every one of them has to obey."""

import math
import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tr3gpp import tr38901

from qflsim.radio.pathloss import PathLoss
from qflsim.radio.pathloss_city import Uma, UmiStreetCanyon
from qflsim.radio.pathloss_country import Rma, Sma
from qflsim.radio.pathloss_indoor import IndoorFactory, IndoorHotspot
from qflsim.radio.pathloss_power_law import CloseIn, FreeSpace, LogDistance
from qflsim.radio.pathloss_roadside import Roadside
from qflsim.units import Floats

HALLS = [IndoorFactory(hall="SL"), IndoorFactory(hall="DL"), IndoorFactory(hall="SH"), IndoorFactory(hall="DH")]
OFFICES = [IndoorHotspot(office="open"), IndoorHotspot(office="mixed")]
OUTDOORS: list[PathLoss] = [UmiStreetCanyon(), Uma(), Rma(), Sma()]
ROADS = [Roadside(road="urban"), Roadside(road="highway")]
SMOOTH: list[PathLoss] = [*OFFICES, *HALLS, IndoorFactory(hall="HH"), *ROADS, FreeSpace(), LogDistance(), CloseIn()]
"""Those without a breakpoint."""
FAMILIES = [*OUTDOORS, *SMOOTH]
PRINTED: list[tuple[PathLoss, str, str]] = [
    (UmiStreetCanyon(), "UMi-StreetCanyon", "UMi-StreetCanyon"), (Uma(), "UMa", "UMa"), (Rma(), "RMa", "RMa"),
    (Rma(building_height_m=40.0, street_width_m=12.0), "RMa", "RMa"), (Sma(), "SMa", "SMa"),
    (IndoorHotspot(), "InH-Office", "InH-Office"),
    *((hall, "InF", f"InF-{hall.hall}") for hall in HALLS),
]  # fmt: skip
TYPICAL_SITE_M = {"umi-street-canyon": 10.0, "uma": 25.0, "rma": 35.0, "sma": 30.0}


def at(*values: float) -> Floats:
    """An array of these numbers."""
    return np.array(values)


def python(latex: str) -> str:
    """An expression of the tables as one of Python, where products are written out."""
    names = {
        r"\log_{10}": " lg ", r"\min": " min ", r"\max": " max ", r"\pi": " pi ", "PL_1(d_{BP})": " pl1_at_bp ",
        "d'_{BP}": " bp ", "d_{BP}": " bp ", "d_{3D}": " d ", "f_c": " f ", "h_{BS}": " hs ", "h_{UT}": " hu ",
        "^{1.72}": "**1.72", "^2": "**2",
    }  # fmt: skip
    for old, new in names.items():
        latex = latex.replace(old, new)
    tokens = re.findall(r"\d+\.?\d*|[A-Za-z_]\w*|\*\*|[-+*/(),]", latex)
    written = tokens[0]
    for left, right in pairwise(tokens):
        product = (left == ")" or left[0].isalnum()) and (right == "(" or right[0].isalnum())
        written += " * " + right if product and left not in ("lg", "min", "max") else " " + right
    return written


def printed_db(scenario: str, condition: str, name: str, known: dict[str, Any]) -> float:
    """The value of the formula that the standard prints after `name =`."""
    text = tr38901.section("7.4").pathloss(scenario=scenario, condition=condition).formula
    part = next(part for part in re.split(r";|\\quad", text) if part.strip().startswith(f"{name} ="))
    return float(eval(python(part.split("=", 1)[1]), {"lg": math.log10, "pi": math.pi, "min": min, "max": max}, known))


def printed_pair(
    model: PathLoss, scenario: str, corner: str, f_ghz: float, d2d_m: float, hs: float, hu: float
) -> tuple[float, float]:
    """LOS and NLOS loss in dB by the formulas of the transcribed standard."""
    known = {"f": f_ghz, "hs": hs, "hu": hu, "d": math.hypot(d2d_m, hs - hu)}
    if isinstance(model, Rma | Sma):
        known |= {"h": model.building_height_m, "W": model.street_width_m, "bp": 2 * math.pi * hs * hu * f_ghz * 10 / 3}
        known["pl1_at_bp"] = printed_db(scenario, "LOS", "PL_1", known | {"d": known["bp"]})
    elif isinstance(model, Uma | UmiStreetCanyon):
        known["bp"] = 4 * (hs - 1) * (hu - 1) * f_ghz * 10 / 3
    name = "PL_{LOS}" if scenario == "InF" else "PL_{InH-LOS}" if scenario == "InH-Office" else "PL_1"
    if "bp" in known and d2d_m > known["bp"]:
        name = "PL_2"
    los_db = printed_db(scenario, "LOS", name, known)
    if scenario == "SMa":
        return los_db, printed_db(scenario, "NLOS", "PL_{SMa-NLOS}", known)
    assert r"\max" in tr38901.section("7.4").pathloss(scenario=corner, condition="NLOS").formula
    if scenario == "InF":
        rows = ["InF-SL", "InF-DL"] if corner == "InF-DL" else [corner]
        return los_db, max(los_db, *(printed_db(row, "NLOS", "PL", known) for row in rows))
    primed = "UMi" if scenario == "UMi-StreetCanyon" else "InH" if scenario == "InH-Office" else scenario
    return los_db, max(los_db, printed_db(scenario, "NLOS", f"PL'_{{{primed}-NLOS}}", known))


@pytest.mark.parametrize(("model", "scenario", "corner"), PRINTED, ids=lambda v: v if isinstance(v, str) else "")
def test_equals_the_printed_formulas(model: PathLoss, scenario: str, corner: str) -> None:
    """On random links, a third of them near a breakpoint, both losses are those of the transcribed standard."""
    rng = np.random.default_rng(1)
    inside = model.limits.farthest_m < 1000.0
    for link in range(60):
        f_ghz, d2d_m = np.exp(rng.uniform(np.log([0.5, 10.0]), np.log([30.0, model.limits.farthest_m]))).tolist()
        site_m = rng.uniform(2.0, 8.0) if inside else rng.uniform(20.0, 35.0)
        device_m = rng.uniform(1.5, 9.0)
        if link % 3 == 0 and not inside:
            factor = 4.0 * (site_m - 1.0) * (device_m - 1.0) if model.kind[0] == "u" else 2 * np.pi * site_m * device_m
            d2d_m = max(10.0, factor * f_ghz * 10.0 / 3.0 * rng.uniform(0.98, 1.02))
        los_db, nlos_db = model.loss_db(at(d2d_m), site_m, device_m, f_ghz * 1e9)
        expected = printed_pair(model, scenario, corner, f_ghz, d2d_m, site_m, device_m)
        assert (los_db[0], nlos_db[0]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("model", "scenario", "corner"), PRINTED, ids=lambda v: v if isinstance(v, str) else "")
def test_shadow_parameters_are_those_of_the_tables(model: PathLoss, scenario: str, corner: str) -> None:
    """Deviations and correlation distances are the standard's, those of devices in buildings and of the state too."""
    large = {"UMi-StreetCanyon": "UMi - Street Canyon", "InH-Office": "Indoor-Office"}.get(scenario, scenario)
    site_m = TYPICAL_SITE_M.get(model.kind, 3.0)
    near, far = model.sigma_db(at(20.0), site_m, 1.5, 3.5e9), model.sigma_db(at(1e6), site_m, 1.5, 3.5e9)
    for state, (row, condition) in enumerate(((scenario, "LOS"), (corner, "NLOS"))):
        values = tr38901.section("7.4").pathloss(scenario=row, condition=condition).shadow_fading_std_db
        assert {float(np.max(near[state])), float(np.max(far[state]))} == {float(v.value_db) for v in values}
        correlation_m = (model.los_correlation_m, model.nlos_correlation_m)[state]
        parameters = tr38901.section("7.5").channel_model_parameters(scenario=large, condition=condition)
        assert float(parameters.corr_distance_SF_m) == correlation_m
    if model.o2i_sigma_db is not None:
        parameters = tr38901.section("7.5").channel_model_parameters(scenario=large, condition="O2I")
        assert float(parameters.sigma_SF) == model.o2i_sigma_db
        assert float(parameters.corr_distance_SF_m) == model.o2i_correlation_m
        states = tr38901.section("7.6").correlation_distance(scenario=large.split(" ")[0], condition="LOS")
        assert float(states.los_nlos_state_m) == model.state_correlation_m
    assert (model.o2i_sigma_db is None) == (model.kind not in TYPICAL_SITE_M)


@given(near_m=st.floats(0.0, 20_000.0), farther_m=st.floats(0.0, 5000.0), device_m=st.floats(1.0, 10.0),
       site_m=st.floats(1.0, 40.0), carrier_hz=st.floats(0.5e9, 100e9))  # fmt: skip
def test_loss_grows_with_distance_and_a_corner_never_helps(
    near_m: float, farther_m: float, device_m: float, site_m: float, carrier_hz: float
) -> None:
    """Monotone in distance (rounding and the rural breakpoint's step aside), finite, and NLOS at least LOS but in SMa.

    The rural formula of the far side starts from the ground distance of the breakpoint, and counts the slant one.
    """
    for model in FAMILIES:
        los_db, nlos_db = model.loss_db(at(near_m, near_m + farther_m), site_m, device_m, carrier_hz)
        assert np.isfinite(nlos_db).all()
        assert isinstance(model, Sma) or (nlos_db >= los_db).all()
        assert los_db[1] >= los_db[0] - 1e-9
        assert nlos_db[1] >= nlos_db[0] - 1e-9


@given(distance_m=st.floats(0.0, 20_000.0), farther_m=st.floats(0.0, 5000.0), device_m=st.floats(1.0, 22.5),
       site_m=st.floats(1.0, 40.0))  # fmt: skip
def test_sight_is_a_share_that_falls_with_distance(
    distance_m: float, farther_m: float, device_m: float, site_m: float
) -> None:
    """In [0, 1], and never more of it farther away; only among roofs, above 13 m, does the table rise."""
    for model in FAMILIES:
        near, far = model.los_probability(at(distance_m, distance_m + farther_m), site_m, device_m)
        assert 0.0 <= near <= 1.0
        assert 0.0 <= far <= 1.0
        if not isinstance(model, Uma) or device_m <= 13.0:
            assert far <= near + (0.004 if isinstance(model, IndoorHotspot) else 1e-12)  # its pieces meet so closely


@pytest.mark.parametrize("model", FAMILIES, ids=lambda m: m.kind)
def test_a_millimetre_changes_nothing(model: PathLoss) -> None:
    """Everywhere from 0 to 12 km, breakpoints included: losses by under 0.1 dB, deviations by under 1e-3 dB."""
    for carrier_hz in (0.7e9, 3.5e9):
        distance_m = np.linspace(0.0, 12_000.0, 30_000)
        factor = {"umi-street-canyon": 4 * 9 * 0.5, "uma": 4 * 24 * 0.5, "rma": 2 * np.pi * 35 * 1.5,
                  "sma": 2 * np.pi * 30 * 1.5}.get(model.kind, 1.0)  # fmt: skip
        distance_m[0] = factor * carrier_hz / 3e8 - 0.0005
        site_m = TYPICAL_SITE_M.get(model.kind, 3.0)
        here = np.broadcast_arrays(*model.loss_db(distance_m, site_m, 1.5, carrier_hz),
                                   *model.sigma_db(distance_m, site_m, 1.5, carrier_hz))  # fmt: skip
        there = np.broadcast_arrays(*model.loss_db(distance_m + 1e-3, site_m, 1.5, carrier_hz),
                                    *model.sigma_db(distance_m + 1e-3, site_m, 1.5, carrier_hz))  # fmt: skip
        change_db = np.abs(np.array(there) - np.array(here)).max(axis=1)
        assert (change_db[:2] < 0.1).all()
        assert (change_db[2:] < 1e-3).all()


@pytest.mark.parametrize("model", FAMILIES, ids=lambda m: m.kind)
def test_arguments_broadcast(model: PathLoss) -> None:
    """Sites along rows and places along columns give matrices whose entries are the single answers."""
    distance_m, site_m, device_m = at(30, 300, 900), np.array([[10.0], [26.0]]), at(1.5, 5.0, 18.0)
    carrier_hz = np.array([[3.5e9], [28e9]])
    grids = [*model.loss_db(distance_m, site_m, device_m, carrier_hz),
             *model.sigma_db(distance_m, site_m, device_m, carrier_hz),
             model.los_probability(distance_m, site_m, device_m)]  # fmt: skip
    alone = [*model.loss_db(at(900), 26.0, 18.0, 28e9), *model.sigma_db(at(900), 26.0, 18.0, 28e9),
             model.los_probability(at(900), 26.0, 18.0)]  # fmt: skip
    assert grids[0].shape == grids[1].shape == (2, 3)
    for grid, single in zip(grids, alone, strict=True):
        assert np.broadcast_to(grid, (2, 3))[1, 2] == pytest.approx(float(np.max(single)), rel=1e-13)


@pytest.mark.parametrize("model", FAMILIES, ids=lambda m: m.kind)
def test_the_near_field_is_cut(model: PathLoss) -> None:
    """Outdoor tables are not continued to below 10 m along the ground, no family to below 1 m."""
    least_m = 10.0 if model in OUTDOORS else 1.0
    for height_m in (1.5, 10.0):
        los_db, nlos_db = model.loss_db(at(0, 0.3 * least_m, least_m), height_m, height_m, 28e9)
        assert len({*los_db}) == len({*nlos_db}) == 1


def test_kilometres_and_gigahertz_show() -> None:
    """A distance in km or a carrier in GHz is off by the decades of its law, and never near a right answer.

    In a scenario the carrier's bounds refuse GHz before that.
    """
    right_db = FreeSpace().loss_db(at(5000.0), 1.5, 1.5, 3.5e9)[0]
    assert FreeSpace().loss_db(at(5.0), 1.5, 1.5, 3.5e9)[0] == pytest.approx(right_db - 60.0, abs=1e-9)
    for model in SMOOTH:
        lost_db = model.loss_db(at(100.0), 10.0, 1.5, 3.5e9)[0] - model.loss_db(at(100.0), 10.0, 1.5, 3.5)[0]
        slope = 19.0 if isinstance(model, IndoorFactory) else 18.2 if model == ROADS[0] else 20.0
        assert lost_db == pytest.approx(9 * slope, abs=1e-9)


def test_links_that_are_too_long_are_named() -> None:
    """The farthest of them, once; nothing while all are in range; a law of power has no end."""
    limits = Uma().limits
    assert limits.too_far("uma", at(10.0, 5000.0)) is None
    assert limits.too_far("uma", np.empty(0)) is None
    told = limits.too_far("uma", np.array([[10.0, 5200.0], [7300.2, 1.0]]))
    assert str(told) == "radio.path_loss: got a link over 7300 m; want at most 5000 m, the range of uma"
    assert FreeSpace().limits.too_far("free-space", at(1e9)) is None


def test_ranges_are_those_of_the_tables() -> None:
    """Distances in the applicability column and in the formulas' cases; heights in that column; carriers of note 6."""
    assert [m.limits.farthest_m for m in (*OUTDOORS, *OFFICES, *HALLS)] == [5000.0] * 4 + [150.0] * 2 + [600.0] * 4
    assert [m.limits.carrier_hz for m in OUTDOORS] == [(0.5e9, f) for f in (100e9, 100e9, 30e9, 100e9)]
    assert [m.limits.site_height_m for m in OUTDOORS] == [(10, 10), (25, 25), (10, 150), (25, 35)]
    assert [m.limits.device_height_m for m in OUTDOORS] == [(1.5, 22.5), (1.5, 22.5), (1, 10), (1, 14)]
    assert CloseIn().limits.carrier_hz == (28e9, 140e9)
    assert CloseIn(nlos_exponent=2.9).limits.carrier_hz == FreeSpace().limits.carrier_hz == (0.5e9, 350e9)
