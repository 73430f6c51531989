"""How devices move: laws that draw their tracks, and two of them, standing still and random waypoint."""

import math
from collections.abc import Iterator
from typing import Annotated, Literal, Protocol, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from qflsim.model import Model
from qflsim.units import FOREVER_NS, to_ns
from qflsim.world.mobility_draws import (
    between,
    mean_slowness_s_per_m,
    observed_speed_m_per_s,
    residual_pause_s,
    uniforms,
)  # fmt: skip
from qflsim.world.tracks import Leg, Place, Track, walk


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("(least, greatest)")
    return bounds


Side = Annotated[float, Field(ge=1, le=1e6)]
"""Side of an area, in metres."""
Coordinate = Annotated[float, Field(ge=-1e7, le=1e7)]
"""Place along an axis, in metres."""
Speed = Annotated[float, Field(ge=1e-3, le=1e4)]
"""A moving device's speed, in metres per second: nearly standing still would make the mean speed decay for ever."""
Pause = Annotated[float, Field(ge=0, le=1e7)]
"""Time that a device stands still at a waypoint, in seconds."""
Speeds = Annotated[tuple[Speed, Speed], AfterValidator(_ordered)]
"""Least and greatest speed."""
Pauses = Annotated[tuple[Pause, Pause], AfterValidator(_ordered)]
"""Shortest and longest pause."""


class Mobility(Protocol):
    """A law of motion that draws a device's track from that device's own stream."""

    @property
    def kind(self) -> str:
        """Its name in a scenario."""

    def track(self, rng: np.random.Generator) -> Track:
        """A device's track. The generator belongs to this track alone, which draws from it whenever it is asked."""


class Static(Model):
    """A device that stands still: at `at_m`, or anywhere in a rectangle of sides `area_m`, from `origin_m`."""

    kind: Literal["static"] = "static"
    area_m: tuple[Side, Side] | None = None
    origin_m: tuple[Coordinate, Coordinate] = (0.0, 0.0)
    at_m: tuple[Coordinate, Coordinate] | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.area_m is None) == (self.at_m is None):
            raise ValueError("give either area_m or at_m")
        return self

    def track(self, rng: np.random.Generator) -> Track:
        """One leg that never ends."""
        if self.at_m is not None:
            x_m, y_m = self.origin_m[0] + self.at_m[0], self.origin_m[1] + self.at_m[1]
        else:
            assert self.area_m is not None
            x_m, y_m = uniform_place(self.origin_m, self.area_m, iter(rng.random(2).tolist()))
        return Track(iter([Leg(0, FOREVER_NS, x_m, y_m, 0.0, 0.0)]))


class RandomWaypoint(Model):
    """A device that walks straight to a uniformly drawn place at a uniformly drawn speed, pauses, and so on, for ever.

    It starts in its stationary state, so that nothing drifts: paused with probability E[P] / (E[P] + E[T]) at a
    uniform place for the residual of a pause; otherwise on a leg drawn in proportion to its duration (end points
    accepted with probability length / diagonal, speed log-uniform) at a uniform point of it.

    Source: Navidi and Camp, IEEE Trans. Mobile Computing 3(1), 2004; Le Boudec and Vojnovic, "random trip", 2006.
    Validity: no obstacles; devices gather in the middle of the area (use another law for a uniform density). Legs
    last a whole number of nanoseconds, which lowers the speed of a leg of 1 ms by at most a millionth.
    """

    kind: Literal["random-waypoint"] = "random-waypoint"
    area_m: tuple[Side, Side]
    origin_m: tuple[Coordinate, Coordinate] = (0.0, 0.0)
    speed_m_per_s: Speeds
    pause_s: Pauses = (0.0, 0.0)

    @property
    def mean_leg_m(self) -> float:
        """Mean distance between two uniform points of the area (closed form)."""
        a, b = self.area_m
        h = math.hypot(a, b)
        straight = a**3 / b**2 + b**3 / a**2 + h * (3 - a**2 / b**2 - b**2 / a**2)
        return straight / 15 + (b**2 / a * math.asinh(a / b) + a**2 / b * math.asinh(b / a)) / 6

    @property
    def paused_share(self) -> float:
        """Probability that a device stands at a waypoint."""
        mean_pause_s = sum(self.pause_s) / 2
        return mean_pause_s / (mean_pause_s + self.mean_leg_m * mean_slowness_s_per_m(self.speed_m_per_s))

    def track(self, rng: np.random.Generator) -> Track:
        """Legs for ever; a pause is a leg without speed."""
        return Track(self._legs(uniforms(rng)))

    def _legs(self, draws: Iterator[float]) -> Iterator[Leg]:
        if any(self.pause_s) and next(draws) < self.paused_share:
            here, now_ns = self._place(draws), 0
            pause_s = residual_pause_s(self.pause_s, next(draws), next(draws))
        else:
            leg, here = self._first_walk(draws)
            yield leg
            now_ns, pause_s = leg.end_ns, between(self.pause_s, next(draws))
        while True:
            if pause_ns := to_ns(pause_s):
                yield Leg(now_ns, now_ns + pause_ns, *here, 0.0, 0.0)
            there = self._place(draws)
            leg = walk(now_ns + pause_ns, here, there, between(self.speed_m_per_s, next(draws)))
            yield leg
            now_ns, here = leg.end_ns, there
            pause_s = between(self.pause_s, next(draws))

    def _first_walk(self, draws: Iterator[float]) -> tuple[Leg, Place]:
        origin, there = self._place(draws), self._place(draws)
        while next(draws) * math.hypot(*self.area_m) >= math.dist(origin, there):
            origin, there = self._place(draws), self._place(draws)
        done = next(draws)
        here = between((origin[0], there[0]), done), between((origin[1], there[1]), done)
        return walk(0, here, there, observed_speed_m_per_s(self.speed_m_per_s, next(draws))), there

    def _place(self, draws: Iterator[float]) -> Place:
        return uniform_place(self.origin_m, self.area_m, draws)


def uniform_place(origin_m: Place, area_m: Place, draws: Iterator[float]) -> Place:
    """A place anywhere in a rectangle, by two uniform draws."""
    return origin_m[0] + next(draws) * area_m[0], origin_m[1] + next(draws) * area_m[1]
