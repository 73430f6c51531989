"""Ising costs: their values on every assignment, spelled out."""

import networkx as nx
import numpy as np
import pytest

from qflsim.quantum.ising import Ising, costs, maxcut, spin
from qflsim.units import Floats


def random_ising(nodes: int, seed: int, fields: bool = True) -> Ising:
    """A dense cost of one graph, normal couplings and fields."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.normal(size=(nodes, nodes)), 1)
    return Ising(upper + upper.T, rng.normal(size=nodes) * fields, np.array(rng.normal()))


def by_hand(ising: Ising, spins: Floats) -> float:
    """The definition, term by term."""
    total = float(ising.constant)
    for u in range(len(spins)):
        total += ising.fields[u] * spins[u]
        for v in range(u):
            total += ising.couplings[u, v] * spins[u] * spins[v]
    return total


@pytest.mark.parametrize("nodes", [2, 3, 6])
def test_values_are_the_definition(nodes: int) -> None:
    """With fields, vertex v is bit v of the index; spin +1 where the bit is 0."""
    ising = random_ising(nodes, seed=nodes)
    values, flip_symmetric = costs(ising)
    assert not flip_symmetric
    for index, value in enumerate(values):
        spins = np.array([1.0 - 2.0 * ((index >> bit) & 1) for bit in range(nodes)])
        assert value == pytest.approx(by_hand(ising, spins), abs=1e-13)


def test_without_fields_half_of_the_assignments_tell_all() -> None:
    """Vertex 0 is fixed to +1, and the whole table is the half and its mirror image."""
    ising = random_ising(5, seed=1, fields=False)
    half, whole = costs(ising), costs(ising, whole=True)
    assert (half.flip_symmetric, whole.flip_symmetric, half.nodes, whole.nodes) == (True, False, 5, 5)
    np.testing.assert_allclose(whole.values[0::2], half.values, atol=1e-13)
    np.testing.assert_allclose(whole.values[1::2], half.values[::-1], atol=1e-13)


def test_one_graph_with_fields_keeps_all_bits_of_its_stack() -> None:
    """A stack has one shape, and each row is that of its graph alone."""
    plain, tilted = random_ising(4, seed=2, fields=False), random_ising(4, seed=3)
    stack = Ising(*(np.stack(parts) for parts in zip(plain, tilted, strict=True)))
    np.testing.assert_array_equal(costs(stack).values, [costs(plain, whole=True).values, costs(tilted).values])


def test_cuts_of_unit_graphs_are_whole_numbers() -> None:
    """Exactly, and the best are known: 12 of a complete graph of 7, all 6 edges of a path, 12 of Petersen's 15."""
    adjacency = np.stack([nx.to_numpy_array(graph) for graph in (nx.complete_graph(7), nx.path_graph(7))])
    assert costs(maxcut(adjacency)).values.max(axis=1).tolist() == [12, 6]
    petersen = costs(maxcut(nx.to_numpy_array(nx.petersen_graph()))).values
    np.testing.assert_array_equal(petersen, np.rint(petersen))
    assert (petersen.min(), petersen.max()) == (0, 12)


def test_a_cut_is_the_weight_between_its_sides() -> None:
    """On random weights, for every bipartition."""
    weights = np.triu(np.random.default_rng(4).random((6, 6)), 1)
    weights += weights.T
    for index, cut in enumerate(costs(maxcut(weights)).values):
        side = np.array([0, *((index >> bit) & 1 for bit in range(5))])
        assert cut == pytest.approx(weights[side == 0][:, side == 1].sum(), abs=1e-13)


@pytest.mark.parametrize("flip_symmetric", [True, False])
def test_spins_build_the_cost(flip_symmetric: bool) -> None:
    """The cost is the sum of its terms over the spins of every assignment, in the order of the table."""
    ising = random_ising(5, seed=6, fields=False)
    z = np.stack([spin(vertex, 5, flip_symmetric) for vertex in range(5)])
    expected = ising.constant + np.einsum("uv,uk,vk->k", np.triu(ising.couplings, 1), z, z)
    np.testing.assert_allclose(costs(ising, whole=not flip_symmetric).values, expected, atol=1e-13)
