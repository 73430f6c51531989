"""One device's fixes, merged into legs."""

import math
from array import array
from typing import Any

from qflsim.units import FOREVER_NS, NS_PER_S
from qflsim.world.knots import Knots

MS, MM_PER_M = 1_000_000, 1000.0
MOST_PACKED = (1 << 31) - 1
ANYWHERE = (-math.inf, math.inf, -math.inf, math.inf)


class Way:
    """One device's fixes, merged into legs as they come.

    The open leg runs from its anchor to the latest fix. It is kept open while its velocity lies in the intersection of
    the squares, one a fix, of the velocities that pass within the tolerance of that fix. An intersection of squares is
    a rectangle, so nothing but four bounds is remembered (a disc is the set wanted; the square lies within it).
    """

    __slots__ = ("_anchor", "_cone", "_half_m", "_packed", "_places", "_ticks", "ends", "last")

    def __init__(self, tolerance_m: float) -> None:
        # Whole milliseconds and millimetres, in which files are written, take half of the memory.
        self._packed = True
        self._ticks, self.ends = array("i"), array("q")
        self._places: array[Any] = array("i")
        self._half_m = tolerance_m / math.sqrt(2)

    def __len__(self) -> int:
        return len(self._ticks)

    def begin(self, t_ns: int, x_m: float, y_m: float) -> None:
        """Take the first fix of a stay."""
        self._anchor = self.last = (t_ns, x_m, y_m)
        self._cone = ANYWHERE
        self._knot()

    def add(self, t_ns: int, x_m: float, y_m: float) -> None:
        """Take a later fix."""
        start_ns, start_x_m, start_y_m = self._anchor
        elapsed_s = (t_ns - start_ns) / NS_PER_S
        vx, vy = (x_m - start_x_m) / elapsed_s, (y_m - start_y_m) / elapsed_s
        least_x, most_x, least_y, most_y = self._cone
        if not (least_x <= vx <= most_x and least_y <= vy <= most_y):
            self._knot()
            start_ns, start_x_m, start_y_m = self._anchor = self.last
            elapsed_s = (t_ns - start_ns) / NS_PER_S
            vx, vy = (x_m - start_x_m) / elapsed_s, (y_m - start_y_m) / elapsed_s
            least_x, most_x, least_y, most_y = ANYWHERE
        slack = self._half_m / elapsed_s
        low_x, high_x, low_y, high_y = vx - slack, vx + slack, vy - slack, vy + slack
        # Comparisons, since four calls of min and max cost as much as all the rest.
        self._cone = (low_x if low_x > least_x else least_x, high_x if high_x < most_x else most_x,
                      low_y if low_y > least_y else least_y, high_y if high_y < most_y else most_y)  # fmt: skip
        self.last = (t_ns, x_m, y_m)

    def end(self) -> None:
        """End a stay at its latest fix, and with a knot in the same place whose instant is not known yet."""
        if self.last[0] > self._anchor[0]:
            self._knot()
        self._knot()
        self.ends.append(len(self) - 1)

    def knots(self, period_ns: int) -> Knots:
        """The way, which ends one sampling period after its last fix; `FOREVER_NS` is for ever.

        Before an absence a stay lasts for one sampling period after its last fix, or half of a shorter silence.
        """
        for end in self.ends[:-1]:
            silence_ns = self._at_ns(end + 1) - self._at_ns(end)
            self._hold(end, period_ns if period_ns < silence_ns else silence_ns // 2)
        last = len(self) - 1
        self._hold(last, period_ns if period_ns < FOREVER_NS else FOREVER_NS - self._at_ns(last))
        if self._packed:
            return Knots(self._ticks, self._places, self.ends, MS, MM_PER_M)
        return Knots(self._ticks, self._places, self.ends)

    def stand_before(self) -> None:
        """Stand at the first fix from the instant 0 on."""
        if self._at_ns(0) > 0:
            self._ticks.insert(0, 0)
            self._places[0:0] = self._places[:2]
            self.ends = array("q", [end + 1 for end in self.ends])

    def _at_ns(self, number: int) -> int:
        return self._ticks[number] * (MS if self._packed else 1)

    def _hold(self, end: int, hold_ns: int) -> None:
        if self._packed and (hold_ns % MS or self._ticks[end] + hold_ns // MS > MOST_PACKED):
            self._unpack()
        self._ticks[end] += hold_ns // MS if self._packed else hold_ns

    def _knot(self) -> None:
        t_ns, x_m, y_m = self.last
        if self._packed:
            ms, rest_ns = divmod(t_ns, MS)
            x_mm, y_mm = round(x_m * MM_PER_M), round(y_m * MM_PER_M)
            exact = not rest_ns and x_mm / MM_PER_M == x_m and y_mm / MM_PER_M == y_m
            if (
                exact
                and ms <= MOST_PACKED
                and -MOST_PACKED <= x_mm <= MOST_PACKED
                and -MOST_PACKED <= y_mm <= MOST_PACKED
            ):
                self._ticks.append(ms)
                self._places.append(x_mm)
                self._places.append(y_mm)
                return
            self._unpack()
        self._ticks.append(t_ns)
        self._places.append(x_m)
        self._places.append(y_m)

    def _unpack(self) -> None:
        self._packed = False
        self._ticks = array("q", [ms * MS for ms in self._ticks])
        self._places = array("d", [mm / MM_PER_M for mm in self._places])
