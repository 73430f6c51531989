"""The learning plane: versions made of futures, graded in order, whatever the order in which work is done."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qflsim.learning.aggregation import Async, Rounds, Stream, WaitAll
from qflsim.learning.apparatus import Apparatus
from qflsim.learning.baselines import interval
from qflsim.learning.classification import Classification
from qflsim.learning.classification_models import RegressionModel, VariationalModel
from qflsim.learning.data import Images
from qflsim.learning.estimators import Estimator, Exact, Spsa
from qflsim.learning.graphs import CompleteGraphs, GraphFamily, RegularGraphs
from qflsim.learning.optimizers import GradientSteps
from qflsim.learning.qaoa_task import Qaoa
from qflsim.learning.tasks import Gathered, Task
from qflsim.learning.training import Training
from qflsim.learning.updates import RATE_FACTORS, Contribution, Learner, Part, evaluated, retraced
from qflsim.scenario.schema import Aggregation
from qflsim.streams import Streams
from qflsim.study.executors import Inline
from qflsim.world.compute import Superconducting

FAMILIES: dict[str, GraphFamily] = {"a": RegularGraphs(nodes=4, count=3), "b": CompleteGraphs(nodes=4, count=3)}
TASK = Qaoa(layers=1, holdout=2)
NOTHING = Gathered()


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


class Recording(Executor):
    """Does everything at once, and remembers what it was."""

    def __init__(self) -> None:
        self.tasks: list[Callable[..., Any]] = []

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """A future that is done."""
        self.tasks.append(task)
        return Inline().submit(task, *arguments, **named)


def training(group: str, task: Task = TASK, estimator: Estimator | None = None, noisy: bool = False) -> Training:
    """What the devices of a group do: a step or two on two of their items."""
    return Training(1, group, task, FAMILIES[group], Superconducting(), estimator or Exact(), GradientSteps(),
                    steps=2, batch=2, shots=50, noisy=noisy)  # fmt: skip


def learner(executor: Executor, when: Rounds | Stream, task: Task = TASK) -> Learner:
    """A learner of two groups."""
    trainings = {group: training(group, task) for group in FAMILIES}
    return Learner(1, task, trainings, Aggregation(when=when), executor)


def answered(result: Future[tuple[float, ...]], base_version: int, coefficient: float) -> Contribution:
    """The answer of some device."""
    return Contribution(Part("a", 0, 0, base_version, NOTHING), result, coefficient)


def done(*angles: float) -> Future[tuple[float, ...]]:
    """A training's result."""
    future: Future[tuple[float, ...]] = Future()
    future.set_result(angles)
    return future


def test_a_training_begins_from_the_base_version_of_its_own_group() -> None:
    """What is handed over is the group's training, the device, its own number, and the angles it starts from."""
    executor = Later()
    learn = learner(executor, WaitAll())
    learn.combine([answered(done(0.2, 0.1), 0, 1.0)])
    gathered = Gathered("mast")
    learn.begin(Part("b", 4, 7, 1, gathered))
    task, arguments, _ = executor.waiting[-1]
    assert (task.__func__, task.__self__) == (Training.run, training("b"))  # type: ignore[attr-defined]
    assert arguments == (4, 7, (pytest.approx(0.2, abs=1e-15), pytest.approx(0.1, abs=1e-15)), gathered)
    learn.begin(Part("b", 4, 8, 0, gathered))  # a version is made while a device downloads the one before
    assert executor.waiting[-1][1] == (4, 8, (0.05, 0.05), gathered)


@pytest.mark.parametrize("when", [WaitAll(), Async()])
def test_directions_start_where_the_policy_says(when: Rounds | Stream) -> None:
    """Rounds and buffers add the difference from the base version; a mixing policy that from the present one."""
    learn = learner(Later(), when)
    learn.combine([answered(done(0.3, 0.1), 0, 1.0)])
    learn.combine([answered(done(0.1, 0.2), 0, 0.5)])
    first, update, start = np.array([0.3, 0.1]), np.array([0.1, 0.2]), np.array([0.05, 0.05])
    expected = first + 0.5 * (update - (first if isinstance(when, Async) else start))
    np.testing.assert_allclose(learn.versions, [start, first, expected], rtol=0, atol=1e-15)


def test_grades_come_in_the_order_of_versions_each_once() -> None:
    """A later version that is graded first waits for the earlier; at the end all are told."""
    executor = Later()
    learn = learner(executor, WaitAll())
    learn.combine([answered(done(0.3, 0.1), 0, 1.0)])
    exams = [k for k, (task, _, _) in enumerate(executor.waiting) if task is evaluated]
    assert list(learn.examined()) == []
    executor.finish(exams[1])
    assert list(learn.examined()) == []
    executor.finish(exams[0])
    told = list(learn.examined(wait=True))
    assert [version for version, _ in told] == [0, 1]
    assert set(told[0][1]) == {"ratio/3-regular", "ratio/complete", "ratio/mean"}
    assert list(learn.examined(wait=True)) == []


def test_an_update_is_aligned_to_its_own_version() -> None:
    """The image nearest to the version it started from is taken and returned, not the one nearest to the present."""
    learn = learner(Later(), WaitAll())
    mirrored = done(-0.3, -0.2 + np.pi / 2)
    aligned = learn.combine([answered(mirrored, 0, 1.0)])
    np.testing.assert_allclose(aligned, [[0.3, 0.2]], rtol=0, atol=1e-15)


def test_a_version_remembers_what_made_it() -> None:
    """Of every version but the first: whose trainings, with which weights, in the order in which they were summed."""
    learn = learner(Later(), WaitAll())
    parts = [Part("a", 0, 0, 0, NOTHING), Part("b", 1, 0, 0, NOTHING)]
    learn.combine(
        [Contribution(part, done(0.3, 0.1), weight) for part, weight in zip(parts, (0.25, 0.75), strict=True)]
    )
    assert learn.history == [[(parts[0], 0.25), (parts[1], 0.75)]]


def test_a_grade_is_the_interval_of_the_exams_marks() -> None:
    """By class of data and of all classes alike; an interval of its own for each."""
    trainings = tuple(training(group) for group in FAMILIES)
    grades = evaluated(1, TASK, trainings, 0, (0.3, 0.2))
    marks = TASK.exam(1, tuple(FAMILIES.values())).marks(np.array([0.3, 0.2]))
    assert grades["ratio/complete"] == interval(marks["complete"])
    widths = np.array([grades[f"ratio/{name}"].half_width for name in marks])
    assert grades["ratio/mean"].mean == pytest.approx(np.mean([m.mean() for m in marks.values()]), abs=1e-15)
    assert grades["ratio/mean"].half_width == pytest.approx(np.hypot(*widths) / 2, rel=1e-12)


def test_groups_that_measure_are_graded_as_they_measure() -> None:
    """A group with shots or noise has a grade of its own, on its own class, from a stream of group and version."""
    trainings = (training("a", estimator=Spsa()), training("b", noisy=True))
    grades = evaluated(1, TASK, trainings, 3, (0.3, 0.2))
    assert {"measured/a", "measured/b"} < set(grades)
    assert set(evaluated(1, TASK, (training("a"), training("b")), 3, (0.3, 0.2))) == set(grades) - {
        "measured/a", "measured/b"}  # fmt: skip
    exam = TASK.exam(1, tuple(FAMILIES.values()))
    for one in trainings:
        apparatus = Apparatus(Superconducting(), noisy=one.noisy)
        rng = Streams(1).named("measured", one.group, 3)
        values = exam.measured(one.data, apparatus, np.array([0.3, 0.2]), 50, rng)
        assert grades[f"measured/{one.group}"] == interval(values)
    assert evaluated(1, TASK, trainings, 4, (0.3, 0.2))["measured/a"] != grades["measured/a"]


IMAGES = Classification(
    data=Images(classes=(0, 1), features=2, samples=12, holdout=20), model=VariationalModel(layers=1)
)


def federated_training(group: str, task: Task, rate: float = 0.3) -> Training:
    """What its devices do, at a learning rate."""
    return replace(training(group, task), optimizer=GradientSteps(learning_rate=rate))


def federated(task: Task, rate: float = 0.3, rounds: int = 2, when: Rounds | Stream | None = None) -> Learner:
    """Two rounds of two devices whose updates count alike, and one that is a version late."""
    trainings = {group: federated_training(group, task, rate) for group in FAMILIES}
    learn = Learner(1, task, trainings, Aggregation(when=when or WaitAll()), Inline())
    late = Part("b", 2, 0, 0, NOTHING)
    its = learn.begin(late)
    for version in range(rounds):
        parts = [Part("a", 0, version, version, NOTHING), Part("b", 1, version, version, NOTHING)]
        made = [Contribution(part, learn.begin(part), 0.5) for part in parts]
        learn.combine([*made, Contribution(late, its, 0.1)] if version == 1 else made)
    return learn


def test_a_shadow_relives_the_same_participations() -> None:
    """Another model trained by the very same parts, weights and versions: as good as if it had been the task itself.

    Of the learning rates tried it is graded at the one that serves it best.
    """
    told = dict(federated(IMAGES).baselines())
    shadow = IMAGES.model_copy(update={"model": RegressionModel()})
    lived = [
        list(federated(shadow, rate=0.3 * factor).examined(wait=True))[-1][1]["accuracy/mean"].mean
        for factor in RATE_FACTORS
    ]
    assert told["federated logistic regression (6 weights)"]["mean"].mean == max(lived) > 0.9
    assert len(set(lived)) > 1


@pytest.mark.parametrize("when", [WaitAll(), Async()], ids=["rounds", "mixing"])
@pytest.mark.parametrize("task", [IMAGES, TASK], ids=["images", "graphs"])
def test_a_run_retraced_ends_where_it_ended(task: Task, when: Rounds | Stream) -> None:
    """The very same model retraced from the history alone has the last version's grades, to the last bit.

    Whatever the rules, with a contribution that is late; without a history it has those of version 0.
    """
    learn = federated(task, when=when)
    trainings = {group: federated_training(group, task) for group in FAMILIES}
    rules = Aggregation(when=when)
    first, *_, last = (grades for _, grades in learn.examined(wait=True))
    for history, grades in ((learn.history, last), ([], first)):
        told = retraced(1, task, rules, trainings, history)
        assert {f"{task.metric}/{name}": grade for name, grade in told.items()} == grades
    assert first != last


def test_what_is_retraced_is_aligned_to_its_own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the run itself: shown by a symmetry that is none, which takes a tenth of the version started from."""
    monkeypatch.setattr(Qaoa, "aligned", lambda self, update, base, data: update + 0.1 * base)
    learn, trainings = federated(TASK), {group: federated_training(group, TASK) for group in FAMILIES}
    *_, (_, last) = learn.examined(wait=True)
    told = retraced(1, TASK, Aggregation(when=WaitAll()), trainings, learn.history)
    assert told["mean"] == last["ratio/mean"]


def test_a_shadow_is_retraced_whole() -> None:
    """Each learning rate of each shadow is one task of the executor's: no step of it waits for another process."""
    learn, executor = federated(IMAGES), Recording()
    learn._executor = executor
    told = dict(learn.baselines())
    shadows = [task for task in executor.tasks if task not in {rival.call for rival in IMAGES.rivals(1, ())}]
    assert shadows == [retraced] * 2 * len(RATE_FACTORS)
    assert list(told)[-2:] == ["federated logistic regression (6 weights)", "federated perceptron (7 weights)"]


def test_a_rival_is_graded_by_the_mean_of_its_marks() -> None:
    """Of a rival with several arguments each item's marks are averaged first: the interval is that of the means."""
    told = dict(federated(TASK).baselines())
    rivals = {rival.name: rival for rival in TASK.rivals(1, tuple(FAMILIES.values()))}
    assert {len(rival.arguments) for rival in rivals.values()} == {1, 8}
    assert list(told) == list(rivals)
    for name in ("local-only complete", "fixed"):
        marks = [rivals[name].call(*arguments)["complete"] for arguments in rivals[name].arguments]
        assert told[name]["complete"] == interval(np.mean(marks, axis=0))


def test_baselines_of_graphs_have_no_shadows() -> None:
    """Classical solvers do not learn; every rival is told with its classes and their mean."""
    told = dict(federated(TASK).baselines())
    assert not [name for name in told if name.startswith("federated")]
    assert all(list(grades) == ["3-regular", "complete", "mean"] for grades in told.values())
