"""The learning task: one QAOA schedule for the graphs of all devices. Local training and the exam on held-out graphs.

Everything here is a pure function of picklable arguments, so that an executor may run it in any process.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator
from scipy.optimize import minimize

from qflsim.learning.graphs import GraphFamily
from qflsim.learning.holdings import batches, local_graphs
from qflsim.learning.optimizers import Optimizer
from qflsim.model import Model
from qflsim.quantum.qaoa import FIXED_ANGLES, cut_values, energies, energies_and_gradients
from qflsim.streams import Streams
from qflsim.units import Floats


class MaxCutQaoa(Model):
    """Weighted MaxCut by QAOA of `layers` layers, all angles starting at `start_angle`.

    Devices maximise the mean of <C> / (sum of weights) over their graphs: they do not know the best cuts. Versions are
    graded by <C> / (best cut) on `holdout` graphs of each data class.
    """

    kind: Literal["maxcut-qaoa"] = "maxcut-qaoa"
    layers: Annotated[int, Field(ge=1, le=256)] = 3
    start_angle: float = 0.05
    holdout: Annotated[int, Field(ge=1, le=100_000)] = 24

    @field_validator("start_angle")
    @classmethod
    def _must_move(cls, value: float) -> float:
        if value == 0:
            raise ValueError("all angles 0 is a stationary point, where training never moves; want another angle")
        return value

    @property
    def parameters(self) -> int:
        """Length of the angle vector."""
        return 2 * self.layers

    def start(self) -> Floats:
        """The angles of version 0, (2p,)."""
        return np.full(self.parameters, self.start_angle)


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What a device trains: its graphs (by seed, group and index), which participation of its own, how, from where."""

    seed: int
    group: str
    index: int
    participation: int
    family: GraphFamily
    batch: int
    steps: int
    optimizer: Optimizer
    angles: tuple[float, ...]


def train(job: TrainingJob) -> tuple[float, ...]:
    """The angles after a device's local steps, each on `batch` distinct graphs of its own (all, if it has no more)."""
    graphs = local_graphs(job.seed, job.group, job.index, job.family)
    rows = batches(job.seed, job.group, job.index, job.participation, len(graphs), job.batch, job.steps)
    weights = np.stack([graph.weights for graph in graphs])
    cuts, totals = cut_values(weights), total_weights(weights)

    def gradient(step: int, angles: Floats) -> Floats:
        return objective(cuts[rows[step]], totals[rows[step]], angles)[1]

    return tuple(job.optimizer.ascend(np.array(job.angles), gradient, job.steps).tolist())


def total_weights(weights: Floats) -> Floats:
    """The sum of edge weights of each graph, (G,). `weights`: (G, n, n)."""
    return np.asarray(weights.sum(axis=(1, 2)) / 2)


def objective(cuts: Floats, totals: Floats, angles: Floats) -> tuple[float, Floats]:
    """The mean of <C> / (sum of weights) over graphs, and its gradient (2p,). Shapes: (G, 2^(n-1)), (G,), (2p,)."""
    values, gradients = energies_and_gradients(cuts, angles)
    return float(np.mean(values / totals)), np.mean(gradients / totals[:, None], axis=0)


def draw_weights(family: GraphFamily, count: int, rng: np.random.Generator) -> Floats:
    """The weights of `count` graphs, one drawn after the other, (count, n, n)."""
    return np.stack([family.draw(rng).weights for _ in range(count)])


class Paper(NamedTuple):
    """The held-out graphs of one family."""

    data_class: str
    cuts: Floats
    """(G, 2^(n-1))"""
    best_cuts: Floats
    """(G,), exact"""


class Exam(NamedTuple):
    """Held-out graphs of every data class, which no device trains on."""

    papers: tuple[Paper, ...]

    def ratios(self, angles: Floats) -> dict[str, float]:
        """The mean of <C> / (best cut) of each data class, and "mean", in which all classes count alike."""
        grades: dict[str, list[Floats]] = defaultdict(list)
        for paper in self.papers:
            grades[paper.data_class].append(energies(paper.cuts, angles) / paper.best_cuts)
        ratios = {name: float(np.mean(np.concatenate(parts))) for name, parts in grades.items()}
        return {**ratios, "mean": float(np.mean(list(ratios.values())))}


def exam(seed: int, task: MaxCutQaoa, families: Sequence[GraphFamily]) -> Exam:
    """The exam of a run: `task.holdout` graphs of each distinct family, from the stream of its data class."""
    papers = []
    for family in dict.fromkeys(families):
        weights = draw_weights(family, task.holdout, Streams(seed).named("holdout", family.data_class))
        cuts = cut_values(weights)
        papers.append(Paper(family.data_class, cuts, cuts.max(axis=1)))
    return Exam(tuple(papers))


_cached_exam = lru_cache(maxsize=8)(exam)


def evaluate_job(
    seed: int, task: MaxCutQaoa, families: tuple[GraphFamily, ...], angles: tuple[float, ...]
) -> dict[str, float]:
    """`Exam.ratios` of a version's angles; a process draws the exam once."""
    return _cached_exam(seed, task, families).ratios(np.array(angles))


def baselines(
    seed: int, task: MaxCutQaoa, families: Sequence[GraphFamily], devices: int = 8
) -> dict[str, dict[str, float]]:
    """What the run's exam gives to angles found without federation: `Exam.ratios` by name of the baseline.

    "random": the mean over 64 vectors, gamma uniform in [0, pi) and beta in [0, pi / 2).
    "fixed": the fixed angles of 3-regular unit graphs (`FIXED_ANGLES`); absent for more layers than the table has.
    "local-only CLASS": the mean over `devices` devices, each trained alone on its own graphs of that class.
    "centralised": trained on the graphs of all those devices of all classes pooled, the families counted alike.

    Training means: from the task's start to the optimum nearby, by full-batch ascent with exact gradients (L-BFGS), of
    the devices' own objective. Each baseline draws from streams of its own name.
    """
    grades = exam(seed, task, families)
    rng = Streams(seed).named("baselines", "random")
    spans = np.repeat([np.pi, np.pi / 2], task.layers)
    results = {"random": _mean_ratios([grades.ratios(rng.random(task.parameters) * spans) for _ in range(64)])}
    if task.layers in FIXED_ANGLES:
        results["fixed"] = grades.ratios(np.array(FIXED_ANGLES[task.layers]))
    alone: dict[str, list[dict[str, float]]] = defaultdict(list)
    pools: list[_Pool] = []
    for family in dict.fromkeys(families):
        name = family.data_class
        streams = [Streams(seed).named("baselines", name, device, "graphs") for device in range(devices)]
        sets = [draw_weights(family, family.count, stream) for stream in streams]
        alone[name] += [grades.ratios(_optimum(task, [_pool(weights)])) for weights in sets]
        pools.append(_pool(np.concatenate(sets)))
    results |= {f"local-only {name}": _mean_ratios(parts) for name, parts in alone.items()}
    results["centralised"] = grades.ratios(_optimum(task, pools))
    return results


class _Pool(NamedTuple):
    cuts: Floats
    totals: Floats


def _pool(weights: Floats) -> _Pool:
    return _Pool(cut_values(weights), total_weights(weights))


def _optimum(task: MaxCutQaoa, pools: Sequence[_Pool]) -> Floats:
    """Where full-batch ascent from the task's start ends, all pools counted alike."""

    def descent(angles: Floats) -> tuple[float, Floats]:
        values, gradients = zip(*(objective(pool.cuts, pool.totals, angles) for pool in pools), strict=True)
        return -float(np.mean(values)), -np.mean(gradients, axis=0)

    return np.asarray(minimize(descent, task.start(), jac=True, method="L-BFGS-B").x)


def _mean_ratios(parts: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}
