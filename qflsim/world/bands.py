"""Bands: carriers that 6G is planned for, with what a base station there usually has."""

from typing import Literal, NamedTuple

BandName = Literal["3.5-ghz", "7.125-ghz", "15-ghz", "28-ghz", "39-ghz", "140-ghz"]


class Band(NamedTuple):
    """A carrier and its bandwidth in Hz, and a base station's power in dBm and antenna gain in dBi."""

    carrier_hz: float
    bandwidth_hz: float
    power_dbm: float
    antenna_gain_dbi: float


BANDS: dict[str, Band] = {
    "3.5-ghz": Band(3.5e9, 100e6, 49.0, 24.0),
    "7.125-ghz": Band(7.125e9, 200e6, 49.0, 27.0),
    "15-ghz": Band(15e9, 400e6, 46.0, 27.0),
    "28-ghz": Band(28e9, 400e6, 40.0, 24.0),
    "39-ghz": Band(39e9, 400e6, 40.0, 27.0),
    "140-ghz": Band(140e9, 1e9, 30.0, 34.0),
}
"""Bandwidths as planned for each range: mid band, upper mid band (FR3), millimetre waves, sub-terahertz. Powers and
gains are choices of ours, of macro cells below and street-level cells above 20 GHz: set your own where they matter."""
