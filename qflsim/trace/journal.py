"""The journal: the file that a run writes into, in which every commit stays readable whatever happens next.

A commit writes, in this order: whole chunks to `/tables`, what is left over to `/tails`, one row to `/commits`. A tail
is overwritten only once its rows stand in a chunk of the table. So the rows of the last commit are in the file at every
instant: a reader takes them from the table as far as it goes, and from the tail beyond. A kill loses what came after
the last commit; a loss of power may lose more, for only closing waits for the disk itself.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np

from qflsim.errors import InputError, RunError
from qflsim.records import Record
from qflsim.trace.commits import checksum, sealed
from qflsim.trace.layout import VERSIONS, Status, closed
from qflsim.trace.placing import MARGIN_BYTE, check_free, publish, reserve, write_hidden
from qflsim.trace.plain import LOCKING, open_to_read
from qflsim.trace.tables import TABLES, Rows, pack


class Journal:
    """A journal open for writing, by one thread at a time.

    path: its name, which it has when the constructor returns. content: the bytes of an empty journal. InputError if
    the name is taken (unless `force`) or the file cannot be written. The methods let OSError through.
    """

    def __init__(self, path: Path, content: bytes, *, force: bool) -> None:
        self.path = path
        check_free(path, force=force)
        with ExitStack() as undo:
            try:
                hidden = write_hidden(path.parent, content)
                undo.callback(hidden.unlink, missing_ok=True)
                self._room = undo.enter_context(hidden.open("r+b"))
                self._file = undo.enter_context(h5py.File(hidden, "r+", libver=VERSIONS, locking=LOCKING))
                self._file.swmr_mode = True
                publish(hidden, path, force=force)
            except FileExistsError:
                raise InputError(str(path), "a file that exists", "a new name, or --force to replace it") from None
            except OSError as error:
                got = error.strerror or str(error)
                raise InputError(str(path), got, "a place with free space where files can be written") from error
            undo.pop_all()
        self._commits = self._file["commits"]
        self._tables = {TABLES[name]: _Table(self._file["tables"][name], self._file["tails"][name]) for name in TABLES}

    def commit(self, records: Sequence[Record]) -> None:
        """Append records to their tables, all or none of them for any reader."""
        self._check_place()
        by_type = defaultdict[type[Record], list[Record]](list)
        for record in records:
            by_type[type(record)].append(record)
        batches = {kind: pack(rows, self._tables[kind].dtype) for kind, rows in by_type.items()}
        new_byte = sum(rows.nbytes for rows in batches.values())
        reserve(self._room.fileno(), self._file.id.get_filesize() + 2 * new_byte + MARGIN_BYTE)
        for kind, rows in batches.items():
            self._tables[kind].append(rows)
        self._commits.resize((len(self._commits) + 1,))
        self._commits[-1:] = sealed((table.rows, table.crc) for table in self._tables.values())
        self._commits.flush()

    def finish(self, status: Status) -> None:
        """Put a plain file of all that is committed in the journal's place; if that fails, the journal stays."""
        commits = self._commits[:]
        tails = {name: self._tables[kind].rest for name, kind in TABLES.items()}
        self._file.close()
        with open_to_read(self.path) as old:
            hidden = closed(old, commits, tails, status, self.path.parent)
        try:
            self._check_place()
        except RunError:
            hidden.unlink()
            raise
        publish(hidden, self.path, force=True)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        self._room.close()

    def _check_place(self) -> None:
        """A file that was moved away or replaced would take the rest of the run with it unseen."""
        if not self.path.exists() or not os.path.samestat(os.fstat(self._room.fileno()), self.path.stat()):
            raise RunError(f"{self.path}: removed or replaced by another program while the run was writing it")


class _Table:
    """One table being written: the rows of its whole chunks in one data set, the rest in another."""

    def __init__(self, chunks: h5py.Dataset, tail: h5py.Dataset) -> None:
        self._chunks, self._tail = chunks, tail
        self.dtype: np.dtype[np.void] = chunks.dtype
        self.rest: Rows = np.empty(0, self.dtype)
        self.rows = self.crc = 0

    def append(self, rows: Rows) -> None:
        self.rows += len(rows)
        self.crc = checksum(rows, self.crc)
        kept = len(self.rest)
        self.rest = np.concatenate([self.rest, rows])
        whole = len(self.rest) - len(self.rest) % len(self._tail)
        if whole:
            self._chunks.resize((len(self._chunks) + whole,))
            self._chunks[-whole:] = self.rest[:whole]
            self._chunks.flush()
            kept, self.rest = 0, self.rest[whole:].copy()
        if len(self.rest) > kept:
            self._tail[kept : len(self.rest)] = self.rest[kept:]
            self._tail.flush()
