"""QAOA for weighted MaxCut: exact energies and gradients of a batch of graphs, and the symmetries of the angles.

    C = sum_{u<v} w_uv (1 - Z_u Z_v) / 2,    |g, b> = prod_l e^{-i b_l sum_u X_u} e^{-i g_l C} |+>,    maximise <C>.

An angle vector is [g_1 .. g_p, b_1 .. b_p]. Source: Farhi, Goldstone, Gutmann, arXiv 1411.4028.

Three properties make it fast. C is diagonal, and quadratic in the bits. C and the mixer do not change when all bits
flip, so vertex 0 is fixed to 0 and its X becomes the product of all other X. Between two layers of Hadamards the mixer
is diagonal too: there X of a qubit is its sign, and the derivative by b is a weighted inner product.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from qflsim.quantum.register import Complexes, Register
from qflsim.units import Floats

AMPLITUDES = 1 << 13
"""Amplitudes of a register: 128 KiB, so that a register and the arrays beside it stay in a core's second cache."""
DOT_LENGTH = 1 << 12
"""Longest inner product left to BLAS, which would split longer ones over threads and so round them otherwise."""


def cut_values(weights: Floats) -> Floats:
    """The cut of every bipartition of a weighted graph: an array of 2^(n-1), vertex v > 0 being bit v - 1 of the index.

    `weights`: (n, n), symmetric, zero diagonal, n >= 2. Vertex 0 stays on side 0: a bipartition and its mirror image
    have the same cut.
    """
    cuts = np.zeros(1)
    for vertex in range(1, len(weights)):
        to_side_1 = np.zeros(1)
        for earlier in range(1, vertex):
            to_side_1 = np.concatenate([to_side_1, to_side_1 + weights[earlier, vertex]])
        to_side_0 = weights[:vertex, vertex].sum() - to_side_1
        cuts = np.concatenate([cuts + to_side_1, cuts + to_side_0])
    return cuts


def energies(cuts: Floats, angles: Floats) -> Floats:
    """<C> of each graph, shape (G,). `cuts`: (G, 2^(n-1)), rows of `cut_values`; `angles`: (2p,)."""
    parts = [_Circuit(batch, angles) for batch in _batches(cuts)]
    return np.concatenate([part.energies() for part in parts])[: len(cuts)]


def energies_and_gradients(cuts: Floats, angles: Floats) -> tuple[Floats, Floats]:
    """<C> of each graph, (G,), and its exact derivatives by the angles, (G, 2p).

    `cuts`: (G, 2^(n-1)), rows of `cut_values`; `angles`: (2p,). One pass back through the circuit, along the states
    kept on the way forward, costs about as much as the way forward.
    """
    parts = [_Circuit(batch, angles).energies_and_gradients() for batch in _batches(cuts)]
    values, gradients = zip(*parts, strict=True)
    return np.concatenate(values)[: len(cuts)], np.concatenate(gradients)[: len(cuts)]


def aligned(angles: Floats, base: Floats, *, flip_symmetric: bool = True) -> Floats:
    """The image of `angles` of equal energy that lies nearest to `base` (Euclidean); `angles` itself among equals.

    Images: (g, b) -> (-g, -b), which holds for every real cost; and, for costs without linear terms
    (`flip_symmetric`), b_l -> b_l + pi/2 for each layer alone. With real weights g is not periodic. Both: (2p,).
    """
    layers = len(angles) // 2
    images = [angles.copy(), -angles]
    if flip_symmetric:
        for image in images:
            turns = np.round((base[layers:] - image[layers:]) / (np.pi / 2))
            image[layers:] += turns * (np.pi / 2)
    return min(images, key=lambda image: float(np.linalg.norm(image - base)))


class _Circuit:
    """The circuit of one batch of graphs at given angles. `cuts`: (2^k, 2^m), m = n - 1."""

    def __init__(self, cuts: Floats, angles: Floats) -> None:
        self.cuts, self.layers = cuts, len(angles) // 2
        qubits = cuts.shape[1].bit_length() - 1
        self.phases = _phases(cuts, angles[: self.layers])
        self.x_sum = _x_sum(qubits)
        self.mixers = np.exp(-1j * angles[self.layers :, None] * self.x_sum)
        self.register = Register(len(cuts).bit_length() - 1, qubits)
        self.phased = np.empty_like(self.phases)
        self.mixing = np.empty_like(self.phases)

    def energies(self) -> Floats:
        state = self.forward()
        return _dots(state, self.cuts * state).real

    def forward(self) -> Complexes:
        """The final state. Keeps, of each layer, the state after the cost and the same in the mixer's basis."""
        state = np.full_like(self.phases[0], self.cuts.shape[1] ** -0.5)
        for layer in range(self.layers):
            np.multiply(self.phases[layer], state, out=self.phased[layer])
            self.register.hadamards(self.phased[layer], out=self.mixing[layer])
            np.multiply(self.mixing[layer], self.mixers[layer], out=state)
            self.register.hadamards(state, out=state)
        return state

    def energies_and_gradients(self) -> tuple[Floats, Floats]:
        """With |c> = C |final>, taken back gate by gate: dE/db_l = 2 Im <c| sum X |.>, dE/dg_l = 2 Im <c| C |.>."""
        state = self.forward()
        costate = self.cuts * state
        values = _dots(state, costate).real
        gradients = np.empty((len(values), 2 * self.layers))
        for layer in reversed(range(self.layers)):
            self.register.hadamards(costate, out=costate)
            costate *= self.mixers[layer].conj()
            gradients[:, self.layers + layer] = 2 * _dots(costate, self.x_sum * self.mixing[layer]).imag
            self.register.hadamards(costate, out=costate)
            gradients[:, layer] = 2 * _dots(costate, self.cuts * self.phased[layer]).imag
            costate *= self.phases[layer].conj()
        return values, gradients


def _batches(cuts: Floats) -> Iterator[Floats]:
    """Runs of graphs that share a register, filled up to a power of two with empty graphs."""
    most = max(1, AMPLITUDES // cuts.shape[1])
    for start in range(0, len(cuts), most):
        batch = cuts[start : start + most]
        size = 1 << (len(batch) - 1).bit_length()
        yield np.pad(batch, ((0, size - len(batch)), (0, 0)))


def _phases(cuts: Floats, gammas: Floats) -> Complexes:
    """e^{-i g C} of each layer and graph, (p, G, 2^m), by doubling.

    With index (a, b), a quadratic cut is cut(a, 0) + cut(0, b) + sum_{k in a} cross_k(b): few exponentials, many products.
    """
    graphs, size = cuts.shape
    high = (size.bit_length() - 1 + 1) // 2
    table = cuts.reshape(graphs, 1 << high, -1)
    columns = table.shape[2]
    ones = table[:, [1 << bit for bit in range(high)], :]
    cross = ones - ones[:, :, :1] - table[:, :1, :]
    exponents = np.concatenate([table[:, :, 0], table[:, 0, :], cross.reshape(graphs, -1)], axis=1)
    factors = np.exp(-1j * gammas[:, None, None] * exponents)
    rows, first, crosses = np.split(factors, [1 << high, (1 << high) + columns], axis=2)
    crosses = crosses.reshape(len(gammas), graphs, high, 1, columns)
    phases = np.empty((len(gammas), *table.shape), dtype=np.complex128)
    phases[:, :, 0, :] = first
    for bit in range(high):
        half = 1 << bit
        np.multiply(phases[:, :, :half], crosses[:, :, bit], out=phases[:, :, half : 2 * half])
    phases *= rows[..., None]
    return phases.reshape(len(gammas), graphs, size)


@lru_cache
def _x_sum(qubits: int) -> Floats:
    """sum_u X_u in the mixer's basis: each qubit counts by its sign, and vertex 0 by the product of all signs."""
    signs, product = np.zeros(1), np.ones(1)
    for _ in range(qubits):
        signs, product = np.concatenate([signs + 1, signs - 1]), np.concatenate([product, -product])
    return signs + product


def _dots(left: Complexes, right: Complexes) -> Complexes:
    """<left|right> of each row."""
    length = min(left.shape[1], DOT_LENGTH)
    shape = (len(left), -1, length)
    return np.asarray(np.vecdot(left.reshape(shape), right.reshape(shape)).sum(axis=1))
