"""GPS receivers' exchange format."""

from typing import Annotated, BinaryIO, Literal

from pydantic import Field

from qflsim.model import Positive
from qflsim.world.mobility_files import TrackFile
from qflsim.world.mobility_files_dates import date_ns
from qflsim.world.mobility_files_fixes import LATEST_S, BadFixError, Fixes
from qflsim.world.mobility_files_globe import Origin, Plane
from qflsim.world.mobility_files_xml import XmlPass

WANTED = "GPS tracks (<gpx>)"
LONGEST_TEXT = 1000


class Gpx(TrackFile):
    """A GPX file (`.gpx` or `.gpx.gz`): each <trk> is a device, called by its <name>, else by its number from 0.

    A name that stands again gets its track's number. Places are projected to a plane around `origin_deg`, by default
    the file's first fix (see `Plane` for its error); heights are not used. Without `start_s` the run begins at the
    file's earliest fix. A fix stands for one sampling period, the smallest step between two fixes of one device; a
    silence above `gap_s` is an absence, and the ends of segments are none of themselves. Way-points and routes have
    no times and are not read.

    Source: GPX 1.1 schema, Topografix.
    """

    kind: Literal["gpx"] = "gpx"
    gap_s: Positive = 60.0
    start_s: Annotated[float, Field(ge=0, le=LATEST_S)] | None = None
    origin_deg: Origin | None = None

    def _fixes(self, stream: BinaryIO) -> Fixes:
        reading = _Reading(self)
        reading.xml.feed(stream)
        return reading.fixes


class _Reading:
    """One pass over a file."""

    def __init__(self, source: Gpx) -> None:
        self.xml = XmlPass(source.file, WANTED, "gpx", self._start, self._end, self._text)
        self.fixes = Fixes(source, source.gap_s, self.xml.line)
        self._plane = Plane(source.origin_deg)
        self._open: list[str] = []
        self._said = ""
        self._number = -1
        self._names: set[str] = set()
        self._name = self._wish = ""
        self._place: tuple[str | None, str | None] = (None, None)
        self._time: str | None = None

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._open.append(tag)
        self._said = ""
        if self._open == ["gpx", "trk"]:
            self._number += 1
            self._name, self._wish = "", str(self._number)
        elif tag == "trkpt":
            self._place, self._time = (attributes.get("lat"), attributes.get("lon")), None

    def _text(self, piece: str) -> None:
        if self._open[-1] in ("name", "time"):
            self._said += piece
            if len(self._said) > LONGEST_TEXT:
                self.xml.fail("a text without end", f"a <{self._open[-1]}> of at most {LONGEST_TEXT} characters")

    def _end(self, tag: str) -> None:
        self._open.pop()
        if tag == "name" and self._open == ["gpx", "trk"]:
            self._wish = self._said.strip() or self._wish
        elif tag == "time" and self._open[-1:] == ["trkpt"]:
            self._time = self._said.strip()
        elif tag == "trkpt":
            try:
                self._fix()
            except BadFixError as bad:
                self.fixes.pass_over(bad)

    def _fix(self) -> None:
        latitude, longitude = self._place
        if latitude is None or longitude is None or self._time is None:
            raise BadFixError("a <trkpt> without lat, lon or <time>", "all three")
        if not self._name:
            while self._wish in self._names:
                self._wish += f"-{self._number}"
            self._name = self._wish
            self._names.add(self._name)
        t_ns = date_ns(self._time)
        x_m, y_m = self._plane.place(latitude, longitude)
        self.fixes.at(t_ns)
        if self.fixes.wants(self._name):
            self.fixes.add(self._name, t_ns, x_m, y_m, metres=False)
