"""Mobility read from files: SUMO's floating-car data, streamed into legs."""

import gzip
import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, NoReturn, Self
from xml.parsers import expat

from pydantic import Field, model_validator

from qflsim.errors import InputError
from qflsim.model import Count, Model, Positive
from qflsim.units import NS_PER_S, to_ns, to_s
from qflsim.world.mobility import Leg, Track

CHUNK_BYTE = 1 << 16
LONGEST_TAG_BYTE = 1 << 20
DEEPEST = 16
LONGEST_ID_BYTE = 64
LATEST_S = 4e9
FARTHEST_M = 1e9
ANYWHERE = (-math.inf, math.inf, -math.inf, math.inf)
WANTED = "SUMO floating-car data (<fcd-export>)"


class SumoFcd(Model):
    """Vehicles and persons of a SUMO floating-car data file (`.xml` or `.xml.gz`), as straight legs.

    Fixes are merged into legs that start and end at fixes; every fix lies within `tolerance_m` of its leg at its
    instant. A fix stands for one sampling period, the smallest step between timesteps: a device is present from its
    first fix to one period after its last, and stands still in that period. A silence above `gap_s` is an absence;
    across a shorter one the device moves straight. Groups share a file by taking those whose number, in order of
    first appearance, has a remainder among `remainders` on division by `modulo`.

    Source: SUMO documentation, "FCDOutput", and its schema `fcd_file.xsd`.
    """

    kind: Literal["sumo-fcd"] = "sumo-fcd"
    file: Annotated[str, Field(pattern=r"^[^\x00]+$")]
    tolerance_m: Positive = 0.02
    gap_s: Positive = 5.0
    modulo: Count = 1
    remainders: tuple[int, ...] = (0,)

    @model_validator(mode="after")
    def _remainders_exist(self) -> Self:
        if not self.remainders or sorted(set(self.remainders)) != sorted(self.remainders):
            raise ValueError("remainders: want one or more different numbers")
        if min(self.remainders) < 0 or max(self.remainders) >= self.modulo:
            raise ValueError(f"remainders: want numbers from 0 to modulo - 1 = {self.modulo - 1}")
        return self

    def read(self, folder: Path) -> tuple[tuple[str, Track], ...]:
        """Each device's id and track, in order of first appearance. `file` is relative to `folder`.

        Memory is that of the legs; the file is read once, in chunks. `InputError` names the line of what is wrong.
        """
        reading = _Reading(self)
        path = folder / self.file
        try:
            if path.exists() and not path.is_file():
                raise InputError(self.file, "not a regular file", WANTED)
            with path.open("rb") as raw:
                zipped = raw.read(2) == b"\x1f\x8b"
                raw.seek(0)
                reading.feed(gzip.GzipFile(fileobj=raw).read if zipped else raw.read)
        except FileNotFoundError:
            raise InputError(self.file, "no such file", f"a SUMO FCD file in {folder}") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(self.file, f"a damaged gzip file ({error})", "the whole file") from None
        except OSError as error:
            raise InputError(self.file, error.strerror or str(error), "a file that can be read") from None
        return reading.tracks()


class _Stay:
    """One device's fixes between two absences, merged into legs as they come.

    The open leg runs from its anchor to the latest fix. It is kept open while its velocity lies in the intersection of
    the squares, one a fix, of the velocities that pass within the tolerance of that fix. An intersection of squares is
    a rectangle, so nothing but four bounds is remembered (a disc is the set wanted; the square lies within it).
    """

    __slots__ = ("_anchor", "_cone", "_half_m", "_last", "legs", "start_ns")

    def __init__(self, tolerance_m: float, t_ns: int, x_m: float, y_m: float) -> None:
        self.start_ns = t_ns
        self.legs: list[Leg] = []
        self._half_m = tolerance_m / math.sqrt(2)
        self._anchor = self._last = (t_ns, x_m, y_m)
        self._cone = ANYWHERE

    @property
    def last_ns(self) -> int:
        """Instant of the latest fix."""
        return self._last[0]

    def add(self, t_ns: int, x_m: float, y_m: float) -> None:
        """Take a later fix."""
        vx, vy = self._velocity(t_ns, x_m, y_m)
        least_x, most_x, least_y, most_y = self._cone
        if not (least_x <= vx <= most_x and least_y <= vy <= most_y):
            self._close()
            vx, vy = self._velocity(t_ns, x_m, y_m)
            least_x, most_x, least_y, most_y = ANYWHERE
        slack = self._half_m * NS_PER_S / (t_ns - self._anchor[0])
        self._cone = (max(least_x, vx - slack), min(most_x, vx + slack),
                      max(least_y, vy - slack), min(most_y, vy + slack))  # fmt: skip
        self._last = (t_ns, x_m, y_m)

    def end(self, end_ns: int) -> None:
        """Close the open leg, and stand still until `end_ns`."""
        if self._last[0] > self._anchor[0]:
            self._close()
        self.legs.append(Leg(self._last[0], end_ns, *self._last[1:], 0.0, 0.0))

    def _velocity(self, t_ns: int, x_m: float, y_m: float) -> tuple[float, float]:
        start_ns, start_x_m, start_y_m = self._anchor
        elapsed_s = (t_ns - start_ns) / NS_PER_S
        return (x_m - start_x_m) / elapsed_s, (y_m - start_y_m) / elapsed_s

    def _close(self) -> None:
        self.legs.append(Leg(self._anchor[0], self._last[0], *self._anchor[1:], *self._velocity(*self._last)))
        self._anchor = self._last


class _Reading:
    """One pass over a file: what expat finds in it, told to the stays of the devices wanted."""

    def __init__(self, source: SumoFcd) -> None:
        self._source = source
        self._gap_ns = to_ns(source.gap_s)
        self._period_ns = 0
        self._now_ns = -1
        self._depth = 0
        self._in_timestep = False
        self._stays: dict[str, list[_Stay] | None] = {}
        self._box = (math.inf, -math.inf, math.inf, -math.inf)
        self._parser = parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, read: Callable[[int], bytes]) -> None:
        """Read to the end of what `read(size)` gives."""
        fed_byte = 0
        try:
            while chunk := read(CHUNK_BYTE):
                self._parser.Parse(chunk, False)
                fed_byte += len(chunk)
                # expat keeps an unfinished tag whole, so an endless one would fill the memory.
                if fed_byte - self._parser.CurrentByteIndex > LONGEST_TAG_BYTE:
                    self._fail("a tag without end", f"tags of at most {LONGEST_TAG_BYTE} bytes")
            if not fed_byte:
                raise InputError(self._source.file, "an empty file", WANTED)
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            self._fail(f"broken XML ({expat.ErrorString(error.code)})", WANTED, error.lineno)
        except (LookupError, ValueError) as error:
            self._fail(f"an encoding that cannot be read ({error})", "UTF-8")

    def tracks(self) -> tuple[tuple[str, Track], ...]:
        """What was read: ids and tracks of the devices wanted."""
        file, period_s = self._source.file, to_s(self._period_ns)
        wanted = {name: stays for name, stays in self._stays.items() if stays}
        if not wanted:
            got = f"{len(self._stays)} vehicles and persons"
            raise InputError(file, got, f"some with remainders {self._source.remainders} modulo {self._source.modulo}")
        if not self._period_ns:
            raise InputError(file, "a single timestep", "two or more, for the sampling period to be known")
        if self._gap_ns < self._period_ns:
            raise InputError("gap_s", self._source.gap_s, f"at least the sampling period of {file}, {period_s:g} s")
        self._refuse_degrees()
        for stays in wanted.values():
            for stay in stays:
                stay.end(stay.last_ns + self._period_ns)
        return tuple((name, _track(stays)) for name, stays in wanted.items())

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1 and tag != "fcd-export":
            self._fail(f"<{tag}>", WANTED)
        if self._depth > DEEPEST:
            self._fail(f"tags within tags, {self._depth} deep", WANTED)
        if self._depth == 2:
            self._in_timestep = tag == "timestep"
        if tag == "timestep":
            self._timestep(attributes)
        elif tag in ("vehicle", "person"):
            if not self._in_timestep or self._depth != 3:
                self._fail(f"a <{tag}> outside a <timestep>", WANTED)
            self._device(tag, attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1

    def _doctype(self, *declaration: object) -> None:
        self._fail("a document type declaration", "XML without one: entities are not read")

    def _timestep(self, attributes: dict[str, str]) -> None:
        if self._depth != 2:
            self._fail("a <timestep> inside another tag", WANTED)
        before_ns, self._now_ns = self._now_ns, to_ns(self._number("timestep", attributes, "time", 0.0, LATEST_S))
        if self._now_ns <= before_ns:
            self._fail(f"time {attributes['time']} after {to_s(before_ns):g}", "times that increase")
        if before_ns >= 0:
            step_ns = self._now_ns - before_ns
            self._period_ns = min(self._period_ns, step_ns) if self._period_ns else step_ns

    def _device(self, tag: str, attributes: dict[str, str]) -> None:
        name = attributes.get("id", "")
        if name not in self._stays:
            self._stays[name] = self._admit(tag, name)
        stays = self._stays[name]
        if stays is None:
            return
        x_m = self._number(tag, attributes, "x", -FARTHEST_M, FARTHEST_M)
        y_m = self._number(tag, attributes, "y", -FARTHEST_M, FARTHEST_M)
        self._widen(x_m, y_m)
        if not stays or self._now_ns - stays[-1].last_ns > self._gap_ns:
            stays.append(_Stay(self._source.tolerance_m, self._now_ns, x_m, y_m))
        elif self._now_ns == stays[-1].last_ns:
            self._fail(f"{name!r} a second time in a timestep", "one place at a time")
        else:
            stays[-1].add(self._now_ns, x_m, y_m)

    def _admit(self, tag: str, name: str) -> list[_Stay] | None:
        """A list for the stays of a new device, if it is among those wanted."""
        if not 0 < len(name.encode()) <= LONGEST_ID_BYTE:
            self._fail(f"a <{tag}> with the id {name[:80]!r}", f"an id of 1 to {LONGEST_ID_BYTE} bytes")
        return [] if len(self._stays) % self._source.modulo in self._source.remainders else None

    def _number(self, tag: str, attributes: dict[str, str], key: str, least: float, most: float) -> float:
        text = attributes.get(key)
        if text is None:
            self._fail(f"a <{tag}> without {key}", f"{key}, a number")
        try:
            value = float(text) if "_" not in text else math.nan
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            self._fail(f"{key} = {text[:80]!r}", f"a number from {least:g} to {most:g}")
        return value

    def _widen(self, x_m: float, y_m: float) -> None:
        least_x, most_x, least_y, most_y = self._box
        self._box = (min(least_x, x_m), max(most_x, x_m), min(least_y, y_m), max(most_y, y_m))

    def _refuse_degrees(self) -> None:
        # Whatever moves, but by less than 1 in all, within ±180 and ±90, is a city in degrees and not one in metres.
        least_x, most_x, least_y, most_y = self._box
        still = least_x == most_x and least_y == most_y
        small = most_x - least_x < 1 and most_y - least_y < 1
        on_globe = max(-least_x, most_x) <= 180 and max(-least_y, most_y) <= 90
        if small and on_globe and not still:
            got = f"x from {least_x:g} to {most_x:g} and y from {least_y:g} to {most_y:g}: longitude and latitude"
            raise InputError(self._source.file, got, "metres (SUMO without --fcd-output.geo)")

    def _fail(self, got: str, want: str, line: int | None = None) -> NoReturn:
        raise InputError(f"{self._source.file}:{line or self._parser.CurrentLineNumber}", got, want)


def _track(stays: list[_Stay]) -> Track:
    presence = tuple((stay.start_ns, stay.legs[-1].end_ns) for stay in stays)
    return Track(iter([leg for stay in stays for leg in stay.legs]), presence)
