"""Where devices are: straight legs at constant velocity, drawn as far as they are asked for."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field, model_validator

from qflsim.errors import InputError
from qflsim.model import Model
from qflsim.units import FOREVER_NS, NS_PER_S, Floats, to_ns
from qflsim.world.mobility_draws import (
    between,
    mean_slowness_s_per_m,
    observed_speed_m_per_s,
    residual_pause_s,
    uniforms,
)  # fmt: skip


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

Place: TypeAlias = tuple[float, float]
"""A place (x, y), in metres."""
ALWAYS = ((0, FOREVER_NS),)
"""The presence of a device that never leaves."""


class Leg(NamedTuple):
    """A stretch from `start_ns` to `end_ns` that a device travels at constant velocity from (`x_m`, `y_m`)."""

    start_ns: int
    end_ns: int
    x_m: float
    y_m: float
    vx_m_per_s: float
    vy_m_per_s: float

    def at(self, t_ns: int) -> tuple[float, float]:
        """The place (x, y) in metres at an instant; outside the leg, its nearer end."""
        elapsed_s = (min(max(t_ns, self.start_ns), self.end_ns) - self.start_ns) / NS_PER_S
        return self.x_m + self.vx_m_per_s * elapsed_s, self.y_m + self.vy_m_per_s * elapsed_s

    @property
    def rests(self) -> bool:
        """Whether the device stands."""
        return self.vx_m_per_s == 0.0 and self.vy_m_per_s == 0.0

    @property
    def speed_m_per_s(self) -> float:
        """The speed on this leg."""
        return math.hypot(self.vx_m_per_s, self.vy_m_per_s)

    @property
    def length_m(self) -> float:
        """The distance from its start to its end."""
        return self.speed_m_per_s * (self.end_ns - self.start_ns) / NS_PER_S


class Legs(Protocol):
    """A device's legs in their order, and what follows from them at an instant. See `Track`."""

    @property
    def produced(self) -> list[Leg]:
        """All legs known so far."""

    def __iter__(self) -> Iterator[Leg]: ...

    def leg(self, t_ns: int) -> Leg:
        """The leg of this instant; in a silence, the nearest leg."""

    def positions_m(self, t_ns: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Places x and y in metres at instants of any order, one or more."""

    def travelled_m(self, t_ns: int) -> float:
        """Distance in metres travelled since the start of the first leg."""


class Track:
    """One device's presence and its legs: drawn from an iterator as far as they are asked for, or known already.

    Legs follow one another without a gap inside each presence interval [on, off). In between, before the first leg
    and after the last, the device stands at the end of a leg that is nearest in time. What a track answers does
    not depend on the order of the questions.
    """

    __slots__ = ("_legs", "presence")

    def __init__(self, legs: Iterator[Leg] | Legs, presence: tuple[tuple[int, int], ...] = ALWAYS) -> None:
        self.presence = presence
        self._legs = DrawnLegs(legs) if isinstance(legs, Iterator) else legs

    @property
    def produced(self) -> list[Leg]:
        """All legs drawn so far; if they were known from the start, all."""
        return self._legs.produced

    def __iter__(self) -> Iterator[Leg]:
        """All legs in their order, drawn as they are asked for."""
        return iter(self._legs)

    def present(self, t_ns: int) -> bool:
        """Whether the device is there at this instant."""
        interval = bisect_right(self.presence, t_ns, key=lambda on_off: on_off[0]) - 1
        return interval >= 0 and t_ns < self.presence[interval][1]

    def leaves_ns(self, t_ns: int) -> int:
        """The end of the presence interval that holds this instant."""
        assert self.present(t_ns)
        return self.presence[bisect_right(self.presence, t_ns, key=lambda on_off: on_off[0]) - 1][1]

    def leg(self, t_ns: int) -> Leg:
        """The leg of this instant; in a silence, the nearest leg."""
        return self._legs.leg(t_ns)

    def positions_m(self, t_ns: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Places x and y in metres at instants of any order, each of the shape of `t_ns`."""
        if not t_ns.size:
            return np.zeros(t_ns.shape), np.zeros(t_ns.shape)
        return self._legs.positions_m(t_ns)

    def travelled_m(self, t_ns: int) -> float:
        """Distance in metres travelled since the start of the first leg."""
        return self._legs.travelled_m(t_ns)


class DrawnLegs:
    """Legs drawn from an iterator as far as they are asked for, and kept."""

    __slots__ = ("_legs", "_reigns_ns", "_travelled_m", "produced")

    def __init__(self, legs: Iterator[Leg]) -> None:
        self.produced: list[Leg] = []
        """All legs drawn so far."""
        self._legs = legs
        # A leg reigns from the middle of the silence before it; without silence, from its own start.
        self._reigns_ns: list[int] = []
        # Distances up to the starts of legs, as far as they were asked for.
        self._travelled_m = [0.0]

    def __iter__(self) -> Iterator[Leg]:
        index = 0
        while index < len(self.produced) or self._draw():
            yield self.produced[index]
            index += 1

    def leg(self, t_ns: int) -> Leg:
        """The leg of this instant; in a silence, the nearest leg."""
        return self.produced[self._index(t_ns)]

    def positions_m(self, t_ns: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Places x and y in metres at instants of any order, one or more."""
        past = self._index(int(t_ns.max())) + 1
        first = self._index(int(t_ns.min()))
        start_ns, end_ns, x_m, y_m, vx_m_per_s, vy_m_per_s = map(np.array, zip(*self.produced[first:past], strict=True))
        leg = np.maximum(np.searchsorted(np.array(self._reigns_ns[first:past]), t_ns, side="right") - 1, 0)
        elapsed_s = (np.clip(t_ns, start_ns[leg], end_ns[leg]) - start_ns[leg]) / NS_PER_S
        return x_m[leg] + vx_m_per_s[leg] * elapsed_s, y_m[leg] + vy_m_per_s[leg] * elapsed_s

    def travelled_m(self, t_ns: int) -> float:
        """Distance in metres travelled since the start of the first leg."""
        index = self._index(t_ns)
        for before in self.produced[len(self._travelled_m) - 1 : index]:
            self._travelled_m.append(self._travelled_m[-1] + before.length_m)
        leg = self.produced[index]
        elapsed_s = (min(max(t_ns, leg.start_ns), leg.end_ns) - leg.start_ns) / NS_PER_S
        return self._travelled_m[index] + leg.speed_m_per_s * elapsed_s

    def _index(self, t_ns: int) -> int:
        while (not self.produced or self.produced[-1].end_ns <= t_ns) and self._draw():
            pass
        return max(bisect_right(self._reigns_ns, t_ns) - 1, 0)

    def _draw(self) -> bool:
        """Draws the next leg; whether there was one."""
        leg = next(self._legs, None)
        if leg is not None:
            self._append(leg)
        return leg is not None

    def _append(self, leg: Leg) -> None:
        assert leg.start_ns < leg.end_ns
        before = self.produced[-1] if self.produced else None
        assert before is None or before.end_ns <= leg.start_ns
        self._reigns_ns.append(leg.start_ns if before is None else (before.end_ns + leg.start_ns + 1) // 2)
        self.produced.append(leg)


def track_from_legs(legs: Iterable[Leg], presence: Iterable[tuple[int, int]], where: str = "legs") -> Track:
    """The track of recorded legs and presence intervals, in any order.

    `where` names their source in the `InputError` that is raised if there is no leg or interval, if legs or intervals
    are empty or overlap, or if legs do not fill each interval.
    """
    legs, intervals = sorted(legs), tuple(sorted(presence))
    spans: list[tuple[int, int]] = []
    for leg in legs:
        if leg.end_ns <= leg.start_ns or (spans and leg.start_ns < spans[-1][1]):
            raise InputError(where, f"a leg from {leg.start_ns} to {leg.end_ns} ns", "legs one after the other")
        if spans and spans[-1][1] == leg.start_ns:
            spans[-1] = (spans[-1][0], leg.end_ns)
        else:
            spans.append((leg.start_ns, leg.end_ns))
    if not spans or tuple(spans) != intervals:
        raise InputError(where, f"presence {intervals} and legs over {tuple(spans)}", "legs that fill each presence")
    return Track(iter(legs), intervals)


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


def walk(start_ns: int, here: Place, there: Place, speed_m_per_s: float) -> Leg:
    """The leg from one place straight to another.

    Its velocity follows from the whole nanoseconds, so that the next leg starts exactly where this one ends.
    """
    dx_m, dy_m = there[0] - here[0], there[1] - here[1]
    duration_ns = max(1, to_ns(math.hypot(dx_m, dy_m) / speed_m_per_s))
    return Leg(start_ns, start_ns + duration_ns, *here, dx_m * NS_PER_S / duration_ns, dy_m * NS_PER_S / duration_ns)
