"""Where devices are: straight legs at constant velocity, drawn as far as they are asked for."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from qflsim.errors import InputError
from qflsim.units import FOREVER_NS, NS_PER_S, Floats, to_ns

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

    def tell(self, hear: Callable[[Leg], None]) -> None:
        """Whoever `hear` is hears of each leg that is drawn from now on."""
        if isinstance(self._legs, DrawnLegs):
            self._legs.tell(hear)


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

    def tell(self, hear: Callable[[Leg], None]) -> None:
        """`hear` hears of each leg that is drawn from now on."""

        def told(legs: Iterator[Leg]) -> Iterator[Leg]:
            for leg in legs:
                hear(leg)
                yield leg

        self._legs = told(self._legs)

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


def walk(start_ns: int, here: Place, there: Place, speed_m_per_s: float) -> Leg:
    """The leg from one place straight to another.

    Its velocity follows from the whole nanoseconds, so that the next leg starts exactly where this one ends.
    """
    dx_m, dy_m = there[0] - here[0], there[1] - here[1]
    duration_ns = max(1, to_ns(math.hypot(dx_m, dy_m) / speed_m_per_s))
    return Leg(start_ns, start_ns + duration_ns, *here, dx_m * NS_PER_S / duration_ns, dy_m * NS_PER_S / duration_ns)
