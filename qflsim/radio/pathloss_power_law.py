"""Path loss as a power of distance: empty space, one exponent, or one each with and without line of sight."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from qflsim.model import Model
from qflsim.radio.pathloss import Deviation, Distance, Exponent, Limits, Number, free_space_db
from qflsim.radio.pathloss_city import street_los_probability
from qflsim.units import Floats

_ANYWHERE = Limits(carrier_hz=(0.5e9, 350e9))


class FreeSpace(Model):
    """Links with nothing around: 20 lg(4 pi d f/c), always in sight, no shadows (Friis 1946).

    d is the slant distance in m, at least 1 m; f the carrier in Hz.
    """

    kind: Literal["free-space"] = "free-space"
    los_correlation_m: ClassVar[float] = 1.0
    nlos_correlation_m: ClassVar[float] = 1.0
    state_correlation_m: ClassVar[float] = 1.0
    o2i_sigma_db: ClassVar[None] = None
    o2i_correlation_m: ClassVar[None] = None
    limits: ClassVar[Limits] = _ANYWHERE

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB, twice the same. All arguments broadcast."""
        loss_db = free_space_db(_slant_m(distance_2d_m, site_height_m, device_height_m), carrier_hz)
        return loss_db, loss_db

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """No shadows."""
        return 0.0, 0.0

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """1 everywhere."""
        return np.ones_like(distance_2d_m)


class LogDistance(Model):
    """Links whose loss grows by one power of the distance: reference + 10 n lg d, with one field of shadows.

    d is the slant distance in m, at least 1 m. The reference is the loss at 1 m; if it is not given, that of free space
    at the carrier. There is no second state of view.
    """

    kind: Literal["log-distance"] = "log-distance"
    reference_loss_db: Annotated[float, Field(ge=-50, le=200)] | None = None
    exponent: Exponent = 3.0
    shadow_sigma_db: Deviation = 6.0
    correlation_m: Distance = 50.0
    o2i_sigma_db: ClassVar[None] = None
    o2i_correlation_m: ClassVar[None] = None
    state_correlation_m: ClassVar[float] = 1.0
    limits: ClassVar[Limits] = _ANYWHERE

    @property
    def los_correlation_m(self) -> float:
        """How far shadows remember."""
        return self.correlation_m

    @property
    def nlos_correlation_m(self) -> float:
        """The same; there is one state."""
        return self.correlation_m

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB, without shadowing, twice the same. All arguments broadcast."""
        reference_db = free_space_db(1.0, carrier_hz) if self.reference_loss_db is None else self.reference_loss_db
        slant_m = _slant_m(distance_2d_m, site_height_m, device_height_m)
        loss_db = np.asarray(reference_db + 10.0 * self.exponent * np.log10(slant_m))
        return loss_db, loss_db

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """Standard deviation of the shadowing in dB, twice the same."""
        return self.shadow_sigma_db, self.shadow_sigma_db

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """1 everywhere: the one state."""
        return np.ones_like(distance_2d_m)


class CloseIn(Model):
    """Links anchored to free space at one metre: loss = FSPL(1 m) + 10 n lg d, one exponent n per state of view.

    FSPL(1 m) = 20 lg(4 pi f/c) and d is the slant distance in m, at least 1 m.

    Source: the close-in model with the urban micro values n = 2.0 / 3.2 and sigma = 4.0 / 7.0 dB, held constant from
    28 to 140 GHz, as in NYUSIM's ns-3 module; exponents of your own hold wherever they were measured. LOS probability,
    shadow and state correlation are borrowed from the street canyon of TR 38.901 unless `los_everywhere`. Above 100 GHz
    this is no 3GPP model. The absorption of air is no part of it.
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
    o2i_sigma_db: ClassVar[None] = None
    o2i_correlation_m: ClassVar[None] = None

    @property
    def limits(self) -> Limits:
        """The carriers that the usual exponents stand for; with others, every one."""
        usual = (self.los_exponent, self.nlos_exponent) == (2.0, 3.2)
        return Limits(carrier_hz=(28e9, 140e9)) if usual else _ANYWHERE

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        lg_d = np.log10(_slant_m(distance_2d_m, site_height_m, device_height_m))
        one_metre_db = free_space_db(1.0, carrier_hz)
        return one_metre_db + 10.0 * self.los_exponent * lg_d, one_metre_db + 10.0 * self.nlos_exponent * lg_d

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """Standard deviation of the shadowing in dB with and without line of sight: the same everywhere."""
        return self.los_sigma_db, self.nlos_sigma_db

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """Share of places at this ground distance that see the site, at any height."""
        return np.ones_like(distance_2d_m) if self.los_everywhere else street_los_probability(distance_2d_m)


def _slant_m(distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
    return np.maximum(np.hypot(distance_2d_m, np.subtract(site_height_m, device_height_m)), 1.0)
