"""Where devices are: straight legs at constant velocity, drawn as far as they are asked for."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from qflsim.errors import InputError
from qflsim.model import Model
from qflsim.units import FOREVER_NS, NS_PER_S, Floats, to_ns

Side = Annotated[float, Field(ge=1, le=1e6)]
"""Side of an area, in metres."""
Coordinate = Annotated[float, Field(ge=-1e7, le=1e7)]
"""Place along an axis, in metres."""
Speed = Annotated[float, Field(ge=1e-3, le=1e4)]
"""A moving device's speed, in metres per second: nearly standing still would make the mean speed decay for ever."""
Pause = Annotated[float, Field(ge=0, le=1e7)]
"""Time that a device stands still at a waypoint, in seconds."""

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
    def speed_m_per_s(self) -> float:
        """The speed on this leg."""
        return math.hypot(self.vx_m_per_s, self.vy_m_per_s)

    @property
    def length_m(self) -> float:
        """The distance from its start to its end."""
        return self.speed_m_per_s * (self.end_ns - self.start_ns) / NS_PER_S


class Track:
    """One device's presence and its legs, drawn from an iterator as far as they are asked for.

    Legs follow one another without a gap inside each presence interval [on, off). In between, before the first leg
    and after the last, the device stands at the end of a leg that is nearest in time. What a track answers does
    not depend on the order of the questions.
    """

    __slots__ = ("_legs", "_reigns_ns", "_travelled_m", "presence", "produced")

    def __init__(self, legs: Iterator[Leg], presence: tuple[tuple[int, int], ...] = ALWAYS) -> None:
        self.presence = presence
        self.produced: list[Leg] = []
        """All legs drawn so far."""
        self._legs = legs
        # A leg reigns from the middle of the silence before it; without silence, from its own start.
        self._reigns_ns: list[int] = []
        self._travelled_m: list[float] = []

    def __iter__(self) -> Iterator[Leg]:
        """All legs in their order, drawn as they are asked for."""
        index = 0
        while index < len(self.produced) or self._draw():
            yield self.produced[index]
            index += 1

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
        return self.produced[self._index(t_ns)]

    def positions_m(self, t_ns: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Places x and y in metres at instants of any order, each of the shape of `t_ns`."""
        if not t_ns.size:
            return np.zeros(t_ns.shape), np.zeros(t_ns.shape)
        past = self._index(int(t_ns.max())) + 1
        first = self._index(int(t_ns.min()))
        start_ns, end_ns, x_m, y_m, vx_m_per_s, vy_m_per_s = map(np.array, zip(*self.produced[first:past], strict=True))
        leg = np.maximum(np.searchsorted(np.array(self._reigns_ns[first:past]), t_ns, side="right") - 1, 0)
        elapsed_s = (np.clip(t_ns, start_ns[leg], end_ns[leg]) - start_ns[leg]) / NS_PER_S
        return x_m[leg] + vx_m_per_s[leg] * elapsed_s, y_m[leg] + vy_m_per_s[leg] * elapsed_s

    def travelled_m(self, t_ns: int) -> float:
        """Distance in metres travelled since the start of the first leg."""
        index = self._index(t_ns)
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
        self._travelled_m.append(0.0 if before is None else self._travelled_m[-1] + before.length_m)
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
            x_m, y_m = _uniform(self.origin_m, self.area_m, rng)
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
    speed_m_per_s: tuple[Speed, Speed]
    pause_s: tuple[Pause, Pause] = (0.0, 0.0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("speed_m_per_s", "pause_s"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} is (least, greatest)")
        return self

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
        low, high = self.speed_m_per_s
        mean_slowness_s_per_m = math.log(high / low) / (high - low) if high > low else 1 / low
        mean_pause_s = sum(self.pause_s) / 2
        return mean_pause_s / (mean_pause_s + self.mean_leg_m * mean_slowness_s_per_m)

    def track(self, rng: np.random.Generator) -> Track:
        """Legs for ever; a pause is a leg without speed."""
        return Track(self._legs(rng))

    def _legs(self, rng: np.random.Generator) -> Iterator[Leg]:
        if rng.random() < self.paused_share:
            here, now_ns, pause_s = self._place(rng), 0, self._residual_pause_s(rng)
        else:
            leg, here = self._first_walk(rng)
            yield leg
            now_ns, pause_s = leg.end_ns, rng.uniform(*self.pause_s)
        while True:
            if pause_ns := to_ns(pause_s):
                yield Leg(now_ns, now_ns + pause_ns, *here, 0.0, 0.0)
            there = self._place(rng)
            leg = _walk(now_ns + pause_ns, here, there, rng.uniform(*self.speed_m_per_s))
            yield leg
            now_ns, here = leg.end_ns, there
            pause_s = rng.uniform(*self.pause_s)

    def _first_walk(self, rng: np.random.Generator) -> tuple[Leg, Place]:
        origin, there = self._place(rng), self._place(rng)
        while rng.random() * math.hypot(*self.area_m) >= math.dist(origin, there):
            origin, there = self._place(rng), self._place(rng)
        done = rng.random()
        here = origin[0] + done * (there[0] - origin[0]), origin[1] + done * (there[1] - origin[1])
        slowest, fastest = self.speed_m_per_s
        return _walk(0, here, there, slowest * (fastest / slowest) ** rng.random()), there

    def _residual_pause_s(self, rng: np.random.Generator) -> float:
        # The pause that an observer falls into is drawn in proportion to its length; what is left of it is uniform.
        least_s, longest_s = self.pause_s
        pause_s = math.sqrt(least_s**2 + rng.random() * (longest_s**2 - least_s**2))
        return pause_s * rng.random()

    def _place(self, rng: np.random.Generator) -> Place:
        return _uniform(self.origin_m, self.area_m, rng)


def _uniform(origin_m: Place, area_m: Place, rng: np.random.Generator) -> Place:
    across, along = rng.random(2).tolist()
    return origin_m[0] + across * area_m[0], origin_m[1] + along * area_m[1]


def _walk(start_ns: int, here: Place, there: Place, speed_m_per_s: float) -> Leg:
    # The velocity follows from the whole nanoseconds, so that the next leg starts exactly where this one ends.
    dx_m, dy_m = there[0] - here[0], there[1] - here[1]
    duration_ns = max(1, to_ns(math.hypot(dx_m, dy_m) / speed_m_per_s))
    return Leg(start_ns, start_ns + duration_ns, *here, dx_m * NS_PER_S / duration_ns, dy_m * NS_PER_S / duration_ns)
