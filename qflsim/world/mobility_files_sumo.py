"""Eclipse SUMO's floating-car data."""

from typing import BinaryIO, Literal

from qflsim.model import Positive
from qflsim.units import to_s
from qflsim.world.mobility_files import TrackFile
from qflsim.world.mobility_files_fixes import FARTHEST_M, BadFixError, Fixes, instant_ns, number
from qflsim.world.mobility_files_xml import XmlPass

WANTED = "SUMO floating-car data (<fcd-export>)"


class SumoFcd(TrackFile):
    """Vehicles and persons of a SUMO floating-car data file (`.xml` or `.xml.gz`), as straight legs.

    A fix stands for one sampling period, the smallest step between timesteps: a device is present from its first fix
    to one period after its last, and stands still in that period. A silence above `gap_s` is an absence; across a
    shorter one the device moves straight. See `TrackFile` and `FixRules` for what all formats have in common.

    Source: SUMO documentation, "FCDOutput", and its schema `fcd_file.xsd`.
    """

    kind: Literal["sumo-fcd"] = "sumo-fcd"
    gap_s: Positive = 5.0

    def _fixes(self, stream: BinaryIO) -> Fixes:
        reading = _Reading(self)
        reading.xml.feed(stream)
        return reading.fixes


class _Reading:
    """One pass over a file."""

    def __init__(self, source: SumoFcd) -> None:
        self.xml = XmlPass(source.file, WANTED, "fcd-export", self._start)
        self.fixes = Fixes(source, source.gap_s, self.xml.line)
        self._now_ns = -1
        self._in_timestep = False

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.xml.depth == 2:
            self._in_timestep = tag == "timestep"
        if tag == "vehicle" or tag == "person":
            if not self._in_timestep or self.xml.depth != 3:
                self.xml.fail(f"a <{tag}> outside a <timestep>", WANTED)
            try:
                self._device(tag, attributes)
            except BadFixError as bad:
                self.fixes.pass_over(bad)
        elif tag == "timestep":
            try:
                self._timestep(attributes)
            except BadFixError as bad:
                self.xml.fail(bad.got, bad.want)

    def _timestep(self, attributes: dict[str, str]) -> None:
        if self.xml.depth != 2:
            self.xml.fail("a <timestep> inside another tag", WANTED)
        before_ns, self._now_ns = self._now_ns, instant_ns("time", _value("timestep", attributes, "time"))
        if self._now_ns <= before_ns:
            self.xml.fail(f"time {attributes['time']} after {to_s(before_ns):g}", "times that increase")
        self.fixes.at(self._now_ns)
        if before_ns >= 0:
            self.fixes.step(self._now_ns - before_ns)

    def _device(self, tag: str, attributes: dict[str, str]) -> None:
        name = attributes.get("id", "")
        if self.fixes.wants(name):
            x_m = number("x", _value(tag, attributes, "x"), -FARTHEST_M, FARTHEST_M)
            y_m = number("y", _value(tag, attributes, "y"), -FARTHEST_M, FARTHEST_M)
            self.fixes.add(name, self._now_ns, x_m, y_m)


def _value(tag: str, attributes: dict[str, str], key: str) -> str:
    if key not in attributes:
        raise BadFixError(f"a <{tag}> without {key}", f"{key}, a number")
    return attributes[key]
