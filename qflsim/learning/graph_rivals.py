"""What else graphs can be given: angles found without federation, and classical solvers, graded in the same exam."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from qflsim.learning.baselines import classical_grades
from qflsim.learning.graph_batch import GraphBatch
from qflsim.learning.mixtures import components
from qflsim.learning.optimum import optimum
from qflsim.learning.tasks import Data, Marks, Rival, mean_marks
from qflsim.quantum.qaoa import FIXED_ANGLES
from qflsim.streams import Streams
from qflsim.units import Floats

if TYPE_CHECKING:
    from qflsim.learning.qaoa_task import Qaoa

SOLVERS = ("greedy", "Goemans-Williamson", "annealing")
POOLED, RANDOM = 8, 64
"""Devices whose graphs are pooled, and random schedules."""


def graph_rivals(task: "Qaoa", seed: int, data: Sequence[Data]) -> list[Rival]:
    """The baselines, each drawing from streams of its own name.

    "random": the mean over 64 vectors, gamma uniform in [0, pi) and beta in [0, pi / 2).
    "fixed": the fixed angles of 3-regular unit graphs (`FIXED_ANGLES`), and "fixed, by degree": gamma scaled for each
    graph by its degree (`degree_factor`); absent for more layers than the table has, and for costs with linear terms.
    "local-only CLASS": the mean over 8 devices, each trained alone on its own graphs of that class.
    "centralised (8 devices)": trained on their graphs of all classes pooled, the families counted alike.
    "greedy", "Goemans-Williamson", "annealing": classical solvers (`classical_grades`), which see each graph itself.

    Training means: from version 0 to the optimum nearby, by full-batch ascent with exact noise-free gradients (L-BFGS),
    of the devices' own objective.
    """
    here = (task, seed, tuple(data))
    families = dict.fromkeys(part for family in data for part in components(family))
    alone: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for part in families:
        alone[part.data_class] += [(*here, part, device) for device in range(POOLED)]
    fixed = []
    if task.layers in FIXED_ANGLES and task.problem.flip_symmetric(list(families)):
        fixed = [
            Rival("fixed", fixed_angles, [(*here, False)]),
            Rival("fixed, by degree", fixed_angles, [(*here, True)]),
        ]
    return [
        Rival("random", random_angles, [here]),
        *fixed,
        *(Rival(f"local-only {name}", local_only, devices) for name, devices in alone.items()),
        Rival(f"centralised ({POOLED} devices)", centralised, [(*here, tuple(families))]),
        *(Rival(name, classical, [(*here, name)]) for name in SOLVERS),
    ]


def random_angles(task: "Qaoa", seed: int, data: Sequence[Data]) -> Marks:
    """The mean marks of random schedules."""
    exam, rng = task.exam(seed, data), Streams(seed).named("baselines", "random")
    spans = np.repeat([np.pi, np.pi / 2], task.layers)
    drawn = [rng.random(2 * task.layers) * spans for _ in range(RANDOM)]
    return mean_marks([exam.marks(task.widened(angles, data)) for angles in drawn])


def fixed_angles(task: "Qaoa", seed: int, data: Sequence[Data], by_degree: bool) -> Marks:
    """The marks of the fixed angles."""
    problem = task.problem.model_copy(update={"degree_scaling": by_degree})
    task = task.model_copy(update={"problem": problem})
    return task.exam(seed, data).marks(task.widened(np.array(FIXED_ANGLES[task.layers]), data))


def local_only(task: "Qaoa", seed: int, data: Sequence[Data], family: Data, device: int) -> Marks:
    """The marks of a device that trains alone."""
    return task.exam(seed, data).marks(_optimum(task, seed, data, [_held(task, seed, family, device)]))


def centralised(task: "Qaoa", seed: int, data: Sequence[Data], families: Sequence[Data]) -> Marks:
    """The marks of one training on everything."""
    pools = [_held(task, seed, family, device) for family in families for device in range(POOLED)]
    return task.exam(seed, data).marks(_optimum(task, seed, data, pools))


def classical(task: "Qaoa", seed: int, data: Sequence[Data], solver: str) -> Marks:
    """The marks of a classical solver, which needs no training."""
    return _solved(task, seed, tuple(data))[solver]


@lru_cache(maxsize=4)
def _solved(task: "Qaoa", seed: int, data: tuple[Data, ...]) -> dict[str, Marks]:
    """The marks of all solvers, which draw from one stream."""
    rng = Streams(seed).named("baselines", "solvers")
    solved: dict[str, Marks] = {solver: {} for solver in SOLVERS}
    for name, parts in task.exam(seed, data).batches.items():
        grades = [classical_grades(*batch.ising, batch.best, rng) for batch in parts]
        for solver, marks in solved.items():
            marks[name] = np.concatenate([grade[solver] for grade in grades])
    return solved


def _held(task: "Qaoa", seed: int, family: Data, device: int) -> GraphBatch:
    """The graphs of a device that holds this family alone."""
    rng = Streams(seed).named("baselines", family.data_class, device, "graphs")
    return GraphBatch(task, [family.draw(rng) for _ in range(family.count)])


def _optimum(task: "Qaoa", seed: int, data: Sequence[Data], pools: Sequence[GraphBatch]) -> Floats:
    """Where full-batch ascent from version 0 ends, all pools counted alike."""

    def descent(angles: Floats) -> tuple[float, Floats]:
        values, gradients = zip(*(pool.objective(angles) for pool in pools), strict=True)
        return -float(np.mean(values)), -np.mean(gradients, axis=0)

    return optimum(descent, task.first(seed, data))
