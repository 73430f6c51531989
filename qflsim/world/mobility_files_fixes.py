"""Fixes of a file's devices, merged into legs as they are read."""

import math
import warnings
from collections.abc import Callable
from typing import Annotated, Literal, NoReturn

from pydantic import Field

from qflsim.errors import InputError, InputWarning
from qflsim.model import Count, Model, Positive
from qflsim.units import FOREVER_NS, NS_PER_S, to_ns, to_s
from qflsim.world.knots import Knots
from qflsim.world.mobility_files_way import Way

LONGEST_ID_BYTE = 64
MOST_DEVICES = 10_000_000
MOST_KNOTS = 100_000_000
"""1.2 to 2.4 GB."""
CHECKED_EVERY = 1 << 20
CRAWL_M_PER_S = 0.01
"""Nobody who moves is as slow as that all the time; in degrees a second, an aircraft is."""
SHORTEST_STEP_NS = 2
LATEST_S = 4e9
FARTHEST_M = 1e9


class BadFixError(Exception):
    """A fix that cannot be used: what stands there, and what was wanted."""

    def __init__(self, got: str, want: str) -> None:
        super().__init__(got)
        self.got, self.want = got, want


def number(key: str, text: str, least: float, most: float) -> float:
    """The number that a text says, or `BadFixError`."""
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise BadFixError(f"{key} = {text[:80]!r}", f"a number from {least:g} to {most:g}")
    return value


def instant_ns(key: str, text: str, unit_s: float = 1.0) -> int:
    """The instant in nanoseconds that a text says as a number of `unit_s`, or `BadFixError`."""
    return to_ns(number(key, text, 0.0, LATEST_S / unit_s) * unit_s)


class FixRules(Model):
    """What is done with the fixes of a file, whatever its format.

    Places are taken `scale` times and then moved by `offset_m`. They are merged into legs that start and end at fixes;
    every fix lies within `tolerance_m` of its leg at its instant. A device faster than `speed_limit_m_per_s` between
    two fixes has jumped: the file is refused, or the device is "absent" from the middle between them, or the later fix
    is passed over ("skip"). A fix that cannot be read, or does not follow the one before it, is a mistake, unless
    `bad_fixes = "skip"`. All that is passed over is counted and told in an `InputWarning`. Groups share a file by
    taking those devices whose number, in order of first appearance, has a remainder among `remainders` on division by
    `modulo`.
    """

    file: Annotated[str, Field(pattern=r"^[^\x00]+$")]
    scale: Annotated[float, Field(ge=1e-6, le=1e6)] = 1.0
    offset_m: tuple[Annotated[float, Field(ge=-1e9, le=1e9)], Annotated[float, Field(ge=-1e9, le=1e9)]] = (0.0, 0.0)
    tolerance_m: Positive = 0.02
    speed_limit_m_per_s: Positive = 350.0
    jumps: Literal["refuse", "absent", "skip"] = "refuse"
    bad_fixes: Literal["refuse", "skip"] = "refuse"
    modulo: Count = 1
    remainders: tuple[int, ...] = (0,)


class Fixes:
    """All that one pass over a file finds, device by device.

    `gap_s`: a longer silence is an absence. A fix then stands for one sampling period, the smallest step of time, but
    no longer than half the time to the next one: so long a device stands still after the last fix before an absence.
    Without it the file's fixes are way-points: a device is there for ever, and stands before the first and after the
    last. `line` tells where the reader is.
    """

    def __init__(self, rules: FixRules, gap_s: float | None, line: Callable[[], int]) -> None:
        self.file, self._rules, self._line = rules.file, rules, line
        self._gap_s, self._gap_ns = gap_s, FOREVER_NS if gap_s is None else to_ns(gap_s)
        self._ways: dict[str, Way | None] = {}
        self._box: tuple[float, float, float, float] | None = None
        self._period_ns = FOREVER_NS
        self._done: dict[str, tuple[int, str]] = {}
        self._taken = 0
        self._fastest_m2 = 0.0
        """square of the greatest speed, in metres a nanosecond"""
        self.first_ns, self.last_ns = FOREVER_NS, 0

    def at(self, t_ns: int) -> None:
        """The file has something to say of this instant, be it of a device that is not wanted."""
        self.first_ns, self.last_ns = min(self.first_ns, t_ns), max(self.last_ns, t_ns)

    def step(self, step_ns: int) -> None:
        """Instants of the file are so far apart."""
        self._period_ns = min(self._period_ns, step_ns)

    def wants(self, name: str) -> bool:
        """Whether the device is among those wanted. Who is asked for is numbered."""
        if name not in self._ways:
            self._ways[name] = self._admit(name)
        return self._ways[name] is not None

    def add(self, name: str, t_ns: int, x: float, y: float, metres: bool = True) -> None:
        """A fix of a wanted device; `metres` tells that x and y come as they stand in the file."""
        way, rules = self._ways[name], self._rules
        assert way is not None
        x_m, y_m = rules.scale * x + rules.offset_m[0], rules.scale * y + rules.offset_m[1]
        if not len(way):
            way.begin(t_ns, x_m, y_m)
        else:
            last_ns, last_x_m, last_y_m = way.last
            step_ns = t_ns - last_ns
            if step_ns < SHORTEST_STEP_NS:
                got = f"{name!r} at {to_s(t_ns):.12g} s after {to_s(last_ns):.12g} s"
                raise BadFixError(got, "one place at a time, and times that increase")
            most_m = rules.speed_limit_m_per_s * step_ns / NS_PER_S
            moved_m2 = (x_m - last_x_m) ** 2 + (y_m - last_y_m) ** 2
            jumped = moved_m2 > most_m * most_m and step_ns <= self._gap_ns
            if moved_m2 > self._fastest_m2 * step_ns * step_ns:
                self._fastest_m2 = moved_m2 / (step_ns * step_ns)
            if jumped and not self._allows_jump(name, math.hypot(x_m - last_x_m, y_m - last_y_m), step_ns):
                return
            if jumped or step_ns > self._gap_ns:
                way.end()
                way.begin(t_ns, x_m, y_m)
            else:
                way.add(t_ns, x_m, y_m)
            if step_ns < self._period_ns:
                self._period_ns = step_ns
        if metres:
            self._widen(x, y)
        self._taken += 1
        if self._taken % CHECKED_EVERY == 0:
            self._bound_memory()

    def pass_over(self, bad: BadFixError) -> None:
        """Count a fix that cannot be used, or refuse the file."""
        if self._rules.bad_fixes == "refuse":
            self.fail(bad.got, f'{bad.want} (or bad_fixes = "skip")')
        self._count("fixes passed over as unusable", bad.got)

    def fail(self, got: str, want: str) -> NoReturn:
        """The file is wrong here."""
        raise InputError(f"{self.file}:{self._line()}", got, want)

    def knots(self) -> dict[str, Knots]:
        """Each wanted device's knots, in order of first appearance; asked for once. `InputWarning`s tell of repairs."""
        ways = {name: way for name, way in self._ways.items() if way is not None and len(way)}
        if not ways:
            want = f"some with remainders {self._rules.remainders} modulo {self._rules.modulo}"
            raise InputError(self.file, f"{len(self._ways)} devices", want)
        self._refuse_degrees()
        for way in ways.values():
            way.end()
        self._tell()
        self._ways.clear()
        if self._gap_s is None:
            for way in ways.values():
                way.stand_before()
            return {name: ways.pop(name).knots(FOREVER_NS) for name in list(ways)}
        if self._period_ns == FOREVER_NS:
            raise InputError(self.file, "a single fix", "two or more, for the sampling period to be known")
        if self._gap_ns < self._period_ns:
            want = f"at least the sampling period of {self.file}, {to_s(self._period_ns):g} s"
            raise InputError("gap_s", self._gap_s, want)
        return {name: ways.pop(name).knots(self._period_ns) for name in list(ways)}

    def _admit(self, name: str) -> Way | None:
        if not 0 < len(name.encode()) <= LONGEST_ID_BYTE:
            self.fail(f"the id {name[:80]!r}", f"an id of 1 to {LONGEST_ID_BYTE} bytes")
        if len(self._ways) == MOST_DEVICES:
            self.fail("another device", f"at most {MOST_DEVICES:,} devices")
        wanted = len(self._ways) % self._rules.modulo in self._rules.remainders
        return Way(self._rules.tolerance_m) if wanted else None

    def _allows_jump(self, name: str, jump_m: float, step_ns: int) -> bool:
        """Whether a device that jumps is taken to be elsewhere from now on."""
        speed_m_per_s = jump_m * NS_PER_S / step_ns
        got = f"{name!r} {jump_m:.1f} m from where it was {to_s(step_ns):g} s before ({speed_m_per_s:.0f} m/s)"
        if self._rules.jumps == "refuse":
            limit = f"at most {self._rules.speed_limit_m_per_s:g} m/s (speed_limit_m_per_s)"
            self.fail(got, f'{limit}, or jumps = "absent" or "skip"')
        if self._rules.jumps == "skip":
            self._count("fixes passed over as too far away", got)
            return False
        self._count("jumps, during which devices are absent", got)
        return True

    def _count(self, what: str, got: str) -> None:
        count, first = self._done.get(what, (0, f"line {self._line()}, {got}"))
        self._done[what] = count + 1, first

    def _tell(self) -> None:
        for what, (count, first) in self._done.items():
            warnings.warn(InputWarning(f"{self.file}: {count} {what}; the first: {first}"), stacklevel=2)

    def _bound_memory(self) -> None:
        if sum(len(way) for way in self._ways.values() if way is not None) > MOST_KNOTS:
            self.fail(f"more than {MOST_KNOTS:,} legs", "fewer: a part of the file, or a larger tolerance_m")

    def _widen(self, x: float, y: float) -> None:
        least_x, most_x, least_y, most_y = self._box or (x, x, y, y)
        if self._box is None or not (least_x <= x <= most_x and least_y <= y <= most_y):
            self._box = (min(least_x, x), max(most_x, x), min(least_y, y), max(most_y, y))

    def _refuse_degrees(self) -> None:
        # Whatever moves within ±180 and ±90, but by less than 1 in all or hardly in any time, is a city or a country in
        # degrees and not one in metres. There is no city at (0, 0), but many a room.
        if self._box is None:
            return
        least_x, most_x, least_y, most_y = self._box
        still = least_x == most_x and least_y == most_y
        small = most_x - least_x < 1 and most_y - least_y < 1
        on_globe = max(-least_x, most_x) <= 180 and max(-least_y, most_y) <= 90
        nowhere = least_x <= 0 <= most_x and least_y <= 0 <= most_y
        crawls = 0.0 < math.sqrt(self._fastest_m2) * NS_PER_S < CRAWL_M_PER_S
        if on_globe and not still and not nowhere and (small or crawls):
            got = f"x from {least_x:g} to {most_x:g} and y from {least_y:g} to {most_y:g}: longitude and latitude"
            raise InputError(self.file, got, "metres (SUMO without --fcd-output.geo)")
