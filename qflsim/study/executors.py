"""Where training is computed: in this process, in a pool of processes, or by a Dask cluster. The bits are the same."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any

from qflsim.errors import InputError

THREADS = "OMP_NUM_THREADS"


class Inline(Executor):
    """Runs each task at once, in this process."""

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """The finished task."""
        future: Future[Any] = Future()
        try:
            future.set_result(task(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def executor_of(workers: int, cluster: str | None = None) -> Iterator[Executor]:
    """This process, a pool of processes, or the Dask scheduler at an address: the results are the same."""
    if cluster is not None:
        with _dask_executor(cluster) as executor:
            yield executor
    elif workers <= 1:
        yield Inline()
    else:
        with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_end_with_parent) as pool:
            _start(pool, workers)
            yield pool


@contextmanager
def _dask_executor(address: str) -> Iterator[Executor]:
    try:
        from dask.distributed import Client
    except ImportError:
        raise InputError("--cluster", "no Dask here", 'pip install "qflsim[cluster]"') from None
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError("--cluster", f"{address} ({error})", "the address of a Dask scheduler that answers") from None
    with client, client.get_executor() as executor:
        yield executor


def _start(pool: Executor, workers: int) -> None:
    """Starts all workers now, for they inherit two things: to use one thread, since there are several of them; and that
    SIGINT is blocked, for Ctrl-C is meant for the process that they work for."""
    threads, mask = os.environ.get(THREADS), signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ[THREADS] = "1"
    try:
        for _ in range(workers):
            pool.submit(os.getpid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        del os.environ[THREADS]
        if threads is not None:
            os.environ[THREADS] = threads


def _end_with_parent() -> None:
    """A worker ends with the process that it works for, however that one ends."""
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
