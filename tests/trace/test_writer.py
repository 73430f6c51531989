"""The writer: an observer that never loses a row silently, and says when it cannot go on."""

import multiprocessing
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from qflsim.errors import InputError, RunError
from qflsim.records import Event, Leg
from qflsim.terms import Happening
from qflsim.trace.reader import Trace
from qflsim.trace.writer import TraceWriter

MakeWriter = Callable[..., TraceWriter]
NOISE = np.random.default_rng(3).integers(0, 2**62, 10_000).tolist()


def event(i: int) -> Event:
    """An event numbered i whose value does not compress."""
    return Event(i, Happening.INVITED, i, i, -1, NOISE[i % len(NOISE)])


def fill(writer: TraceWriter) -> int:
    """Write events until the writer fails, and return how many went in."""
    for i in range(1_000_000):
        writer(event(i))
        if i % 1000 == 999:
            writer.flush()
    raise AssertionError("the disk never filled")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting takes rights that this user lacks")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def short_files() -> Iterator[None]:
    """No file may grow beyond 4 MB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def check_full(path: Path, writer: TraceWriter) -> None:
    """Fill the disk: the run ends with a message, and the file reads up to the last commit, without a row of zeros."""
    with pytest.raises(RunError, match="the disk is full"):
        fill(writer)
    with pytest.raises(RunError, match="the disk is full"):
        writer(event(0))
    with pytest.raises(RunError, match="the disk is full"):
        writer.close(reason="the disk is full", fingerprint=None, totals={}, complete=False)
    trace = Trace(path)
    events = trace.table("events")
    assert not trace.complete
    assert len(events) > 10_000
    assert len(events) % 1000 == 0
    assert (events["t_ns"] == np.arange(len(events))).all()
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_fills(small_disk: Path, make_writer: MakeWriter) -> None:
    """On a full disk the run ends in order."""
    check_full(small_disk / "trace.h5", make_writer(small_disk / "trace.h5"))


@pytest.mark.usefixtures("short_files")
def test_a_file_at_its_limit(tmp_path: Path, make_writer: MakeWriter) -> None:
    """A limit on the size of files acts like a full disk."""
    check_full(tmp_path / "trace.h5", make_writer())


def test_a_disk_that_is_full_at_the_end(small_disk: Path, make_writer: MakeWriter) -> None:
    """If only the closed file finds no room, the journal stays, whole and readable, and says that it is incomplete."""
    path = small_disk / "trace.h5"
    writer = make_writer(path)
    for i in range(3000):
        writer(event(i))
    writer.flush()
    free_byte = 4 * 2**20 - path.stat().st_size
    (small_disk / "other").write_bytes(bytes(free_byte - 2**16))
    with pytest.raises(RunError, match="the disk is full"):
        writer.close(reason="done", fingerprint="f", totals={})
    assert sorted(file.name for file in small_disk.iterdir()) == ["other", "trace.h5"]
    assert not Trace(path).complete
    assert Trace(path).rows["events"] == 3000


def test_a_disk_that_is_full_at_the_start(small_disk: Path, make_writer: MakeWriter) -> None:
    """Before anything is computed, a full disk is the user's to mend."""
    (small_disk / "other").write_bytes(bytes(4 * 2**20 - 2**16))
    with pytest.raises(InputError, match="No space left on device"):
        make_writer(small_disk / "trace.h5")
    assert [file.name for file in small_disk.iterdir()] == ["other"]


def test_a_read_only_folder(small_disk: Path, make_writer: MakeWriter) -> None:
    """A folder that cannot be written is refused, even for root."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(InputError, match="Read-only file system"):
        make_writer(small_disk / "trace.h5")


def test_an_existing_file_is_kept(tmp_path: Path, make_writer: MakeWriter) -> None:
    """Without force the file stays as it is; with force it is a new trace."""
    path = tmp_path / "trace.h5"
    path.write_text("precious")
    with pytest.raises(InputError, match="exists"):
        make_writer(path)
    assert path.read_text() == "precious"
    make_writer(path, force=True)
    assert Trace(path).rows["events"] == 0


def test_of_writers_racing_for_one_path_one_wins(tmp_path: Path, make_writer: MakeWriter) -> None:
    """Each of the others is told, none of them leaves anything behind, and the winner's trace is whole."""

    def attempt(seed: int) -> int | None:
        try:
            writer = make_writer(tmp_path / "trace.h5", header={"seed": seed})
        except InputError:
            return None
        writer(event(seed))
        writer.close(reason="done", fingerprint=None, totals={})
        return seed

    with ThreadPoolExecutor(8) as pool:
        winners = [seed for seed in pool.map(attempt, range(8)) if seed is not None]
    assert len(winners) == 1
    trace = Trace(tmp_path / "trace.h5")
    assert trace.header == {"seed": winners[0]}
    assert trace.table("events")["t_ns"].tolist() == winners
    assert [file.name for file in tmp_path.iterdir()] == ["trace.h5"]


def test_rows_are_committed_while_the_caller_computes(tmp_path: Path, make_writer: MakeWriter) -> None:
    """A row appears to readers though the thread that emitted it calls nothing more."""
    make_writer(flush_s=0.01)(event(0))
    end_s = time.monotonic() + 20.0
    while Trace(tmp_path / "trace.h5").rows["events"] == 0:
        assert time.monotonic() < end_s, "never committed"


def test_tables_not_recorded_stay_empty(tmp_path: Path, make_writer: MakeWriter) -> None:
    """Only the named tables take rows; the others are there."""
    writer = make_writer(tables=frozenset({"legs"}))
    writer(event(0))
    writer(Leg(0, 1, 2, 3, 4.0, 5.0, 6.0, 7.0))
    writer.close(reason="done", fingerprint=None, totals={})
    assert {name: rows for name, rows in Trace(tmp_path / "trace.h5").rows.items() if rows} == {"legs": 1}


def test_a_broken_promise_in_the_background_surfaces(make_writer: MakeWriter) -> None:
    """What fails in the thread is raised by the next flush and by every later call."""
    writer = make_writer()
    writer(Event(0, Happening.INVITED, 2**31, 0, 0, 0))
    for _ in range(2):
        with pytest.raises(RunError, match="cannot write the trace any further"):
            writer.flush()
    with pytest.raises(RunError):
        writer(event(0))


def test_forks_do_not_meet_half_a_commit(tmp_path: Path, make_writer: MakeWriter) -> None:
    """Processes forked while commits go on leave the trace whole."""
    writer = make_writer(flush_s=0.001)
    fork = multiprocessing.get_context("fork")
    for i in range(20):
        for j in range(1000):
            writer(event(1000 * i + j))
        child = fork.Process(target=int)
        child.start()
        child.join(20.0)
        assert child.exitcode == 0
    writer.close(reason="done", fingerprint=None, totals={})
    assert (Trace(tmp_path / "trace.h5").table("events")["t_ns"] == np.arange(20_000)).all()


def test_an_event_takes_at_most_32_bytes(tmp_path: Path, make_writer: MakeWriter) -> None:
    """A closed file of events is no longer than 32 bytes an event, even with values that do not compress."""
    writer = make_writer()
    for i in range(10_000):
        writer(event(i))
    writer.close(reason="done", fingerprint=None, totals={})
    assert (tmp_path / "trace.h5").stat().st_size <= 32 * 10_000
