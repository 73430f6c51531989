"""The observer that writes a run's trace while the run goes on: records wait in a queue, a thread commits them."""

import atexit
import errno
import os
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from qflsim.errors import RunError
from qflsim.records import Record
from qflsim.trace.journal import Journal
from qflsim.trace.layout import Scalar, Status, journal
from qflsim.trace.tables import TABLES

BATCH_ROWS = 1 << 14
"""Records of one commit at most: bounds the memory that it takes, and what the search for garbage finds."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

# A process forked in the middle of a commit would inherit half of it, and HDF5 might write that half once more.
_committing = threading.RLock()
os.register_at_fork(before=_committing.acquire, after_in_parent=_committing.release, after_in_child=_committing.release)


class TraceWriter:
    """An observer that appends every record to the trace at `path`, where others can watch it grow.

    Records are committed at most `flush_s` seconds of real time after they came, also while the caller computes.

    header: root attributes. texts: UTF-8 strings of any length. parameters: the length of every angle vector. tables:
    the names of the tables to record, None for all; the others are there and stay empty.
    InputError if `path` is taken (unless `force`) or cannot be written. From then on RunError, from any call, once a
    write failed, for instance because the disk is full: what was committed stays readable.
    """

    def __init__(
        self,
        path: Path,
        *,
        header: Mapping[str, Scalar],
        texts: Mapping[str, str],
        parameters: int,
        force: bool = False,
        tables: frozenset[str] | None = None,
        flush_s: float = 1.0,
    ) -> None:
        self._recorded = tuple(TABLES[name] for name in (TABLES if tables is None else tables))
        self._pending: deque[Record] = deque()
        self._failure: RunError | None = None
        self._journal = Journal(path, journal(header, texts, parameters), force=force)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._commit_on_schedule, args=(flush_s,), daemon=True)
        self._thread.start()
        # HDF5 goes down with the interpreter; the thread must have left it by then.
        atexit.register(self._halt)

    def __call__(self, record: Record) -> None:
        """Take a record."""
        if self._failure is not None:
            raise self._failure
        self._pending.append(record)

    def flush(self) -> None:
        """Commit every record that came so far."""
        with _committing:
            if self._failure is not None:
                raise self._failure
            try:
                while self._pending:
                    taken = [self._pending.popleft() for _ in range(min(len(self._pending), BATCH_ROWS))]
                    self._journal.commit([record for record in taken if isinstance(record, self._recorded)])
            except BaseException as error:
                self._fail(error)

    def close(
        self, *, reason: str, fingerprint: str | None, totals: Mapping[str, int | float], complete: bool = True
    ) -> None:
        """Commit the rest, and leave a plain file that says how the run ended."""
        self._halt()
        atexit.unregister(self._halt)
        with _committing, closing(self._journal):
            self.flush()
            try:
                self._journal.finish(Status(complete, reason, fingerprint, totals))
            except BaseException as error:
                self._fail(error)

    def _commit_on_schedule(self, flush_s: float) -> None:
        while self._failure is None and not self._stop.wait(flush_s):
            try:
                self.flush()
            except RunError:
                return  # the next call of the run's own thread raises it

    def _halt(self) -> None:
        self._stop.set()
        self._thread.join()

    def _fail(self, error: BaseException) -> NoReturn:
        full = isinstance(error, OSError) and error.errno in FULL
        cause = f"the disk is full ({error})" if full else str(error)
        self._failure = RunError(f"{self._journal.path}: cannot write the trace any further: {cause}")
        if isinstance(error, Exception):
            raise self._failure from error
        raise error
