"""The task of QAOA: one schedule of angles for the graphs of all devices."""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from qflsim.errors import InputError
from qflsim.learning.apparatus import Apparatus
from qflsim.learning.estimators import Estimator, ParameterShift, Run
from qflsim.learning.graph_batch import GraphBatch
from qflsim.learning.graph_rivals import POOLED, graph_rivals
from qflsim.learning.graphs import Instance
from qflsim.learning.holdings import batches, data_class, held_out, local_graphs
from qflsim.learning.interference import SightedGraphs
from qflsim.learning.mixtures import MixedGraphs, components
from qflsim.learning.problems import IndependentSet, IsingProblem, MaxCut, refuse_unsuited
from qflsim.learning.tasks import Data, Gathered, Marks, Participant, Rival, Task, require_memory
from qflsim.model import Model, Share
from qflsim.quantum import multiangle
from qflsim.quantum.qaoa import FIXED_ANGLES, aligned, working_bytes
from qflsim.quantum.register import Precision
from qflsim.quantum.shifts import shifted_circuits
from qflsim.units import Floats
from qflsim.world.compute import Circuit, qaoa_circuit


class Qaoa(Model):
    """One QAOA schedule of `layers` layers for a `problem` on the graphs of all devices.

    Devices maximise the mean of <C> / (bound on C) over their graphs, for they do not know the best values; versions
    are graded by <C> / (best C) on `holdout` graphs of each class of data (`qflsim.learning.problems`).

    `start`: all angles `start_angle`; "fixed": the angles that suit unit 3-regular graphs (`FIXED_ANGLES`);
    "interpolation": of these the ones for fewer layers, as many as are known, stretched to `layers` (INTERP: L. Zhou et
    al., PRX 10, 021067 (2020)).
    `multi_angle`: in each layer an angle for every pair of vertices, and one for every vertex (R. Herrman et al., Sci.
    Rep. 12, 6781 (2022)); all graphs must have equally many nodes, whose numbers should mean something: it is to them
    that angles belong. `warm_start`: circuits start at the greedy solution of their graph, each bit with this
    probability of being otherwise (D. Egger et al., Quantum 5, 479 (2021)).
    `tail`: devices maximise the mean of the best share of outcomes (CVaR: P. Barkoutsos et al., Quantum 4, 256 (2020)),
    of which few shots show too little; versions are graded by the mean over all outcomes.
    `precision`: "single" takes 0.6 of the time and half the memory, and is off by up to 6e-6 of the spread of C.
    """

    kind: Literal["qaoa"] = "qaoa"
    problem: Annotated[MaxCut | IndependentSet | IsingProblem, Field(discriminator="kind")] = MaxCut()
    layers: Annotated[int, Field(ge=1, le=256)] = 3
    start: Literal["small", "fixed", "interpolation"] = "small"
    start_angle: float = 0.05
    multi_angle: bool = False
    warm_start: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    tail: Share = 1.0
    precision: Precision = "double"
    holdout: Annotated[int, Field(ge=1, le=100_000)] = 24

    @field_validator("start_angle")
    @classmethod
    def _must_move(cls, value: float) -> float:
        if value == 0:
            raise ValueError("all angles 0 is a stationary point, where training never moves; want another angle")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.start == "fixed" and self.layers not in FIXED_ANGLES:
            raise ValueError(f'start: "fixed" angles are known for 1 to {max(FIXED_ANGLES)} layers, not {self.layers}')
        if self.multi_angle and (self.warm_start is not None or not isinstance(self.problem, MaxCut)):
            raise ValueError('multi_angle: for the problem "max-cut" without a warm start')
        if self.multi_angle and self.precision == "single":
            raise ValueError('multi_angle: in "double" precision')
        return self

    @property
    def metric(self) -> str:
        """What versions are graded by."""
        return "ratio"

    @property
    def marks_shares(self) -> bool:
        """They are not: marks are ratios."""
        return False

    @property
    def holds_graphs(self) -> bool:
        """They do."""
        return True

    @property
    def files(self) -> tuple[str, ...]:
        """None: files of graphs belong to their families."""
        return ()

    @property
    def hashes(self) -> tuple[str, ...]:
        """None."""
        return ()

    def loaded(self, folder: Path) -> Self:
        """Itself."""
        return self

    def qubits(self, data: Data) -> int:
        """One for each vertex."""
        return data.nodes

    def first(self, seed: int, data: Sequence[Data]) -> Floats:
        """The angles of version 0, (2p,): gammas, then betas; or, with multi-angle, those of `multiangle` laid flat."""
        angles = np.full(2 * self.layers, self.start_angle)
        if self.start == "fixed":
            angles = np.array(FIXED_ANGLES[self.layers])
        if self.start == "interpolation":
            known = np.array(FIXED_ANGLES[max(1, min(self.layers - 1, max(FIXED_ANGLES)))])
            angles = np.concatenate([_interpolated(part, self.layers) for part in np.split(known, 2)])
        return self.widened(angles, data)

    def widened(self, angles: Floats, data: Sequence[Data]) -> Floats:
        """A plain schedule, (2p,), as this task's parameters."""
        if not self.multi_angle:
            return angles
        return np.asarray(multiangle.expanded(angles, data[0].nodes, fields=False).ravel())

    def aligned(self, update: Floats, base: Floats, data: Sequence[Data]) -> Floats:
        """The symmetry image nearest to the base; of a warm circuit none is known but the update itself."""
        if self.warm_start is not None:
            return update
        if self.multi_angle:
            rows, bases = update.reshape(self.layers, -1), base.reshape(self.layers, -1)
            return np.asarray(multiangle.aligned(rows, bases, data[0].nodes).ravel())
        return aligned(update, base, flip_symmetric=self.problem.flip_symmetric(self._parts(data)))

    def samples(self, data: Data) -> int:
        """How many graphs a device holds."""
        return data.count

    def data_class(self, data: Data) -> str:
        """The class of a family's graphs."""
        return data.data_class

    def held_class(self, who: Participant, data: Data, gathered: Gathered) -> str:
        """The class of a device's graphs: of a mixture, that of most of them."""
        if not isinstance(data, MixedGraphs):
            return data.data_class
        return data_class(local_graphs(who.seed, who.group, who.device, data, gathered.region))

    def check(self, seed: int, data: Sequence[Data], estimator: Estimator) -> None:
        """An `InputError` if the task does not suit graphs or estimator, or graphs do not fit this machine's memory."""
        plain = not self.multi_angle and self.warm_start is None and self.tail == 1
        if isinstance(estimator, ParameterShift) and not plain:
            got = "parameter-shift with multi_angle, warm_start or tail"
            raise InputError("training.gradient", got, '"spsa" or "exact": the rule is for plain circuits and a mean')
        require_memory(f"task with graphs of {max(family.nodes for family in data)} nodes", self._memory_byte(data))
        if self.multi_angle and len({family.nodes for family in data}) > 1:
            raise InputError("task.multi_angle", "graphs of different sizes", "equally many nodes in all groups")
        for part in self._parts(data):
            if not isinstance(part, SightedGraphs):
                try:
                    refuse_unsuited(self.problem, part)
                except InputError as error:
                    raise InputError(f"graphs {part.data_class}: {error.where}", error.got, error.want) from None

    def _memory_byte(self, data: Sequence[Data]) -> int:
        """What the largest of trainings, exam and baselines needs, all held-out graphs and a pool of devices in it."""
        flips = self.problem.flip_symmetric(self._parts(data)) and self.warm_start is None
        most = max(
            working_bytes(
                part.nodes, self.layers, max(self.holdout, part.count), flip_symmetric=flips, precision=self.precision
            )
            for part in self._parts(data)
        )
        held = ((part.nodes - flips, self.holdout + POOLED * part.count) for part in self._parts(data))
        return most + sum(8 * count << qubits for qubits, count in held)

    def _parts(self, data: Sequence[Data]) -> list[Data]:
        """Every distinct family that graphs come from."""
        return list(dict.fromkeys(part for family in data for part in components(family)))

    def objective(self, who: Participant, data: Data, batch: int, steps: int, apparatus: Apparatus,
                  gathered: Gathered) -> "GraphObjective":  # fmt: skip
        """The graphs of a participation's steps."""
        graphs = gathered.graphs or local_graphs(who.seed, who.group, who.device, data, gathered.region)
        rows = batches(who.seed, who.group, who.device, who.number, len(graphs), batch, steps)
        return GraphObjective(self, [[graphs[i] for i in row] for row in rows], apparatus)

    def exam(self, seed: int, data: Sequence[Data]) -> "GraphExam":
        """`holdout` graphs of each distinct family, from the stream of its data class; a process draws them once."""
        return _exam(self, seed, tuple(self._parts(data)))

    def rivals(self, seed: int, data: Sequence[Data]) -> list[Rival]:
        """Angles found without federation, and classical solvers: `graph_rivals`."""
        return graph_rivals(self, seed, data)

    def shadows(self, data: Sequence[Data]) -> dict[str, Task]:
        """None: classical solvers of graphs do not learn."""
        return {}

    def circuit(self, graph: Instance, apparatus: Apparatus) -> Circuit:
        """The circuit of a graph on a processor. A warm start turns every qubit once more."""
        shape = qaoa_circuit(len(graph.weights), graph.edges, graph.colour_layers, self.layers,
                             apparatus.remote_edges(graph.weights))  # fmt: skip
        return shape if self.warm_start is None else shape._replace(preparations=0, rotations=self.layers + 1)

    def shifts(self, graph: Instance) -> int:
        """Circuits of a parameter-shift gradient: two for every gate with an angle."""
        return _shifts(self, graph.weights.tobytes(), graph.fields.tobytes())


def _interpolated(angles: Floats, layers: int) -> Floats:
    """The angles of one kind, a layer more at a time: number i of p + 1 mixes i / p of the one before with its own."""
    while len(angles) < layers:
        shares = np.arange(len(angles) + 1) / len(angles)
        angles = shares * np.r_[0.0, angles] + (1 - shares) * np.r_[angles, 0.0]
    return angles


@lru_cache(maxsize=2)  # its tables may be large: one as the task is, and one scaled by degree
def _exam(task: Qaoa, seed: int, families: tuple[Data, ...]) -> "GraphExam":
    """No graph stands in it twice."""
    papers = {}
    for family in families:
        graphs = held_out(seed, family, task.holdout)
        content = b"".join(graph.weights.tobytes() + graph.fields.tobytes() for graph in graphs)
        papers[family.data_class, content] = Paper(family.data_class, graphs)
    return GraphExam(task, list(papers.values()))


@lru_cache(maxsize=16_384)
def _shifts(task: Qaoa, weights: bytes, fields: bytes) -> int:
    linear = np.frombuffer(fields)
    couplings = np.frombuffer(weights).reshape(len(linear), -1)
    edges = int(np.count_nonzero(couplings)) // 2
    graph = Instance(couplings, linear, edges, 0, "")  # no gate needs a layer to be counted
    return int(shifted_circuits(task.problem.pose(graph).ising, task.layers))


class GraphObjective:
    """The mean of <C> / (bound on C) over the graphs of each step, as a device's apparatus shows it."""

    def __init__(self, task: Qaoa, steps: Sequence[Sequence[Instance]], apparatus: Apparatus) -> None:
        self._task, self._steps, self._apparatus = task, steps, apparatus
        self._batches: dict[int, GraphBatch] = {}

    def other_s(self, step: int) -> float:
        """Nothing."""
        return 0.0

    def runs(self, step: int) -> list[Run]:
        """One circuit a graph; graphs of equal shape together."""
        alike: dict[Circuit, list[Instance]] = {}
        for graph in self._steps[step]:
            alike.setdefault(self._task.circuit(graph, self._apparatus), []).append(graph)
        return [Run(circuit, len(graphs), partial(self._shifts, graphs)) for circuit, graphs in alike.items()]

    def _shifts(self, graphs: Sequence[Instance]) -> int:
        return sum(self._task.shifts(graph) for graph in graphs)

    def gradient(self, step: int, parameters: Floats) -> Floats:
        """The exact gradient of the expectation, noise included."""
        return self._batch(step).objective(parameters)[1]

    def measured(self, step: int, parameters: Floats, shots: int, rng: np.random.Generator) -> float:
        """The objective as so many shots of each graph's circuit show it."""
        return self._batch(step).measured(parameters, shots, rng)

    def shifted(self, step: int, parameters: Floats, shots: int, rng: np.random.Generator) -> Floats:
        """The gradient, gate by gate, of the objective as shots show it."""
        return self._batch(step).shifted(parameters, shots, rng)

    def _batch(self, step: int) -> GraphBatch:
        if step not in self._batches:
            self._batches = {step: GraphBatch(self._task, self._steps[step], self._apparatus)}
        return self._batches[step]


class Paper(NamedTuple):
    """The held-out graphs of one family."""

    data_class: str
    graphs: Sequence[Instance]


class GraphExam:
    """Held-out graphs of every family, each graded by <C> / (best C)."""

    def __init__(self, task: Qaoa, papers: Sequence[Paper]) -> None:
        self._task, self._papers = task, papers
        self._batches = [GraphBatch(task, paper.graphs) for paper in papers]

    @property
    def batches(self) -> dict[str, list[GraphBatch]]:
        """The held-out graphs by class of data."""
        found: dict[str, list[GraphBatch]] = {}
        for paper, batch in zip(self._papers, self._batches, strict=True):
            found.setdefault(paper.data_class, []).append(batch)
        return found

    def marks(self, parameters: Floats) -> Marks:
        """The noise-free ratio of every held-out graph."""
        return {
            name: np.concatenate([b.values(parameters) / b.best for b in parts]) for name, parts in self.batches.items()
        }

    def measured(self, data: Data, apparatus: Apparatus, parameters: Floats, shots: int,
                 rng: np.random.Generator) -> Floats:  # fmt: skip
        """The ratio of every held-out graph of a device's families, as its shots show it."""
        classes = {part.data_class for part in components(data)}
        papers = [paper.graphs for paper in self._papers if paper.data_class in classes]
        batches = [GraphBatch(self._task, graphs, apparatus) for graphs in papers]
        return np.concatenate([batch.sampled(parameters, shots, rng) / batch.best for batch in batches])
