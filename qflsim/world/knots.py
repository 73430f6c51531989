"""Legs that are known from the start, kept as arrays of knots: 24 byte a leg."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from qflsim.units import FOREVER_NS, NS_PER_S, Floats
from qflsim.world.mobility import Leg, Track

Instants = npt.NDArray[np.int64]


class Knots:
    """The knots of a device's way, each an instant and a place.

    Legs run straight from each knot to the next, but across no silence: `ends` are the numbers of the knots that end a
    stay. `ticks_ns` increase strictly; `places_m` are x, y, x, y and so on. Every stay has two knots or more.
    """

    __slots__ = ("_ends", "_places_m", "_ticks_ns", "_travelled_m")

    def __init__(self, ticks_ns: "array[int]", places_m: "array[float]", ends: "array[int]") -> None:
        assert 2 * len(ticks_ns) == len(places_m)
        assert ends[-1] == len(ticks_ns) - 1
        self._ticks_ns, self._places_m, self._ends = ticks_ns, places_m, ends
        self._travelled_m: array[float] | None = None

    def __len__(self) -> int:
        return len(self._ticks_ns)

    @property
    def track(self) -> Track:
        """The track of these legs."""
        starts = [0, *(end + 1 for end in self._ends[:-1])]
        ticks_ns = self._ticks_ns
        return Track(self, tuple((ticks_ns[on], ticks_ns[off]) for on, off in zip(starts, self._ends, strict=True)))

    @property
    def produced(self) -> list[Leg]:
        """All legs."""
        return list(self)

    def __iter__(self) -> Iterator[Leg]:
        start = 0
        for end in self._ends:
            for number in range(start, end):
                yield self._leg(number)
            start = end + 1

    def leg(self, t_ns: int) -> Leg:
        """The leg of this instant; in a silence, the nearest leg."""
        return self._leg(self._number(t_ns))

    def positions_m(self, t_ns: Instants) -> tuple[Floats, Floats]:
        """Places x and y in metres at instants of any order, one or more."""
        ticks_ns, places_m = np.frombuffer(self._ticks_ns, np.int64), np.frombuffer(self._places_m).reshape(-1, 2)
        start = self._numbers(t_ns)
        elapsed_s = (np.clip(t_ns, ticks_ns[start], ticks_ns[start + 1]) - ticks_ns[start]) / NS_PER_S
        duration_s = (ticks_ns[start + 1] - ticks_ns[start]) / NS_PER_S
        x_m, y_m = (c[start] + (c[start + 1] - c[start]) / duration_s * elapsed_s for c in places_m.T)
        return x_m, y_m

    def travelled_m(self, t_ns: int) -> float:
        """Distance in metres travelled since the start of the first leg."""
        if self._travelled_m is None:
            self._travelled_m = self._distances_m()
        number = self._number(t_ns)
        leg = self._leg(number)
        elapsed_s = (min(max(t_ns, leg.start_ns), leg.end_ns) - leg.start_ns) / NS_PER_S
        return self._travelled_m[number] + leg.speed_m_per_s * elapsed_s

    def cut(self, start_ns: int, end_ns: int) -> "Knots | None":
        """What lies in [start_ns, end_ns), told from `start_ns`; None if nothing does. A stay for ever stays one."""
        ticks_ns, places_m = np.frombuffer(self._ticks_ns, np.int64), np.frombuffer(self._places_m).reshape(-1, 2)
        ticks, places, ends = array("q"), array("d"), array("q")
        first = 0
        for last in self._ends:
            on_ns, off_ns = max(int(ticks_ns[first]), start_ns), min(int(ticks_ns[last]), end_ns)
            if on_ns < off_ns:
                inner = slice(*(first + np.searchsorted(ticks_ns[first : last + 1], (on_ns + 1, off_ns))))
                (on_x_m, off_x_m), (on_y_m, off_y_m) = self.positions_m(np.array((on_ns, off_ns)))
                ticks.extend((on_ns - start_ns, *(ticks_ns[inner] - start_ns).tolist(),
                              off_ns if off_ns == FOREVER_NS else off_ns - start_ns))  # fmt: skip
                places.extend((on_x_m, on_y_m, *places_m[inner].ravel().tolist(), off_x_m, off_y_m))
                ends.append(len(ticks) - 1)
            first = last + 1
        return Knots(ticks, places, ends) if ends else None

    def repeated(self, lap_ns: int, laps: int) -> "Knots":
        """The same again and again, every `lap_ns`, which are more than there are from the first knot to the last."""
        assert self._ticks_ns[-1] - self._ticks_ns[0] < lap_ns
        lap = np.arange(laps)[:, None]
        ticks = (np.frombuffer(self._ticks_ns, np.int64) + lap * lap_ns).ravel()
        ends = (np.frombuffer(self._ends, np.int64) + lap * len(self)).ravel()
        return Knots(array("q", ticks.tobytes()), self._places_m * laps, array("q", ends.tobytes()))

    def _leg(self, number: int) -> Leg:
        start_ns, end_ns = self._ticks_ns[number : number + 2]
        x_m, y_m, next_x_m, next_y_m = self._places_m[2 * number : 2 * number + 4]
        duration_s = (end_ns - start_ns) / NS_PER_S
        return Leg(start_ns, end_ns, x_m, y_m, (next_x_m - x_m) / duration_s, (next_y_m - y_m) / duration_s)

    def _number(self, t_ns: int) -> int:
        """The knot from which the leg of this instant starts. A silence belongs half to the stay before it."""
        number = max(bisect_right(self._ticks_ns, t_ns) - 1, 0)
        if number != self._ends[bisect_left(self._ends, number)]:
            return number
        last = number == len(self) - 1
        if last or t_ns < _middle_ns(self._ticks_ns, number):
            return number - 1
        return number + 1

    def _numbers(self, t_ns: Instants) -> npt.NDArray[np.intp]:
        ticks_ns, ends = np.frombuffer(self._ticks_ns, np.int64), np.frombuffer(self._ends, np.int64)
        number = np.maximum(np.searchsorted(ticks_ns, t_ns, side="right") - 1, 0)
        silent = ends[np.searchsorted(ends, number)] == number
        after = np.minimum(number + 1, len(self) - 1)
        waits = (number == after) | (t_ns < ticks_ns[number] + (ticks_ns[after] - ticks_ns[number] + 1) // 2)
        return np.where(silent, np.where(waits, number - 1, after), number)

    def _distances_m(self) -> "array[float]":
        """The distance travelled up to each knot; none in a silence."""
        distances_m, ends = array("d", [0.0]), set(self._ends)
        for number in range(len(self) - 1):
            distances_m.append(distances_m[-1] + (0.0 if number in ends else self._leg(number).length_m))
        return distances_m


def _middle_ns(ticks_ns: Sequence[int], number: int) -> int:
    return (ticks_ns[number] + ticks_ns[number + 1] + 1) // 2
