"""Multi-angle QAOA: an angle of its own for every gate, and exact derivatives by all of them.

Angles are (p, width), a row a layer: one for each pair u < v (in the order of `numpy.triu_indices`), then, if the costs
have linear terms, one for each field, then one for each vertex's mixer. A gate without coupling does nothing.
Equal angles in each part are the plain circuit. Source: R. Herrman, P. C. Lotshaw, J. Ostrowski, T. S. Humble,
G. Siopsis (2022), Multi-angle quantum approximate optimization algorithm, Scientific Reports 12:6781.
"""

from collections.abc import Iterator

import numpy as np

from qflsim.quantum.ising import Ising, costs, spin
from qflsim.quantum.qaoa import Batch, observe
from qflsim.quantum.register import Complexes
from qflsim.quantum.sweep import Sweep, batches, narrow_buffers
from qflsim.units import Floats


def width(nodes: int, fields: bool) -> int:
    """Angles of a layer."""
    return nodes * (nodes - 1) // 2 + nodes * (1 + fields)


def expanded(angles: Floats, nodes: int, fields: bool) -> Floats:
    """The multi-angle form, (p, width), of plain angles, (2p,)."""
    gammas, betas = np.split(angles, 2)
    return np.concatenate(
        [np.repeat(gammas[:, None], width(nodes, fields) - nodes, axis=1), np.repeat(betas[:, None], nodes, axis=1)],
        axis=1,
    )


def folded(slopes: Floats, nodes: int) -> Floats:
    """The derivatives by plain angles, (..., 2p), from those by every gate's own, (..., p, width): their sums."""
    return np.concatenate([slopes[..., :-nodes].sum(axis=-1), slopes[..., -nodes:].sum(axis=-1)], axis=-1)


def energies(ising: Ising, angles: Floats, observed: Floats | None = None, tail: float = 1.0) -> Floats:
    """As `qaoa.energies`, (G,), at (p, width) angles."""
    with narrow_buffers():
        parts = [observe(batch, tail)[0] for batch, _ in _forward(ising, angles, observed)]
    return np.concatenate(parts)[: len(ising.fields)]


def energies_and_gradients(
    ising: Ising, angles: Floats, observed: Floats | None = None, tail: float = 1.0
) -> tuple[Floats, Floats]:
    """The same as `energies`, (G,), and its exact derivatives by every angle, (G, p, width).

    2 Im <c| Z_S |s> is the Walsh-Hadamard transform of 2 Im(conj(c_z) s_z) at S: one transform a layer gives all pairs
    and fields in its real part, and in its imaginary part, taken in the mixer's basis, all vertices.
    """
    values, gradients = [], []
    with narrow_buffers():
        for batch, part in _forward(ising, angles, observed):
            energy, observable = observe(batch, tail)
            values.append(energy)
            gradients.append(_gradients(batch, part, observable, angles.shape))
    count = len(ising.fields)
    return np.concatenate(values)[:count], np.concatenate(gradients)[:count]


def distributions(ising: Ising, angles: Floats) -> Floats:
    """As `qaoa.distributions`, (G, 2^m), at (p, width) angles."""
    with narrow_buffers():
        parts = [batch.sweep.distributions() for batch, _ in _forward(ising, angles, None)]
    return np.concatenate(parts)[: len(ising.fields)]


def aligned(angles: Floats, base: Floats, nodes: int, *, flip_symmetric: bool = True) -> Floats:
    """The image of `angles` of equal energy that lies nearest to `base` (Euclidean). Both (p, width).

    Images: the joint sign of all; a turn of pi of any single mixer; without linear terms, a turn of pi/2 of all mixers
    of a layer together.
    """
    images = []
    for image in (angles.copy(), -angles):
        for row, target in zip(image[:, -nodes:], base[:, -nodes:], strict=True):
            turned = [row + turn for turn in ((0.0, np.pi / 2) if flip_symmetric else (0.0,))]
            nearest = [betas + np.round((target - betas) / np.pi) * np.pi for betas in turned]
            row[:] = min(nearest, key=lambda betas: float(np.linalg.norm(betas - target)))
        images.append(image)
    return min(images, key=lambda image: float(np.linalg.norm(image - base)))


def gate_costs(ising: Ising, angles: Floats, whole: bool) -> Iterator[Floats]:
    """The sum of each layer's cost gates, each times its angle, on every assignment: (..., 2^m) a layer.

    `whole`: with fields and their angles.
    """
    nodes = ising.fields.shape[-1]
    rows, columns = np.triu_indices(nodes, 1)
    for layer in angles:
        weights = np.zeros((nodes, nodes))
        weights[rows, columns] = weights[columns, rows] = layer[: len(rows)]
        fields = ising.fields * layer[len(rows) : -nodes] if whole else ising.fields
        yield costs(Ising(ising.couplings * weights, fields, np.zeros(ising.constant.shape)), whole=whole).values


def gate_mixers(angles: Floats, nodes: int, flip_symmetric: bool) -> Complexes:
    """e^{-i sum_v b_v X_v} of each layer in the mixer's basis, (p, 2^m)."""
    total = np.zeros((len(angles), 1 << (nodes - flip_symmetric)))
    for vertex in range(nodes):
        total += np.multiply.outer(angles[:, vertex - nodes], mixer_sign(vertex, nodes, flip_symmetric))
    return np.asarray(np.exp(-1j * total))


def mixer_sign(vertex: int, nodes: int, flip_symmetric: bool) -> Floats:
    """X of a vertex in the mixer's basis, (2^m,): the sign of its bit; of a fixed vertex 0 the product of all signs."""
    if flip_symmetric and vertex == 0:
        return np.asarray(1.0 - 2.0 * (np.bitwise_count(np.arange(1 << (nodes - 1))) & 1))
    return spin(vertex, nodes, flip_symmetric)


def _forward(ising: Ising, angles: Floats, observed: Floats | None) -> Iterator[tuple[Batch, Ising]]:
    """The batches of a stack, run forward."""
    nodes, table = ising.fields.shape[-1], costs(ising)
    assert angles.shape[1] == width(nodes, not table.flip_symmetric)
    mixers = gate_mixers(angles, nodes, table.flip_symmetric)
    seen = table.values if observed is None else observed
    start = 0
    for values, seen_batch in zip(batches(table.values), batches(seen), strict=True):
        stop = start + len(values)
        empty = max(0, stop - len(seen))
        part = Ising(*(np.pad(a[start:stop], [(0, empty), *[(0, 0)] * (a.ndim - 1)]) for a in ising))
        sweep = Sweep((len(values), values.shape[1]), len(angles))
        for layer, exponents in enumerate(gate_costs(part, angles, not table.flip_symmetric)):
            sweep.set_layer(layer, exponents)
        sweep.mixers = mixers
        sweep.forward()
        yield Batch(sweep, values, seen_batch), part
        start = stop


def _gradients(batch: Batch, part: Ising, observable: Floats, shape: tuple[int, ...]) -> Floats:
    """(G, p, width)"""
    graphs, nodes = part.fields.shape
    flip_symmetric = batch.values.shape[1] < 1 << nodes
    rows, columns = np.triu_indices(nodes, 1)
    bits = (1 << np.arange(nodes)) >> flip_symmetric
    places, strengths = bits[rows] ^ bits[columns], part.couplings[:, rows, columns]
    if not flip_symmetric:
        places, strengths = np.concatenate([places, bits]), np.concatenate([strengths, part.fields], axis=1)
    else:
        bits[0] = batch.values.shape[1] - 1
    gradients = np.empty((graphs, *shape))
    spectrum = np.empty(batch.values.shape, dtype=np.complex128)
    scale = 2 * np.sqrt(batch.values.shape[1])
    for layer, mixing, phased in batch.sweep.backward(observable):
        np.subtract(phased[:, 1::2], phased[:, 0::2], out=spectrum.real)
        np.subtract(mixing[:, 1::2], mixing[:, 0::2], out=spectrum.imag)
        batch.sweep.into_mixer_basis(spectrum, out=spectrum)
        gradients[:, layer, :-nodes] = scale * strengths * spectrum.real[:, places]
        gradients[:, layer, -nodes:] = scale * spectrum.imag[:, bits]
    return gradients
