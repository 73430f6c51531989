"""Problems: which cost a graph asks a device to maximise, and what of it a device knows.

A cost is C(z) = constant + sum_{u<v} J_uv z_u z_v + sum_u h_u z_u in units in which angles mean the same everywhere:
it is divided by twice the root mean square of its coefficients J and h other than 0, so that of MaxCut with unit
weights stays as it is. That changes neither the best assignments nor the grade <C> / (best C).

Source of the division: S. H. Sureshbabu et al., arXiv 2305.15201.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field

from qflsim.errors import InputError
from qflsim.learning.graphs import GraphFamily, Instance
from qflsim.learning.graphs_files import FileGraphs
from qflsim.model import Model
from qflsim.quantum.ising import Ising
from qflsim.streams import Streams
from qflsim.units import Floats


class Posed(NamedTuple):
    """A cost, and a bound that no assignment exceeds, which every device can tell without solving anything.

    Of cuts and quadratic forms it also bounds how far values lie apart. It is above 0 (1 for a constant cost): by it a
    device divides its objective, so that its graphs count alike.
    """

    ising: Ising
    bound: float


class Problem(Protocol):
    """What is asked of a graph. The best C is above 0, unless the graph has no term at all."""

    def pose(self, instance: Instance) -> Posed:
        """The cost of a graph; an `InputError` if it is not one that the problem may be asked of."""
        ...

    def flip_symmetric(self, families: Sequence[GraphFamily]) -> bool:
        """Whether the costs of all graphs of these families are sure to be without linear terms."""
        ...


class MaxCut(Model):
    """Cut a graph in two so that the edges between the parts weigh the most; the empty cut counts 0.

    C = sum_{u<v} w_uv (1 - z_u z_v) / 2, bound by the sum of weights. Weights are at least 0: with negative ones the
    best cut may be the empty one, and the share of it that is reached means nothing. `degree_scaling`: `degree_factor`.
    """

    kind: Literal["max-cut"] = "max-cut"
    degree_scaling: bool = False

    def pose(self, instance: Instance) -> Posed:
        _refuse_fields(instance)
        if (instance.weights < 0).any():
            raise InputError("weights", "negative ones", 'weights of at least 0, or the problem "ising"')
        weights = instance.weights * (degree_factor(instance) if self.degree_scaling else 1.0)
        total = float(weights.sum()) / 2
        return Posed(Ising(-weights / 2, np.zeros(len(weights)), np.array(total / 2)), total or 1.0)

    def flip_symmetric(self, families: Sequence[GraphFamily]) -> bool:
        """They are."""
        return True


class IndependentSet(Model):
    """Choose as many nodes as possible, no two of them joined by an edge; the empty set counts 0.

    C = sum_u x_u - penalty sum_{edges} x_u x_v with x = (1 - z) / 2, bound by n; weights do not matter, only edges do.
    Above a penalty of 1, to leave out one end of an edge inside the set gains more than it loses: the best C is the
    independence number, and any set becomes independent in this way without loss. How far above it lies weighs validity
    against size in states that are not optimal. `degree_scaling`: `degree_factor`.
    """

    kind: Literal["independent-set"] = "independent-set"
    penalty: Annotated[float, Field(gt=1, le=1000)] = 2.0
    degree_scaling: bool = False

    def pose(self, instance: Instance) -> Posed:
        _refuse_fields(instance)
        edges = (instance.weights != 0).astype(float)
        ising = _of_bits(-self.penalty * edges, np.ones(len(edges)))
        scale = _scale(ising) / (degree_factor(instance) if self.degree_scaling else 1.0)
        return Posed(_divided(ising, scale), len(edges) / scale)

    def flip_symmetric(self, families: Sequence[GraphFamily]) -> bool:
        """They are not."""
        return False


class IsingProblem(Model):
    """A quadratic form: weights are couplings, linear terms are fields; the mean over all assignments counts 0.

    `variables = "spins"`: C = sum_{u<v} w_uv z_u z_v + sum_u f_u z_u. `variables = "bits"` (a QUBO): C + constant =
    sum_{u<v} w_uv x_u x_v + sum_u f_u x_u with x = (1 - z) / 2. Bound by twice the sum of |J| and |h|. Linear terms
    come from files; with them the cost has no bit-flip symmetry. `degree_scaling`: `degree_factor`.
    """

    kind: Literal["ising"] = "ising"
    variables: Literal["spins", "bits"] = "spins"
    degree_scaling: bool = False

    def pose(self, instance: Instance) -> Posed:
        ising = Ising(instance.weights, instance.fields, np.array(0.0))
        if self.variables == "bits":
            ising = _of_bits(instance.weights, instance.fields)._replace(constant=np.array(0.0))
        scale = _scale(ising) / (degree_factor(instance) if self.degree_scaling else 1.0)
        ising = _divided(ising, scale)
        return Posed(ising, float(np.abs(ising.couplings).sum() + 2 * np.abs(ising.fields).sum()) or 1.0)

    def flip_symmetric(self, families: Sequence[GraphFamily]) -> bool:
        """Spins have none but what files give them."""
        return self.variables == "spins" and not any(isinstance(family, FileGraphs) for family in families)


def degree_factor(instance: Instance) -> float:
    """What degree scaling multiplies a cost by: atan(1 / sqrt(D - 1)) / atan(1 / sqrt(2)), D the mean degree.

    The best gamma of one layer on D-regular graphs without triangles is atan(1 / sqrt(D - 1)), about 1 / sqrt(D): in
    these units that of all degrees is the one of cubic graphs, whose costs stay as they are. Nodes without edges are
    not counted, so D >= 1. Source: Z. Wang, S. Hadfield, Z. Jiang, E. G. Rieffel, arXiv 1706.02998.
    """
    joined = np.count_nonzero(instance.weights.any(axis=0))
    degree = 2 * instance.edges / joined if joined else 3.0
    return math.atan2(1, math.sqrt(degree - 1)) / math.atan2(1, math.sqrt(2))


def refuse_unsuited(problem: Problem, family: GraphFamily) -> None:
    """An `InputError` if the problem cannot be asked of the family's graphs, as sixteen of them show."""
    rng = Streams(0).named("suited")
    for _ in range(16):
        problem.pose(family.draw(rng))


def _refuse_fields(instance: Instance) -> None:
    if instance.fields.any():
        raise InputError("weights", "linear terms (u u weight)", 'edges between two nodes, or the problem "ising"')


def _of_bits(quadratic: Floats, linear: Floats) -> Ising:
    """sum_{u<v} Q_uv x_u x_v + sum_u q_u x_u with x = (1 - z) / 2, in terms of z."""
    degrees = quadratic.sum(axis=1)
    constant = linear.sum() / 2 + degrees.sum() / 8
    return Ising(quadratic / 4, -linear / 2 - degrees / 4, np.array(constant))


def _scale(ising: Ising) -> float:
    """Twice the root mean square of the coefficients that are not 0."""
    terms = np.concatenate([ising.couplings[np.triu(ising.couplings) != 0], ising.fields[ising.fields != 0]])
    return 2 * float(np.sqrt(np.mean(terms**2))) if len(terms) else 1.0


def _divided(ising: Ising, scale: float) -> Ising:
    return Ising(*(part / scale for part in ising))
