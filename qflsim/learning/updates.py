"""The learning plane of one run: trainings handed to an executor, updates aligned and combined into versions."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import NamedTuple

import numpy as np

from qflsim.learning.aggregation import Rules, mixing
from qflsim.learning.graphs import GraphFamily
from qflsim.learning.optimizers import Optimizer
from qflsim.learning.tasks import MaxCutQaoa, TrainingJob, evaluate_job, train
from qflsim.quantum.qaoa import aligned
from qflsim.units import Floats


class Contribution(NamedTuple):
    """An update in a version: its result, the version it started from, and what its direction is multiplied by."""

    result: Future[tuple[float, ...]]
    base_version: int
    coefficient: float


class Learner:
    """What the devices learn. Nothing here knows the clock, and the clock does not know what is learned.

    `versions[v]` is the parameter vector of version v.
    """

    def __init__(self, seed: int, task: MaxCutQaoa, optimizer: Optimizer, steps: int, rules: Rules,
                 families: dict[str, GraphFamily], batches: dict[str, int], executor: Executor) -> None:  # fmt: skip
        self._seed, self._task, self._optimizer, self._steps, self._rules = seed, task, optimizer, steps, rules
        self._families, self._batches, self._executor = families, batches, executor
        self._exams: list[Future[dict[str, float]]] = []
        self._examined = 0
        self.versions: list[Floats] = []
        self._append(task.start())

    def begin(self, group: str, index: int, number: int, base_version: int) -> Future[tuple[float, ...]]:
        """Hands a device's training to the executor; `number` counts the device's own participations."""
        job = TrainingJob(
            seed=self._seed,
            group=group,
            index=index,
            participation=number,
            family=self._families[group],
            batch=self._batches[group],
            steps=self._steps,
            optimizer=self._optimizer,
            angles=tuple(float(angle) for angle in self.versions[base_version]),
        )
        return self._executor.submit(train, job)

    def combine(self, contributions: Sequence[Contribution]) -> list[Floats]:
        """Makes the next version, summing in the order given; returns each contribution's aligned parameters."""
        current = self.versions[-1]
        mixes = mixing(self._rules.when) is not None
        updates = [aligned(np.array(c.result.result()), self.versions[c.base_version]) for c in contributions]
        directions = np.array(
            [
                u - (current if mixes else self.versions[c.base_version])
                for u, c in zip(updates, contributions, strict=True)
            ]
        )
        step = self._rules.combine.step(directions, np.array([c.coefficient for c in contributions]))
        self._append(current + step)
        return updates

    def _append(self, angles: Floats) -> None:
        self.versions.append(angles)
        families = tuple(dict.fromkeys(self._families.values()))
        self._exams.append(
            self._executor.submit(evaluate_job, self._seed, self._task, families, tuple(map(float, angles)))
        )

    def examined(self, wait: bool = False) -> Iterator[tuple[int, dict[str, float]]]:
        """The metrics of each version evaluated (if waiting, of all) and not yet told, in the order of versions."""
        while self._examined < len(self._exams) and (wait or self._exams[self._examined].done()):
            self._examined += 1
            yield self._examined - 1, self._exams[self._examined - 1].result()
