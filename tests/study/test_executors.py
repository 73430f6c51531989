"""Executors: tasks run where they are told to, and no process outlives the one that it works for."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qflsim.errors import InputError
from qflsim.study.executors import THREADS, executor_of

OWNER = """
import os, sys, time
from qflsim.study.executors import executor_of
if __name__ == "__main__":
    with executor_of(2) as executor:
        print(*{executor.submit(os.getpid).result() for _ in range(20)}, flush=True)
        sys.stdin.read()
"""


def running(pid: int) -> bool:
    """Whether a process is there, and not just waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_worker_is_this_process() -> None:
    """Without others the task runs here, at once; its exception comes with its result."""
    with executor_of(1) as executor:
        assert executor.submit(os.getpid).result() == os.getpid()
        assert isinstance(executor.submit(int, "x").exception(), ValueError)


def test_workers_use_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are told so when they start, and this process keeps its own setting."""
    monkeypatch.setenv(THREADS, "7")
    with executor_of(2) as executor:
        assert executor.submit(os.getenv, THREADS).result() == "1"
        assert executor.submit(os.getpid).result() != os.getpid()
    assert os.environ[THREADS] == "7"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not show its processes")
def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    """After a kill -9 of the process that they work for, no worker is left."""
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


def test_a_cluster_that_is_none() -> None:
    """Without Dask, or with an address that is none, the user is told."""
    with pytest.raises(InputError, match="--cluster"), executor_of(1, "nonsense://x"):
        pass
