"""The crew: which tasks travel together, what becomes of them when a worker dies, and what their futures tell."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, wait
from queue import Queue

import pytest

from qflsim.errors import InputError
from qflsim.study.crew import GROUP_S, TRIES, Call, Crew, Outcome, TaskError, WorkerGoneError, perform


class Scripted:
    """A worker in this process. It takes a group when a script is put into its queue, and does what that says."""

    def __init__(self) -> None:
        self.scripts: Queue[Callable[[Sequence[Call]], list[Outcome]]] = Queue()
        self.groups: Queue[list[object]] = Queue()

    def start(self) -> None:
        """It is there."""

    def do(self, calls: Sequence[Call]) -> list[Outcome]:
        """Tells which numbers came together."""
        self.groups.put([call.arguments[0] for call in calls])
        return self.scripts.get()(calls)

    def stop(self) -> None:
        """Whatever it does, a death follows."""
        self.scripts.put(dies)


def takes(took_s: float) -> Callable[[Sequence[Call]], list[Outcome]]:
    """The right results, after so many seconds each as the worker tells it."""
    return lambda calls: [outcome._replace(took_s=took_s) for outcome in perform(calls)]


def dies(_: Sequence[Call]) -> list[Outcome]:
    """No result at all."""
    raise WorkerGoneError("it was the butler")


@pytest.fixture
def worker() -> Scripted:
    """One worker."""
    return Scripted()


@pytest.fixture
def crew(worker: Scripted) -> Iterator[Crew]:
    """A crew of one."""
    crew = Crew([worker])
    yield crew
    crew.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("took_s", "together"), [(GROUP_S / 4.5, 4), (GROUP_S / 1.5, 1), (10.0, 1), (1e-9, 9)])
def test_a_group_takes_as_long_as_groups_should(worker: Scripted, crew: Crew, took_s: float, together: int) -> None:
    """The first task of a kind travels alone; then, of nine that wait, as many as fit; results are those of each."""
    first = crew.submit(math.sqrt, 0)
    assert worker.groups.get() == [0]
    others = [crew.submit(math.sqrt, k) for k in range(1, 10)]
    worker.scripts.put(takes(took_s))
    assert worker.groups.get() == list(range(1, 1 + together))
    for _ in range(9):
        worker.scripts.put(takes(took_s))
    assert [future.result() for future in [first, *others]] == [math.sqrt(k) for k in range(10)]


def test_a_group_leaves_their_share_to_the_others() -> None:
    """Of eight small tasks that wait for four workers, the one that comes first takes two."""
    workers = [Scripted() for _ in range(4)]
    crew = Crew(workers)
    first = [crew.submit(abs, -k) for k in range(4)]
    waiting = [w.groups.get() for w in workers]
    later = [crew.submit(abs, -k) for k in range(4, 12)]
    workers[0].scripts.put(takes(1e-6))
    assert sorted(waiting) == [[-3], [-2], [-1], [0]]
    assert workers[0].groups.get() == [-4, -5]
    for w in workers:
        for _ in range(8):
            w.scripts.put(takes(1e-6))
    assert [future.result() for future in first + later] == list(range(12))
    crew.shutdown()


def test_what_a_dead_worker_had_is_done_again_alone_and_first(worker: Scripted, crew: Crew) -> None:
    """A group that dies comes back task by task, in order, before what was submitted later; nothing else changes."""
    futures = [crew.submit(abs, -k) for k in range(4)]
    worker.scripts.put(takes(1e-6))
    assert (worker.groups.get(), worker.groups.get()) == ([0], [-1, -2, -3])
    last = crew.submit(abs, -4)
    worker.scripts.put(dies)
    for group in ([-1], [-2], [-3], [-4]):
        assert worker.groups.get() == group
        worker.scripts.put(takes(1e-6))
    assert [future.result() for future in [*futures, last]] == [0, 1, 2, 3, 4]


def test_a_task_that_kills_every_worker(worker: Scripted, crew: Crew) -> None:
    """It is given up after so many deaths, and its future says of what they died; its neighbour gets its result."""
    killer, neighbour = crew.submit(abs, -1), crew.submit(abs, -2)
    for _ in range(TRIES):
        assert worker.groups.get() == [-1]
        worker.scripts.put(dies)
    with pytest.raises(BrokenExecutor, match=f"{TRIES} workers died over the same task .it was the butler"):
        killer.result()
    worker.scripts.put(takes(1e-6))
    assert neighbour.result() == 2


def test_a_task_that_raises_is_not_done_again(worker: Scripted, crew: Crew) -> None:
    """Its error comes with its future: one line that says where, and how it came about in the notes."""
    future, neighbour = crew.submit(math.sqrt, -1.0), crew.submit(math.sqrt, 4.0)
    for _ in range(2):
        worker.scripts.put(takes(1e-6))
    error = future.exception()
    assert isinstance(error, TaskError)
    assert str(error).startswith("ValueError in ")
    assert str(error).endswith(": math domain error")
    assert "Traceback" in error.__notes__[0]
    assert neighbour.result() == 2.0
    assert worker.groups.qsize() == 2


def test_what_qflsim_raises_comes_as_it_is() -> None:
    """A task's own word to the user is not wrapped."""

    def task() -> None:
        raise InputError("here", "this", "that")

    (outcome,) = perform([Call(task, (), {})])
    assert isinstance(outcome.error, InputError)


def test_a_worker_that_cannot_take_a_task(worker: Scripted, crew: Crew) -> None:
    """What it says becomes the result, and the crew goes on."""

    def cannot(_: Sequence[Call]) -> list[Outcome]:
        raise TypeError("cannot pickle it")

    worker.scripts.put(cannot)
    worker.scripts.put(takes(1e-6))
    with pytest.raises(BrokenExecutor, match="TypeError: cannot pickle it"):
        crew.submit(abs, -1).result()
    assert crew.submit(abs, -2).result() == 2


def test_giving_up(worker: Scripted) -> None:
    """Given up, a crew ends at once: what waits is cancelled, what is under way is broken, nothing more is taken."""
    crew = Crew([worker])
    under_way = crew.submit(abs, -1)
    worker.groups.get()
    waiting = crew.submit(abs, -2)
    crew.shutdown(cancel_futures=True)
    assert waiting.cancelled()
    assert isinstance(under_way.exception(), BrokenExecutor)
    with pytest.raises(RuntimeError, match="after shutdown"):
        crew.submit(abs, -3)


def test_a_cancelled_task_is_left_out(worker: Scripted, crew: Crew) -> None:
    """Who cancels a task that waits spares the worker the work."""
    first, second, third = (crew.submit(abs, -k) for k in range(1, 4))
    assert worker.groups.get() == [-1]
    assert second.cancel()
    worker.scripts.put(takes(10.0))
    assert worker.groups.get() == [-3]
    worker.scripts.put(takes(10.0))
    assert (first.result(), third.result()) == (1, 3)


def test_a_crew_goes_on_when_all_that_it_took_was_cancelled(worker: Scripted, crew: Crew) -> None:
    """A worker that is called for a task which is cancelled before it looks takes the next one as well as ever."""
    with crew._changed:  # the worker is called, and cannot look yet
        cancelled = crew.submit(abs, -1)
        assert cancelled.cancel()
    wait([cancelled])  # it has looked
    later = crew.submit(abs, -2)
    worker.scripts.put(takes(1e-6))
    assert later.result(timeout=10) == 2
    assert worker.groups.get() == [-2]
