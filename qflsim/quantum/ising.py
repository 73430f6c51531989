"""Ising costs: what QAOA maximises, and its value on every assignment.

C(z) = constant + sum_{u<v} J_uv z_u z_v + sum_u h_u z_u,    z_v = +1 where bit v is 0, and -1 where it is 1.
"""

from typing import NamedTuple

import numpy as np

from qflsim.units import Floats


class Ising(NamedTuple):
    """A quadratic cost of n spins, to be maximised; leading axes number the graphs of a stack."""

    couplings: Floats
    """J, (..., n, n), symmetric, zero diagonal"""
    fields: Floats
    """h, (..., n)"""
    constant: Floats
    """(...)"""


class Costs(NamedTuple):
    """The cost of every assignment.

    Without fields a cost and its bit-flipped image are equal, so vertex 0 stays on side 0: m = n - 1, and vertex v > 0
    is bit v - 1 of the last index (`flip_symmetric`). Otherwise m = n, and vertex v is bit v.
    """

    values: Floats
    """(G, 2^m)"""
    flip_symmetric: bool

    @property
    def nodes(self) -> int:
        """n, the number of spins."""
        return int(self.values.shape[-1]).bit_length() - 1 + self.flip_symmetric


def maxcut(weights: Floats) -> Ising:
    """The weight between the two sides, sum_{u<v} w_uv (1 - z_u z_v) / 2. `weights`: (..., n, n), symmetric."""
    return Ising(-weights / 2, np.zeros(weights.shape[:-1]), np.asarray(weights.sum(axis=(-2, -1)) / 4))


def costs(ising: Ising, *, whole: bool = False) -> Costs:
    """The costs of all assignments of each graph: whole numbers stay exact.

    A stack in which any graph has fields keeps all n bits, and so does one that is asked for `whole`. n >= 2.
    Each vertex doubles the table, by the pull that all earlier ones have on it: 2^m additions but for a factor.
    """
    fixed = 0 if whole or np.any(ising.fields) else 1
    values = np.array(ising.constant, dtype=np.float64)[..., None]
    for vertex in range(fixed, ising.fields.shape[-1]):
        pull = ising.fields[..., vertex, None] + ising.couplings[..., :fixed, vertex].sum(axis=-1, keepdims=True)
        for earlier in range(fixed, vertex):
            coupling = ising.couplings[..., earlier, vertex, None]
            pull = np.concatenate([pull + coupling, pull - coupling], axis=-1)
        values = np.concatenate([values + pull, values - pull], axis=-1)
    return Costs(values, bool(fixed))


def spin(vertex: int, nodes: int, flip_symmetric: bool) -> Floats:
    """z of a vertex on every assignment, (2^m,), in the order of `Costs`."""
    if flip_symmetric and vertex == 0:
        return np.ones(1 << (nodes - 1))
    bits = (np.arange(1 << (nodes - flip_symmetric)) >> (vertex - flip_symmetric)) & 1
    return np.asarray(1.0 - 2.0 * bits)
