"""Base stations: where they stand and what they send."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from qflsim.model import Model, Name, Share
from qflsim.world.mobility import Coordinate

CarrierHz = Annotated[float, Field(ge=0.5e9, le=100e9, description="carrier frequency in Hz: 28 GHz is 28e9")]
BandwidthHz = Annotated[float, Field(ge=1e5, le=1e11, description="bandwidth in Hz: 400 MHz is 400e6")]
PowerDbm = Annotated[float, Field(ge=-30, le=80, description="transmit power in dBm: 10 W is 40")]
GainDbi = Annotated[float, Field(ge=-20, le=60, description="antenna gain in dBi")]
NoiseFigureDb = Annotated[float, Field(ge=0, le=40, description="receiver noise figure in dB")]
HeightM = Annotated[float, Field(gt=0, le=1000, description="height above the street in metres")]


class SiteAt(Model):
    """A base station's name and place."""

    name: Name
    x_m: Coordinate
    y_m: Coordinate


class Sites(Model):
    """The base stations of a scenario: equal hardware at different places.

    `airtime_share` is the part of each direction's airtime that this service gets. The defaults make a 28 GHz
    street-level micro cell of 64 dBm EIRP; the carrier's range is that of 3GPP TR 38.901.
    """

    carrier_hz: CarrierHz = 28e9
    bandwidth_hz: BandwidthHz = 400e6
    power_dbm: PowerDbm = 40.0
    antenna_gain_dbi: GainDbi = 24.0
    noise_figure_db: NoiseFigureDb = 5.0
    height_m: HeightM = 10.0
    airtime_share: Share = 0.02
    at: Annotated[tuple[SiteAt, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _unique_names(self) -> Self:
        names = [site.name for site in self.at]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"site names stand twice: {', '.join(twice)}")
        return self
