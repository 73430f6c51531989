"""ns-2's movement files: Tcl statements that send nodes to places."""

import math
import re
from array import array
from itertools import groupby
from typing import BinaryIO, Literal, NamedTuple

import numpy as np

from qflsim.units import NS_PER_S, to_ns, to_s
from qflsim.world.mobility_files import TrackFile
from qflsim.world.mobility_files_fixes import (
    FARTHEST_M,
    LATEST_S,
    SHORTEST_STEP_NS,
    BadFixError,
    Fixes,
    instant_ns,
    number,
)
from qflsim.world.mobility_files_lines import Lines
from qflsim.world.tracks import Leg, Place

WANTED = '$node_(1) set X_ 5.0, or $ns_ at 1.0 "$node_(1) setdest 5.0 7.0 1.5", or $ns_ at 1.0 "$node_(1) set X_ 5.0"'
NODE = r"\$node_\((?P<node>\d{1,18})\)"
SET = re.compile(NODE + r"\s+set\s+(?P<axis>[XYZ])_\s+(?P<value>\S+)")
AT = re.compile(
    r'\$ns_?\s+at\s+(?P<t>\S+)\s+"\s*' + NODE +
    r'\s+(?:set\s+(?P<axis>[XYZ])_\s+(?P<value>[^\s"]+)|setdest\s+(?P<x>\S+)\s+(?P<y>\S+)\s+(?P<speed>[^\s"]+))\s*"'
)  # fmt: skip
FASTEST_M_PER_S = 1e9
JUMP_NS = 1_000_000
"""How long it takes to be set elsewhere, since nobody is in two places at once."""


class Ns2(TrackFile):
    """An ns-2 movement file (CMU's `setdest`, SUMO's traceExporter): nodes are there for ever, at first at (0, 0).

    `setdest x y speed` sends a node straight to a place from where it then is, on the way or not; at speed 0 it stops.
    `set X_` (Y_; Z_ is read and not used) places it, before the run wherever in the file it stands; at a later instant
    it is a jump, which takes 1 ms. Statements may come in any order; those of one instant are obeyed in theirs.
    Comments, and lines that name no node (`$god_ set-dist`), are no motion. A line that names a node and says nothing
    of this is refused, or, as in ns-3, passed over with `bad_fixes = "skip"` - but counted.

    Source: ns-2 manual, "Mobile Networking in ns"; ns-3, `Ns2MobilityHelper`.
    """

    kind: Literal["ns2"] = "ns2"

    def _fixes(self, stream: BinaryIO) -> Fixes:
        lines = Lines(stream, self.file, WANTED)
        reading = _Reading(self, lines)
        for line in lines:
            try:
                reading.take(line)
            except BadFixError as bad:
                reading.fixes.pass_over(bad)
        return reading.moved()


class _Order(NamedTuple):
    """What a node is told at an instant: to go to a place, or (without a speed) to be there; NaN changes nothing."""

    t_ns: float
    x_m: float
    y_m: float
    speed_m_per_s: float
    line: float

    def moved(self, here: Place) -> Place:
        """Where a node is after it is told to be there."""
        return (here[0] if math.isnan(self.x_m) else self.x_m), (here[1] if math.isnan(self.y_m) else self.y_m)

    def journey(self, start_ns: int, here: Place) -> Leg | None:
        """How a node goes there; not at all, if it is there or is told to stop."""
        dx_m, dy_m = self.x_m - here[0], self.y_m - here[1]
        distance_m = math.hypot(dx_m, dy_m)
        if not distance_m or not self.speed_m_per_s:
            return None
        duration_ns = max(1, to_ns(distance_m / self.speed_m_per_s))
        velocity = dx_m * NS_PER_S / duration_ns, dy_m * NS_PER_S / duration_ns
        return Leg(start_ns, start_ns + duration_ns, *here, *velocity)


class _Reading:
    """One pass over a file: what each node is told, and then how it moves."""

    def __init__(self, source: Ns2, lines: Lines) -> None:
        self._lines = lines
        self.fixes = Fixes(source, None, lines.line)
        self._orders: dict[str, array[float]] = {}
        self._first_m: dict[str, Place] = {}
        self._last_ns = 0

    def take(self, line: str) -> None:
        """Understand a line."""
        text = line.partition("#")[0].strip()
        if "$node" not in text:
            return
        found = AT.fullmatch(text) or SET.fullmatch(text)
        if found is None:
            raise BadFixError(repr(text[:80]), WANTED)
        said = found.groupdict()
        order, name = self._order(said), str(int(said["node"]))
        self.fixes.at(int(order.t_ns))
        orders = self._orders.setdefault(name, array("d"))
        if "t" in said:
            orders.extend(order)
        else:
            self._first_m[name] = order.moved(self._first_m.get(name, (0.0, 0.0)))

    def moved(self) -> Fixes:
        """The fixes that follow from all that was said."""
        for name, orders in self._orders.items():
            rows = np.frombuffer(orders).reshape(-1, len(_Order._fields))
            told = [_Order(*row) for row in rows[np.argsort(rows[:, 0], kind="stable")].tolist()]
            self._move(name, self._first_m.get(name, (0.0, 0.0)), told)
        return self.fixes

    def _order(self, said: dict[str, str]) -> _Order:
        t_ns = instant_ns("time", said["t"]) if "t" in said else 0
        if axis := said["axis"]:
            value_m = number(f"{axis}_", said["value"], -FARTHEST_M, FARTHEST_M)
            x_m, y_m = (value_m if axis == "X" else math.nan), (value_m if axis == "Y" else math.nan)
            return _Order(t_ns, x_m, y_m, math.nan, self._lines.number)
        x_m, y_m = (number(key, said[key], -FARTHEST_M, FARTHEST_M) for key in ("x", "y"))
        return _Order(t_ns, x_m, y_m, number("speed", said["speed"], 0.0, FASTEST_M_PER_S), self._lines.number)

    def _move(self, name: str, here: Place, told: list[_Order]) -> None:
        """A node's knots: where it is told something, where it arrives, and where it is set."""
        journey: Leg | None = None
        self._last_ns = 0
        if not told or told[0].t_ns:
            self._add(name, 0, here)
        for t_ns, group in groupby(told, key=lambda order: int(order.t_ns)):
            orders = list(group)
            self._lines.number = int(orders[0].line)
            if journey is not None:
                if journey.end_ns < t_ns:
                    self._add(name, journey.end_ns, journey.at(journey.end_ns))
                here = journey.at(t_ns)
            there = here
            for order in orders:
                if math.isnan(order.speed_m_per_s):
                    journey, there = None, order.moved(there)
                else:
                    journey = order.journey(t_ns, there)
            if not t_ns:
                self._add(name, 0, there)
            else:
                self._add(name, t_ns, here)
                if there != here:
                    self._add(name, t_ns + JUMP_NS, there)
            here = there
        if journey is not None:
            self._add(name, journey.end_ns, journey.at(journey.end_ns))

    def _add(self, name: str, t_ns: int, here: Place) -> None:
        if t_ns > LATEST_S * NS_PER_S:
            self._lines.fail(f"a journey until {to_s(t_ns):g} s", f"one that ends before {LATEST_S:g} s")
        self.fixes.at(t_ns)
        if self.fixes.wants(name) and (t_ns == 0 or t_ns - self._last_ns >= SHORTEST_STEP_NS):
            self.fixes.add(name, t_ns, *here)
            self._last_ns = t_ns
