"""A trace as its readers see it: finished, still being written, or left by a kill."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import pandas as pd

from qflsim.errors import InputError
from qflsim.trace.chunks import stored_byte
from qflsim.trace.columns import columns_told
from qflsim.trace.committed import commits_of, committed, counts_of, pieces
from qflsim.trace.frames import frame
from qflsim.trace.layout import RUNNING, STATUS, Status, chunk_rows, closed
from qflsim.trace.nodes import attribute, attributes, group, text
from qflsim.trace.opening import ask, table_part
from qflsim.trace.placing import check_free, publish
from qflsim.trace.tables import TABLES, Rows
from qflsim.units import Floats

RECOVERED = "cut off, and recovered up to its last commit"


class Trace:
    """The trace at a path, clipped to its last valid commit.

    The file is opened for each question and closed again, so a run may go on writing it meanwhile, and each answer is
    as new as the file. InputError if the file is missing, is no trace of this format, or is damaged.

    The columns of each data frame, with units and meanings: `help(Trace.updates)` and so on, or `trace/FORMAT.md`.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        ask(self.path, commits_of)

    def __enter__(self) -> "Trace":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is held open."""

    @property
    def header(self) -> dict[str, Any]:
        """What the run was: the attributes of the file but for the status."""
        return {name: value for name, value in ask(self.path, attributes).items() if name not in STATUS}

    def text(self, name: str) -> str:
        """A text that the run stored, such as the resolved scenario."""
        return ask(self.path, lambda file: text(file, name))

    def data(self, name: str) -> dict[str, Any]:
        """A text that is a JSON object, as plain data."""
        return ask(self.path, lambda file: _object(file, name))

    @property
    def scenario(self) -> dict[str, Any]:
        """The resolved scenario."""
        return self.data("scenario")

    @property
    def left_out(self) -> list[str]:
        """The tables that the run was told not to write."""
        return list(self.scenario.get("trace", {}).get("leave_out", ()))

    def demand(self, *names: str) -> None:
        """`InputError` if the run was told not to write one of these tables."""
        left_out = self.left_out
        for name in names:
            if name in left_out:
                raise InputError(f"{self.path}: {name}", "a trace that leaves them out", "one that has them")

    @property
    def status(self) -> Status:
        """Whether and how the run ended."""
        return ask(self.path, _status)

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return self.status.complete

    @property
    def reason(self) -> str:
        """Why the run ended."""
        return self.status.reason

    @property
    def fingerprint(self) -> str | None:
        """The digest of the record stream; None if the run did not come to its end."""
        return self.status.fingerprint

    @property
    def totals(self) -> dict[str, int | float]:
        """What the run summed up at its end, by name."""
        return dict(self.status.totals)

    @property
    def rows(self) -> dict[str, int]:
        """The number of committed rows of each table."""
        return ask(self.path, counts_of)

    @property
    def stored_byte(self) -> dict[str, int]:
        """The bytes that the whole chunks of each table take in the file."""
        return ask(self.path, lambda file: {name: stored_byte(table_part(file, "tables", name)) for name in TABLES})

    def table(self, name: str) -> Rows:
        """The rows of a table as they were recorded, checked against their checksum."""
        assert name in TABLES
        return committed(self.path, (name,))[1][name]

    def frame(self, name: str) -> pd.DataFrame:
        """A table as a data frame: times in seconds, names for numbers (see `frames.frame`)."""
        return frame(self.table(name), TABLES[name])

    def frames(self, piece_byte: int) -> Iterator[tuple[str, Iterator[pd.DataFrame]]]:
        """Every table's name and its data frame in pieces, as of one commit, for what memory need not hold at once.

        A piece is of `piece_byte` of rows as they are recorded; an empty table has one piece, without rows. InputError,
        after a table's last piece, if its checksum does not hold.
        """
        last = ask(self.path, commits_of)[-1]
        for name, record in TABLES.items():
            rows = pieces(self.path, name, last[name].item(), piece_byte)
            yield name, map(partial(frame, record=record), rows)

    @property
    def devices(self) -> pd.DataFrame:
        """The registered devices and their hardware."""
        return self.frame("devices")

    @property
    def sites(self) -> pd.DataFrame:
        """The base stations."""
        return self.frame("sites")

    @property
    def cells(self) -> pd.DataFrame:
        """What serves devices: sites, or their sectors."""
        return self.frame("cells")

    @property
    def presence(self) -> pd.DataFrame:
        """When each device read from a file was there."""
        return self.frame("presence")

    @property
    def legs(self) -> pd.DataFrame:
        """The stretches that devices travelled."""
        return self.frame("legs")

    @property
    def outages(self) -> pd.DataFrame:
        """When sites were down."""
        return self.frame("outages")

    @property
    def handovers(self) -> pd.DataFrame:
        """Changes of serving cell during transfers."""
        return self.frame("handovers")

    @property
    def transfers(self) -> pd.DataFrame:
        """Downloads and uploads, and what their time went into."""
        return self.frame("transfers")

    @property
    def trainings(self) -> pd.DataFrame:
        """Jobs on quantum processors."""
        return self.frame("trainings")

    @property
    def updates(self) -> pd.DataFrame:
        """The participations: one row from invitation to fate."""
        return self.frame("updates")

    @property
    def versions(self) -> pd.DataFrame:
        """The versions of the shared model."""
        return self.frame("versions")

    @property
    def evaluations(self) -> pd.DataFrame:
        """The metrics of each version."""
        return self.frame("evaluations")

    @property
    def events(self) -> pd.DataFrame:
        """The event log."""
        return self.frame("events")

    @property
    def pauses(self) -> pd.DataFrame:
        """The stretches of transfers in which no cell served them."""
        return self.frame("pauses")

    @property
    def link_samples(self) -> pd.DataFrame:
        """How well cells served devices on their way, where the scenario asked for it (`[trace] link_sample_s`)."""
        return self.frame("link_samples")

    @property
    def version_angles(self) -> pd.DataFrame:
        """The parameter vector of each version."""
        return self.frame("version_angles")

    @property
    def update_angles(self) -> pd.DataFrame:
        """The parameter vector of each applied participation."""
        return self.frame("update_angles")

    def params(self, version: int) -> Floats:
        """The parameter vector of a version."""
        rows = self.table("version_angles")
        where = rows["version"] == version
        if not where.any():
            raise InputError(f"{self.path}: version", version, f"one of the {len(rows)} versions that it holds")
        found: Floats = rows["angles"][where][0]
        return found


for _name in TABLES:
    _shown = vars(Trace)[_name]
    _shown.__doc__ = f"{_shown.__doc__}\n\n{columns_told(_name)}"


def _object(file: h5py.File, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text(file, name))
    except (ValueError, RecursionError) as error:
        raise InputError(f"texts/{name}", f"what is no JSON ({error})", "a JSON object") from error
    if not isinstance(found, dict):
        raise InputError(f"texts/{name}", f"a JSON {type(found).__name__}", "a JSON object")
    return found


def _status(file: h5py.File) -> Status:
    ended = {name: attribute(file, name) for name in ("complete", "reason", "fingerprint")}
    for name, kind in {"complete": bool, "reason": str, "fingerprint": str}.items():
        if not isinstance(ended[name], kind):
            raise InputError(f"attribute {name}", "nothing" if ended[name] is None else ended[name], "a status")
    totals = attributes(group(file, "totals"))
    for name, total in totals.items():
        if not isinstance(total, int | float):
            raise InputError(f"attribute {name} of /totals", total, "a number")
    return Status(ended["complete"], ended["reason"], ended["fingerprint"] or None, totals)


def recover(path: Path, out: Path, force: bool = False) -> None:
    """Write a plain file of everything committed in a trace; whether the run was complete stays as it was.

    InputError if the trace is damaged, or if `out` is taken (unless `force`) or cannot be written.
    """
    check_free(out, force=force)
    commits, tables = committed(path, TABLES)
    tails = {name: rows[len(rows) - len(rows) % chunk_rows(rows.dtype) :] for name, rows in tables.items()}
    status = Trace(path).status
    if status.reason == RUNNING.reason:
        status = status._replace(reason=RECOVERED)

    def write(old: h5py.File) -> Path | OSError:
        try:
            return closed(old, commits, tails, status, out.parent)
        except OSError as error:
            if error.errno is None:  # HDF5's own, about the trace that is read
                raise
            return error

    hidden = ask(path, write)
    try:
        if isinstance(hidden, OSError):
            raise hidden
        publish(hidden, out, force=force)
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError(str(out), got, "a place with free space where files can be written") from error
