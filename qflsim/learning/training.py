"""The training of a group's devices: what they learn, from what, on what; what it does, and what the clock charges."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from qflsim.learning.apparatus import Apparatus
from qflsim.learning.estimators import Estimator, Exact, Objective
from qflsim.learning.optimizers import Optimizer
from qflsim.learning.tasks import Data, Gathered, Participant, Task
from qflsim.quantum.noise import quality
from qflsim.streams import Streams
from qflsim.units import Floats
from qflsim.world.compute import Processor


class Charge(NamedTuple):
    """A job as the clock sees it."""

    circuits: int
    shots: int
    circuit_s: float
    """mean duration of one circuit, once; 0 if there is none"""
    steps_s: tuple[float, ...]
    """duration of each step, without queue and compilation"""


@dataclass(frozen=True)
class Training:
    """How the devices of a group train. A participation is a pure function of this, its device and its number."""

    seed: int
    group: str
    task: Task
    data: Data
    processor: Processor
    estimator: Estimator
    optimizer: Optimizer
    steps: int
    batch: int
    shots: int
    noisy: bool

    @property
    def samples(self) -> int:
        """Items that a device holds: its weight in an average."""
        return self.task.samples(self.data)

    @property
    def qubits(self) -> int:
        """Qubits of its circuits."""
        return self.task.qubits(self.data)

    @property
    def data_class(self) -> str:
        """The class of its data."""
        return self.task.data_class(self.data)

    def held_class(self, index: int, gathered: Gathered) -> str:
        """The class of what a device holds."""
        return self.task.held_class(self._who(index, 0), self.data, gathered)

    @property
    def measures(self) -> bool:
        """Whether what the devices see differs from the noise-free expectation."""
        return self.noisy or not self.estimator.idealised

    def of(self, task: Task, rate_factor: float) -> "Training":
        """The same devices training another model, with exact gradients and another learning rate."""
        optimizer = self.optimizer.at_rate(rate_factor * self.optimizer.learning_rate)
        return replace(self, task=task, optimizer=optimizer, estimator=Exact(), noisy=False)

    def charge(self, index: int, number: int, gathered: Gathered) -> Charge:
        """The job of a device's participation `number`, on the data that its steps really draw."""
        objective = self._objective(index, number, gathered)
        circuits, circuit_s, steps_s = 0, 0.0, [0.0] * self.steps
        for step in range(self.steps):
            steps_s[step] += objective.other_s(step)
            for run in objective.runs(step):
                count = self.estimator.circuits(run)
                circuits += count
                circuit_s += count * self.processor.circuit_s(run.circuit)
                steps_s[step] += self.processor.job_s(count, self.shots, run.circuit)
        return Charge(circuits, self.shots, circuit_s / circuits if circuits else 0.0, tuple(steps_s))

    def run(self, index: int, number: int, parameters: tuple[float, ...], gathered: Gathered) -> tuple[float, ...]:
        """The parameters after the local steps of a device's participation `number` from these."""
        objective = self._objective(index, number, gathered)
        rng = self._who(index, number).stream("shots")

        def gradient(step: int, at: Floats) -> Floats:
            return self.estimator.gradient(objective, step, at, self.shots, rng)

        return tuple(self.optimizer.ascend(np.array(parameters), gradient, self.steps).tolist())

    def apparatus(self, index: int) -> Apparatus:
        """The device's processor, with what sets it apart from others of its make."""
        if not self.noisy:
            return Apparatus(self.processor)
        rng = Streams(self.seed).named(self.group, index, "quality")
        return Apparatus(self.processor, quality(self.processor, rng), noisy=True)

    def _who(self, index: int, number: int) -> Participant:
        return Participant(self.seed, self.group, index, number)

    def _objective(self, index: int, number: int, gathered: Gathered) -> Objective:
        who = self._who(index, number)
        return self.task.objective(who, self.data, self.batch, self.steps, self.apparatus(index), gathered)
