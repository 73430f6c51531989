"""The books of flows that each advance at a speed of their own, from one change to the next."""

import numpy as np

from qflsim.units import FOREVER_NS, NS_PER_S, Floats, to_ns


class Progress:
    """What is left of each flow's work while every flow advances at its own constant speed.

    `pace` sets the speeds anew after every change; what is left then follows exactly, w - v t, until the next one. Work
    is in any unit, a speed in that unit a second; 0 is a flow that waits. An event costs O(n), over arrays. Asking
    changes nothing, not even the last bit. Instants must not decrease.
    """

    def __init__(self) -> None:
        self._flows: list[int] = []
        self._left, self._speed = np.empty(0), np.empty(0)
        self._since_ns = 0

    @property
    def flows(self) -> int:
        """Number of flows."""
        return len(self._flows)

    def place(self, flow: int) -> int:
        """Where a flow stands among the speeds: in the order in which the flows came."""
        return self._flows.index(flow)

    def add(self, now_ns: int, flow: int, work: float) -> None:
        """Let a flow join, as the last one, with speed 0 until the next `pace`."""
        assert flow not in self._flows, flow
        assert 0.0 <= work < float("inf"), work
        self._advance(now_ns)
        self._flows.append(flow)
        self._left, self._speed = np.append(self._left, work), np.append(self._speed, 0.0)

    def pace(self, now_ns: int, speeds: Floats) -> None:
        """Set the speed of every flow from now on."""
        assert speeds.shape == self._left.shape
        self._advance(now_ns)
        self._speed = speeds

    def remove(self, now_ns: int, flow: int) -> float:
        """Take a flow out; the work that is left of it, 0.0 where that is less than a nanosecond's."""
        left = self.remaining(now_ns, flow)
        self._advance(now_ns)
        place = self.place(flow)
        self._flows.pop(place)
        self._left, self._speed = np.delete(self._left, place), np.delete(self._speed, place)
        return left

    def remaining(self, now_ns: int, flow: int) -> float:
        """Work that is left of a flow, 0.0 where that is less than a nanosecond's at its present speed."""
        assert now_ns >= self._since_ns
        place = self.place(flow)
        speed = float(self._speed[place])
        left = float(self._left[place]) - speed * ((now_ns - self._since_ns) / NS_PER_S)
        return left if left * NS_PER_S >= speed and left > 0.0 else 0.0

    def next_completion(self, now_ns: int) -> tuple[int, int] | None:
        """The next instant at which a flow is done, and which; None if none ever is.

        Rounded up to a whole nanosecond and never before `now_ns`; of equal flows the lowest number comes first.
        """
        moving = self._speed > 0.0
        if not moving.any():
            return None
        times_s = np.divide(self._left, self._speed, out=np.full(len(self._flows), np.inf), where=moving)
        least_s = float(times_s.min())
        due_ns = min(self._since_ns + to_ns(least_s), FOREVER_NS)
        return max(due_ns, now_ns), min(self._flows[place] for place in np.flatnonzero(times_s == least_s))

    def _advance(self, now_ns: int) -> None:
        assert now_ns >= self._since_ns
        self._left = np.maximum(self._left - self._speed * ((now_ns - self._since_ns) / NS_PER_S), 0.0)
        self._since_ns = now_ns
