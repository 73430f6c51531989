"""Path loss inside: offices and factory halls, TR 38.901 v19.4.0."""

from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from qflsim.model import Model
from qflsim.radio.pathloss import Deviation, Distance, Limits, Number, share_below, sight_through
from qflsim.units import Floats


class IndoorHotspot(Model):
    """Links within an office, between a ceiling and devices on desks.

    LOS: 32.4 + 17.3 lg d + 20 lg f. NLOS: max(LOS, 17.3 + 38.3 lg d + 24.9 lg f). d is the slant distance in m, f the
    carrier in GHz.

    Source: 3GPP TR 38.901 v19.4.0, Tables 7.4.1-1 (loss, sigma), 7.4.2-1 (LOS), 7.5-6 (shadow correlation), 7.6.3.1-2.
    Valid to 150 m and from 0.5 to 100 GHz. Nearer than 1 m the loss is that at 1 m.
    """

    kind: Literal["indoor-hotspot"] = "indoor-hotspot"
    office: Literal["open", "mixed"] = "open"
    los_sigma_db: Deviation = 3.0
    nlos_sigma_db: Deviation = 8.03
    los_correlation_m: Distance = 10.0
    nlos_correlation_m: Distance = 6.0
    state_correlation_m: Distance = 10.0
    o2i_sigma_db: ClassVar[None] = None
    o2i_correlation_m: ClassVar[None] = None
    limits: ClassVar[Limits] = Limits(farthest_m=150.0)

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        lg_d, lg_f = _logs(distance_2d_m, site_height_m, device_height_m, carrier_hz)
        los_db = 32.4 + 17.3 * lg_d + 20.0 * lg_f
        return los_db, np.maximum(los_db, 17.3 + 38.3 * lg_d + 24.9 * lg_f)

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """Standard deviation of the shadowing in dB with and without line of sight: the same everywhere."""
        return self.los_sigma_db, self.nlos_sigma_db

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """Share of places at this ground distance that see the site, at any height.

        Open:  1 up to 5 m, exp(-(d - 5)/70.8) up to 49 m, then 0.54 exp(-(d - 49)/211.7).
        Mixed: 1 up to 1.2 m, exp(-(d - 1.2)/4.7) up to 6.5 m, then 0.32 exp(-(d - 6.5)/32.6).
        """
        d_m = np.asarray(distance_2d_m, dtype=float)
        if self.office == "open":
            near, far = np.exp(-(np.maximum(d_m, 5.0) - 5.0) / 70.8), 0.54 * np.exp(-(d_m - 49.0) / 211.7)
            return np.where(d_m <= 49.0, near, far)
        near, far = np.exp(-(np.maximum(d_m, 1.2) - 1.2) / 4.7), 0.32 * np.exp(-(d_m - 6.5) / 32.6)
        return np.where(d_m < 6.5, near, far)


class _Hall(NamedTuple):
    """A kind of factory hall: NLOS loss intercept + slope lg d + 20 lg f, its deviation, and typical clutter."""

    intercept_db: float
    slope: float
    sigma_db: float
    size_m: float
    density: float
    height_m: float


_HALLS = {
    "SL": _Hall(33.0, 25.5, 5.7, 10.0, 0.2, 2.0),
    "DL": _Hall(18.6, 35.7, 7.2, 2.0, 0.6, 6.0),
    "SH": _Hall(32.4, 23.0, 5.9, 10.0, 0.2, 2.0),
    "DH": _Hall(33.63, 21.9, 4.0, 2.0, 0.6, 6.0),
}


class IndoorFactory(Model):
    """Links within a factory hall whose clutter is sparse (S) or dense (D), the site low (L) in it or high (H) above.

    LOS: 31.84 + 21.5 lg d + 19 lg f. NLOS: max(LOS, x), with x = 33 + 25.5 lg d + 20 lg f in SL, 18.6 + 35.7 lg d +
    20 lg f and at least that of SL in DL, 32.4 + 23 lg d + 20 lg f in SH, 33.63 + 21.9 lg d + 20 lg f in DH. In HH
    devices are above the clutter too, and always see the site. d is the slant distance in m, f the carrier in GHz.

    Clutter of `clutter_size_m` covers `clutter_density` of the floor and is `clutter_height_m` high. What is not said
    is usual for the hall: 10 m, 0.2 and 2 m in S; 2 m, 0.6 and 6 m in D (sizes and the side of 0.4 on which densities
    lie from TR 38.901 Table 7.2-4, the rest common choices).

    Source: 3GPP TR 38.901 v19.4.0, Tables 7.4.1-1 (loss, sigma), 7.4.2-1 (LOS), 7.5-6 (shadow correlation), 7.6.3.1-2
    (state: half the clutter's size). Valid to 600 m and from 0.5 to 100 GHz. Nearer than 1 m the loss is that at 1 m.
    """

    kind: Literal["indoor-factory"] = "indoor-factory"
    hall: Literal["SL", "DL", "SH", "DH", "HH"] = "SL"
    clutter_size_m: Annotated[float, Field(ge=0.1, le=100)] | None = None
    clutter_density: Annotated[float, Field(ge=0.01, le=0.99)] | None = None
    clutter_height_m: Annotated[float, Field(ge=0.1, le=100)] | None = None
    los_sigma_db: Deviation = 4.3
    nlos_sigma_db: Deviation | None = None
    los_correlation_m: Distance = 10.0
    nlos_correlation_m: Distance = 10.0
    o2i_sigma_db: ClassVar[None] = None
    o2i_correlation_m: ClassVar[None] = None

    @property
    def state_correlation_m(self) -> float:
        """How far the state of view remembers: half the clutter's size."""
        return self._clutter.size_m / 2.0

    @property
    def limits(self) -> Limits:
        """Sites stand below the clutter's top in SL and DL and above it elsewhere; in HH devices do so too."""
        top_m = self._clutter.height_m
        below, above = (0.0, top_m), (top_m, 1000.0)
        return Limits(
            site_height_m=below if self.hall in ("SL", "DL") else above,
            device_height_m=above if self.hall == "HH" else below,
            farthest_m=600.0,
        )

    @property
    def _clutter(self) -> _Hall:
        usual = _HALLS["SL" if self.hall == "HH" else self.hall]
        return usual._replace(
            size_m=self.clutter_size_m or usual.size_m,
            density=self.clutter_density or usual.density,
            height_m=self.clutter_height_m or usual.height_m,
        )

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        lg_d, lg_f = _logs(distance_2d_m, site_height_m, device_height_m, carrier_hz)
        los_db = nlos_db = 31.84 + 21.5 * lg_d + 19.0 * lg_f
        for name in {"HH": (), "DL": ("SL", "DL")}.get(self.hall, (self.hall,)):
            hall = _HALLS[name]
            nlos_db = np.maximum(nlos_db, hall.intercept_db + hall.slope * lg_d + 20.0 * lg_f)
        return los_db, nlos_db

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """Standard deviation of the shadowing in dB with and without line of sight: the same everywhere."""
        if self.nlos_sigma_db is not None:
            return self.los_sigma_db, self.nlos_sigma_db
        return self.los_sigma_db, self.los_sigma_db if self.hall == "HH" else _HALLS[self.hall].sigma_db

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """Share of places at this ground distance that see the site: (1 - density)^(d/size) among the clutter.

        In SH and DH only the part of the ray below the clutter's top counts; in HH nothing is in the way.
        """
        clutter = self._clutter
        share = share_below(clutter.height_m, site_height_m, device_height_m)
        if self.hall in ("SL", "DL"):
            share = np.ones_like(share)
        elif self.hall == "HH":
            share = np.zeros_like(share)
        return sight_through(distance_2d_m, clutter.density, clutter.size_m, share)


def _logs(
    distance_2d_m: Floats, site_height_m: Number, device_height_m: Number, carrier_hz: Number
) -> tuple[Floats, Floats]:
    """lg of the slant distance in m, at least 1 m, and of the carrier in GHz."""
    slant_m = np.hypot(distance_2d_m, np.subtract(site_height_m, device_height_m))
    return np.log10(np.maximum(slant_m, 1.0)), np.log10(carrier_hz) - 9.0
