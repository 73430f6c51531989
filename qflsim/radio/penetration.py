"""Penetration: what the walls or the car around a device cost its radio."""

from typing import Annotated, ClassVar, Literal, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from scipy.special import ndtri

from qflsim.model import Model
from qflsim.units import Floats

Loss = Annotated[float, Field(ge=0, le=60)]

_ANY_CARRIER = (0.0, float("inf"))


class Penetrated(NamedTuple):
    """What was drawn for each device of a group; arrays of one length."""

    loss_db: Floats
    """at least 0"""
    indoor: npt.NDArray[np.bool_]
    """whether it is in a building; a car is none"""


class Penetration(Protocol):
    """What the devices of a group stand in. It is drawn once a device, and does not change as they move."""

    @property
    def kind(self) -> str: ...
    @property
    def carrier_limits_hz(self) -> tuple[float, float]: ...

    def draw(self, count: int, carrier_hz: float, rng: np.random.Generator) -> Penetrated:
        """The first `count` devices of a group. More devices move no earlier draw."""
        ...


class NoPenetration(Model):
    """Devices in the open."""

    kind: Literal["none"] = "none"
    carrier_limits_hz: ClassVar[tuple[float, float]] = _ANY_CARRIER

    def draw(self, count: int, carrier_hz: float, rng: np.random.Generator) -> Penetrated:
        """No loss, nobody inside."""
        return Penetrated(np.zeros(count), np.zeros(count, dtype=bool))


class FixedPenetration(Model):
    """Devices that all lose the same."""

    kind: Literal["fixed"] = "fixed"
    loss_db: Loss
    carrier_limits_hz: ClassVar[tuple[float, float]] = _ANY_CARRIER

    def draw(self, count: int, carrier_hz: float, rng: np.random.Generator) -> Penetrated:
        """The loss, nobody inside."""
        return Penetrated(np.full(count, self.loss_db), np.zeros(count, dtype=bool))


class Car(Model):
    """Devices in cars: a normal loss in dB, cut at 0. Metallised windows have a mean of 20 dB.

    Source: 3GPP TR 38.901 v19.4.0, 7.4.3.2. Valid from 0.6 to 60 GHz.
    """

    kind: Literal["car"] = "car"
    mean_db: Loss = 9.0
    deviation_db: Annotated[float, Field(ge=0, le=20)] = 5.0
    carrier_limits_hz: ClassVar[tuple[float, float]] = (0.6e9, 60e9)

    def draw(self, count: int, carrier_hz: float, rng: np.random.Generator) -> Penetrated:
        """max(0, N(mean, deviation^2)), nobody inside a building."""
        losses_db = self.mean_db + self.deviation_db * rng.normal(size=count)
        return Penetrated(np.maximum(0.0, losses_db), np.zeros(count, dtype=bool))


class Building(Model):
    """Devices of which a share is inside buildings, seen from outside.

    Loss = wall + 0.5 dB a metre inside + N(0, sigma_P^2), cut at 0; the depth is the lesser of two draws from
    [0, `deepest_m`]: 25 m in cities, 10 m in the country. The wall is 5 dB (no wave meets it at right angles) and a mix
    of power through it, f in GHz:

    low:   0.3 glass (2 + 0.2 f), 0.7 concrete (5 + 4 f), sigma_P 4.4 dB: old houses;
    high:  0.7 coated glass (25.4 + 0.11 f; 23 + 0.3 f up to release 18), 0.3 concrete, sigma_P 6.5 dB: insulated ones;
    low-a: 0.3 glass, 0.7 plywood (1.03 + 0.17 f), sigma_P 4.4 dB: wooden ones, from release 19 on.

    Source: 3GPP TR 38.901 v19.4.0, 7.4.3.1; `release` 16 to 18 has the older glass. A device's place is that inside, so
    the way inside is part of its distance; line of sight is judged at that distance too. The tables pair low with all
    outdoor families, high with uma, umi-street-canyon, sma and indoor-factory, low-a with sma.
    """

    kind: Literal["building"] = "building"
    walls: Literal["low", "high", "low-a"] = "low"
    indoor_share: Annotated[float, Field(ge=0, le=1)] = 0.8
    deepest_m: Annotated[float, Field(ge=0, le=100)] = 25.0
    release: Literal[16, 17, 18, 19] = 19
    carrier_limits_hz: ClassVar[tuple[float, float]] = (0.5e9, 100e9)

    @model_validator(mode="after")
    def _in_its_release(self) -> Self:
        if self.walls == "low-a" and self.release < 19:
            raise ValueError(f"release = 19, the first with low-a walls, not {self.release}")
        return self

    @property
    def sigma_db(self) -> float:
        """How much walls of one kind differ."""
        return 6.5 if self.walls == "high" else 4.4

    def wall_db(self, carrier_hz: float) -> float:
        """Mean loss of the outer wall in dB."""
        f = carrier_hz / 1e9
        glass_db, concrete_db, plywood_db = 2.0 + 0.2 * f, 5.0 + 4.0 * f, 1.03 + 0.17 * f
        coated_db = 25.4 + 0.11 * f if self.release >= 19 else 23.0 + 0.3 * f
        mix = {
            "low": ((0.3, glass_db), (0.7, concrete_db)),
            "high": ((0.7, coated_db), (0.3, concrete_db)),
            "low-a": ((0.3, glass_db), (0.7, plywood_db)),
        }
        through = sum(share * 10.0 ** (-loss_db / 10.0) for share, loss_db in mix[self.walls])
        return 5.0 - 10.0 * float(np.log10(through))

    def draw(self, count: int, carrier_hz: float, rng: np.random.Generator) -> Penetrated:
        """Who is inside, and the loss of those who are; four numbers a device."""
        inside, one, other, wall = rng.random((count, 4)).T
        indoor = inside < self.indoor_share
        depth_m = self.deepest_m * np.minimum(one, other)
        losses_db = self.wall_db(carrier_hz) + 0.5 * depth_m + self.sigma_db * ndtri(wall)
        return Penetrated(np.where(indoor, np.maximum(0.0, losses_db), 0.0), indoor)
