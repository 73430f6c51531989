"""Where radio laws were specified: what a scenario says of it, warns of, and refuses when told to."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from qflsim.errors import InputErrors, InputWarning
from qflsim.scenario.load import load, parse, shipped

FAR: dict[str, Any] = {
    "name": "far",
    "sites": {"band": "140-ghz", "at": [{"name": "mast", "x_m": 0.0, "y_m": 0.0}]},
    "radio": {"path_loss": {"kind": "uma"}},
    "devices": [
        {"name": "cars", "count": 2, "penetration": {"kind": "car"}},
        {"name": "vans", "count": 2, "penetration": {"kind": "car"}, "height_m": 1.0},
    ],
}
TOML = """
name = "far"
radio = { path_loss = { kind = "uma" }, strict_ranges = %s }
sites = { carrier_hz = 3.5e9, at = [{ name = "mast", x_m = 0.0, y_m = 0.0 }] }
devices = [{ count = 1 }]
"""


def test_all_that_lies_outside_is_found_once() -> None:
    """Carrier and heights, of the path loss and of what devices stand in, whatever the number of groups."""
    assert [str(outside) for outside in parse(FAR, Path()).out_of_range()] == [
        "sites.carrier_hz: got 1.4e+11; want 5e+08 to 1e+11, the range of uma",
        "sites.height_m: got 10; want 25, the range of uma",
        "devices.vans.height_m: got 1; want 1.5 to 22.5, the range of uma",
        "sites.carrier_hz: got 1.4e+11; want 6e+08 to 6e+10, the range of car",
    ]


def test_within_all_ranges_there_is_nothing_to_say() -> None:
    """A scenario that stays inside is read in silence, strict or not, and so are those that are shipped."""
    inside = {**FAR, "sites": {**FAR["sites"], "band": "3.5-ghz", "height_m": 25.0}, "devices": FAR["devices"][:1]}
    inside["radio"] = {**FAR["radio"], "strict_ranges": True}
    assert parse(inside, Path()).out_of_range() == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in shipped():
            load(name)


def test_outside_its_range_a_law_warns(tmp_path: Path) -> None:
    """Reading the file says where, and goes on."""
    path = tmp_path / "far.toml"
    path.write_text(TOML % "false")
    with pytest.warns(InputWarning, match=r"far\.toml: sites\.height_m: got 10; want 25, the range of uma") as told:
        assert load(path).name == "far"
    assert len(told) == 1


def test_strict_ranges_are_an_error(tmp_path: Path) -> None:
    """Every place at once, and no warning beside them."""
    path = tmp_path / "far.toml"
    path.write_text(TOML % "true")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputErrors, match=r"sites\.height_m") as caught:
            load(path)
    assert len(caught.value.errors) == 1
    with pytest.raises(InputErrors) as caught:
        parse({**FAR, "radio": {**FAR["radio"], "strict_ranges": True}}, Path())
    assert len(caught.value.errors) == 4
