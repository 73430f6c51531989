"""Base stations: where they stand, how they split into cells, and what they send."""

import math
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from qflsim.model import Model, Name, Share
from qflsim.world.bands import BANDS, BandName
from qflsim.world.mobility import Coordinate, Side

CarrierHz = Annotated[float, Field(ge=0.5e9, le=350e9, description="carrier frequency in Hz: 28 GHz is 28e9")]
BandwidthHz = Annotated[float, Field(ge=1e5, le=1e11, description="bandwidth in Hz: 400 MHz is 400e6")]
PowerDbm = Annotated[float, Field(ge=-30, le=80, description="transmit power in dBm: 10 W is 40")]
GainDbi = Annotated[float, Field(ge=-20, le=60, description="antenna gain in dBi")]
NoiseFigureDb = Annotated[float, Field(ge=0, le=40, description="receiver noise figure in dB")]
HeightM = Annotated[float, Field(gt=0, le=1000, description="height above the street in metres")]


class SiteAt(Model):
    """A base station's name and place; `offset_db` makes its cells wider or narrower to whoever compares cells."""

    name: Name
    x_m: Coordinate
    y_m: Coordinate
    offset_db: Annotated[float, Field(ge=-24, le=24)] = 0.0


class Hexagons(Model):
    """Sites on a hexagonal grid, one in the middle and `rings` around it: 1, 7, 19, 37, ... of them."""

    rings: Annotated[int, Field(ge=0, le=30)] = 1
    distance_m: Side = 500.0
    """between neighbouring sites (inter-site distance)"""
    centre_m: tuple[Coordinate, Coordinate] = (0.0, 0.0)

    @model_validator(mode="after")
    def _on_the_map(self) -> Self:
        if max(map(abs, self.centre_m)) + self.rings * self.distance_m > 1e7:
            raise ValueError("distance_m: rings that stay within 10,000 km of the origin")
        return self

    @property
    def places(self) -> tuple[SiteAt, ...]:
        """The sites, ring by ring: site-0 in the middle."""
        across_m, up_m = self.distance_m, self.distance_m * math.sqrt(0.75)
        # Axial coordinates of a hexagonal grid; the ring of a point is the greatest of its three.
        points = [(a, b) for a in range(-self.rings, self.rings + 1) for b in range(-self.rings, self.rings + 1)
                  if abs(a + b) <= self.rings]  # fmt: skip
        points.sort(key=lambda ab: (max(abs(ab[0]), abs(ab[1]), abs(ab[0] + ab[1])), ab))
        return tuple(
            SiteAt(name=f"site-{k}", x_m=self.centre_m[0] + (a + b / 2) * across_m, y_m=self.centre_m[1] + b * up_m)
            for k, (a, b) in enumerate(points)
        )


class CellAt(NamedTuple):
    """What serves devices: a site, or one of its sectors and where that looks (degrees from the x axis towards y)."""

    name: str
    site: int
    azimuth_deg: float


class Sites(Model):
    """The base stations of a scenario: equal hardware at different places, given by `at` or by `hexagons`.

    A site is one cell with the same gain all around, or `sectors` cells, the first of which looks to `azimuth_deg`,
    with the pattern of TR 38.901 Table 7.3-1 (`radio.antenna`). `airtime_share` is the part of each direction's
    resources that this service gets. `duplex`: "fdd" has a band of `bandwidth_hz` for each direction; "tdd" has one,
    and gives `downlink_share` of the time to the downlink. The defaults make a 28 GHz street-level micro cell of
    64 dBm EIRP. A `band` stands for its carrier, and for the bandwidth, power and gain that are not given; only these
    numbers are kept.
    """

    band: Annotated[BandName | None, Field(exclude=True)] = None
    carrier_hz: CarrierHz = 28e9
    bandwidth_hz: BandwidthHz = 400e6
    duplex: Literal["fdd", "tdd"] = "fdd"
    downlink_share: Annotated[float, Field(ge=0.01, le=0.99)] = 0.75
    power_dbm: PowerDbm = 40.0
    antenna_gain_dbi: GainDbi = 24.0
    sectors: Annotated[int, Field(ge=1, le=6)] = 1
    azimuth_deg: Annotated[float, Field(ge=-360, le=360)] = 30.0
    beamwidth_deg: Annotated[float, Field(ge=1, le=360)] = 65.0
    tilt_deg: Annotated[float, Field(ge=-90, le=90)] = 0.0
    """how far a sector looks below the horizon"""
    noise_figure_db: NoiseFigureDb = 5.0
    height_m: HeightM = 10.0
    airtime_share: Share = 0.02
    at: tuple[SiteAt, ...] = ()
    hexagons: Hexagons | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_its_band(cls, data: Any) -> Any:
        name = data.get("band") if isinstance(data, dict) else None
        if not isinstance(name, str) or name not in BANDS:
            return data
        band = BANDS[name]
        if data.get("carrier_hz", band.carrier_hz) != band.carrier_hz:
            raise ValueError(f"no carrier_hz beside a band, which has its own of {band.carrier_hz:g}")
        return {**band._asdict(), **data, "band": None}

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if bool(self.at) == (self.hexagons is not None):
            raise ValueError("at: one or more sites, or hexagons in their place")
        names = [site.name for site in self.at]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"site names stand twice: {', '.join(twice)}")
        return self

    @cached_property
    def places(self) -> tuple[SiteAt, ...]:
        """The sites, numbered in this order."""
        return self.at if self.hexagons is None else self.hexagons.places

    @cached_property
    def cells(self) -> tuple[CellAt, ...]:
        """The cells, site by site, numbered in this order."""
        if self.sectors == 1:
            return tuple(CellAt(site.name, number, math.nan) for number, site in enumerate(self.places))
        turns_deg = [self.azimuth_deg + 360.0 * k / self.sectors for k in range(self.sectors)]
        return tuple(
            CellAt(f"{site.name}/{k + 1}", number, turn_deg)
            for number, site in enumerate(self.places)
            for k, turn_deg in enumerate(turns_deg)
        )

    def time_share(self, download: bool) -> float:
        """The part of the time that a direction has."""
        if self.duplex == "fdd":
            return 1.0
        return self.downlink_share if download else 1.0 - self.downlink_share
