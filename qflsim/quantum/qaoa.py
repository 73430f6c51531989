"""QAOA: exact energies and gradients of a batch of graphs, and the symmetries of the angles.

    |g, b> = prod_l e^{-i b_l sum_u X_u} e^{-i g_l C} |+>,    maximise <C>,    C diagonal (`ising`).

An angle vector is [g_1 .. g_p, b_1 .. b_p]. Source: Farhi, Goldstone, Gutmann, arXiv 1411.4028.

Three properties make it fast. C is diagonal. C without fields and the mixer do not change when all bits flip, so vertex
0 is fixed to side 0 and its X becomes the product of all other X. Between two layers of Hadamards the mixer is diagonal
too: there X of a qubit is its sign, and the derivative by b is a weighted inner product.

What is measured may differ from C. `observed` is the diagonal of its mean, where readout or mixing change it.
`tail` = a < 1 replaces the mean by the mean over the best share a of what is measured (CVaR: Barkoutsos et al. 2020,
Quantum 4:256): q + E[max(C - q, 0)] / a at the quantile q, whose motion with the angles does not change it in first
order (Rockafellar, Uryasev 2000), so that its gradient is that of `tail_observable` at q fixed. `tilts` start the
circuit warm (`warmstart`), each graph on a register of its own. `precision` "single" computes on 32-bit floats, at
about 0.6 of the time and half the memory; values and gradients are then off by up to 6e-6 of the spread of C (measured
for 4 layers, weights of RMS 1, sparse and dense, 6 to 16 nodes).
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from qflsim.quantum.ising import Costs
from qflsim.quantum.register import Complexes, Precision
from qflsim.quantum.sweep import AMPLITUDES, DTYPES, Sweep, batches, narrow_buffers, row_dots, signed
from qflsim.units import Floats

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


def energies(
    costs: Costs,
    angles: Floats,
    observed: Floats | None = None,
    tail: float = 1.0,
    *,
    tilts: Floats | None = None,
    precision: Precision = "double",
) -> Floats:
    """<C> of each graph, or what stands in for it (see above), (G,).

    `angles`: (2p,); `observed`: as `costs.values`, (G, 2^m); 0 < `tail` <= 1; `tilts`: (G, n), of costs that are whole.
    """
    with narrow_buffers():
        parts = [observe(batch, tail)[0] for batch in _forward(costs, angles, observed, tilts, precision)]
    return np.concatenate(parts)[: len(costs.values)]


def energies_and_gradients(
    costs: Costs,
    angles: Floats,
    observed: Floats | None = None,
    tail: float = 1.0,
    *,
    tilts: Floats | None = None,
    precision: Precision = "double",
) -> tuple[Floats, Floats]:
    """The same as `energies`, (G,), and its exact derivatives by the angles, (G, 2p).

    One pass back through the circuit, along the states kept on the way forward, costs about as much as the way forward.
    """
    values, gradients = [], []
    x_sum = _x_sum(costs.nodes, costs.flip_symmetric)
    mixer = signed(x_sum, out=np.empty(2 * len(x_sum), DTYPES[precision][0]))
    with narrow_buffers():
        for batch in _forward(costs, angles, observed, tilts, precision):
            energy, observable = observe(batch, tail)
            values.append(energy)
            gradients.append(_gradients(batch, observable, mixer))
    count = len(costs.values)
    return np.concatenate(values)[:count], np.concatenate(gradients)[:count]


def distributions(
    costs: Costs, angles: Floats, *, tilts: Floats | None = None, precision: Precision = "double"
) -> Floats:
    """The probability of each assignment, (G, 2^m), in the order of `costs.values`; each row sums to 1.

    If `costs.flip_symmetric`, an assignment stands for itself and its mirror image together.
    """
    with narrow_buffers():
        parts = [batch.sweep.distributions() for batch in _forward(costs, angles, None, tilts, precision)]
    return np.concatenate(parts)[: len(costs.values)]


def working_bytes(
    nodes: int, layers: int, graphs: int, *, flip_symmetric: bool = True, precision: Precision = "double"
) -> int:
    """Memory that `energies_and_gradients` of a stack takes at its peak, its costs and their making included.

    To be asked before anything is made. A thread keeps most of it for its next call.
    """
    size = 1 << (nodes - flip_symmetric)
    width = 8 if precision == "single" else 16
    amplitudes = max(size, min(AMPLITUDES, size << (graphs - 1).bit_length()))
    register = amplitudes * ((3 * layers + 5) * width + 8)
    mixers = size * (24 + (layers + 1) * width)
    return max(3 * 8 * graphs * size, 8 * graphs * size + register + mixers)


def tail_observable(values: Floats, distribution: Floats, tail: float) -> Floats:
    """The diagonal whose mean is the mean of the best share `tail`: q + max(C - q, 0) / tail, at the quantile q.

    Both (G, 2^m). With readout errors: `readout.readout` of that of the distribution read is what to observe.
    """
    order = np.argsort(-values, axis=1, kind="stable")
    shares = np.cumsum(np.take_along_axis(distribution, order, axis=1), axis=1)
    last = np.minimum((shares < tail * shares[:, -1:]).sum(axis=1), values.shape[1] - 1)
    rows = np.arange(len(values))
    quantile = values[rows, order[rows, last]][:, None]
    return np.asarray(quantile + np.maximum(values - quantile, 0) / tail)


def aligned(angles: Floats, base: Floats, *, flip_symmetric: bool = True) -> Floats:
    """The image of `angles` of equal energy that lies nearest to `base` (Euclidean); `angles` itself among equals.

    Images: (g, b) -> (-g, -b); b_l -> b_l + pi for each layer alone, and for costs without linear terms
    (`flip_symmetric`) b_l -> b_l + pi/2 too. They hold for every real cost. With real weights g is not periodic.
    Both: (2p,).
    """
    layers, period = len(angles) // 2, np.pi / 2 if flip_symmetric else np.pi
    images = [angles.copy(), -angles]
    for image in images:
        image[layers:] += np.round((base[layers:] - image[layers:]) / period) * period
    return min(images, key=lambda image: float(np.linalg.norm(image - base)))


class Batch(NamedTuple):
    """Graphs that share a register, and their circuits, run forward."""

    sweep: Sweep
    values: Floats
    observed: Floats


def _forward(
    costs: Costs, angles: Floats, observed: Floats | None, tilts: Floats | None, precision: Precision
) -> Iterator[Batch]:
    layers = len(angles) // 2
    real, complex_ = DTYPES[precision]
    values: Floats = costs.values.astype(real, copy=False)
    seen: Floats = values if observed is None else observed.astype(real, copy=False)
    mixers = _mixers(_x_sum(costs.nodes, costs.flip_symmetric), angles[layers:]).astype(complex_, copy=False)
    most = None if tilts is None else 1
    for number, (batch, seen_batch) in enumerate(zip(batches(values, most), batches(seen, most), strict=True)):
        sweep = Sweep((len(batch), batch.shape[1]), layers, precision, None if tilts is None else tilts[number])
        sweep.set_phases(batch, angles[:layers])
        sweep.mixers = mixers
        sweep.forward()
        yield Batch(sweep, batch, seen_batch)


def observe(batch: Batch, tail: float) -> tuple[Floats, Floats]:
    """The energies, (G,), and the diagonal of which they are the means."""
    distribution, observable = batch.sweep.probabilities(), batch.observed
    if tail < 1:
        observable = tail_observable(observable, distribution, tail)
    return row_dots(distribution, observable), observable


def _gradients(batch: Batch, observable: Floats, mixer: Floats) -> Floats:
    """dE/dg = 2 Im <c| C |after the cost>, dE/db = 2 Im <c| sum X |in the mixer's basis>, |c> = C |final> taken back.

    `mixer`: sum X in the mixer's basis, `signed`. Shape (G, 2p).
    """
    sweep, layers = batch.sweep, len(batch.sweep.phases)
    gradients = np.empty((len(batch.values), 2 * layers))
    cost = sweep.signed(batch.values)
    for layer, mixing, phased in sweep.backward(observable):
        gradients[:, layer] = row_dots(phased, cost)
        gradients[:, layers + layer] = row_dots(mixing, mixer)
    return 2 * gradients


def _mixers(x_sum: Floats, betas: Floats) -> Complexes:
    """e^{-i b sum X} of each layer in the mixer's basis, (p, 2^m): few values, looked up."""
    most = int(x_sum[0])
    values = np.exp(-1j * betas[:, None] * np.arange(-most, most + 1))
    return np.take(values, x_sum.astype(np.intp) + most, axis=1)


@lru_cache
def _x_sum(nodes: int, flip_symmetric: bool) -> Floats:
    """sum_u X_u in the mixer's basis: each qubit counts by its sign, a fixed vertex 0 by the product of all."""
    signs, product = np.zeros(1), np.ones(1)
    for _ in range(nodes - flip_symmetric):
        signs, product = np.concatenate([signs + 1, signs - 1]), np.concatenate([product, -product])
    return signs + product if flip_symmetric else signs
