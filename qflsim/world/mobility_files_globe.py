"""From latitude and longitude to metres on a plane around an origin."""

import math
from typing import Annotated, TypeAlias

from pydantic import Field

from qflsim.world.mobility_files_fixes import BadFixError, number

EQUATOR_M = 6_378_137.0
FLATTENING = 1 / 298.257223563
FARTHEST_DEG = 3.0

Origin: TypeAlias = tuple[Annotated[float, Field(ge=-85, le=85)], Annotated[float, Field(ge=-180, le=180)]]
"""Latitude and longitude of (0, 0), in degrees (WGS 84)."""


class Plane:
    """The plane around an origin: x is metres to the east, y metres to the north.

    With the differences dφ and dλ of latitude and longitude from the origin, and the WGS 84 ellipsoid's radii of
    curvature there, M along the meridian and N across it: x = N cos φ dλ, y = M dφ + N sin φ cos φ dλ²/2. This is the
    transverse Mercator projection to second order, which an equirectangular projection lacks (at 48° north and 15 km
    from the origin it is off by some 40 m). Up to 70° north or south, distances between places within 25 km of the
    origin are right to 1 m.

    Without `origin_deg` the origin is the first place asked for. Errors: `BadFixError` for what is no latitude or
    longitude, and for places more than 3 degrees from the origin, where the plane is none.
    """

    def __init__(self, origin_deg: Origin | None) -> None:
        self._origin_deg = origin_deg
        self._radii_m = (0.0, 0.0) if origin_deg is None else _radii_m(origin_deg[0])

    def place(self, latitude: str, longitude: str) -> tuple[float, float]:
        """The place (x, y) in metres of a latitude and longitude in degrees, as text."""
        lat_deg, lon_deg = number("lat", latitude, -90, 90), number("lon", longitude, -180, 180)
        if self._origin_deg is None:
            self._origin_deg, self._radii_m = (lat_deg, lon_deg), _radii_m(lat_deg)
        north_deg, east_deg = lat_deg - self._origin_deg[0], (lon_deg - self._origin_deg[1] + 180) % 360 - 180
        if max(abs(north_deg), abs(east_deg)) > FARTHEST_DEG:
            origin = f"{self._origin_deg[0]:g}, {self._origin_deg[1]:g}"
            got = f"latitude {lat_deg:g} and longitude {lon_deg:g}"
            raise BadFixError(got, f"places within {FARTHEST_DEG:g} degrees of the origin at {origin}")
        along_m, across_m = self._radii_m
        latitude_rad, east_rad = math.radians(lat_deg), math.radians(east_deg)
        x_m = across_m * math.cos(latitude_rad) * east_rad
        return x_m, along_m * math.radians(north_deg) + x_m * math.sin(latitude_rad) * east_rad / 2


def _radii_m(latitude_deg: float) -> tuple[float, float]:
    """The ellipsoid's radii of curvature along the meridian and across it."""
    squared = FLATTENING * (2 - FLATTENING)
    shape = 1 - squared * math.sin(math.radians(latitude_deg)) ** 2
    return EQUATOR_M * (1 - squared) / shape**1.5, EQUATOR_M / math.sqrt(shape)
