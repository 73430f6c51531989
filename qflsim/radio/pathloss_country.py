"""Path loss of villages and suburbs, TR 38.901 v19.4.0."""

from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from qflsim.model import Model
from qflsim.radio.pathloss import (
    BREAKPOINT_LIGHT_M_PER_S,
    Deviation,
    Distance,
    Limits,
    Number,
    share_below,
    sight_through,
)
from qflsim.units import Floats

Tens = Annotated[float, Field(ge=5, le=50)]


class Rma(Model):
    """Links between high masts and devices in villages and on country roads.

    LOS, up to the breakpoint d_BP = 2 pi h_site h_device f/c along the ground (c = 3.0e8 m/s):
          PL1(d) = 20 lg(40 pi d f/3) + min(0.03 h^1.72, 10) lg d - min(0.044 h^1.72, 14.77) + 0.002 lg(h) d,
          beyond it PL1(d_BP) + 40 lg(d/d_BP).
    NLOS: max(LOS, 161.04 - 7.1 lg W + 7.5 lg h - (24.37 - 3.7 (h/h_site)^2) lg h_site
          + (43.42 - 3.1 lg h_site)(lg d - 3) + 20 lg f - (3.2 lg^2(11.75 h_device) - 4.97)).
    d is the slant distance in m, f the carrier in GHz, h the mean height of houses, W the mean width of streets.

    Shadows deviate by `los_sigma_db` before the breakpoint and by `los_far_sigma_db` beyond it. The table has a step
    there; here it is a ramp as long as `los_correlation_m`, so that a millimetre changes nothing.

    Source: 3GPP TR 38.901 v19.4.0, Tables 7.4.1-1 (loss, sigma), 7.4.2-1 (LOS), 7.5-6 (shadow correlation), 7.6.3.1-2.
    Valid to 5 km (LOS alone to 10) and from 0.5 to 30 GHz, sites at 10 to 150 m, devices at 1 to 10 m. Nearer than 10 m
    the loss is that at 10 m, and antennas below 1 m count as 1 m.
    """

    kind: Literal["rma"] = "rma"
    building_height_m: Tens = 5.0
    street_width_m: Tens = 20.0
    los_sigma_db: Deviation = 4.0
    los_far_sigma_db: Deviation = 6.0
    nlos_sigma_db: Deviation = 8.0
    o2i_sigma_db: Deviation = 8.0
    los_correlation_m: Distance = 37.0
    nlos_correlation_m: Distance = 120.0
    o2i_correlation_m: Distance = 120.0
    state_correlation_m: Distance = 60.0
    limits: ClassVar[Limits] = Limits((0.5e9, 30e9), (10.0, 150.0), (1.0, 10.0), 5000.0)

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        link = _link(distance_2d_m, site_height_m, device_height_m, carrier_hz)
        los_db = link.los_db(self.building_height_m)
        return los_db, np.maximum(los_db, link.nlos_db(self.building_height_m, self.street_width_m))

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """Standard deviation of the shadowing in dB with and without line of sight."""
        beyond = _link(distance_2d_m, site_height_m, device_height_m, carrier_hz).beyond(self.los_correlation_m)
        return self.los_sigma_db + (self.los_far_sigma_db - self.los_sigma_db) * beyond, self.nlos_sigma_db

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """Share of places at this ground distance that see the site: 1 up to 10 m, then exp(-(d - 10)/1000)."""
        return np.exp(-(np.maximum(distance_2d_m, 10.0) - 10.0) / 1000.0)


class Sma(Model):
    """Links between sites above the roofs of a suburb and its devices.

    The formulas of `Rma`, without the maximum in NLOS, so that a corner may help. Line of sight is what commercial
    houses (20 m, 2 % of the ground), homes (8 m, 18 %) and trees (15 m, `vegetation`: 0 none, 0.1 sparse, 0.2 dense) of
    30 m size leave of it. The deviation's step at the breakpoint is a ramp as long as `los_correlation_m`.

    Source: 3GPP TR 38.901 v19.4.0 (new in release 19), Tables 7.4.1-1, 7.4.2-1, 7.5-6, 7.6.3.1-2.
    Valid to 5 km and from 0.5 to 100 GHz, sites at 25 to 35 m, devices at 1 to 14 m. Nearer than 10 m the loss is that
    at 10 m, and antennas below 1 m count as 1 m.
    """

    kind: Literal["sma"] = "sma"
    building_height_m: Tens = 10.0
    street_width_m: Tens = 10.0
    vegetation: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    los_sigma_db: Deviation = 4.0
    los_far_sigma_db: Deviation = 6.0
    nlos_sigma_db: Deviation = 8.0
    o2i_sigma_db: Deviation = 8.0
    los_correlation_m: Distance = 40.0
    nlos_correlation_m: Distance = 50.0
    o2i_correlation_m: Distance = 50.0
    state_correlation_m: Distance = 50.0
    limits: ClassVar[Limits] = Limits((0.5e9, 100e9), (25.0, 35.0), (1.0, 14.0), 5000.0)

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        link = _link(distance_2d_m, site_height_m, device_height_m, carrier_hz)
        return link.los_db(self.building_height_m), link.nlos_db(self.building_height_m, self.street_width_m)

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """Standard deviation of the shadowing in dB with and without line of sight."""
        beyond = _link(distance_2d_m, site_height_m, device_height_m, carrier_hz).beyond(self.los_correlation_m)
        return self.los_sigma_db + (self.los_far_sigma_db - self.los_sigma_db) * beyond, self.nlos_sigma_db

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """Share of places at this ground distance that see the site past houses and trees; 1 up to 10 m."""
        seen: Floats = np.ones(1)
        for height_m, density in ((20.0, 0.02), (8.0, 0.18), (15.0, self.vegetation)):
            share = share_below(height_m, site_height_m, device_height_m)
            seen = seen * sight_through(distance_2d_m, density, 30.0, share)
        return np.where(distance_2d_m <= 10.0, 1.0, seen)


class _Link(NamedTuple):
    """A link as the formulas take it: distances and heights clamped."""

    ground_m: Floats
    slant_m: Floats
    site_m: Floats
    device_m: Floats
    f_ghz: Floats
    breakpoint_m: Floats

    def los_db(self, building_m: float) -> Floats:
        """Loss in dB in line of sight."""
        at_breakpoint_db = self._near_db(self.breakpoint_m, building_m)
        far_db = at_breakpoint_db + 40.0 * np.log10(self.slant_m / self.breakpoint_m)
        return np.where(self.ground_m <= self.breakpoint_m, self._near_db(self.slant_m, building_m), far_db)

    def _near_db(self, distance_m: Floats, building_m: float) -> Floats:
        rough = building_m**1.72
        wave_db = 20.0 * np.log10(40.0 * np.pi * distance_m * self.f_ghz / 3.0)
        roofs_db = min(0.03 * rough, 10.0) * np.log10(distance_m) - min(0.044 * rough, 14.77)
        return np.asarray(wave_db + roofs_db + 0.002 * np.log10(building_m) * distance_m)

    def nlos_db(self, building_m: float, street_m: float) -> Floats:
        """Loss in dB without line of sight, less than in it where the formula says so."""
        lg_site = np.log10(self.site_m)
        roofs_db = 161.04 - 7.1 * np.log10(street_m) + 7.5 * np.log10(building_m)
        mast_db = (24.37 - 3.7 * (building_m / self.site_m) ** 2) * lg_site
        way_db = (43.42 - 3.1 * lg_site) * (np.log10(self.slant_m) - 3.0) + 20.0 * np.log10(self.f_ghz)
        return np.asarray(roofs_db - mast_db + way_db - (3.2 * np.log10(11.75 * self.device_m) ** 2 - 4.97))

    def beyond(self, ramp_m: float) -> Floats:
        """0 before the breakpoint, 1 beyond it, with a ramp of this length across it."""
        return np.asarray(np.clip((self.ground_m - self.breakpoint_m) / ramp_m + 0.5, 0.0, 1.0))


def _link(distance_2d_m: Floats, site_height_m: Number, device_height_m: Number, carrier_hz: Number) -> _Link:
    ground_m = np.maximum(distance_2d_m, 10.0)
    site_m, device_m = np.maximum(site_height_m, 1.0), np.maximum(device_height_m, 1.0)
    slant_m = np.hypot(ground_m, site_m - device_m)
    breakpoint_m = 2.0 * np.pi * site_m * device_m * carrier_hz / BREAKPOINT_LIGHT_M_PER_S
    return _Link(ground_m, slant_m, site_m, device_m, np.asarray(carrier_hz) / 1e9, breakpoint_m)
