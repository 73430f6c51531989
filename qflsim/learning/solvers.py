"""Classical solvers of Ising costs: exact, greedy, simulated annealing, Goemans-Williamson. What QAOA has to beat.

The cost of an assignment z in {-1, +1}^n, to be maximised, is C(z) = sum_{u<v} J_uv z_u z_v + sum_u h_u z_u. A constant
moves all assignments alike: add it to what `energy` gives. MaxCut is J = -weights / 2, h = 0, constant = total / 2.

Shapes: `couplings` J (..., n, n), symmetric with zero diagonal; `fields` h (..., n); assignments (..., n) of +-1. The
leading axes hold problems of one size, solved side by side. All numbers must be finite. Sums run in a fixed order.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qflsim.errors import InputError
from qflsim.units import Floats

Spins = npt.NDArray[np.int8]

LARGEST_EXACT = 24
"""Vertices that exact search takes: tables of 2^23 numbers, about 0.3 GB and 0.5 s."""

_NOISE = 1e-12
"""A gain below this share of a problem's largest pull is rounding."""

_OVERSHOOT = 0.7
"""Over-relaxation: how far a vector goes past its best place, as a share of its offset from there. Below 1."""


def energy(couplings: Floats, fields: Floats, spins: npt.NDArray[np.number]) -> Floats:
    """The cost C(z) of each assignment, (...)."""
    return np.asarray((spins * (fields + _pulls(couplings, fields, spins))).sum(axis=-1) / 2)


def _pulls(couplings: Floats, fields: Floats, spins: npt.NDArray[np.number]) -> Floats:
    """h_u + sum_v J_uv z_v, half of what z_u = +1 earns above z_u = -1, (..., n)."""
    return np.asarray(fields + np.einsum("...uv,...v->...u", couplings, spins))


def _largest_pull(couplings: Floats, fields: Floats) -> Floats:
    """A bound on every pull of a problem, (...)."""
    return np.asarray((np.abs(couplings).sum(axis=-1) + np.abs(fields)).max(axis=-1))


def _signs(values: Floats) -> Spins:
    return np.where(values >= 0, np.int8(1), np.int8(-1))


def random_assignment(shape: tuple[int, ...], rng: np.random.Generator) -> Spins:
    """Independent fair spins: the mean of C over them is 0, so that guessing earns the constant."""
    return _signs(0.5 - rng.random(shape))


def exact(couplings: Floats, fields: Floats) -> Spins:
    """An optimum, by the costs of all assignments: 2^(n-1) of them, half as many without fields.

    The table of costs doubles with each vertex, whose pulls are themselves a table of sums that doubles; the last
    vertex follows its pull. Time and memory O(2^n) per problem, problems one after the other. Of equal optima: any, but
    always the same. Raises InputError above `LARGEST_EXACT` vertices.
    """
    if fields.shape[-1] > LARGEST_EXACT:
        raise InputError("exact search", f"{fields.shape[-1]} vertices", f"at most {LARGEST_EXACT}")
    spins = np.empty(fields.shape, dtype=np.int8)
    for where in np.ndindex(fields.shape[:-1]):
        spins[where] = _best_of_all(couplings[where], fields[where])
    return spins


def _best_of_all(couplings: Floats, fields: Floats) -> Spins:
    n = len(fields)
    if n > 1 and not fields.any():  # z and -z cost the same: z_0 = +1
        return np.concatenate([np.ones(1, dtype=np.int8), _best_of_all(couplings[1:, 1:], couplings[0, 1:])])
    costs = np.zeros(1)
    for u in range(n - 1):
        pulls = _all_sums(fields[u], couplings[u, :u])
        costs = np.concatenate([costs + pulls, costs - pulls])
    pulls = _all_sums(fields[-1], couplings[-1, :-1])
    best = int(np.argmax(costs + np.abs(pulls)))
    return _signs(np.array([*(0.5 - (best >> np.arange(n - 1) & 1)), pulls[best]]))


def _all_sums(start: float, steps: Floats) -> Floats:
    """start + sum_v z_v steps_v for all z, (2^len(steps)): z_v = -1 where bit v of the place is 1."""
    sums = np.array([start])
    for step in steps:
        sums = np.concatenate([sums + step, sums - step])
    return sums


def greedy(couplings: Floats, fields: Floats) -> Spins:
    """One vertex after the other, each set for good to the side that the vertices set before pull it to.

    Next is the vertex with the strongest pull |h_u + sum_{v set} J_uv z_v|; ties: the lowest number, and +1. Every
    vertex adds its |pull| to C, so C >= 0: in MaxCut with weights >= 0 at least half of the total weight.

    Source: S. Sahni, T. Gonzalez (1976), P-complete approximation problems; the order: S. Kahruman, E. Kolotoglu,
    S. Butenko, I. Hicks (2007), On greedy construction heuristics for the MAX-CUT problem ("SG3", which opens with the
    heaviest edge instead).
    """
    spins = np.zeros(fields.shape)
    for _ in range(fields.shape[-1]):
        pulls = _pulls(couplings, fields, spins)
        u = np.where(spins == 0, np.abs(pulls), -1.0).argmax(axis=-1)[..., None]
        np.put_along_axis(spins, u, _signs(np.take_along_axis(pulls, u, axis=-1)), axis=-1)
    return spins.astype(np.int8)


def local_search(couplings: Floats, fields: Floats, spins: npt.NDArray[np.number]) -> Spins:
    """A local optimum above `spins`: the vertex that gains most flips, until no single flip gains anything."""
    spins = spins.astype(float)
    least = _NOISE * _largest_pull(couplings, fields)
    while True:
        gains = -2 * spins * _pulls(couplings, fields, spins)
        u = gains.argmax(axis=-1)[..., None]
        gain = np.take_along_axis(gains, u, axis=-1)[..., 0]
        if (gain <= least).all():
            return spins.astype(np.int8)
        flipped = np.where(gain > least, -1, 1)[..., None] * np.take_along_axis(spins, u, axis=-1)
        np.put_along_axis(spins, u, flipped, axis=-1)


def annealed(couplings: Floats, fields: Floats, rng: np.random.Generator, restarts: int = 16) -> Spins:
    """The best local optimum of `restarts` simulated annealings.

    Each starts from random spins and makes 8 n sweeps over the vertices in order; a vertex is drawn anew from its
    thermal law P(z_u = +1) = 1 / (1 + exp(-2 pull_u / T)). T falls geometrically from the largest pull that the problem
    can have, max_u (|h_u| + sum_v |J_uv|), to a hundredth of it; a local search ends it. O(restarts n^3) per problem.

    Source: S. Kirkpatrick, C. Gelatt, M. Vecchi (1983), Optimization by simulated annealing.
    """
    n = fields.shape[-1]
    couplings, fields = couplings[..., None, :, :], fields[..., None, :]
    spins = random_assignment((*fields.shape[:-2], restarts, n), rng).astype(float)
    hottest = _largest_pull(couplings, fields)
    for share in np.geomspace(1, 0.01, 8 * n):
        for u in range(n):
            pull = fields[..., u] + np.einsum("...v,...v->...", couplings[..., u, :], spins)
            spins[..., u] = _signs(2 * pull + share * hottest * rng.logistic(size=pull.shape))
    return _best(couplings, fields, local_search(couplings, fields, spins))


def _best(couplings: Floats, fields: Floats, spins: Spins) -> Spins:
    """The best of several assignments (..., several, n) to each problem, (..., n)."""
    first = energy(couplings, fields, spins).argmax(axis=-1)[..., None, None]
    return np.asarray(np.take_along_axis(spins, first, axis=-2)[..., 0, :])


class Relaxation(NamedTuple):
    """Unit vectors in the place of spins, the optimum of a semidefinite program, with its certificate."""

    vectors: Floats
    """(..., n + 1, k): the first one is the direction that means +1"""
    value: Floats
    """(...): the relaxed cost at these vectors, at most the program's optimum"""
    bound: Floats
    """(...): no assignment, and no vectors, cost more than this: dual feasible, whether or not the search converged"""

    def expected(self, couplings: Floats, fields: Floats) -> Floats:
        """The mean of C over random hyperplane roundings, exactly: E[z_u z_v] = 1 - 2 angle(x_u, x_v) / pi, (...)."""
        one, other = self.vectors[..., :, None, :], self.vectors[..., None, :, :]
        angle = 2 * np.arctan2(np.linalg.norm(one - other, axis=-1), np.linalg.norm(one + other, axis=-1))
        agreement = 1 - 2 / np.pi * angle
        return np.asarray((_with_fields_as_vertex(couplings, fields) * agreement).sum(axis=(-2, -1)) / 2)

    def roundings(self, count: int, rng: np.random.Generator) -> Spins:
        """The sides of `count` random hyperplanes on which the vectors lie, (..., count, n)."""
        *batch, _, rank = self.vectors.shape
        normals = rng.normal(size=(*batch, count, rank))
        sides = _signs(np.einsum("...rk,...uk->...ru", normals, self.vectors))
        return sides[..., 1:] * sides[..., :1]


def _with_fields_as_vertex(couplings: Floats, fields: Floats) -> Floats:
    """Couplings (..., n + 1, n + 1) of the same cost without fields: vertex 0 is coupled by h to the others."""
    n = fields.shape[-1]
    joined = np.zeros((*fields.shape[:-1], n + 1, n + 1))
    joined[..., 1:, 1:], joined[..., 0, 1:], joined[..., 1:, 0] = couplings, fields, fields
    return joined


def relaxation(couplings: Floats, fields: Floats, rng: np.random.Generator, sweeps: int = 1000) -> Relaxation:
    """The semidefinite relaxation max sum_{u<v} J_uv x_u . x_v over unit vectors, from a random start.

    Coordinate ascent: each x_u in turn moves to the direction of sum_v J_uv x_v, and past it by 0.7 of the way it came,
    which never lowers the value and needs a third of the sweeps. It ends when the bound is within 1e-8 of the value,
    relative to sum_{u<v} |J_uv|, for every problem, or after `sweeps`. The rank k is above sqrt(2 (n + 1)), where local
    optima are global for almost every J. The bound is sum_u y_u / 2 - (n + 1) / 2 * (smallest eigenvalue of
    diag(y) - J) at y_u = |sum_v J_uv x_v|. Fields are couplings to one more vector, the first.

    Source: P.-W. Wang, W.-C. Chang, J. Kolter (2017), The mixing method; N. Boumal, V. Voroninski, A. Bandeira (2016),
    The non-convex Burer-Monteiro approach works on smooth semidefinite programs.
    """
    joined = _with_fields_as_vertex(couplings, fields)
    size = joined.shape[-1]
    vectors = rng.normal(size=(*joined.shape[:-1], math.ceil(math.sqrt(2 * size)) + 1))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    tolerance = 1e-8 * np.abs(joined).sum(axis=(-2, -1)) / 2
    for sweep in range(1, sweeps + 1):
        for u in range(size):
            pull = np.einsum("...v,...vk->...k", joined[..., u, :], vectors)
            length = np.linalg.norm(pull, axis=-1, keepdims=True)
            ahead = np.divide(pull, length, out=vectors[..., u, :].copy(), where=length > 0)
            along = (ahead * vectors[..., u, :]).sum(axis=-1, keepdims=True)
            ahead += _OVERSHOOT * (along * ahead - vectors[..., u, :])
            vectors[..., u, :] = ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)
        if sweep % 25 == 0 or sweep == sweeps:
            value, bound = _certificate(joined, vectors)
            if (bound - value <= tolerance).all():
                break
    return Relaxation(vectors, value, bound)


def _certificate(couplings: Floats, vectors: Floats) -> tuple[Floats, Floats]:
    """Value and dual bound of unit vectors, each (...)."""
    pulls = np.einsum("...uv,...vk->...uk", couplings, vectors)
    multipliers = np.linalg.norm(pulls, axis=-1)
    size = multipliers.shape[-1]
    slack = np.linalg.eigvalsh(multipliers[..., None] * np.eye(size) - couplings)[..., 0]
    return (vectors * pulls).sum(axis=(-2, -1)) / 2, (multipliers.sum(axis=-1) - size * slack) / 2


class Rounded(NamedTuple):
    """What Goemans and Williamson's algorithm answers, and what it proves."""

    spins: Spins
    """(..., n): the best of the roundings"""
    expected: Floats
    """(...): the mean of C over all roundings"""
    bound: Floats
    """(...): certified, C <= bound for every assignment"""


def goemans_williamson(couplings: Floats, fields: Floats, rng: np.random.Generator, roundings: int = 64) -> Rounded:
    """The best of `roundings` random hyperplanes through the relaxation's vectors, their exact mean, and the bound.

    In MaxCut with weights >= 0 the expected cut, constant + `expected`, is at least 0.87856 times the relaxation's.

    Source: M. Goemans, D. Williamson (1995), Improved approximation algorithms for maximum cut and satisfiability
    problems using semidefinite programming.
    """
    relaxed = relaxation(couplings, fields, rng)
    spins = relaxed.roundings(roundings, rng)
    best = _best(couplings[..., None, :, :], fields[..., None, :], spins)
    return Rounded(best, relaxed.expected(couplings, fields), relaxed.bound)
