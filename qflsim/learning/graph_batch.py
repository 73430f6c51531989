"""Graphs of equal size under a task's circuit: what they are worth at given angles, exactly or as shots show it."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qflsim.learning.apparatus import Apparatus
from qflsim.learning.graphs import Instance
from qflsim.learning.solvers import greedy
from qflsim.quantum import multiangle, qaoa
from qflsim.quantum.ising import Ising, costs
from qflsim.quantum.readout import readout
from qflsim.quantum.shifts import shifted_gradients
from qflsim.quantum.warmstart import warm_tilts
from qflsim.units import Floats

if TYPE_CHECKING:
    from qflsim.learning.qaoa_task import Qaoa


class GraphBatch:
    """So many graphs of n nodes each, posed as a task's problem. Without an apparatus nothing spoils their circuits.

    What is measured of an assignment comes from p, the distribution of the ideal circuit at the angles that the
    apparatus makes of those asked for: the share of fidelity of it, the rest uniform; then each bit may be misread.
    """

    def __init__(self, task: "Qaoa", graphs: Sequence[Instance], apparatus: Apparatus | None = None) -> None:
        posed = [task.problem.pose(graph) for graph in graphs]
        self._task = task
        self.ising = Ising(*map(np.stack, zip(*(cost.ising for cost in posed), strict=True)))
        self.bounds = np.array([cost.bound for cost in posed])
        self.costs = costs(self.ising, whole=task.warm_start is not None)
        self._fidelities, self._flip, self._scales = np.ones(len(graphs)), 0.0, np.ones(2 * task.layers)
        if apparatus is not None and apparatus.noisy:
            noises = [apparatus.noise(task.circuit(graph, apparatus)) for graph in graphs]
            self._fidelities, self._flip = np.array([noise.fidelity for noise in noises]), noises[0].flip
            self._scales = apparatus.scales(task.layers, task.layers)
        if task.multi_angle:
            self._scales = self._widened(self._scales)
        self._tilts = None
        if task.warm_start is not None:
            self._tilts = warm_tilts((1 - greedy(self.ising.couplings, self.ising.fields)) / 2, task.warm_start)

    @cached_property
    def best(self) -> Floats:
        """The best C of each graph, (G,)."""
        return np.asarray(self.costs.values.max(axis=1))

    def values(self, angles: Floats) -> Floats:
        """The ideal <C> of each graph, (G,)."""
        if self._task.multi_angle:
            return multiangle.energies(self.ising, self._rows(angles))
        return qaoa.energies(self.costs, angles, tilts=self._tilts, precision=self._task.precision)

    def objective(self, angles: Floats) -> tuple[float, Floats]:
        """What a device maximises, the mean over graphs of <C> / bound or of its best tail, and its gradient."""
        applied = angles * self._scales
        observed, tail = self._observed(applied)
        if self._task.multi_angle:
            values, gradients = multiangle.energies_and_gradients(self.ising, self._rows(applied), observed, tail)
            gradients = gradients.reshape(len(gradients), -1)
        else:
            values, gradients = qaoa.energies_and_gradients(
                self.costs, applied, observed, tail, tilts=self._tilts, precision=self._task.precision
            )
        slope = np.mean(gradients / self.bounds[:, None], axis=0)
        return float(np.mean(values / self.bounds)), slope * self._scales

    def sampled(self, angles: Floats, shots: int, rng: np.random.Generator) -> Floats:
        """<C> of each graph as so many shots of its circuit show it, (G,)."""
        return self._mean(self._drawn(self._distributions(angles * self._scales), shots, rng), tail=1.0)

    def measured(self, angles: Floats, shots: int, rng: np.random.Generator) -> float:
        """What a device maximises, as so many shots of each graph's circuit show it."""
        drawn = self._drawn(self._distributions(angles * self._scales), shots, rng)
        return float(np.mean(self._mean(drawn, self._task.tail) / self.bounds))

    def shifted(self, angles: Floats, shots: int, rng: np.random.Generator) -> Floats:
        """The gradient of what a device maximises, by the shift rule, each circuit measured with so many shots.

        The device misses the shifts as it misses all angles.
        """

        def measure(graph: int, distributions: Floats) -> Floats:
            drawn = self._drawn(distributions, shots, rng, graph)
            return np.asarray(np.einsum("rs,s->r", drawn, self.costs.values[graph]))

        slopes = shifted_gradients(self.ising, angles, measure, self._scales)
        return np.asarray(np.mean(slopes / self.bounds[:, None], axis=0))

    def _rows(self, angles: Floats) -> Floats:
        return angles.reshape(self._task.layers, -1)

    def _widened(self, angles: Floats) -> Floats:
        return multiangle.expanded(angles, self.costs.nodes, not self.costs.flip_symmetric).ravel()

    def _distributions(self, applied: Floats) -> Floats:
        if self._task.multi_angle:
            return multiangle.distributions(self.ising, self._rows(applied))
        return qaoa.distributions(self.costs, applied, tilts=self._tilts, precision=self._task.precision)

    def _observed(self, applied: Floats) -> tuple[Floats | None, float]:
        """The diagonal whose ideal mean is what is measured, and the tail that is left to take; None: C itself."""
        tail = self._task.tail
        if self._flip == 0 and (self._fidelities == 1).all():
            return None, tail
        values = self.costs.values
        if tail < 1:
            values = qaoa.tail_observable(values, self._read(self._distributions(applied)), tail)
        return self._read(values, observable=True), 1.0

    def _read(self, values: Floats, graph: int | None = None, *, observable: bool = False) -> Floats:
        """Distributions as they are read, or the observables of which they are so read: each other's adjoints."""
        shares = (self._fidelities if graph is None else self._fidelities[graph : graph + 1])[:, None]
        if observable:
            values = readout(values, self._flip, self.costs.flip_symmetric) if self._flip else values
            return np.asarray(shares * values + (1 - shares) * values.mean(axis=1, keepdims=True))
        mixed = shares * values + (1 - shares) / values.shape[1]
        return readout(mixed, self._flip, self.costs.flip_symmetric) if self._flip else mixed

    def _drawn(self, distributions: Floats, shots: int, rng: np.random.Generator, graph: int | None = None) -> Floats:
        """The share of so many shots that show each assignment."""
        read = np.maximum(self._read(distributions, graph), 0)  # rounding may leave less
        return np.asarray(rng.multinomial(shots, read / read.sum(axis=1, keepdims=True)) / shots)

    def _mean(self, drawn: Floats, tail: float) -> Floats:
        values = self.costs.values
        if tail < 1:
            values = qaoa.tail_observable(values, drawn, tail)
        return np.asarray(np.einsum("gs,gs->g", drawn, values))
