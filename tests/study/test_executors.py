"""Executors: tasks run where they are told to, and no process outlives the one that it works for."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import pytest

from qflsim.errors import InputError, RunError
from qflsim.records import Record, Version
from qflsim.scenario.load import load
from qflsim.study import executors
from qflsim.study.crew import TRIES, TaskError
from qflsim.study.executors import executor_of
from qflsim.study.processes import THREADS
from qflsim.study.run import run
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES

Command = Callable[..., Any]
TASKS = """
import os, signal
from pathlib import Path

def deadly(folder, times):
    # Kills its process so many times, then says how often it was begun.
    begun = len(list(Path(folder).iterdir()))
    (Path(folder) / str(begun)).touch()
    if begun < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun + 1

class Wrong(Exception):
    def __init__(self, one, two):  # which no pickle can make again
        super().__init__(one + two)

def raising():
    raise Wrong("very ", "wrong")

def unsendable():
    return lambda: 0

def cut_short(folder):
    # The first time its worker is killed when a part of the answer has gone.
    from multiprocessing.connection import Connection

    def part_of(self, content):
        os.write(self.fileno(), bytes(content[:100]))
        os.kill(os.getpid(), signal.SIGKILL)

    if not list(Path(folder).iterdir()):
        (Path(folder) / "begun").touch()
        Connection._send = part_of
    return "x" * 1000

from typing import Literal
from qflsim.model import Model

class Lost(Model):
    kind: Literal["doing:Lost"] = "doing:Lost"

    def ascend(self, angles, gradient, steps):
        raise ArithmeticError("no way up")
"""
OWNER = """
import os, sys, time
from qflsim.study.executors import executor_of
if __name__ == "__main__":
    with executor_of(2) as executor:
        pids = {executor.submit(os.getpid).result() for _ in range(20)}
        busy = [executor.submit(time.sleep, 1000) for _ in range(2)]
        while not all(future.running() for future in busy):
            time.sleep(0.01)
        print(*pids, flush=True)
        sys.stdin.read()
"""


def running(pid: int) -> bool:
    """Whether a process is there, and not just waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def doing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that other processes can import too."""
    (tmp_path / "doing.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "doing", raising=False)
    return pytest.importorskip("doing")


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    """An empty folder."""
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


def killer_of_workers() -> Callable[[Record], None]:
    """An observer that kills one of this process's workers when version 1 is made."""

    def watch(record: Record) -> None:
        if isinstance(record, Version) and record.version == 1:
            victims = [child.pid for child in multiprocessing.active_children()]
            assert len(victims) == 2
            assert victims[0] is not None
            os.kill(victims[0], signal.SIGKILL)

    return watch


def assert_same(a: Trace, b: Trace) -> None:
    """Two traces agree to the last bit."""
    assert a.fingerprint == b.fingerprint
    for name in TABLES:
        assert a.table(name).tobytes() == b.table(name).tobytes(), name


def test_one_worker_is_this_process() -> None:
    """Without others the task runs here, at once; its exception comes with its result."""
    with executor_of(1) as executor:
        assert executor.submit(os.getpid).result() == os.getpid()
        assert isinstance(executor.submit(int, "x").exception(), TaskError)


def test_workers_use_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their libraries are told so, and this process keeps its own settings."""
    monkeypatch.setenv(THREADS[0], "7")
    monkeypatch.delenv(THREADS[1], raising=False)
    with executor_of(2) as executor:
        assert [executor.submit(os.getenv, name).result() for name in THREADS] == ["1", "1", "1"]
        assert executor.submit(os.getpid).result() != os.getpid()
    assert os.environ[THREADS[0]] == "7"
    assert THREADS[1] not in os.environ


def test_a_task_whose_worker_is_killed_is_done_again(doing: Any, marks: Path) -> None:
    """One kill costs a second beginning and no result; the tasks around it have theirs."""
    with executor_of(2) as executor:
        before = [executor.submit(abs, -k) for k in range(10)]
        deadly = executor.submit(doing.deadly, marks, 1)
        after = [executor.submit(abs, -k) for k in range(10)]
        assert deadly.result() == 2
        assert [future.result() for future in before + after] == [*range(10), *range(10)]


def test_a_task_whose_worker_is_killed_in_the_middle_of_its_answer_is_done_again(doing: Any, marks: Path) -> None:
    """Half an answer is none: the worker is dead, like one that is killed before it says anything."""
    with executor_of(2) as executor:
        assert executor.submit(doing.cut_short, marks).result() == "x" * 1000
        assert executor.submit(abs, -1).result() == 1


def test_a_task_that_kills_every_worker_is_given_up(doing: Any, marks: Path) -> None:
    """It was begun so many times, the signal is told, and the executor goes on."""
    with executor_of(2) as executor:
        with pytest.raises(BrokenExecutor, match="ended by SIGKILL"):
            executor.submit(doing.deadly, marks, 99).result()
        assert len(list(marks.iterdir())) == TRIES
        assert executor.submit(abs, -1).result() == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_that_cannot_travel_is_told_all_the_same(doing: Any, workers: int) -> None:
    """An exception that no pickle can make again arrives as the same line, whoever raised it."""
    with executor_of(workers) as executor:
        error = executor.submit(doing.raising).exception()
    assert str(error) == "Wrong in raising (doing.py, line 18): very wrong"


def test_what_cannot_travel_is_told(doing: Any) -> None:
    """A result or an argument that no pickle holds breaks its own task alone."""
    with executor_of(2) as executor:
        with pytest.raises(BrokenExecutor, match="could not be sent"):
            executor.submit(doing.unsendable).result()
        with pytest.raises(BrokenExecutor, match="pickle"):
            executor.submit(abs, lambda: 0).result()
        assert executor.submit(abs, -1).result() == 1


def test_what_the_user_is_told_travels_whole() -> None:
    """An `InputError` arrives with its place, what was found and what was wanted."""
    with executor_of(2) as executor:
        there = executor.submit(load, "no-such-scenario").exception()
    with executor_of(1) as executor:
        here = executor.submit(load, "no-such-scenario").exception()
    assert isinstance(there, InputError)
    assert vars(there) == vars(here)


def test_a_run_survives_its_workers(tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """With one of two processes killed in mid-run the trace is the same to the last bit."""
    trace = run(load(tiny), tmp_path / "t.h5", workers=2, observers=(killer_of_workers(),))
    assert_same(finished, trace)


@pytest.mark.usefixtures("doing")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_whose_training_raises(tiny: Path, tmp_path: Path, workers: int) -> None:
    """It ends with the cause, in one line, and with a trace that says the same."""
    lost = load(tiny, overrides=["training.optimizer.kind=doing:Lost"], plugins=True)
    with pytest.raises(RunError, match=r"ArithmeticError in ascend .*: no way up; the trace up to there") as caught:
        run(lost, tmp_path / "t.h5", workers=workers)
    assert caught.value.trace == tmp_path / "t.h5"
    assert "no way up" in Trace(tmp_path / "t.h5").reason
    assert not Trace(tmp_path / "t.h5").complete


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not show its processes")
def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    """After a kill -9 of the process that they work for, no worker is left, however busy."""
    (tmp_path / "owner.py").write_text(OWNER)
    owner = subprocess.Popen([sys.executable, tmp_path / "owner.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    assert owner.stdout is not None
    workers = [int(pid) for pid in owner.stdout.readline().split()]
    assert workers
    assert all(map(running, workers))
    owner.kill()
    owner.wait()
    patience_s = time.monotonic() + 20
    while any(map(running, workers)) and time.monotonic() < patience_s:
        time.sleep(0.01)
    left = [pid for pid in workers if running(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


def stopped_in_mid_run(number: int, scenario: Path, out: Path, *words: str) -> tuple[int, str]:
    """Sends a signal to the command and all its processes when there are rows: exit code and standard error."""
    command = [sys.executable, "-m", "qflsim", "run", str(scenario), "-o", str(out), "--set", "stop.duration_s=1e6"]
    process = subprocess.Popen([*command, *words], start_new_session=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    while not (out.exists() and sum(Trace(out).rows.values())):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.killpg(process.pid, number)
    _, err = process.communicate()
    return process.returncode, err


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_to_all_processes_of_a_run(tiny: Path, tmp_path: Path, number: int) -> None:
    """It ends the run gently and in order: workers do not hear Ctrl-C, and what SIGTERM kills is not missed."""
    code, err = stopped_in_mid_run(number, tiny, tmp_path / "t.h5", "--workers", "2")
    assert code == 128 + number
    assert err == f"stopped by {signal.Signals(number).name}; the trace up to there is {tmp_path / 't.h5'}\n"


# --- Dask


@pytest.mark.parametrize("address", ["nonsense://x", "", "127.0.0.1:9", "tcp://127.0.0.1:9", "no.such.host"])
def test_a_cluster_that_is_none(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an address that is none, or one that nobody answers at, the user is told."""
    monkeypatch.setattr(executors, "ANSWER_S", 0.2)
    told = r"--cluster: got .* want the address of a Dask scheduler"
    with pytest.raises(InputError, match=told), executor_of(1, address):
        pass


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is told what to install."""
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(InputError, match="pip install"), executor_of(1, "127.0.0.1:9"):
        pass


@pytest.mark.slow
def test_a_run_survives_a_worker_of_its_cluster(tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """A real scheduler with two worker processes, one of them killed in mid-run: the same trace to the last bit."""
    told: list[str] = []
    watch = killer_of_workers()
    trace = run(load(tiny), tmp_path / "t.h5", workers=2, cluster="local", observers=(watch,), tell=told.append)
    assert_same(finished, trace)
    (line,) = told
    assert "tcp://127.0.0.1:" in line
    assert "http://127.0.0.1:" in line


@pytest.mark.slow
def test_a_task_whose_cluster_worker_is_killed(doing: Any, marks: Path) -> None:
    """The scheduler gives it to another, a few times; one that kills them all is given up, and others go on."""
    (marks / "always").mkdir()
    with executor_of(2, "local") as executor:
        assert executor.submit(doing.deadly, marks, 2).result() == 3
        with pytest.raises(BrokenExecutor, match="KilledWorker"):
            executor.submit(doing.deadly, marks / "always", 99).result()
        assert isinstance(executor.submit(doing.raising).exception(), TaskError)
        assert executor.submit(abs, -1).result() == 1


@pytest.mark.slow
def test_a_cluster_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has none to begin with is refused; a run whose last worker has gone waits a while for another."""
    from dask.distributed import LocalCluster

    monkeypatch.setattr(executors, "LONELY_S", 0.2)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        with executor_of(1, cluster.scheduler_address) as executor:
            assert executor.submit(abs, -1).result() == 1
            cluster.scale(0)
            cluster.sync(cluster._correct_state)
            with pytest.raises(BrokenExecutor, match="no worker any more"):
                executor.submit(abs, -2).result()
        with pytest.raises(InputError, match="no worker is"), executor_of(1, cluster.scheduler_address):
            pass


@pytest.mark.slow
def test_the_command_with_a_cluster(qflsim: Command, tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """`--cluster local` tells one line on standard error, and its trace is the same to the last bit."""
    answer = qflsim("run", tiny, "-o", tmp_path / "t.h5", "--cluster", "local", "--workers", "2", "--json")
    assert answer.code == 0
    assert answer.err.startswith("a Dask scheduler at tcp://127.0.0.1:")
    assert answer.err.count("\n") == 1
    assert json.loads(answer.out)["complete"]
    assert_same(finished, Trace(tmp_path / "t.h5"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_of_a_cluster(tiny: Path, tmp_path: Path, number: int) -> None:
    """As with processes of our own."""
    words = ("--cluster", "local", "--workers", "2")
    code, err = stopped_in_mid_run(number, tiny, tmp_path / "t.h5", *words)
    assert code == 128 + number
    told = f"stopped by {signal.Signals(number).name}; the trace up to there is {tmp_path / 't.h5'}"
    assert err.splitlines()[1:] == [told]
