"""QAOA energies, gradients and symmetries: against the plain circuit, closed forms, published numbers."""

import itertools
import os
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qflsim.quantum import qaoa, sweep
from qflsim.quantum.circuits import reference_energy, reference_gradient
from qflsim.quantum.ising import Costs, Ising, costs, maxcut
from qflsim.quantum.qaoa import (
    FIXED_ANGLES,
    aligned,
    distributions,
    energies,
    energies_and_gradients,
    working_bytes,
)
from qflsim.quantum.register import Precision
from qflsim.quantum.sweep import AMPLITUDES
from qflsim.units import Floats

GUARANTEES = (0.692450, 0.755906, 0.792398, 0.816876, 0.836379, 0.849894, 0.859793, 0.867407, 0.873522, 0.878528,
              0.882843)  # fmt: skip
RING_ANGLES = {
    1: (np.pi / 4, np.pi / 8),
    2: (0.6559, 1.2429, 0.6214, 0.3279),
    3: (0.5921, 1.1561, 1.3646, 0.6823, 0.5780, 0.2961),
}


def random_weights(nodes: int, seed: int) -> Floats:
    """A weighted random graph: complete, weights U(0, 1)."""
    upper = np.triu(np.random.default_rng(seed).random((nodes, nodes)), 1)
    return upper + upper.T


def energy(weights: Floats, angles: Floats) -> float:
    """<C> of one graph."""
    return float(energies(costs(maxcut(weights[None])), np.asarray(angles))[0])


def unit(graph: nx.Graph) -> Floats:
    """The adjacency matrix of an unweighted graph."""
    return np.asarray(nx.to_numpy_array(graph))


@pytest.mark.parametrize(("nodes", "layers"), [(2, 1), (4, 3), (5, 4), (7, 2), (9, 1), (10, 3)])
def test_equals_the_plain_circuit(nodes: int, layers: int) -> None:
    """Energy and gradient equal those of a QNode on lightning.qubit to 1e-9, on weighted graphs."""
    graphs = [random_weights(nodes, seed) for seed in range(3)]
    angles = np.random.default_rng(nodes).uniform(-2, 2, 2 * layers)
    values, gradients = energies_and_gradients(costs(maxcut(np.stack(graphs))), angles)
    np.testing.assert_allclose(values, [reference_energy(maxcut(graph), angles) for graph in graphs], atol=1e-9)
    np.testing.assert_allclose(gradients, [reference_gradient(maxcut(graph), angles) for graph in graphs], atol=1e-9)


def test_a_batch_is_its_graphs() -> None:
    """Any number of graphs, over several registers, gives what each gives alone; value and gradient paths agree."""
    cuts = costs(maxcut(np.stack([random_weights(11, seed) for seed in range(21)])))
    angles = np.array([0.4, 0.7, 0.5, 0.3])
    values, gradients = energies_and_gradients(cuts, angles)
    np.testing.assert_array_equal(values, energies(cuts, angles))
    alone = [energies_and_gradients(Costs(row[None], True), angles) for row in cuts.values]
    np.testing.assert_allclose(values, [value[0] for value, _ in alone], rtol=1e-13)
    np.testing.assert_allclose(gradients, [gradient[0] for _, gradient in alone], atol=1e-12)


def test_same_bits_in_every_thread() -> None:
    """Threads at work at once do not disturb each other."""
    cuts = costs(maxcut(np.stack([random_weights(8, seed) for seed in range(4)])))
    vectors = np.random.default_rng(5).uniform(-1, 1, (40, 6))
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda angles: energies(cuts, angles), vectors))
    np.testing.assert_array_equal(together, [energies(cuts, angles) for angles in vectors])


def test_same_bits_for_any_number_of_library_threads() -> None:
    """A process that grants its libraries one thread and one that grants four agree to the last bit."""
    code = (
        "import numpy as np; from qflsim.quantum.qaoa import energies_and_gradients as f;"
        "from qflsim.quantum.ising import costs, maxcut;"
        "w = np.add.outer(np.sqrt(np.arange(16)), np.cbrt(np.arange(16))); w = np.triu(w, 1) + np.triu(w, 1).T;"
        "v, g = f(costs(maxcut(w[None] / 9)), np.array([.2, .3, .4, .2])); print(v.tobytes().hex(), g.tobytes().hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        ).stdout
        for threads in ("1", "4")
    }
    assert len(outputs) == 1


def closed_form(graph: nx.Graph, gamma: float, beta: float) -> float:
    """<C> of one layer on any unweighted graph (Wang, Hadfield, Jiang, Rieffel, arXiv 1706.02998, theorem 1)."""
    total = 0.0
    for u, v in graph.edges:
        d, e, f = graph.degree[u] - 1, graph.degree[v] - 1, len(list(nx.common_neighbors(graph, u, v)))
        total += 0.5 + np.sin(4 * beta) * np.sin(gamma) * (np.cos(gamma) ** d + np.cos(gamma) ** e) / 4
        total -= np.sin(2 * beta) ** 2 * np.cos(gamma) ** (d + e - 2 * f) * (1 - np.cos(2 * gamma) ** f) / 4
    return total


@pytest.mark.parametrize("seed", range(20))
def test_one_layer_closed_form(seed: int) -> None:
    """The formula for any graph, on random graphs of eight nodes, to 1e-12."""
    graph = nx.gnp_random_graph(8, 0.5, seed=seed)
    gamma, beta = np.random.default_rng(seed).uniform(-3, 3, 2)
    assert energy(unit(graph), np.array([gamma, beta])) == pytest.approx(closed_form(graph, gamma, beta), abs=1e-12)


@pytest.mark.parametrize(("layers", "nodes"), [(1, 4), (1, 10), (2, 6), (2, 10), (3, 8), (3, 12)])
def test_ring(layers: int, nodes: int) -> None:
    """A ring of n >= 2p + 2 nodes reaches (2p + 1) / (2p + 2) (Farhi et al. 2014); angles rounded to four digits."""
    fraction = energy(unit(nx.cycle_graph(nodes)), np.array(RING_ANGLES[layers])) / nodes
    assert fraction == pytest.approx((2 * layers + 1) / (2 * layers + 2), abs=1e-7)


@pytest.mark.parametrize(
    "graph",
    [nx.petersen_graph(), nx.heawood_graph(), nx.complete_bipartite_graph(3, 3)],
    ids=["petersen", "heawood", "k33"],
)
def test_triangle_free_cubic_graphs(graph: nx.Graph) -> None:
    """One layer at (atan(1 / sqrt 2), pi / 8) cuts 1/2 + 1/(3 sqrt 3) = 0.692450 of the edges, a stationary point."""
    angles = np.array([np.arctan(np.sqrt(0.5)), np.pi / 8])
    values, gradients = energies_and_gradients(costs(maxcut(unit(graph)[None])), angles)
    assert values[0] / graph.number_of_edges() == pytest.approx(0.5 + 1 / (3 * np.sqrt(3)), abs=1e-13)
    np.testing.assert_allclose(gradients, 0, atol=1e-12)


@pytest.mark.parametrize("layers", FIXED_ANGLES)
def test_fixed_angles_keep_their_guarantee(layers: int) -> None:
    """Published angles reach at least their published ratio on every cubic graph (arXiv 2107.00677)."""
    for seed in range(5):
        cuts = costs(maxcut(unit(nx.random_regular_graph(3, 8, seed=seed))[None]))
        ratio = energies(cuts, np.array(FIXED_ANGLES[layers]))[0] / cuts.values.max()
        assert ratio > GUARANTEES[layers - 1] - 1e-6


def test_images_of_equal_energy() -> None:
    """(g, b) -> (-g, -b), and b_l -> b_l + pi/2 for any single layer, hold for real weights."""
    weights, angles = random_weights(7, seed=2), np.array([0.4, 0.8, 0.9, 0.6, 0.5, 0.2])
    base = energy(weights, angles)
    assert energy(weights, -angles) == pytest.approx(base, abs=1e-12)
    for layer in range(3):
        shift = np.eye(6)[3 + layer] * np.pi / 2
        assert energy(weights, angles + shift) == pytest.approx(base, abs=1e-12)


def test_gamma_is_periodic_for_whole_weights_only() -> None:
    """A turn of 2 pi in g changes nothing with unit weights, and much with real ones."""
    angles, turn = np.array([0.4, 0.8, 0.6, 0.5]), np.array([2 * np.pi, 0, 0, 0])
    whole, real = unit(nx.petersen_graph()), random_weights(7, seed=2)
    assert energy(whole, angles + turn) == pytest.approx(energy(whole, angles), abs=1e-11)
    assert abs(energy(real, angles + turn) - energy(real, angles)) > 0.1


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Two angle vectors of equal length."""
    length = 2 * draw(st.integers(1, 4))
    vector = st.lists(st.floats(-6, 6), min_size=length, max_size=length).map(np.array)
    return draw(vector), draw(vector)


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_alignment(pair: tuple[Floats, Floats]) -> None:
    """The aligned image has the same energy, lies no farther than any image, and leaves a base as it is."""
    angles, base = pair
    image = aligned(angles, base)
    layers = len(base) // 2
    assert energy(random_weights(5, 1), image) == pytest.approx(energy(random_weights(5, 1), angles), abs=1e-11)
    distance = np.linalg.norm(image - base)
    for sign, turns in itertools.product((1, -1), itertools.product((-1, 0, 1), repeat=layers)):
        other = sign * angles + np.array([0] * layers + list(turns)) * np.pi / 2
        assert distance <= np.linalg.norm(other - base) + 1e-12
    np.testing.assert_array_equal(aligned(base, base), base)


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_alignment_is_idempotent(pair: tuple[Floats, Floats]) -> None:
    """Aligning again changes nothing, away from the border where two images are equally near."""
    angles, base = pair
    image = aligned(angles, base)
    layers = len(base) // 2
    assume(np.all(np.abs(image - base)[layers:] < np.pi / 4 - 1e-9))
    mirrored = aligned(-image, base) - base
    assume(np.array_equal(mirrored + base, image) or np.linalg.norm(mirrored) > np.linalg.norm(image - base) + 1e-9)
    np.testing.assert_array_equal(aligned(image, base), image)


def test_without_flip_symmetry_beta_turns_by_pi() -> None:
    """Costs with linear terms have no pi/2 turns; whole turns of pi and the joint sign are left."""
    angles = np.array([3.0, 2.0])
    np.testing.assert_array_equal(aligned(angles, np.array([3.0, 0.6]), flip_symmetric=False), angles)
    np.testing.assert_array_equal(aligned(angles, -angles, flip_symmetric=False), -angles)
    np.testing.assert_allclose(aligned(angles, np.array([3.0, -1.0]), flip_symmetric=False), [3.0, 2.0 - np.pi])


def random_costs(nodes: int, graphs: int, fields: bool, seed: int = 0) -> tuple[Ising, Costs]:
    """Dense random costs and their tables."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.normal(size=(graphs, nodes, nodes)), 1)
    ising = Ising(upper + upper.swapaxes(1, 2), rng.normal(size=(graphs, nodes)) * fields, rng.normal(size=graphs))
    return ising, costs(ising)


@pytest.mark.parametrize(("nodes", "layers"), [(2, 2), (6, 3), (9, 1)])
def test_costs_with_fields_equal_the_plain_circuit(nodes: int, layers: int) -> None:
    """Energy and gradient equal those of a QNode on lightning.qubit to 1e-9."""
    ising, table = random_costs(nodes, 2, fields=True)
    angles = np.random.default_rng(nodes).uniform(-2, 2, 2 * layers)
    values, gradients = energies_and_gradients(table, angles)
    for number in range(2):
        graph = Ising(*(part[number] for part in ising))
        assert values[number] == pytest.approx(reference_energy(graph, angles), abs=1e-9)
        np.testing.assert_allclose(gradients[number], reference_gradient(graph, angles), atol=1e-9)


def test_all_assignments_give_what_half_of_them_give() -> None:
    """Without fields, the reduced and the whole circuit agree."""
    ising, table = random_costs(7, 3, fields=False)
    angles = np.array([0.4, 0.7, 0.5, 0.3])
    for one, other in zip(
        energies_and_gradients(table, angles), energies_and_gradients(costs(ising, whole=True), angles), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-11)


def test_looked_up_phases_are_the_computed_ones() -> None:
    """Whole costs take another path than the same ones moved by a fraction, which moves every energy alone."""
    table = costs(maxcut(np.stack([unit(nx.random_regular_graph(3, 10, seed=seed)) for seed in range(5)])))
    angles = np.array([0.4, -3.7, 0.5, 0.3])
    values, gradients = energies_and_gradients(table, angles)
    moved, same = energies_and_gradients(Costs(table.values - 3.25, True), angles)
    np.testing.assert_allclose(moved + 3.25, values, atol=1e-12)
    np.testing.assert_allclose(same, gradients, atol=1e-11)


@pytest.mark.parametrize("fields", [False, True])
def test_distributions(fields: bool) -> None:
    """They are probabilities whose mean cost is the energy; at rest all assignments are equally likely."""
    _, table = random_costs(6, 5, fields)
    angles = np.array([0.4, 0.7, 0.5, 0.3])
    chances = distributions(table, angles)
    assert chances.min() >= 0
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-14)
    np.testing.assert_allclose((chances * table.values).sum(axis=1), energies(table, angles), atol=1e-12)
    np.testing.assert_allclose(distributions(table, np.zeros(2)), 1 / table.values.shape[1], atol=1e-15)


def test_what_is_observed_need_not_be_what_turns() -> None:
    """A mixed state (w C + (1 - w) mean of C) scales energies about their mean and gradients by w, exactly."""
    ising, table = random_costs(6, 3, fields=False)
    angles, w = np.array([0.4, 0.7, 0.5, 0.3]), 0.6
    values, gradients = energies_and_gradients(table, angles)
    mixed = w * table.values + (1 - w) * ising.constant[:, None]
    seen, slopes = energies_and_gradients(table, angles, mixed)
    np.testing.assert_allclose(seen, w * values + (1 - w) * ising.constant, atol=1e-12)
    np.testing.assert_allclose(slopes, w * gradients, atol=1e-11)
    lost, still = energies_and_gradients(table, angles, np.broadcast_to(ising.constant[:, None], mixed.shape))
    np.testing.assert_allclose(lost, ising.constant, atol=1e-12)
    np.testing.assert_allclose(still, 0, atol=1e-12)


def test_an_observable_of_its_own_has_its_own_gradient() -> None:
    """Central differences agree for any diagonal."""
    _, table = random_costs(5, 2, fields=True)
    observed = np.random.default_rng(4).normal(size=table.values.shape)
    angles, step = np.array([0.4, 0.7, 0.5, 0.3]), 1e-5
    gradients = energies_and_gradients(table, angles, observed)[1]
    for column, shift in enumerate(np.eye(4) * step):
        slope = (energies(table, angles + shift, observed) - energies(table, angles - shift, observed)) / (2 * step)
        np.testing.assert_allclose(gradients[:, column], slope, atol=1e-7)


@pytest.mark.parametrize("tail", [0.05, 0.3, 1.0])
def test_tails(tail: float) -> None:
    """The mean of the best share, by sorting and filling it up; its gradient by central differences."""
    _, table = random_costs(5, 3, fields=False, seed=2)
    angles, step = np.array([0.4, 0.7, 0.5, 0.3]), 1e-5
    values, gradients = energies_and_gradients(table, angles, tail=tail)
    for number, chances in enumerate(distributions(table, angles)):
        left, total = tail, 0.0
        for best in np.argsort(-table.values[number]):
            share = min(left, chances[best])
            left, total = left - share, total + share * table.values[number, best]
        assert values[number] == pytest.approx(total / tail, abs=1e-12)
    for column, shift in enumerate(np.eye(4) * step):
        slope = energies(table, angles + shift, tail=tail) - energies(table, angles - shift, tail=tail)
        np.testing.assert_allclose(gradients[:, column], slope / (2 * step), atol=1e-7)


@pytest.mark.parametrize("fields", [False, True])
def test_single_precision(fields: bool) -> None:
    """Values and gradients are off by at most 1e-5 of the spread of C, over four layers and any scale."""
    _, table = random_costs(12, 4, fields)
    angles = np.array(FIXED_ANGLES[4])
    spread = np.ptp(table.values, axis=1)
    values, gradients = energies_and_gradients(table, angles / 3, precision="single")
    exact_values, exact_gradients = energies_and_gradients(table, angles / 3)
    assert values.dtype == gradients.dtype == np.float64
    assert np.all(np.abs(values - exact_values) < 1e-6 * spread)
    assert np.all(np.abs(gradients - exact_gradients) < 1e-5 * spread[:, None])
    assert np.any(values != exact_values)
    chances = distributions(table, angles / 3, precision="single")
    np.testing.assert_allclose(chances, distributions(table, angles / 3), atol=1e-6)


@pytest.mark.parametrize(
    ("nodes", "layers", "graphs", "fields", "precision"),
    [
        (16, 1, 1, False, "double"),
        (15, 4, 2, True, "double"),
        (17, 3, 1, False, "single"),
        (10, 4, 90, False, "double"),
    ],
)
def test_memory(nodes: int, layers: int, graphs: int, fields: bool, precision: Precision) -> None:
    """What is foretold lies within a fifth of what is taken: numpy's by tracemalloc, and Lightning's state vector."""
    sweep._space.cache_clear()
    qaoa._x_sum.cache_clear()
    rng = np.random.default_rng(0)
    upper = np.triu(rng.normal(size=(graphs, nodes, nodes)), 1)
    ising = Ising(upper + upper.swapaxes(1, 2), np.full((graphs, nodes), 0.1 * fields), np.zeros(graphs))
    tracemalloc.start()
    energies_and_gradients(costs(ising), np.full(2 * layers, 0.3), precision=precision)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = 1 << (nodes - (not fields))
    peak += max(size, min(AMPLITUDES, size << (graphs - 1).bit_length())) * (16 if precision == "double" else 8)
    foretold = working_bytes(nodes, layers, graphs, flip_symmetric=not fields, precision=precision)
    assert foretold == pytest.approx(peak, rel=0.2)
