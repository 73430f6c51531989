"""Workers that are processes of this machine. They start in no time, for one process imports what all of them need."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from qflsim.study.crew import Call, Outcome, WorkerGoneError, perform

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What tells the libraries how many threads to use."""
NEEDED = ["qflsim.learning.updates", "pennylane_lightning.lightning_qubit_ops"]
"""Modules that every worker imports."""
_starting = threading.Lock()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare() -> None:
    """Sees to it that the process from which workers branch off is there, or on its way. It takes a second to import
    what they need, so whoever knows early that there will be workers calls this early."""
    with _starting:
        _prepare()


def _prepare() -> None:
    forkserver.set_forkserver_preload(NEEDED)
    kept = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        with deaf_to_ctrl_c():
            forkserver.ensure_running()
    finally:
        for name, value in kept.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Threads and processes started here never see SIGINT: Ctrl-C is meant for the process that they work for.

    Python's resource tracker must be there before: when it starts, it clears the mask.
    """
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class ProcessWorker:
    """A process that computes, on one thread. If it dies, the next calls start another."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._pipe: Connection[Any, Any]
        self._stopped = False

    def start(self) -> None:
        """Starts the process, if there is none."""
        with _starting:
            if self._stopped:
                raise WorkerGoneError("it was stopped")
            if self._process is None:
                _prepare()
                context = get_context("forkserver")
                mine, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs,), daemon=True)
                with theirs:
                    process.start()
                self._pipe, self._process = mine, process

    def do(self, calls: Sequence[Call]) -> list[Outcome]:
        """The outcomes of the calls."""
        self.start()
        try:
            self._pipe.send(calls)
            answer = self._pipe.recv()
        except (EOFError, OSError):
            raise WorkerGoneError(self._bury()) from None
        if isinstance(answer, Exception):
            raise answer
        outcomes: list[Outcome] = answer
        return outcomes

    def stop(self) -> None:
        """Kills the process."""
        with _starting:
            self._stopped = True
            if self._process is not None:
                self._process.kill()
                self._process.join()

    def _bury(self) -> str:
        """Forgets the dead process; says how it ended."""
        assert self._process is not None
        self._process.join()
        code, self._process = self._process.exitcode, None
        self._pipe.close()
        return f"ended by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"


def _work(pipe: "Connection[Any, Any]") -> None:
    """The story of a worker process: calls come in, outcomes go out."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        answer: list[Outcome] | Exception
        try:
            answer = perform(pipe.recv())
        except (EOFError, ConnectionError):
            return
        except Exception as error:
            answer = RuntimeError(f"a task could not be read by its worker: {error}")
        try:
            pipe.send(answer)
        except ConnectionError:
            return  # who wanted to know has gone
        except Exception as error:
            pipe.send(RuntimeError(f"a task's result could not be sent: {error}"))


def _end_with_parent() -> None:
    """A worker ends with the process that it works for, however that one ends."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
