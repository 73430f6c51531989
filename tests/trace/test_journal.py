"""The journal: whatever happens, what was committed can be read, and its tables agree."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from qflsim.errors import InputError, RunError
from qflsim.records import Event, Leg
from qflsim.terms import Happening
from qflsim.trace.committed import committed
from qflsim.trace.journal import Journal
from qflsim.trace.layout import journal
from qflsim.trace.reader import Trace, recover

WRITE = """
import itertools, sys
from pathlib import Path
from qflsim.records import Event, Leg
from qflsim.terms import Happening
from qflsim.trace.writer import TraceWriter
print("imported", flush=True)
writer = TraceWriter(Path(sys.argv[1]), header={"seed": 1}, texts={}, parameters=2, flush_s=0.01)
for i in itertools.count():
    writer(Event(i, Happening.INVITED, i, i, -1, i))
    writer(Leg(i, i, 0, 0, 0.0, 0.0, 0.0, 0.0))
    if i % 1000 == 0:
        writer.flush()
"""


def pair(i: int) -> tuple[Event, Leg]:
    """The i-th record of each of two tables."""
    return Event(i, Happening.INVITED, i, i, -1, i), Leg(i, i, 0, 0, 0.0, 0.0, 0.0, 0.0)


@contextmanager
def started(path: Path) -> "Iterator[subprocess.Popen[str]]":
    """A process, its imports done, that writes pairs of records until it is killed."""
    with subprocess.Popen([sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def pairs_in(path: Path) -> int:
    """How many pairs a trace holds; each table must hold the same ones, in order."""
    tables = committed(path, ("events", "legs"))[1]
    events, legs = tables["events"], tables["legs"]
    assert len(events) - len(legs) in (0, 1)
    assert (events["t_ns"] == np.arange(len(events))).all()
    assert (legs["device"] == np.arange(len(legs))).all()
    return len(legs)


def test_killed_at_any_instant(tmp_path: Path) -> None:
    """After SIGKILL there is no file or a valid, incomplete one; recovered, plain h5py reads the very same rows."""
    rng, lengths = random.Random(5), []
    for i, delay_s in enumerate([0.0, *(rng.uniform(0.0, 0.3) for _ in range(9))]):
        path, out = tmp_path / f"{i}.h5", tmp_path / f"{i}-recovered.h5"
        with started(path) as process:
            time.sleep(delay_s)
        assert process.returncode == -signal.SIGKILL
        if not path.exists():
            continue
        lengths.append(pairs_in(path))
        assert not Trace(path).complete
        recover(path, out)
        assert pairs_in(out) == lengths[-1]
        assert not Trace(out).complete
        with h5py.File(out, "r") as file:
            assert len(file["tables/legs"]) == lengths[-1]
            assert (file["tables/legs"]["t_ns"] == np.arange(lengths[-1])).all()
    assert max(lengths) > 2048, "no kill after the first whole chunk"


def test_read_while_another_process_writes(tmp_path: Path) -> None:
    """A reader sees whole, growing tables at any time."""
    path = tmp_path / "live.h5"
    with started(path) as process:
        while not path.exists():
            assert process.poll() is None
        seen = [pairs_in(path) for _ in range(10)]
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


def test_every_state_of_the_file_holds_the_last_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after each write that a commit makes, the bytes on disk read as all of one commit or of the next."""
    path, states = tmp_path / "trace.h5", list[tuple[Path, int]]()
    written, flush = 0, h5py.Dataset.flush

    def watched(dataset: h5py.Dataset) -> None:
        for act in (lambda: None, lambda: flush(dataset)):
            act()
            states.append((tmp_path / f"state-{len(states)}", written))
            shutil.copy(path, states[-1][0])

    monkeypatch.setattr(h5py.Dataset, "flush", watched)
    book = Journal(path, journal({}, {}, 2), force=False)
    sizes = [1, 700, 1300, 47, 1, 2048, 900, 3000]
    for size in sizes:
        book.commit([record for i in range(written, written + size) for record in pair(i)])
        written += size
    book.close()
    monkeypatch.undo()
    later = dict(zip(np.cumsum([0, *sizes]).tolist(), np.cumsum(sizes).tolist(), strict=False))
    found = [(pairs_in(state), before) for state, before in states]
    assert all(length in (before, later[before]) for length, before in found)
    assert len({length for length, _ in found}) == len(sizes) + 1
    assert len(states) > 4 * len(sizes)


def test_a_torn_commit_is_passed_over(tmp_path: Path) -> None:
    """With its last commit damaged, a journal reads as of the commit before."""
    path = tmp_path / "trace.h5"
    book = Journal(path, journal({}, {}, 2), force=False)
    for start in (0, 3000):
        book.commit([record for i in range(start, start + 3000) for record in pair(i)])
    book.close()
    with h5py.File(path, "r") as file:
        commits = file["commits"]
        last = commits.id.get_chunk_info(0).byte_offset + (len(commits) - 1) * commits.dtype.itemsize
    assert pairs_in(path) == 6000
    with path.open("r+b") as raw:
        raw.seek(last)
        raw.write(b"\xff")
    assert pairs_in(path) == 3000
    recover(path, tmp_path / "out.h5")
    assert pairs_in(tmp_path / "out.h5") == 3000


def failing(*_: Any, **__: Any) -> None:
    """A disk without room for one more name."""
    raise OSError(28, "No space left on device")


def replaced(path: Path) -> None:
    """Another run writes the same path by force."""
    Journal(path, journal({}, {}, 2), force=True).close()


@pytest.mark.parametrize("away", [Path.unlink, replaced])
def test_a_journal_that_lost_its_name_stops_the_run(tmp_path: Path, away: Callable[[Path], None]) -> None:
    """A run whose file is removed or replaced says so at the next commit, and leaves the other file alone."""
    path = tmp_path / "trace.h5"
    book = Journal(path, journal({}, {}, 2), force=False)
    away(path)
    with pytest.raises(RunError, match="removed or replaced"):
        book.commit(pair(0))
    book.close()
    assert path.exists() == (away is replaced)


def test_no_hidden_file_stays_where_a_journal_cannot_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk is full at the start, the mistake is told and the folder is as it was."""
    monkeypatch.setattr("qflsim.trace.journal.publish", failing)
    with pytest.raises(InputError, match="No space left on device; want a place with free space"):
        Journal(tmp_path / "trace.h5", journal({}, {}, 2), force=False)
    assert not list(tmp_path.iterdir())


def test_a_truncated_journal_is_refused(tmp_path: Path) -> None:
    """Cut at any length, a killed journal is refused at once with its name, or still holds what it claims to."""
    path, cut = tmp_path / "trace.h5", tmp_path / "cut.h5"
    book = Journal(path, journal({}, {}, 2), force=False)
    book.commit([record for i in range(3000) for record in pair(i)])
    content = path.read_bytes()
    book.close()
    refused = list[bool]()
    for length in range(1, len(content), len(content) // 40):
        cut.write_bytes(content[:length])
        try:
            assert pairs_in(cut) == 3000
        except InputError as error:
            refused.append(error.where.startswith(str(cut)))
    assert len(refused) > 10
    assert all(refused)
