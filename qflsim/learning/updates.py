"""The learning plane of one run: trainings handed to an executor, updates aligned and combined into versions."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import NamedTuple, TypeAlias

import numpy as np

from qflsim.learning.aggregation import Rules, mixing
from qflsim.learning.apparatus import Apparatus
from qflsim.learning.tasks import Gathered, Grades, Marks, Task, graded, mean_marks
from qflsim.learning.training import Training
from qflsim.streams import Streams
from qflsim.units import Floats

FEDERATED = "federated"
RATE_FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""By these the learning rate of a classical model is multiplied. It is graded at the best: a rate that suits one model
may be too small or too great for another, and a baseline should not lose by that."""


class Part(NamedTuple):
    """The training of one participation: whose, which of its own, from which version, on what it gathered."""

    group: str
    device: int
    number: int
    base_version: int
    gathered: Gathered


History: TypeAlias = list[list[tuple[Part, float]]]
"""For each version made, the parts that made it and what their directions were multiplied by."""


class Contribution(NamedTuple):
    """An update in a version: whose, its result, and what its direction is multiplied by."""

    part: Part
    result: Future[tuple[float, ...]]
    coefficient: float


class Learner:
    """What the devices learn. Nothing here knows the clock, and the clock does not know what is learned.

    `versions[v]` is the parameter vector of version v, `history[v]` what made version v + 1 of it.
    """

    def __init__(self, seed: int, task: Task, trainings: Mapping[str, Training], rules: Rules,
                 executor: Executor) -> None:  # fmt: skip
        self._seed, self._task, self._trainings, self._rules = seed, task, trainings, rules
        self._executor = executor
        self._data = tuple(dict.fromkeys(training.data for training in trainings.values()))
        self._exams: list[Future[Grades]] = []
        self._examined = 0
        self._rivals: dict[str, list[Future[Marks]]] = {}
        self.versions: list[Floats] = []
        self.history: History = []
        self._append(task.first(seed, self._data))

    def begin(self, part: Part) -> Future[tuple[float, ...]]:
        """Hands a device's training to the executor."""
        angles = tuple(map(float, self.versions[part.base_version]))
        training = self._trainings[part.group]
        return self._executor.submit(training.run, part.device, part.number, angles, part.gathered)

    def combine(self, contributions: Sequence[Contribution]) -> list[Floats]:
        """Makes the next version, summing in the order given; returns each contribution's aligned parameters."""
        bases = [self.versions[c.part.base_version] for c in contributions]
        updates = [
            self._task.aligned(np.array(c.result.result()), base, self._data)
            for c, base in zip(contributions, bases, strict=True)
        ]
        weights = [c.coefficient for c in contributions]
        self.history.append([(c.part, c.coefficient) for c in contributions])
        self._append(_next(self._rules, self.versions[-1], updates, bases, weights))
        return updates

    def _append(self, parameters: Floats) -> None:
        self.versions.append(parameters)
        version = len(self.versions) - 1
        self._exams.append(
            self._executor.submit(
                evaluated, self._seed, self._task, tuple(self._trainings.values()), version,
                tuple(map(float, parameters)),
            )
        )  # fmt: skip

    def examined(self, wait: bool = False) -> Iterator[tuple[int, Grades]]:
        """The metrics of each version evaluated (if waiting, of all) and not yet told, in the order of versions."""
        while self._examined < len(self._exams) and (wait or self._exams[self._examined].done()):
            self._examined += 1
            yield self._examined - 1, self._exams[self._examined - 1].result()

    def submit_rivals(self) -> None:
        """Has the baselines computed that need nothing of the run: where there are other processes, beside the run."""
        rivals = self._task.rivals(self._seed, self._data)
        self._rivals = {
            r.name: [self._executor.submit(r.call, *arguments) for arguments in r.arguments] for r in rivals
        }

    def baselines(self) -> Iterator[tuple[str, Grades]]:
        """What other ways of training, and other models, reach in the same exam, by their names."""
        if not self._rivals:
            self.submit_rivals()
        for name, marks in self._rivals.items():
            yield name, graded(mean_marks([m.result() for m in marks]), shares=self._task.marks_shares)
        shadows = self._task.shadows(self._data)
        tries = {name: [self._retraced(task, f) for f in RATE_FACTORS] for name, task in shadows.items()}
        for name, futures in tries.items():
            yield (
                f"{FEDERATED} {name}",
                max((future.result() for future in futures), key=lambda grades: grades["mean"].mean),
            )

    def _retraced(self, task: Task, rate_factor: float) -> Future[Grades]:
        trainings = {name: training.of(task, rate_factor) for name, training in self._trainings.items()}
        return self._executor.submit(retraced, self._seed, task, self._rules, trainings, self.history)


def retraced(seed: int, task: Task, rules: Rules, trainings: Mapping[str, Training], history: History) -> Grades:
    """What another model would have become in the end, by the very same participations, weights and versions."""
    data = tuple(dict.fromkeys(training.data for training in trainings.values()))
    versions = [task.first(seed, data)]
    results: dict[tuple[str, int, int], Floats] = {}
    for made in history:
        for part, _ in made:
            if part[:3] not in results:
                base = tuple(map(float, versions[part.base_version]))
                update = trainings[part.group].run(part.device, part.number, base, part.gathered)
                results[part[:3]] = task.aligned(np.array(update), versions[part.base_version], data)
        updates = [results[part[:3]] for part, _ in made]
        bases = [versions[part.base_version] for part, _ in made]
        versions.append(_next(rules, versions[-1], updates, bases, [weight for _, weight in made]))
    return graded(task.exam(seed, data).marks(versions[-1]), shares=task.marks_shares)


def _next(rules: Rules, current: Floats, updates: Sequence[Floats], bases: Sequence[Floats],
          coefficients: Sequence[float]) -> Floats:  # fmt: skip
    """The version after `current`, summing in the order given."""
    mixes = mixing(rules.when) is not None
    directions = np.array([u - (current if mixes else base) for u, base in zip(updates, bases, strict=True)])
    return np.asarray(current + rules.combine.step(directions, np.array(coefficients)))


def evaluated(seed: int, task: Task, trainings: tuple[Training, ...], version: int,
              parameters: tuple[float, ...]) -> Grades:  # fmt: skip
    """The grades of a version, noise-free by class of data; and as each group with noise or shots would measure them.

    "ratio/CLASS" is noise-free, "measured/GROUP" what a device as good as its group's
    preset would see on the held-out data of its class with the shots of its training.
    """
    exam = task.exam(seed, tuple(dict.fromkeys(training.data for training in trainings)))
    angles = np.array(parameters)
    told = graded(exam.marks(angles), shares=task.marks_shares)
    grades = {f"{task.metric}/{name}": grade for name, grade in told.items()}
    for training in trainings:
        if training.measures:
            rng = Streams(seed).named("measured", training.group, version)
            apparatus = Apparatus(training.processor, noisy=training.noisy)
            values = exam.measured(training.data, apparatus, angles, training.shots, rng)
            grades[f"measured/{training.group}"] = graded({"": values}, shares=task.marks_shares)["mean"]
    return grades
