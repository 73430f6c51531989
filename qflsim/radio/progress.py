"""The books of flows that each advance at a speed of their own, from one change to the next."""

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from qflsim.units import FOREVER_NS, NS_PER_S, Floats, to_ns

_FEW = 16
"""Up to so many flows a loop takes less time than calls over arrays; both give the same bits."""
Speeds: TypeAlias = Callable[[Floats], Floats]
"""The speeds of all flows at once, none below 0, by their terms: from (terms, flows) to (flows,)."""


class Progress:
    """What is left of each flow's work while every flow advances at its own constant speed between changes.

    A flow brings its work and its terms (whatever its speed depends on). After each change a law makes speeds of all
    terms, and what is left follows exactly, w - v t, until the next one. Work is in any unit, a speed in that unit a
    second; 0 is a flow that waits.

    Flows stand in the order of their numbers, so that the first of equal ones has the lowest. Speeds are worked out
    once, when they are first needed: changes at one instant cost no more than one of them. An event costs O(n), in few
    calls over arrays. Asking changes nothing, not even the last bit. Instants must not decrease.
    """

    def __init__(self, speeds: Speeds, terms: int) -> None:
        self._law = speeds
        self._flows: list[int] = []
        self._rows = np.empty((1 + terms, 0))
        """what is left, and the terms"""
        self._since_ns = 0
        self._course: tuple[Floats, tuple[int, int] | None] | None = None
        """the speeds since then, and the next completion; None until somebody needs to know"""

    @property
    def flows(self) -> int:
        """Number of flows."""
        return len(self._flows)

    @property
    def terms(self) -> Floats:
        """The terms of all flows, of shape (terms, flows)."""
        return self._rows[1:]

    def add(self, now_ns: int, flow: int, work: float, *terms: float) -> None:
        """Let a flow join."""
        assert 0.0 <= work < math.inf, work
        self.turn(now_ns)
        place = bisect_left(self._flows, flow)
        assert self._flows[place : place + 1] != [flow], flow
        self._flows.insert(place, flow)
        column = np.array((work, *terms))[:, np.newaxis]
        self._rows = np.concatenate((self._rows[:, :place], column, self._rows[:, place:]), axis=1)

    def change(self, now_ns: int, flow: int, work: float, *terms: float) -> None:
        """Give a flow other work and other terms."""
        assert 0.0 <= work < math.inf, work
        self.turn(now_ns)
        self._rows[:, self._place(flow)] = work, *terms

    def remove(self, now_ns: int, flow: int) -> float:
        """Take a flow out; the work that is left of it, 0.0 where that is less than a nanosecond's."""
        left = self.remaining(now_ns, flow)
        self.turn(now_ns)
        place = self._place(flow)
        del self._flows[place]
        self._rows = np.concatenate((self._rows[:, :place], self._rows[:, place + 1 :]), axis=1)
        return left

    def turn(self, now_ns: int) -> None:
        """Count what is left until now; from now on the law may give other speeds."""
        assert now_ns >= self._since_ns
        if self._flows and now_ns > self._since_ns:
            left, (speeds, _) = self._rows[0], self._on_course()
            left -= speeds * ((now_ns - self._since_ns) / NS_PER_S)
            np.maximum(left, 0.0, out=left)
        self._since_ns, self._course = now_ns, None

    def remaining(self, now_ns: int, flow: int) -> float:
        """Work that is left of a flow, 0.0 where that is less than a nanosecond's at its present speed."""
        assert now_ns >= self._since_ns
        place = self._place(flow)
        speed = float(self._on_course()[0][place])
        left = float(self._rows[0, place]) - speed * ((now_ns - self._since_ns) / NS_PER_S)
        return left if left * NS_PER_S >= speed and left > 0.0 else 0.0

    def next_completion(self, now_ns: int) -> tuple[int, int] | None:
        """The next instant at which a flow is done, and which; None if none ever is.

        Rounded up to a whole nanosecond and never before `now_ns`; of equal flows the lowest number comes first.
        """
        upcoming = self._on_course()[1] if self._flows else None
        return upcoming and (max(upcoming[0], now_ns), upcoming[1])

    def _place(self, flow: int) -> int:
        place = bisect_left(self._flows, flow)
        assert self._flows[place] == flow, flow
        return place

    def _on_course(self) -> tuple[Floats, tuple[int, int] | None]:
        if self._course is None:
            speeds = self._law(self._rows[1:])
            self._course = speeds, self._first(speeds)
        return self._course

    def _first(self, speeds: Floats) -> tuple[int, int] | None:
        least_s, place = math.inf, -1
        if len(speeds) <= _FEW:
            for k, (left, speed) in enumerate(zip(self._rows[0].tolist(), speeds.tolist(), strict=True)):
                if speed > 0.0 and left / speed < least_s:
                    least_s, place = left / speed, k
        else:
            times_s = np.divide(self._rows[0], speeds, out=np.full(len(speeds), np.inf), where=speeds > 0.0)
            place = int(times_s.argmin())
            least_s = float(times_s[place])
        if least_s == math.inf:
            return None
        return min(self._since_ns + to_ns(least_s), FOREVER_NS), self._flows[place]
