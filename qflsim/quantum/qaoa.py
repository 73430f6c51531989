"""QAOA for weighted MaxCut: exact energies and gradients of a batch of graphs, and the symmetries of the angles.

    C = sum_{u<v} w_uv (1 - Z_u Z_v) / 2,    |g, b> = prod_l e^{-i b_l sum_u X_u} e^{-i g_l C} |+>,    maximise <C>.

An angle vector is [g_1 .. g_p, b_1 .. b_p]. Source: Farhi, Goldstone, Gutmann, arXiv 1411.4028.

Three properties make it fast. C is diagonal. C and the mixer do not change when all bits flip, so vertex 0 is fixed to
side 0 and its X becomes the product of all other X. Between two layers of Hadamards the mixer is diagonal too: there X
of a qubit is its sign, and the derivative by b is a weighted inner product.
"""

from collections.abc import Iterator
from functools import lru_cache
from threading import get_ident
from typing import NamedTuple

import numpy as np

from qflsim.quantum.register import Complexes, Register
from qflsim.units import Floats

AMPLITUDES = 1 << 13
"""Amplitudes of a register: 128 KiB, so that a register and the arrays beside it stay in a core's second cache."""
DOT_LENGTH = 1 << 12
"""Longest inner product left to BLAS, which would split longer ones over threads and so round them otherwise."""

FIXED_ANGLES: dict[int, tuple[float, ...]] = {
    1: (0.615534, 0.392672),
    2: (0.487710, 0.897988, 0.555060, 0.292508),
    3: (0.422084, 0.798413, 0.937089, 0.608757, 0.459275, 0.235396),
    4: (0.408764, 0.780585, 0.987728, 1.156314, 0.599565, 0.434418, 0.296950, 0.159067),
    5: (0.359589, 0.706573, 0.822557, 1.004755, 1.154275, 0.631852, 0.522652, 0.389742, 0.275412, 0.149170),
    6: (0.331042, 0.645031, 0.730777, 0.836583, 1.009164, 1.126100,
        0.635559, 0.533963, 0.463109, 0.360255, 0.259152, 0.139026),
    7: (0.310090, 0.618219, 0.690248, 0.751222, 0.859085, 1.020390, 1.122066,
        0.648140, 0.553925, 0.489883, 0.445018, 0.340584, 0.243827, 0.130635),
    8: (0.294606, 0.586786, 0.654410, 0.707929, 0.764574, 0.864250, 1.025666, 1.116287,
        0.649160, 0.554680, 0.500322, 0.468694, 0.419609, 0.318917, 0.231324, 0.122904),
    9: (0.279401, 0.566133, 0.631223, 0.679333, 0.726241, 0.768056, 0.874522, 1.037471, 1.117987,
        0.654474, 0.561864, 0.509011, 0.486776, 0.451435, 0.403211, 0.304730, 0.219833, 0.117182),
    10: (0.266716, 0.544823, 0.609981, 0.656260, 0.695708, 0.728757, 0.773878, 0.882111, 1.043801, 1.115259,
         0.655584, 0.563181, 0.513888, 0.495584, 0.468895, 0.435743, 0.388471, 0.291176, 0.210509, 0.112388),
    11: (0.257287, 0.528041, 0.591771, 0.639691, 0.677206, 0.702061, 0.737024, 0.775307, 0.883559, 1.046970, 1.115238,
         0.656439, 0.563347, 0.516301, 0.503668, 0.481823, 0.456013, 0.421435, 0.370773, 0.276450, 0.200947, 0.107251),
}  # fmt: skip
"""Angles by number of layers that give every 3-regular graph with unit weights a guaranteed share of its best cut.

Source: J. Wurtz, D. Lykov, arXiv 2107.00677; data of github.com/danlkv/fixed-angle-QAOA, commit e0c1cdd.
"""


def cut_values(weights: Floats) -> Floats:
    """The cut of every bipartition of a weighted graph, (..., 2^(n-1)): vertex v > 0 is bit v - 1 of the last index.

    `weights`: (..., n, n), symmetric, zero diagonal, n >= 2. Vertex 0 stays on side 0: a bipartition and its mirror
    image have the same cut.
    """
    cuts = np.zeros((*weights.shape[:-2], 1))
    for vertex in range(1, weights.shape[-1]):
        to_side_1 = np.zeros_like(cuts[..., :1])
        for earlier in range(1, vertex):
            to_side_1 = np.concatenate([to_side_1, to_side_1 + weights[..., earlier, vertex, None]], axis=-1)
        to_side_0 = weights[..., :vertex, vertex].sum(axis=-1, keepdims=True) - to_side_1
        cuts = np.concatenate([cuts + to_side_1, cuts + to_side_0], axis=-1)
    return cuts


def energies(cuts: Floats, angles: Floats) -> Floats:
    """<C> of each graph, shape (G,). `cuts`: (G, 2^(n-1)), rows of `cut_values`; `angles`: (2p,)."""
    return np.concatenate([_Circuit(batch, angles).energies() for batch in _batches(cuts)])[: len(cuts)]


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


class _Workspace(NamedTuple):
    """The register and the arrays of a batch. Fresh pages would cost more than the gates, so a thread keeps its own."""

    register: Register
    phases: Complexes
    """e^{-i g C} of each layer, (p, G, 2^m)"""
    phased: Complexes
    """the state of each layer after the cost, (p, G, 2^m)"""
    mixing: Complexes
    """the same in the mixer's basis, (p, G, 2^m)"""
    tangents: Floats
    scale: Floats
    state: Complexes
    costate: Complexes
    product: Complexes


@lru_cache(maxsize=8)
def _workspace(thread: int, layers: int, graphs: int, size: int) -> _Workspace:
    phases, phased, mixing = np.empty((3, layers, graphs, size), dtype=np.complex128)
    tangents, scale = np.empty((2, layers, graphs, size))
    state, costate, product = np.empty((3, graphs, size), dtype=np.complex128)
    register = Register(graphs.bit_length() - 1, size.bit_length() - 1)
    return _Workspace(register, phases, phased, mixing, tangents, scale, state, costate, product)


class _Circuit:
    """The circuit of one batch of graphs at given angles. `cuts`: (2^k, 2^m), m = n - 1."""

    def __init__(self, cuts: Floats, angles: Floats) -> None:
        self.cuts, self.layers = cuts, len(angles) // 2
        self.space = _workspace(get_ident(), self.layers, *cuts.shape)
        self.x_sum = _x_sum(cuts.shape[1].bit_length() - 1)
        self.mixers = _mixers(self.x_sum, angles[self.layers :])
        self.gammas = angles[: self.layers]

    def energies(self) -> Floats:
        """<C>. Keeps, of each layer, the state after the cost, and the same in the mixer's basis; last, C |final>."""
        space, state = self.space, self.space.state
        _fill_phases(space, self.cuts, self.gammas)
        state[:] = self.cuts.shape[1] ** -0.5
        for layer in range(self.layers):
            np.multiply(space.phases[layer], state, out=space.phased[layer])
            space.register.hadamards(space.phased[layer], out=space.mixing[layer])
            np.multiply(space.mixing[layer], self.mixers[layer], out=state)
            space.register.hadamards(state, out=state)
        return _dots(state, np.multiply(self.cuts, state, out=space.costate)).real

    def energies_and_gradients(self) -> tuple[Floats, Floats]:
        """With |c> = C |final>, taken back gate by gate: dE/db_l = 2 Im <c| sum X |.>, dE/dg_l = 2 Im <c| C |.>."""
        values = self.energies()
        space, costate, product = self.space, self.space.costate, self.space.product
        gradients = np.empty((len(values), 2 * self.layers))
        np.conjugate(space.phases, out=space.phases)
        np.conjugate(self.mixers, out=self.mixers)
        for layer in reversed(range(self.layers)):
            space.register.hadamards(costate, out=costate)
            costate *= self.mixers[layer]
            np.multiply(self.x_sum, space.mixing[layer], out=product)
            gradients[:, self.layers + layer] = 2 * _dots(costate, product).imag
            space.register.hadamards(costate, out=costate)
            np.multiply(self.cuts, space.phased[layer], out=product)
            gradients[:, layer] = 2 * _dots(costate, product).imag
            costate *= space.phases[layer]
        return values, gradients


def _batches(cuts: Floats) -> Iterator[Floats]:
    """Runs of graphs that share a register, filled up to a power of two with empty graphs."""
    most = max(1, AMPLITUDES // cuts.shape[1])
    for start in range(0, len(cuts), most):
        batch = cuts[start : start + most]
        empty = (1 << (len(batch) - 1).bit_length()) - len(batch)
        yield np.concatenate([batch, np.zeros((empty, cuts.shape[1]))]) if empty else batch


def _fill_phases(space: _Workspace, cuts: Floats, gammas: Floats) -> None:
    """Set the phases to e^{-i g C} of each layer and graph.

    With t = tan(x / 2), e^{ix} = (1 - t^2 + 2it) / (1 + t^2): one tangent, which numpy has in SIMD, in place of a sine
    and a cosine, which it has not, makes it four times as fast; exact to an ulp or two.
    """
    tangents, scale = space.tangents, space.scale
    np.multiply(cuts, gammas[:, None, None] / -2, out=tangents)
    np.tan(tangents, out=tangents)
    np.multiply(tangents, tangents, out=scale)
    scale += 1
    np.divide(2, scale, out=scale)
    np.subtract(scale, 1, out=space.phases.real)
    np.multiply(scale, tangents, out=space.phases.imag)


def _mixers(x_sum: Floats, betas: Floats) -> Complexes:
    """e^{-i b sum X} of each layer in the mixer's basis, (p, 2^m): few values, looked up."""
    most = int(x_sum[0])
    values = np.exp(-1j * betas[:, None] * np.arange(-most, most + 1))
    return np.take(values, x_sum.astype(np.intp) + most, axis=1)


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
