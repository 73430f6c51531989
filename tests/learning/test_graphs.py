"""Families of graphs: what is drawn, and what is refused."""

from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from qflsim.learning.graphs import CompleteGraphs, RegularGraphs, edge_colours
from qflsim.streams import Streams


@pytest.mark.parametrize(("degree", "nodes"), [(1, 2), (2, 5), (3, 10), (4, 9), (11, 12)])
def test_regular_graphs_are_regular_and_connected(degree: int, nodes: int) -> None:
    """Every node has the degree, every graph is in one piece, and weights are symmetric with RMS 1 over the edges."""
    rng = Streams(1).named("graphs")
    for _ in range(20):
        weights, edges, _ = RegularGraphs(degree=degree, nodes=nodes).draw(rng)
        assert (np.count_nonzero(weights, axis=1) == degree).all()
        assert nx.is_connected(nx.from_numpy_array(weights))
        assert edges == degree * nodes // 2
        np.testing.assert_array_equal(weights, weights.T)
        assert np.sqrt((weights**2).sum() / (2 * edges)) == pytest.approx(1, abs=1e-14)


def test_complete_graphs_are_complete() -> None:
    """Every pair is an edge, coloured as a round-robin tournament is: n - 1 rounds, n if n is odd."""
    for nodes, rounds in ((2, 1), (5, 5), (10, 9)):
        weights, edges, layers = CompleteGraphs(nodes=nodes, weights="unit").draw(Streams(1).named("graphs"))
        np.testing.assert_array_equal(weights, 1 - np.eye(nodes))
        assert (edges, layers) == (nodes * (nodes - 1) // 2, rounds)


def test_draws_follow_the_stream() -> None:
    """The same stream gives the same graphs, and the next draw of a stream another one."""
    family = RegularGraphs()
    one, other = Streams(4).named("a"), Streams(4).named("a")
    first = family.draw(one)
    np.testing.assert_array_equal(first.weights, family.draw(other).weights)
    assert not np.array_equal(first.weights, family.draw(one).weights)


def test_regular_graphs_of_four_nodes_and_degree_two_are_equally_likely() -> None:
    """Three rings join four labelled nodes; each comes up a third of the time, within five standard errors."""
    rng, draws = Streams(2).named("rings"), 900
    opposite = [
        int(np.flatnonzero(RegularGraphs(degree=2, nodes=4).draw(rng).weights[0] == 0)[1]) for _ in range(draws)
    ]
    error = np.sqrt(draws * (1 / 3) * (2 / 3))
    assert all(abs(Counter(opposite)[node] - draws / 3) < 5 * error for node in (1, 2, 3))


@given(st.integers(2, 9), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_greedy_colours_lie_within_their_bounds(nodes: int, seed: int) -> None:
    """At least the greatest degree, at most twice that less one."""
    graph = nx.gnp_random_graph(nodes, 0.5, seed=seed)
    degree = max((d for _, d in graph.degree), default=0)
    colours = edge_colours(nodes, sorted(graph.edges))
    assert (
        degree <= colours <= max(2 * degree - 1, 0)
    )  # holds for complete graphs too: n <= 2 (n - 1) - 1 from n = 3 on


@pytest.mark.parametrize(
    ("degree", "nodes", "words"),
    [
        (3, 9, "even"),
        (4, 4, "more than 4 nodes"),
        (1, 4, "never connected"),
        (0, 4, "greater"),
        (3, 22, "less"),
        (True, 2, "integer"),
    ],
)
def test_impossible_families_are_refused(degree: int, nodes: int, words: str) -> None:
    """Degrees that no connected graph has are refused, with the reason."""
    with pytest.raises(ValidationError, match=words):
        RegularGraphs(degree=degree, nodes=nodes)
