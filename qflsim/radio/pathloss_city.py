"""Path loss of cities: base stations between the houses and above the roofs, TR 38.901 v19.4.0."""

from typing import ClassVar, Literal, NamedTuple

import numpy as np

from qflsim.model import Model
from qflsim.radio.pathloss import BREAKPOINT_LIGHT_M_PER_S, Deviation, Distance, Limits, Number
from qflsim.units import Floats


class UmiStreetCanyon(Model):
    """Links between street furniture and devices on the ground of a city.

    LOS:  32.4 + 21 lg d + 20 lg f up to the breakpoint d' = 4 (h_site - 1)(h_device - 1) f/c along the ground,
          32.4 + 40 lg d + 20 lg f - 9.5 lg(d'^2 + (h_site - h_device)^2) beyond it.
    NLOS: max(LOS, 22.4 + 35.3 lg d + 21.3 lg f - 0.3 (h_device - 1.5)).
    d is the slant distance in m, f the carrier in GHz; c = 3.0e8 m/s in d', as the table's note has it.

    Source: 3GPP TR 38.901 v19.4.0, Tables 7.4.1-1 (loss, sigma), 7.5-6 (shadow correlation), 7.6.3.1-2 (state).
    Valid to 5 km and from 0.5 to 100 GHz, sites at 10 m, devices at 1.5 to 22.5 m. Nearer than 10 m the loss is
    that at 10 m, and antennas below 1.5 m count as 1.5 m.
    """

    kind: Literal["umi-street-canyon"] = "umi-street-canyon"
    los_sigma_db: Deviation = 4.0
    nlos_sigma_db: Deviation = 7.82
    o2i_sigma_db: Deviation = 7.0
    los_correlation_m: Distance = 10.0
    nlos_correlation_m: Distance = 13.0
    o2i_correlation_m: Distance = 7.0
    state_correlation_m: Distance = 50.0
    limits: ClassVar[Limits] = Limits(site_height_m=(10.0, 10.0), device_height_m=(1.5, 22.5), farthest_m=5000.0)

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        link = _link(distance_2d_m, site_height_m, device_height_m, carrier_hz)
        los_db = _CANYON.los_db(link)
        corner_db = 22.4 + 35.3 * link.lg_d + 21.3 * link.lg_f - 0.3 * (link.device_m - 1.5)
        return los_db, np.maximum(los_db, corner_db)

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """Standard deviation of the shadowing in dB with and without line of sight: the same everywhere."""
        return self.los_sigma_db, self.nlos_sigma_db

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """Share of places at this ground distance that see the site, at any height."""
        return street_los_probability(distance_2d_m)


class Uma(Model):
    """Links between sites above the roofs of a city and devices on its ground or in its houses.

    LOS:  28 + 22 lg d + 20 lg f up to the breakpoint d' = 4 (h_site - h_E)(h_device - h_E) f/c along the ground,
          28 + 40 lg d + 20 lg f - 9 lg(d'^2 + (h_site - h_device)^2) beyond it.
    NLOS: max(LOS, 13.54 + 39.08 lg d + 20 lg f - 0.6 (h_device - 1.5)).
    d is the slant distance in m, f the carrier in GHz; c = 3.0e8 m/s in d', as the table's note has it.

    The table draws the height h_E of what reflects: 1 m with the probability `ground_reflects`, else evenly one of 12,
    15, ... up to h_device - 1.5. Since places have no memory of draws here, the loss is the mean in dB over them; a
    draw's own deviation (none below 13.5 m) is left out. Above that height the mean falls with distance here and
    there, by less than 1 dB and below 1 GHz only.

    Source: 3GPP TR 38.901 v19.4.0, Tables 7.4.1-1 (loss, sigma), 7.4.2-1 (LOS), 7.5-6 (shadow correlation), 7.6.3.1-2.
    Valid to 5 km and from 0.5 to 100 GHz, sites at 25 m, devices at 1.5 to 22.5 m. Nearer than 10 m the loss is that
    at 10 m, and antennas below 1.5 m count as 1.5 m.
    """

    kind: Literal["uma"] = "uma"
    los_sigma_db: Deviation = 4.0
    nlos_sigma_db: Deviation = 6.0
    o2i_sigma_db: Deviation = 7.0
    los_correlation_m: Distance = 37.0
    nlos_correlation_m: Distance = 50.0
    o2i_correlation_m: Distance = 7.0
    state_correlation_m: Distance = 50.0
    limits: ClassVar[Limits] = Limits(site_height_m=(25.0, 25.0), device_height_m=(1.5, 22.5), farthest_m=5000.0)

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        link = _link(distance_2d_m, site_height_m, device_height_m, carrier_hz)
        los_db = _over_reflections_db(link)
        corner_db = 13.54 + 39.08 * link.lg_d + 20.0 * link.lg_f - 0.6 * (link.device_m - 1.5)
        return los_db, np.maximum(los_db, corner_db)

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """Standard deviation of the shadowing in dB with and without line of sight: the same everywhere."""
        return self.los_sigma_db, self.nlos_sigma_db

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """Share of places at this ground distance and height (up to 23 m) that see the site.

        1 up to 18 m, then [18/d + exp(-d/63) (1 - 18/d)] [1 + C' 1.25 (d/100)^3 exp(-d/150)] with
        C' = ((h_device - 13)/10)^1.5 above 13 m, else 0.
        """
        d_m = np.maximum(distance_2d_m, 18.0)
        ground = 18.0 / d_m + np.exp(-d_m / 63.0) * (1.0 - 18.0 / d_m)
        seen = np.minimum(1.0, ground * (1.0 + _above_roofs(d_m, device_height_m)))
        return np.where(distance_2d_m <= 18.0, 1.0, seen)


def ground_reflects(distance_2d_m: Floats, device_height_m: Number) -> Floats:
    """Probability 1/(1 + C) that a macro cell's second ray comes from the ground (h_E = 1 m), and not from a roof.

    C = ((h_device - 13)/10)^1.5 1.25 (d/100)^3 exp(-d/150); 0 up to 18 m or below 13 m. Source: TR 38.901 v19.4.0,
    note 1 of Table 7.4.1-1.
    """
    return np.asarray(1.0 / (1.0 + np.where(distance_2d_m <= 18.0, 0.0, _above_roofs(distance_2d_m, device_height_m))))


def street_los_probability(distance_2d_m: Floats) -> Floats:
    """Share of places in street canyons that see a site at this ground distance; same shape.

    1 up to 18 m, then 18/d + exp(-d/36) (1 - 18/d). Source: TR 38.901 v19.4.0, Table 7.4.2-1, UMi.
    """
    d_m = np.maximum(distance_2d_m, 18.0)
    return 18.0 / d_m + np.exp(-d_m / 36.0) * (1.0 - 18.0 / d_m)


def _above_roofs(distance_2d_m: Floats, device_height_m: Number) -> Floats:
    height_m = np.clip(np.asarray(device_height_m, dtype=float), 13.0, 23.0)
    if np.max(height_m) <= 13.0:
        return np.zeros(np.broadcast_shapes(np.shape(distance_2d_m), np.shape(height_m)))
    return np.asarray(
        ((height_m - 13.0) / 10.0) ** 1.5 * 1.25 * (distance_2d_m / 100.0) ** 3 * np.exp(-distance_2d_m / 150.0)
    )


class _Link(NamedTuple):
    """A link as the formulas take it: ground distance and heights clamped, lg of slant distance and of GHz."""

    ground_m: Floats
    site_m: Floats
    device_m: Floats
    carrier_hz: Number
    lg_d: Floats
    lg_f: Floats


def _link(distance_2d_m: Floats, site_height_m: Number, device_height_m: Number, carrier_hz: Number) -> _Link:
    ground_m = np.maximum(distance_2d_m, 10.0)
    site_m, device_m = np.maximum(site_height_m, 1.5), np.maximum(device_height_m, 1.5)
    lg_d = np.log10(np.hypot(ground_m, site_m - device_m))
    return _Link(ground_m, site_m, device_m, carrier_hz, lg_d, np.log10(carrier_hz) - 9.0)


class _TwoSlopes(NamedTuple):
    """LOS loss that steepens from `slope` to 40 dB a decade at the breakpoint, where a second ray begins to cancel."""

    intercept_db: float
    slope: float
    height_slope: float

    def los_db(self, link: _Link, reflector_m: float = 1.0) -> Floats:
        """Loss in dB when the second ray is reflected at this height."""
        site_m, device_m = np.maximum(link.site_m - reflector_m, 0.5), np.maximum(link.device_m - reflector_m, 0.5)
        breakpoint_m = 4.0 * site_m * device_m * link.carrier_hz / BREAKPOINT_LIGHT_M_PER_S
        near_db = self.intercept_db + self.slope * link.lg_d + 20.0 * link.lg_f
        apart = np.log10(breakpoint_m**2 + (link.site_m - link.device_m) ** 2)
        far_db = self.intercept_db + 40.0 * link.lg_d + 20.0 * link.lg_f - self.height_slope * apart
        return np.where(link.ground_m <= breakpoint_m, near_db, far_db)


_CANYON, _ROOFS = _TwoSlopes(32.4, 21.0, 9.5), _TwoSlopes(28.0, 22.0, 9.0)


def _over_reflections_db(link: _Link) -> Floats:
    """LOS loss of a macro cell in dB, the mean over the heights of reflection that the table would draw from."""
    ground_db = _ROOFS.los_db(link)
    highest_m = link.device_m - 1.5
    if np.max(highest_m) < 12.0:
        return ground_db
    sum_db, count = np.zeros_like(ground_db), np.zeros_like(ground_db)
    for reflector_m in np.arange(12.0, float(np.max(highest_m)) + 1e-9, 3.0):
        there = highest_m >= reflector_m
        sum_db += np.where(there, _ROOFS.los_db(link, reflector_m), 0.0)
        count += there
    ground = ground_reflects(link.ground_m, link.device_m)
    mixed_db = ground * ground_db + (1.0 - ground) * sum_db / np.maximum(count, 1.0)
    return np.where(count > 0, mixed_db, ground_db)
