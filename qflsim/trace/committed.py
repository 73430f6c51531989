"""Reading what is committed: the rows that the last valid commit counts, checked against its checksums."""

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from qflsim.errors import InputError
from qflsim.trace.commits import COMMIT, checksum, valid
from qflsim.trace.opening import ask, dataset, table_part
from qflsim.trace.tables import Rows


def commits_of(file: h5py.File) -> Rows:
    """The valid commits of a trace; there is one at least, which an empty journal is born with."""
    found = dataset(file, "commits")
    commits = valid(found[:]) if found.dtype == COMMIT else np.empty(0, COMMIT)
    if len(commits) == 0:
        raise InputError("/commits", "no valid commit", "a whole trace")
    return commits


def committed(path: Path, names: Collection[str]) -> tuple[Rows, dict[str, Rows]]:
    """The valid commits of a trace, and the rows of these tables at the last of them.

    InputError that names the table, and how many of its first rows are whole, if a checksum does not hold.
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
    each = max(piece_byte // table_part(file, "tables", name).dtype.itemsize, 1)
    return _slice(file, name, start, min(start + each, count))


def _rows(file: h5py.File, name: str, counts: Rows) -> Rows:
    count, crc = counts[-1].item()
    try:
        rows = _slice(file, name, 0, count)
        if len(rows) == count and checksum(rows) == crc:
            return rows
    except OSError:  # a chunk that cannot be unpacked
        pass
    whole = _whole(file, name, counts)
    raise InputError(name, f"damage after the first {whole} of {count} rows", "a whole table")


def _whole(file: h5py.File, name: str, counts: Rows) -> int:
    whole = crc = 0
    for count, want in counts.tolist():
        try:
            crc = checksum(_slice(file, name, whole, count), crc)
        except OSError:
            break
        if crc != want:
            break
        whole = count
    return whole


def _slice(file: h5py.File, name: str, start: int, stop: int) -> Rows:
    """Rows from the table as far as it goes, and from the tail beyond."""
    table = table_part(file, "tables", name)
    rows: Rows = table[start:stop]
    if stop <= len(table):
        return rows
    tail = table_part(file, "tails", name)
    return np.concatenate([rows, tail[max(start - len(table), 0) : stop - len(table)]])
