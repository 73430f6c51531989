"""The learning plane: versions made of futures, graded in order, whatever the order in which work is done."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
import pytest

from qflsim.learning.aggregation import Async, Rounds, Stream, WaitAll
from qflsim.learning.graphs import CompleteGraphs, GraphFamily, RegularGraphs
from qflsim.learning.optimizers import GradientSteps
from qflsim.learning.tasks import MaxCutQaoa, evaluate_job, train
from qflsim.learning.updates import Contribution, Learner
from qflsim.scenario.schema import Aggregation

FAMILIES: dict[str, GraphFamily] = {"a": RegularGraphs(nodes=4, count=3), "b": CompleteGraphs(nodes=4, count=3)}
TASK = MaxCutQaoa(layers=1, holdout=2)


class Later(Executor):
    """Finishes nothing until it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[..., Any], tuple[Any, ...], Future[Any]]] = []

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """A future that waits."""
        future: Future[Any] = Future()
        self.waiting.append((task, arguments, future))
        return future

    def finish(self, index: int) -> None:
        """Does one task."""
        task, arguments, future = self.waiting[index]
        future.set_result(task(*arguments))


def learner(executor: Executor, when: Rounds | Stream) -> Learner:
    """A learner of one layer."""
    batches = {"a": 2, "b": 2}
    return Learner(1, TASK, GradientSteps(), 2, Aggregation(when=when), FAMILIES, batches, executor)


def done(*angles: float) -> Future[tuple[float, ...]]:
    """A training's result."""
    future: Future[tuple[float, ...]] = Future()
    future.set_result(angles)
    return future


def test_a_training_begins_from_the_base_version_of_its_own_group() -> None:
    """The job handed over holds the angles, family and batch of the group, and the device's own number."""
    executor = Later()
    learn = learner(executor, WaitAll())
    learn.combine([Contribution(done(0.2, 0.1), 0, 1.0)])
    learn.begin("b", 4, 7, 1)
    task, (job,), _ = executor.waiting[-1]
    assert task is train
    assert (job.group, job.index, job.participation, job.family) == ("b", 4, 7, FAMILIES["b"])
    assert job.angles == pytest.approx((0.2, 0.1), abs=1e-15)


@pytest.mark.parametrize("when", [WaitAll(), Async()])
def test_directions_start_where_the_policy_says(when: Rounds | Stream) -> None:
    """Rounds and buffers add the difference from the base version; a mixing policy that from the present one."""
    learn = learner(Later(), when)
    learn.combine([Contribution(done(0.3, 0.1), 0, 1.0)])
    learn.combine([Contribution(done(0.1, 0.2), 0, 0.5)])
    first, update, start = np.array([0.3, 0.1]), np.array([0.1, 0.2]), np.array([0.05, 0.05])
    expected = first + 0.5 * (update - (first if isinstance(when, Async) else start))
    np.testing.assert_allclose(learn.versions, [start, first, expected], rtol=0, atol=1e-15)


def test_grades_come_in_the_order_of_versions_each_once() -> None:
    """A later version that is graded first waits for the earlier; at the end all are told."""
    executor = Later()
    learn = learner(executor, WaitAll())
    learn.combine([Contribution(done(0.3, 0.1), 0, 1.0)])
    exams = [k for k, (task, _, _) in enumerate(executor.waiting) if task is evaluate_job]
    assert list(learn.examined()) == []
    executor.finish(exams[1])
    assert list(learn.examined()) == []
    executor.finish(exams[0])
    told = list(learn.examined(wait=True))
    assert [version for version, _ in told] == [0, 1]
    assert set(told[0][1]) == {"3-regular", "complete", "mean"}
    assert list(learn.examined(wait=True)) == []


def test_an_update_is_aligned_to_its_own_version() -> None:
    """The image nearest to the version it started from is taken and returned, not the one nearest to the present."""
    learn = learner(Later(), WaitAll())
    mirrored = done(-0.3, -0.2 + np.pi / 2)
    aligned = learn.combine([Contribution(mirrored, 0, 1.0)])
    np.testing.assert_allclose(aligned, [[0.3, 0.2]], rtol=0, atol=1e-15)
