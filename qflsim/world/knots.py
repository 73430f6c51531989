"""Legs that are known from the start, kept as arrays of knots: 12 or 24 byte a leg."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from qflsim.units import FOREVER_NS, NS_PER_S, Floats
from qflsim.world.tracks import Leg, Track

Instants = npt.NDArray[np.int64]


class Knots:
    """The knots of a device's way, each an instant and a place.

    Legs run straight from each knot to the next, but across no silence: `ends` are the numbers of the knots that end a
    stay. `ticks` are strictly increasing instants in units of `tick_ns`; `places` are x, y, x, y and so on, of which
    `per_m` make a metre. Every stay has two knots or more.
    """

    __slots__ = ("_ends", "_per_m", "_places", "_tick_ns", "_ticks", "_travelled_m")

    def __init__(
        self,
        ticks: "array[int]",
        places: "array[Any]",
        ends: "array[int]",
        tick_ns: int = 1,
        per_m: float = 1.0,
    ) -> None:
        assert 2 * len(ticks) == len(places)
        assert ends[-1] == len(ticks) - 1
        self._ticks, self._places, self._ends = ticks, places, ends
        self._tick_ns, self._per_m = tick_ns, per_m
        self._travelled_m: array[float] | None = None

    def __len__(self) -> int:
        return len(self._ticks)

    @property
    def track(self) -> Track:
        """The track of these legs."""
        starts = [0, *(end + 1 for end in self._ends[:-1])]
        return Track(
            self, tuple((self._at_ns(on), self._at_ns(off)) for on, off in zip(starts, self._ends, strict=True))
        )

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
        start = self._numbers(t_ns)
        (start_ns, *places_m), (end_ns, *next_places_m) = self._knots(start), self._knots(start + 1)
        elapsed_s, duration_s = (np.clip(t_ns, start_ns, end_ns) - start_ns) / NS_PER_S, (end_ns - start_ns) / NS_PER_S
        x_m, y_m = (
            place_m + (next_place_m - place_m) / duration_s * elapsed_s
            for place_m, next_place_m in zip(places_m, next_places_m, strict=True)
        )
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
        ticks_ns, *places_m = self._knots(np.arange(len(self)))
        ticks, places, ends = array("q"), array("d"), array("q")
        first = 0
        for last in self._ends:
            on_ns, off_ns = max(int(ticks_ns[first]), start_ns), min(int(ticks_ns[last]), end_ns)
            if on_ns < off_ns:
                inner = slice(*(first + np.searchsorted(ticks_ns[first : last + 1], (on_ns + 1, off_ns))))
                (on_x_m, off_x_m), (on_y_m, off_y_m) = self.positions_m(np.array((on_ns, off_ns)))
                ticks.extend((on_ns - start_ns, *(ticks_ns[inner] - start_ns).tolist(),
                              off_ns if off_ns == FOREVER_NS else off_ns - start_ns))  # fmt: skip
                places.extend(
                    (on_x_m, on_y_m, *np.ravel([c[inner] for c in places_m], order="F").tolist(), off_x_m, off_y_m)
                )
                ends.append(len(ticks) - 1)
            first = last + 1
        return Knots(ticks, places, ends) if ends else None

    def repeated(self, lap_ns: int, laps: int) -> "Knots":
        """The same again and again, every `lap_ns`, which are more than there are from the first knot to the last."""
        assert self._at_ns(len(self) - 1) - self._at_ns(0) < lap_ns
        lap = np.arange(laps)[:, None]
        ticks = (self._knots(np.arange(len(self)))[0] + lap * lap_ns).ravel()
        ends = (np.frombuffer(self._ends, np.int64) + lap * len(self)).ravel()
        return Knots(array("q", ticks.tobytes()), self._places * laps, array("q", ends.tobytes()), per_m=self._per_m)

    def _at_ns(self, number: int) -> int:
        return self._ticks[number] * self._tick_ns

    def _knots(self, numbers: npt.NDArray[np.intp]) -> tuple[Instants, Floats, Floats]:
        """Instants in nanoseconds and places x and y in metres of some knots."""
        ticks, places = (
            np.frombuffer(self._ticks, self._ticks.typecode),
            np.frombuffer(self._places, self._places.typecode),
        )
        return (ticks[numbers].astype(np.int64) * self._tick_ns, places[2 * numbers] / self._per_m,
                places[2 * numbers + 1] / self._per_m)  # fmt: skip

    def _leg(self, number: int) -> Leg:
        start_ns, end_ns = self._at_ns(number), self._at_ns(number + 1)
        x_m, y_m, next_x_m, next_y_m = (c / self._per_m for c in self._places[2 * number : 2 * number + 4])
        duration_s = (end_ns - start_ns) / NS_PER_S
        return Leg(start_ns, end_ns, x_m, y_m, (next_x_m - x_m) / duration_s, (next_y_m - y_m) / duration_s)

    def _number(self, t_ns: int) -> int:
        """The knot from which the leg of this instant starts. A silence belongs half to the stay before it."""
        number = max(bisect_right(self._ticks, t_ns // self._tick_ns) - 1, 0)
        if number != self._ends[bisect_left(self._ends, number)]:
            return number
        if number == len(self) - 1 or t_ns < (self._at_ns(number) + self._at_ns(number + 1) + 1) // 2:
            return number - 1
        return number + 1

    def _numbers(self, t_ns: Instants) -> npt.NDArray[np.intp]:
        ticks, ends = np.frombuffer(self._ticks, self._ticks.typecode), np.frombuffer(self._ends, np.int64)
        # Of the same type as the ticks, which would be copied otherwise.
        tick = np.clip(t_ns // self._tick_ns, ticks[0] - 1, ticks[-1]).astype(ticks.dtype)
        number = np.maximum(np.searchsorted(ticks, tick, side="right") - 1, 0)
        silent = ends[np.searchsorted(ends, number)] == number
        after = np.minimum(number + 1, len(self) - 1)
        start_ns, after_ns = (ticks[n].astype(np.int64) * self._tick_ns for n in (number, after))
        waits = (number == after) | (t_ns < start_ns + (after_ns - start_ns + 1) // 2)
        return np.where(silent, np.where(waits, number - 1, after), number)

    def _distances_m(self) -> "array[float]":
        """The distance travelled up to each knot; none in a silence."""
        distances_m, ends = array("d", [0.0]), set(self._ends)
        for number in range(len(self) - 1):
            distances_m.append(distances_m[-1] + (0.0 if number in ends else self._leg(number).length_m))
        return distances_m
