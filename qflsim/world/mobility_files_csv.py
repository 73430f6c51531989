"""Fixes as rows of a text table."""

import csv
from collections.abc import Callable
from typing import Annotated, BinaryIO, Literal, NoReturn

from pydantic import Field

from qflsim.model import Model, Positive
from qflsim.world.mobility_files import TrackFile
from qflsim.world.mobility_files_dates import date_ns, is_date
from qflsim.world.mobility_files_fixes import FARTHEST_M, LATEST_S, BadFixError, Fixes, instant_ns, number
from qflsim.world.mobility_files_globe import Origin, Plane
from qflsim.world.mobility_files_lines import Lines

WANTED = "a table with a header"
UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


class CsvColumns(Model):
    """The names of a table's columns; where it has x and y, lat and lon are not looked for."""

    id: str = "id"
    t: str = "t"
    x: str = "x"
    y: str = "y"
    lat: str = "lat"
    lon: str = "lon"


class CsvFile(TrackFile):
    """A text table (`.csv` or `.csv.gz`) with a header and a row a fix: who, when, and where.

    Places are x and y in metres, or lat and lon in degrees, projected to a plane around `origin_deg`, by default the
    file's first fix (see `Plane` for its error). Times are numbers of `time_unit`, or dates in ISO 8601 (UTC unless
    they say otherwise). Without `start_s` the run begins at the file's earliest fix. Devices may be mixed, but each
    one's rows must follow one another in time. Columns may be in any order, and others are not looked at. A fix stands
    for one sampling period, the smallest step between two fixes of one device; a silence above `gap_s` is an absence.
    """

    kind: Literal["csv"] = "csv"
    gap_s: Positive = 60.0
    start_s: Annotated[float, Field(ge=0, le=LATEST_S)] | None = None
    columns: CsvColumns = CsvColumns()
    delimiter: Annotated[str, Field(min_length=1, max_length=1, pattern=r"^[^\r\n\"]$")] = ","
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    origin_deg: Origin | None = None

    def _fixes(self, stream: BinaryIO) -> Fixes:
        lines = Lines(stream, self.file, WANTED)
        fixes = Fixes(self, self.gap_s, lines.line)
        rows = csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True, strict=True)
        try:
            table = _Table(self, next(rows, []), lines.fail)
            for row in rows:
                if row:
                    try:
                        table.take(row, fixes)
                    except BadFixError as bad:
                        fixes.pass_over(bad)
        except csv.Error as error:
            lines.fail(str(error), WANTED)
        return fixes


class _Table:
    """What a table's header says, and how a row is read after it."""

    def __init__(self, source: CsvFile, header: list[str], fail: Callable[[str, str], NoReturn]) -> None:
        names = [name.strip() for name in header]
        columns = source.columns
        self._metres = columns.x in names and columns.y in names
        wanted = (columns.id, columns.t, *((columns.x, columns.y) if self._metres else (columns.lat, columns.lon)))
        self._unit_s = UNITS_S[source.time_unit]
        self._plane = Plane(source.origin_deg)
        for name in wanted:
            if names.count(name) != 1:
                got = f"the columns {', '.join(names)}"[:200]
                places = f"{columns.x} and {columns.y}, or {columns.lat} and {columns.lon}"
                fail(got, f"{columns.id}, {columns.t}, and {places}, each once (columns = {{ id = ... }})")
        self._where = tuple(names.index(name) for name in wanted)
        self._width = len(names)

    def take(self, row: list[str], fixes: Fixes) -> None:
        """A fix."""
        if len(row) != self._width:
            raise BadFixError(f"a row of {len(row)} cells", f"as many as the header has: {self._width}")
        name, t, first, second = (row[column].strip() for column in self._where)
        t_ns = date_ns(t) if is_date(t) else instant_ns("t", t, self._unit_s)
        if self._metres:
            x, y = number("x", first, -FARTHEST_M, FARTHEST_M), number("y", second, -FARTHEST_M, FARTHEST_M)
        else:
            x, y = self._plane.place(first, second)
        fixes.at(t_ns)
        if fixes.wants(name):
            fixes.add(name, t_ns, x, y, self._metres)
