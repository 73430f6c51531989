"""What a task is: a model that all devices train together, what each of them climbs, and how versions are graded.

Everything here is a pure function of picklable arguments, so that an executor may run it in any process.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

import numpy as np

from qflsim.errors import InputError
from qflsim.learning.apparatus import Apparatus
from qflsim.learning.baselines import Interval, interval, share_interval
from qflsim.learning.estimators import Estimator, Objective
from qflsim.learning.graphs import GraphFamily, Instance
from qflsim.streams import Streams
from qflsim.units import Floats

Data: TypeAlias = GraphFamily
"""What the devices of a group hold."""


class Gathered(NamedTuple):
    """What the world adds to a device's data: where the device lives, and graphs that it gathers as it starts."""

    region: str = ""
    graphs: tuple[Instance, ...] = ()


class Participant(NamedTuple):
    """Whose participation it is, in which run: what its streams are named by. `number` counts the device's own."""

    seed: int
    group: str
    device: int
    number: int

    def stream(self, purpose: str) -> np.random.Generator:
        """The draws of this participation for a purpose."""
        return Streams(self.seed).named(self.group, self.device, purpose, self.number)


Grades: TypeAlias = dict[str, Interval]
Marks: TypeAlias = dict[str, Floats]
"""The value of every held-out item, by class of data."""


def graded(marks: Marks, *, shares: bool) -> Grades:
    """The mean of each class, and "mean", in which all classes count alike; each with its 95 % confidence interval.

    `shares`: marks are 0 or 1.
    """
    grades = {name: share_interval(values) if shares else interval(values) for name, values in marks.items()}
    widths = np.array([grade.half_width for grade in grades.values()])
    mean = float(np.mean([grade.mean for grade in grades.values()]))
    return {**grades, "mean": Interval(mean, float(np.sqrt(np.sum(widths**2))) / len(widths))}


def require_memory(what: str, wanted_byte: int) -> None:
    """An `InputError` if this machine has less memory than `what` needs."""
    has_byte = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if wanted_byte > has_byte:
        got, most = (f"{byte / 2**30:,.1f} GiB" for byte in (wanted_byte, has_byte))
        raise InputError(what, f"{got} of work", f"at most this machine's {most}")


class Exam(Protocol):
    """Held-out data, which no device trains on."""

    def marks(self, parameters: Floats) -> Marks:
        """What the noise-free expectation of every circuit gives."""
        ...

    def measured(self, data: Data, apparatus: Apparatus, parameters: Floats, shots: int,
                 rng: np.random.Generator) -> Floats:  # fmt: skip
        """What a device that holds such data would measure on the held-out items of its class."""
        ...


class Rival(NamedTuple):
    """Another way to the same end: a picklable call that gives its marks in the exam, for each of some arguments.

    What counts is the mean over these.
    """

    name: str
    call: Callable[..., Marks]
    arguments: list[tuple[Any, ...]]


def mean_marks(marks: Sequence[Marks]) -> Marks:
    """The mean of each item's marks."""
    return {name: np.mean([mark[name] for mark in marks], axis=0) for name in marks[0]}


class Task(Protocol):
    """What all devices learn together."""

    def __hash__(self) -> int: ...

    @property
    def kind(self) -> str: ...

    @property
    def metric(self) -> str:
        """What versions are graded by: "ratio" or "accuracy"."""
        ...

    @property
    def marks_shares(self) -> bool:
        """Whether an item is marked right or wrong, 1 or 0, and nothing between."""
        ...

    @property
    def holds_graphs(self) -> bool:
        """Whether devices hold the graphs of their group; otherwise the task says what they hold."""
        ...

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it reads."""
        ...

    def loaded(self, folder: Path) -> Self:
        """The task with its files found, whose paths are relative to `folder`."""
        ...

    @property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of each of its files, once they are found."""
        ...

    @property
    def holdout(self) -> int:
        """Held-out items of each class."""
        ...

    def check(self, seed: int, data: Sequence[Data], estimator: Estimator) -> None:
        """An `InputError` if task, data and estimator do not suit one another, before anything starts."""
        ...

    def qubits(self, data: Data) -> int:
        """Qubits of its circuits."""
        ...

    def first(self, seed: int, data: Sequence[Data]) -> Floats:
        """The parameters of version 0."""
        ...

    def aligned(self, update: Floats, base: Floats, data: Sequence[Data]) -> Floats:
        """The symmetry image of an update, of equal objective, that lies nearest to the version it started from."""
        ...

    def samples(self, data: Data) -> int:
        """How many items a device holds."""
        ...

    def data_class(self, data: Data) -> str:
        """The class of a group's data, for tables."""
        ...

    def held_class(self, who: Participant, data: Data, gathered: Gathered) -> str:
        """The class of what a device holds, by which `inverse_participation` weighs it."""
        ...

    def objective(self, who: Participant, data: Data, batch: int, steps: int, apparatus: Apparatus,
                  gathered: Gathered) -> Objective:  # fmt: skip
        """What a device climbs in a participation."""
        ...

    def exam(self, seed: int, data: Sequence[Data]) -> Exam:
        """The exam of a run: asked for again and again, so that what is costly about it is kept."""
        ...

    def rivals(self, seed: int, data: Sequence[Data]) -> list[Rival]:
        """The baselines that need nothing of the run but its seed and data."""
        ...

    def shadows(self, data: Sequence[Data]) -> dict[str, "Task"]:
        """Classical models of about as many parameters that the same participations can train, by name."""
        ...
