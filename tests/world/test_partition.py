"""Partitions of a circuit's graph: all vertices, none twice, no part too large, few edges between them."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qflsim.units import Floats
from qflsim.world.partition import partition, remote_edges


def cubic(nodes: int, seed: int) -> Floats:
    """The weights of a random cubic graph."""
    return np.asarray(nx.to_numpy_array(nx.random_regular_graph(3, nodes, seed=seed)))


def cliques(*sizes: int) -> Floats:
    """Complete graphs side by side, with no edge between them."""
    return np.asarray(nx.to_numpy_array(nx.disjoint_union_all([nx.complete_graph(size) for size in sizes])))


@given(st.integers(1, 14), st.integers(1, 6), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_every_vertex_has_its_part(nodes: int, capacity: int, density: float, seed: int) -> None:
    """On any graph, with as few parts as hold it; and the same graph gets the same parts."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.normal(size=(nodes, nodes)) * (rng.random((nodes, nodes)) < density), 1)
    weights, parts = upper + upper.T, -(-nodes // capacity)
    found = partition(weights, parts, capacity)
    assert sorted(vertex for part in found for vertex in part) == list(range(nodes))
    assert len(found) <= parts
    assert max(map(len, found)) <= capacity
    assert found == partition(weights, parts, capacity)
    within = sum(np.count_nonzero(np.triu(weights[np.ix_(part, part)])) for part in found)
    assert remote_edges(weights, found) == np.count_nonzero(upper) - within


@pytest.mark.parametrize(
    ("sizes", "parts", "capacity"),
    [((4, 4, 4), 3, 5), ((5, 3), 2, 5), ((2, 3, 3, 2), 2, 5), ((1, 1, 1, 6), 2, 6), ((7,), 1, 7)],
)
def test_components_that_fit_are_not_cut(sizes: tuple[int, ...], parts: int, capacity: int) -> None:
    """Also where halves of equal size would cut them."""
    weights = cliques(*sizes)
    assert remote_edges(weights, partition(weights, parts, capacity)) == 0


def test_what_must_be_cut_is_cut_where_it_is_thin() -> None:
    """Two cliques joined by one edge: that edge. Cliques that cannot stay whole: still no part is too large."""
    weights = cliques(5, 5)
    weights[2, 7] = weights[7, 2] = -0.5
    assert remote_edges(weights, partition(weights, 2, 5)) == 1
    assert max(map(len, partition(cliques(6, 6), 3, 4))) == 4


@pytest.mark.parametrize(("nodes", "parts"), [(10, 2), (16, 2), (20, 4)])
def test_fewer_edges_than_between_random_parts(nodes: int, parts: int) -> None:
    """On 20 cubic graphs: never more than a random balanced partition has on average, and about half of it together."""
    capacity, cut, random = -(-nodes // parts), [], []
    for seed in range(20):
        weights = cubic(nodes, seed)
        cut.append(remote_edges(weights, partition(weights, parts, capacity)))
        # Two ends lie in different parts with this probability.
        random.append(1.5 * nodes * (nodes - capacity) / (nodes - 1))
    assert (np.array(cut) < random).all()
    assert sum(cut) < 0.55 * sum(random)


def test_halves_of_cubic_graphs_are_almost_the_best() -> None:
    """Against all halves of 20 graphs on twelve vertices: at most one edge more in eight graphs."""
    extra = 0
    for seed in range(20):
        weights = cubic(12, seed)
        halves = [(half, tuple(set(range(12)) - set(half))) for half in combinations(range(12), 6) if 0 in half]
        extra += remote_edges(weights, partition(weights, 2, 6)) - min(remote_edges(weights, two) for two in halves)
    assert 0 <= extra <= 8


def test_weights_do_not_matter() -> None:
    """Each remote edge takes one pair, heavy or light, positive or negative."""
    weights = cubic(14, 5)
    drawn = np.triu(np.random.default_rng(1).normal(size=(14, 14)), 1)
    assert partition(weights * (drawn + drawn.T), 3, 5) == partition(weights, 3, 5)
