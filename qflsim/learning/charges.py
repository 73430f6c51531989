"""What a training costs on the clock: the circuits that its gradient estimator needs, on the device's own graphs."""

from dataclasses import dataclass
from typing import NamedTuple

from qflsim.learning.graphs import GraphFamily
from qflsim.learning.holdings import batches, local_graphs
from qflsim.world.compute import Processor

SPSA_CIRCUITS = 2
"""Circuits that simultaneous perturbation needs a graph and step, whatever the number of angles (Spall 1992)."""


class Charge(NamedTuple):
    """A job as the clock sees it."""

    circuits: int
    shots: int
    circuit_s: float
    """mean duration of one circuit, once"""
    compute_s: float


@dataclass(frozen=True)
class Training:
    """The training of the devices of a group: what they hold, and what a participation charges for.

    The clock is charged for SPSA: two circuits a graph and step, each repeated `shots` times, on the graphs that the
    step really draws. What is learned comes from exact gradients, an idealisation that results name.
    """

    seed: int
    layers: int
    steps: int
    family: GraphFamily
    batch: int
    shots: int

    @property
    def samples(self) -> int:
        """Graphs that a device holds: its weight in an average."""
        return self.family.count

    @property
    def data_class(self) -> str:
        """The class of its data."""
        return self.family.data_class

    def charge(self, processor: Processor, group: str, index: int, number: int) -> Charge:
        """The job of a device's participation `number` on this processor."""
        graphs = local_graphs(self.seed, group, index, self.family)
        drawn = batches(self.seed, group, index, number, self.family.count, self.batch, self.steps)
        circuits, circuit_s, compute_s = 0, 0.0, 0.0
        for graph in (graphs[i] for batch in drawn for i in batch):
            shape = (self.family.nodes, graph.edges, graph.colour_layers, self.layers)
            circuits += SPSA_CIRCUITS
            circuit_s += SPSA_CIRCUITS * processor.circuit_s(*shape)
            compute_s += processor.job_s(SPSA_CIRCUITS, self.shots, *shape)
        return Charge(circuits, self.shots, circuit_s / circuits, compute_s)
