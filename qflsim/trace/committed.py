"""Reading what is committed: the rows that the last valid commit counts, checked against its checksums."""

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from qflsim.errors import InputError
from qflsim.trace.chunks import chunk_of, rows_of
from qflsim.trace.commits import COMMIT, checksum, valid
from qflsim.trace.nodes import dataset, plain
from qflsim.trace.opening import ask, table_part
from qflsim.trace.sound import check_sound
from qflsim.trace.tables import TABLES, Rows

_TAIL_BYTE = 1 << 20


def commits_of(file: h5py.File) -> Rows:
    """The valid commits of a trace; there is one at least, which an empty journal is born with."""
    found = dataset(file, "commits")
    commits = np.empty(0, COMMIT)
    if found.dtype == COMMIT:
        chunk_of(found)
        commits, readable = rows_of(found, len(found))
        commits = valid(commits[:readable])
    if len(commits) == 0:
        raise InputError("/commits", "no valid commit", "a whole trace")
    for name in TABLES:
        if (np.diff(commits[name]["rows"], prepend=0) < 0).any():
            raise InputError("/commits", f"fewer {name} than before", "tables that grow")
    return commits


def counts_of(file: h5py.File) -> dict[str, int]:
    """The number of committed rows of each table, all of which have their place in the file."""
    last = commits_of(file)[-1]
    counts = {name: int(last[name]["rows"]) for name in TABLES}
    for name, count in counts.items():
        _check_place(file, name, count)
    return counts


def committed(path: Path, names: Collection[str]) -> tuple[Rows, dict[str, Rows]]:
    """The valid commits of a trace, and the rows of these tables at the last of them.

    InputError that names the table, and how many of its first rows are whole, if a checksum does not hold; or what
    stands in it, if it is nothing that a run writes.
    """

    def read(file: h5py.File) -> tuple[Rows, dict[str, Rows]]:
        commits = commits_of(file)
        return commits, {name: _rows(file, name, commits[name]) for name in names}

    return ask(path, read)


def pieces(path: Path, name: str, counts: tuple[int, int], piece_byte: int) -> Iterator[Rows]:
    """The rows of a table at a commit, in pieces of `piece_byte` or one row; of an empty table one without rows.

    `counts` are its rows and their checksum there. InputError, after the last piece, if the checksum does not hold.
    """
    count, crc = counts
    start = found = 0
    while True:
        rows = ask(path, partial(_piece, name=name, start=start, count=count, piece_byte=piece_byte))
        yield rows
        start, found = start + len(rows), checksum(rows, found)
        if start == count or not len(rows):
            break
    if (start, found) != (count, crc):
        raise InputError(f"{path}: {name}", f"damage within its {count} rows", "a whole table")


def _piece(file: h5py.File, name: str, start: int, count: int, piece_byte: int) -> Rows:
    table, tail = _check_place(file, name, count)
    stop = min(start + max(piece_byte // table.dtype.itemsize, 1), count)
    rows, readable = rows_of(table, min(stop, len(table)), min(start, len(table)))
    if readable < len(rows):
        raise InputError(name, f"damage after the first {start + readable} of {count} rows", "a whole table")
    if stop > len(table):
        assert tail is not None
        rows = np.concatenate([rows, plain(tail, _TAIL_BYTE)[max(start - len(table), 0) : stop - len(table)]])
    check_sound(name, rows)
    return rows


def _rows(file: h5py.File, name: str, counts: Rows) -> Rows:
    count, crc = counts[-1].item()
    table, tail = _check_place(file, name, count)
    rows, readable = rows_of(table, min(count, len(table)))
    if readable == len(rows) < count:
        assert tail is not None
        rows = np.concatenate([rows, plain(tail, _TAIL_BYTE)[: count - len(table)]])
        readable = count
    if readable < count or checksum(rows) != crc:
        whole = _whole(rows[:readable], counts)
        raise InputError(name, f"damage after the first {whole} of {count} rows", "a whole table")
    check_sound(name, rows)
    return rows


def _check_place(file: h5py.File, name: str, count: int) -> tuple[h5py.Dataset, h5py.Dataset | None]:
    """The table, and the tail if rows lie in it; InputError if there is no place for so many."""
    table = table_part(file, "tables", name)
    tail = table_part(file, "tails", name) if count > len(table) and "tails" in file else None
    place = len(table) + (0 if tail is None else len(tail))
    if count > place:
        raise InputError(name, f"a commit of {count:,} rows where {place:,} are", "a whole table")
    return table, tail


def _whole(rows: Rows, counts: Rows) -> int:
    """How many of these first rows belong to commits whose checksums hold."""
    whole = crc = 0
    for count, want in counts.tolist():
        crc = checksum(rows[whole:count], crc)
        if count > len(rows) or crc != want:
            break
        whole = count
    return whole
