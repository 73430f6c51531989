"""Bands: the numbers that a band stands for, and that only these are kept."""

from typing import Any

import pytest
from pydantic import ValidationError

from qflsim.world.bands import BANDS
from qflsim.world.sites import Sites

MAST = {"name": "mast", "x_m": 0.0, "y_m": 0.0}


def sites(**keys: Any) -> Sites:
    """One mast with these keys."""
    return Sites.model_validate({"at": [MAST], **keys})


@pytest.mark.parametrize(
    ("band", "carrier_hz", "least_hz", "most_hz"),
    [("3.5-ghz", 3.5e9, 100e6, 100e6), ("7.125-ghz", 7.125e9, 200e6, 400e6), ("15-ghz", 15e9, 200e6, 400e6),
     ("28-ghz", 28e9, 400e6, 400e6), ("39-ghz", 39e9, 400e6, 400e6), ("140-ghz", 140e9, 1e9, 2e9)],
)  # fmt: skip
def test_a_band_fills_in_its_numbers(band: str, carrier_hz: float, least_hz: float, most_hz: float) -> None:
    """Carrier, and a bandwidth as planned; power and gain are the table's."""
    found = sites(band=band)
    assert found.carrier_hz == carrier_hz
    assert least_hz <= found.bandwidth_hz <= most_hz
    assert BANDS[band] == (found.carrier_hz, found.bandwidth_hz, found.power_dbm, found.antenna_gain_dbi)
    assert len(BANDS) == 6


def test_what_is_given_stays() -> None:
    """A band fills in what is absent."""
    found = sites(band="140-ghz", bandwidth_hz=2e9, power_dbm=20.0)
    assert (found.carrier_hz, found.bandwidth_hz, found.power_dbm) == (140e9, 2e9, 20.0)
    assert found.antenna_gain_dbi == BANDS["140-ghz"].antenna_gain_dbi


def test_a_band_is_its_numbers() -> None:
    """Sites that name a band equal those that spell its numbers out, and so does what is stored of them."""
    spelt = sites(**BANDS["15-ghz"]._asdict())
    assert sites(band="15-ghz") == spelt
    assert "band" not in sites(band="15-ghz").model_dump(mode="json")
    assert Sites.model_validate(sites(band="15-ghz").model_dump(mode="json")) == spelt


def test_a_band_and_another_carrier_contradict_each_other() -> None:
    """Neither wins in silence; the band's own carrier beside it is no mistake."""
    with pytest.raises(ValidationError, match="no carrier_hz beside a band"):
        sites(band="28-ghz", carrier_hz=3.5e9)
    assert sites(band="28-ghz", carrier_hz=28e9) == sites(band="28-ghz")


@pytest.mark.parametrize("band", ["26-ghz", 28e9, ["28-ghz"]])
def test_other_bands_are_refused(band: Any) -> None:
    """Those that exist are listed."""
    with pytest.raises(ValidationError, match=r"3\.5-ghz"):
        sites(band=band)
