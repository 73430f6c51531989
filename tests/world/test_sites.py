"""Sites have names of their own and values in the units that their keys say."""

import pytest
from pydantic import ValidationError

from qflsim.world.sites import SiteAt, Sites

NORTH = {"name": "north", "x_m": 0.0, "y_m": 10.0}


def test_the_smallest_sites() -> None:
    """A name and a place are enough; lists of a file become tuples."""
    sites = Sites.model_validate({"at": [NORTH]})
    assert sites.at == (SiteAt(name="north", x_m=0.0, y_m=10.0),)
    assert sites.power_dbm + sites.antenna_gain_dbi == 64.0


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"carrier_hz": 28.0}, "carrier_hz"),
        ({"carrier_hz": True}, "carrier_hz"),
        ({"bandwidth_hz": 400.0}, "bandwidth_hz"),
        ({"power_dbm": 10_000.0}, "power_dbm"),
        ({"airtime_share": 0.0}, "airtime_share"),
        ({"airtime_share": 2.0}, "airtime_share"),
        ({"height_m": float("nan")}, "height_m"),
        ({"carrier_ghz": 28.0}, "carrier_ghz"),
        ({"at": []}, "at"),
        ({"at": [NORTH, NORTH]}, "north"),
        ({"at": [NORTH | {"x_m": 1e9}]}, "x_m"),
        ({"at": [NORTH | {"name": "north side"}]}, "name"),
    ],
)
def test_wrong_units_names_and_keys_are_refused(fields: dict[str, object], where: str) -> None:
    """GHz for Hz, nan, booleans, misspelt keys and names that stand twice are named in the error."""
    with pytest.raises(ValidationError, match=where):
        Sites.model_validate({"at": [NORTH]} | fields)
