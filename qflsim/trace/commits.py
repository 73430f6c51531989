"""A commit: how many rows of every table are whole, with their checksums; the last thing that a flush writes.

A commit is a row of `/commits`. It holds, for each table, the number of rows and the CRC-32 of their bytes from the
first row on, and then the CRC-32 of the commit itself, so that one torn by a kill is recognised and passed over.
"""

import zlib
from collections.abc import Iterable

import numpy as np

from qflsim.trace.tables import TABLES, Rows

COMMIT = np.dtype(
    [(name, np.dtype([("rows", "<i8"), ("crc", "<u4")])) for name in TABLES] + [("seal", "<u4")]
)  # fmt: skip


def checksum(rows: Rows, before: int = 0) -> int:
    """CRC-32 of these rows, continued from that of the rows before them."""
    return zlib.crc32(np.ascontiguousarray(rows).view(np.uint8).data, before) if len(rows) else before


def sealed(counts: Iterable[tuple[int, int]]) -> Rows:
    """One commit, as an array of one row, of (rows, checksum) of each table in the order of `TABLES`."""
    commit = np.zeros(1, COMMIT)
    for name, count in zip(TABLES, counts, strict=True):
        commit[name] = count
    commit["seal"] = _seal(commit)
    return commit


def valid(commits: Rows) -> Rows:
    """The commits up to the last one whose seal holds and whose predecessors' seals hold too."""
    torn = (i for i, commit in enumerate(commits) if commit["seal"] != _seal(commit))
    return commits[: next(torn, len(commits))]


def _seal(commit: Rows) -> int:
    return zlib.crc32(commit.tobytes()[: -COMMIT["seal"].itemsize])
