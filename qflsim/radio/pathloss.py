"""Path loss: what every family of links has to say, and where it was specified."""

from typing import Annotated, NamedTuple, Protocol

import numpy as np
from pydantic import Field

from qflsim.errors import InputError
from qflsim.units import SPEED_OF_LIGHT_M_PER_S, Floats

BREAKPOINT_LIGHT_M_PER_S = 3.0e8
"""The speed of light that the note of TR 38.901 Table 7.4.1-1 prescribes for the breakpoint distance."""

Distance = Annotated[float, Field(ge=0.1, le=1e6)]
Deviation = Annotated[float, Field(ge=0, le=40)]
Exponent = Annotated[float, Field(ge=0.1, le=10)]
Number = Floats | float
"""One number, or an array that broadcasts with the others."""


class Limits(NamedTuple):
    """Where a family was specified, ends included. Elsewhere its formulas are continued, and somebody is told."""

    carrier_hz: tuple[float, float] = (0.5e9, 100e9)
    site_height_m: tuple[float, float] = (0.0, 1000.0)
    device_height_m: tuple[float, float] = (0.0, 1000.0)
    farthest_m: float = float("inf")
    """Along the ground, where tables mean the slant distance too. Near a site nothing ends: distances are clamped."""

    def too_far(self, kind: str, distance_2d_m: Floats) -> InputError | None:
        """The farthest of these links, if it is longer than the family of that name allows."""
        farthest_m = float(np.max(distance_2d_m, initial=0.0))
        if farthest_m <= self.farthest_m:
            return None
        return InputError("radio.path_loss", f"a link over {farthest_m:.0f} m",
                          f"at most {self.farthest_m:g} m, the range of {kind}")  # fmt: skip


class PathLoss(Protocol):
    """A family of links: its loss in and out of line of sight (LOS), how often each holds, and how shadows vary.

    O2I is the state of a device in a building seen from outside; None where the tables know no such shadow.
    """

    @property
    def kind(self) -> str: ...
    @property
    def los_correlation_m(self) -> float: ...
    @property
    def nlos_correlation_m(self) -> float: ...
    @property
    def state_correlation_m(self) -> float: ...
    @property
    def o2i_sigma_db(self) -> float | None: ...
    @property
    def o2i_correlation_m(self) -> float | None: ...
    @property
    def limits(self) -> Limits: ...

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        ...

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """Standard deviation of the shadowing in dB with and without line of sight; it broadcasts with the loss."""
        ...

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """Share of places at this ground distance that see the site. All arguments broadcast."""
        ...


def free_space_db(distance_m: Number, carrier_hz: Number) -> Floats:
    """Loss of empty space between isotropic antennas, 20 lg(4 pi d f/c) (Friis 1946), in dB."""
    one_metre_db = 20.0 * np.log10(4.0 * np.pi * np.asarray(carrier_hz) / SPEED_OF_LIGHT_M_PER_S)
    return np.asarray(one_metre_db + 20.0 * np.log10(distance_m))


def sight_through(distance_2d_m: Number, density: float, size_m: float, share: Number) -> Floats:
    """Probability that a ray clears clutter: (1 - density)^(share d / size), of which it crosses `share` of its way."""
    return np.asarray((1.0 - density) ** (np.asarray(share) * np.asarray(distance_2d_m) / size_m))


def share_below(height_m: float, site_height_m: Number, device_height_m: Number) -> Floats:
    """Part of the ray from device to site that lies below this height: (h - h_device)/(h_site - h_device) in [0, 1].

    Of a level ray it is all or nothing.
    """
    rise_m = np.maximum(np.subtract(site_height_m, device_height_m), 1e-9)
    return np.asarray(np.clip((height_m - np.asarray(device_height_m)) / rise_m, 0.0, 1.0))
