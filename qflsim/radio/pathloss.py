"""Path loss: how much a link loses over distance, with the street in view and with a corner in the way."""

from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import Field

from qflsim.model import Model
from qflsim.units import SPEED_OF_LIGHT_M_PER_S, Floats

BREAKPOINT_LIGHT_M_PER_S = 3.0e8
"""The speed of light that the note of TR 38.901 Table 7.4.1-1 prescribes for the breakpoint distance."""

Distance = Annotated[float, Field(ge=0.1, le=1e6)]
Deviation = Annotated[float, Field(ge=0, le=40)]
Exponent = Annotated[float, Field(ge=0.1, le=10)]


class PathLoss(Protocol):
    """A family of links: its loss in and out of line of sight (LOS), how often each holds, and how shadows vary."""

    @property
    def kind(self) -> str: ...
    @property
    def los_sigma_db(self) -> float: ...
    @property
    def nlos_sigma_db(self) -> float: ...
    @property
    def los_correlation_m(self) -> float: ...
    @property
    def nlos_correlation_m(self) -> float: ...
    @property
    def state_correlation_m(self) -> float: ...

    def loss_db(
        self,
        distance_2d_m: Floats,
        site_height_m: Floats | float,
        device_height_m: Floats | float,
        carrier_hz: Floats | float,
    ) -> tuple[Floats, Floats]:
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        ...

    def los_probability(self, distance_2d_m: Floats) -> Floats:
        """Share of places at this ground distance that see the site; same shape."""
        ...


class UmiStreetCanyon(Model):
    """Links between street furniture and devices on the ground of a city.

    LOS:  32.4 + 21 lg d + 20 lg f up to the breakpoint d' = 4 (h_site - 1)(h_device - 1) f/c along the ground,
          32.4 + 40 lg d + 20 lg f - 9.5 lg(d'^2 + (h_site - h_device)^2) beyond it.
    NLOS: max(LOS, 22.4 + 35.3 lg d + 21.3 lg f - 0.3 (h_device - 1.5)).
    d is the slant distance in m, f the carrier in GHz; c = 3.0e8 m/s in d', as the table's note has it.

    Source: 3GPP TR 38.901 v19.4.0, Tables 7.4.1-1 (loss, sigma), 7.5-6 (shadow correlation), 7.6.3.1-2 (state).
    Valid from 10 m to 5 km and 0.5 to 100 GHz, sites at 10 m, devices at 1.5 to 22.5 m. Nearer than 10 m the loss is
    that at 10 m, and antennas below 1.5 m count as 1.5 m; elsewhere the formulas are continued without warning.
    """

    kind: Literal["umi-street-canyon"] = "umi-street-canyon"
    los_sigma_db: Deviation = 4.0
    nlos_sigma_db: Deviation = 7.82
    los_correlation_m: Distance = 10.0
    nlos_correlation_m: Distance = 13.0
    state_correlation_m: Distance = 50.0

    def loss_db(
        self,
        distance_2d_m: Floats,
        site_height_m: Floats | float,
        device_height_m: Floats | float,
        carrier_hz: Floats | float,
    ) -> tuple[Floats, Floats]:
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        ground_m = np.maximum(distance_2d_m, 10.0)
        site_m, device_m = np.maximum(site_height_m, 1.5), np.maximum(device_height_m, 1.5)
        breakpoint_m = 4.0 * (site_m - 1.0) * (device_m - 1.0) * carrier_hz / BREAKPOINT_LIGHT_M_PER_S
        drop_m = site_m - device_m
        lg_d = np.log10(np.hypot(ground_m, drop_m))
        lg_f = np.log10(carrier_hz) - 9.0
        near_db = 32.4 + 21.0 * lg_d + 20.0 * lg_f
        far_db = 32.4 + 40.0 * lg_d + 20.0 * lg_f - 9.5 * np.log10(breakpoint_m**2 + drop_m**2)
        los_db = np.where(ground_m <= breakpoint_m, near_db, far_db)
        corner_db = 22.4 + 35.3 * lg_d + 21.3 * lg_f - 0.3 * (device_m - 1.5)
        return los_db, np.maximum(los_db, corner_db)

    def los_probability(self, distance_2d_m: Floats) -> Floats:
        """Share of places at this ground distance that see the site; same shape."""
        return street_los_probability(distance_2d_m)


class CloseIn(Model):
    """Links anchored to free space at one metre: loss = FSPL(1 m) + 10 n lg d, one exponent n per state of view.

    FSPL(1 m) = 20 lg(4 pi f/c) and d is the slant distance in m, at least 1 m.

    Source: the close-in model with the urban micro values n = 2.0 / 3.2 and sigma = 4.0 / 7.0 dB, held constant from
    28 to 140 GHz, as in NYUSIM's ns-3 module. LOS probability, shadow and state correlation are borrowed from the
    street canyon of TR 38.901 unless `los_everywhere`. Above 100 GHz this is no 3GPP model, and the absorption of
    air (0.09 dB per 100 m at 140 GHz) is left out.
    """

    kind: Literal["close-in"] = "close-in"
    los_exponent: Exponent = 2.0
    nlos_exponent: Exponent = 3.2
    los_everywhere: bool = False
    los_sigma_db: Deviation = 4.0
    nlos_sigma_db: Deviation = 7.0
    los_correlation_m: Distance = 10.0
    nlos_correlation_m: Distance = 13.0
    state_correlation_m: Distance = 50.0

    def loss_db(
        self,
        distance_2d_m: Floats,
        site_height_m: Floats | float,
        device_height_m: Floats | float,
        carrier_hz: Floats | float,
    ) -> tuple[Floats, Floats]:
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        slant_m = np.hypot(distance_2d_m, np.subtract(site_height_m, device_height_m))
        lg_d = np.log10(np.maximum(slant_m, 1.0))
        one_metre_db = 20.0 * np.log10(4.0 * np.pi * np.asarray(carrier_hz) / SPEED_OF_LIGHT_M_PER_S)
        return one_metre_db + 10.0 * self.los_exponent * lg_d, one_metre_db + 10.0 * self.nlos_exponent * lg_d

    def los_probability(self, distance_2d_m: Floats) -> Floats:
        """Share of places at this ground distance that see the site; same shape."""
        return np.ones_like(distance_2d_m) if self.los_everywhere else street_los_probability(distance_2d_m)


def street_los_probability(distance_2d_m: Floats) -> Floats:
    """Share of places in street canyons that see a site at this ground distance; same shape.

    1 up to 18 m, then 18/d + exp(-d/36) (1 - 18/d). Source: TR 38.901 v19.4.0, Table 7.4.2-1, UMi.
    """
    d_m = np.maximum(distance_2d_m, 18.0)
    return 18.0 / d_m + np.exp(-d_m / 36.0) * (1.0 - 18.0 / d_m)
