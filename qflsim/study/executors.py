"""Where training is computed: in this process, in a pool of processes, or by a Dask cluster. The bits are the same."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from qflsim.errors import InputError
from qflsim.study.crew import Call, Crew, Outcome, perform
from qflsim.study.processes import ProcessWorker, deaf_to_ctrl_c, prepare

ANSWER_S = 3.0
"""So soon must a scheduler answer that is there."""
LONELY_S = 60.0
"""So long a run waits for a cluster that has lost its last worker to find another."""


class Inline(Executor):
    """Runs each task at once, in this process."""

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """The finished task."""
        future: Future[Any] = Future()
        (outcome,) = perform([Call(task, arguments, named)])
        if outcome.error is None:
            future.set_result(outcome.value)
        else:
            future.set_exception(outcome.error)
        return future


@contextmanager
def executor_of(workers: int, cluster: str | None = None,
                tell: Callable[[str], object] = lambda _: None) -> Iterator[Executor]:  # fmt: skip
    """This process, a pool of processes, or a Dask cluster: the results are the same.

    `cluster`: the address of a scheduler, or "local" for one with so many workers that is started here, tells its
    address, and ends in the end. What is not finished at the end of the context is given up.

    Errors: `InputError` for a cluster that does not answer, has no worker, or computes with another qflsim.
    """
    if cluster is not None:
        with _cluster(workers, cluster, tell) as crew, _given_up_in_the_end(crew):
            yield crew
    elif workers <= 1:
        yield Inline()
    else:
        prepare()
        with _given_up_in_the_end(Crew([ProcessWorker() for _ in range(workers)])) as crew:
            yield crew


@contextmanager
def _given_up_in_the_end(crew: Crew) -> Iterator[Crew]:
    try:
        yield crew
    finally:
        crew.shutdown(cancel_futures=True)


@contextmanager
def _cluster(workers: int, cluster: str, tell: Callable[[str], object]) -> Iterator[Crew]:
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError:
        raise InputError("--cluster", "no Dask here", 'pip install "qflsim[cluster]"') from None
    if cluster == "local":
        with deaf_to_ctrl_c():
            started = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1",
                                   dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL)  # fmt: skip
        with started:
            tell(f"a Dask scheduler at {started.scheduler_address}, its dashboard at {started.dashboard_link}")
            with _cluster(workers, started.scheduler_address, tell) as crew:
                yield crew
        return
    _check_answer(cluster)
    with deaf_to_ctrl_c():
        client = Client(cluster, timeout=ANSWER_S, set_as_default=False)
    with client:
        _check_version(client)
        executor = client.get_executor(pure=False)
        # Two for each thread of the cluster, so that one's calls travel while the other's are computed.
        yield Crew([_DaskWorker(client, executor) for _ in range(2 * sum(client.nthreads().values()))])


def _check_answer(address: str) -> None:
    """Sees that a scheduler with workers is there, before there is a client, which would not give up so soon."""
    from dask.distributed import rpc

    async def identity() -> Any:
        async with rpc(address, timeout=ANSWER_S) as scheduler:
            return await scheduler.identity()

    try:
        with ThreadPoolExecutor(1) as aside:  # the caller's thread may have an event loop of its own, as notebooks do
            found = aside.submit(asyncio.run, asyncio.wait_for(identity(), ANSWER_S)).result()
    except Exception as error:
        got = f"{address or 'nothing'} ({str(error) or f'no answer in {ANSWER_S:g} s'})"
        raise InputError("--cluster", got, "the address of a Dask scheduler that answers, or 'local'") from None
    if not found.get("workers"):
        raise InputError("--cluster", f"{address}, where no worker is", "the address of a Dask scheduler with workers")


def _check_version(client: Any) -> None:
    here = version("qflsim")
    try:
        found = set(client.run(version, "qflsim").values()) - {here}
    except Exception as error:
        found = {f"none ({type(error).__name__}: {error})"}
    if found:
        got = f"workers with qflsim {', '.join(sorted(found))}"
        raise InputError("--cluster", got, f"qflsim {here} on all of them")


class _DaskWorker:
    """A place in a Dask cluster. The scheduler itself gives a dead worker's tasks to another, a few times."""

    def __init__(self, client: Any, executor: Executor) -> None:
        self._client, self._executor = client, executor
        self._future: Future[list[Outcome]] | None = None

    def start(self) -> None:
        """It is there."""

    def do(self, calls: Sequence[Call]) -> list[Outcome]:
        """The outcomes of the calls. Waits `LONELY_S` for a cluster without workers to get one."""
        self._future = self._executor.submit(perform, calls)
        was_lonely = False
        while True:
            try:
                return self._future.result(LONELY_S / 2)
            except TimeoutError:
                lonely = not self._client.nthreads()
                if lonely and was_lonely:
                    raise BrokenExecutor("the cluster has no worker any more") from None
                was_lonely = lonely

    def stop(self) -> None:
        """Wants no answer any more."""
        if self._future is not None:
            self._future.cancel()
