"""Families of graphs: what is drawn, and what is refused."""

from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from qflsim.learning.graphs import (
    CompleteGraphs,
    ErdosRenyiGraphs,
    GraphFamily,
    RegularGraphs,
    SherringtonKirkpatrick,
    WattsStrogatzGraphs,
    Weights,
    connected_share,
    edge_colours,
    instance,
    reached,
)
from qflsim.streams import Streams


@pytest.mark.parametrize(("degree", "nodes"), [(1, 2), (2, 5), (3, 10), (4, 9), (11, 12)])
def test_regular_graphs_are_regular_and_connected(degree: int, nodes: int) -> None:
    """Every node has the degree, every graph is in one piece, and weights are symmetric with RMS 1 over the edges."""
    rng = Streams(1).named("graphs")
    for _ in range(20):
        weights, _, edges, *_ = RegularGraphs(degree=degree, nodes=nodes).draw(rng)
        assert (np.count_nonzero(weights, axis=1) == degree).all()
        assert nx.is_connected(nx.from_numpy_array(weights))
        assert edges == degree * nodes // 2
        np.testing.assert_array_equal(weights, weights.T)
        assert np.sqrt((weights**2).sum() / (2 * edges)) == pytest.approx(1, abs=1e-14)


def test_complete_graphs_are_complete() -> None:
    """Every pair is an edge, coloured as a round-robin tournament is: n - 1 rounds, n if n is odd."""
    for nodes, rounds in ((2, 1), (5, 5), (10, 9)):
        weights, _, edges, layers, _ = CompleteGraphs(nodes=nodes, weights="unit").draw(Streams(1).named("graphs"))
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
    colours = edge_colours(sorted(graph.edges))
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
        (3, 32, "less"),
        (True, 2, "integer"),
    ],
)
def test_impossible_families_are_refused(degree: int, nodes: int, words: str) -> None:
    """Degrees that no connected graph has are refused, with the reason."""
    with pytest.raises(ValidationError, match=words):
        RegularGraphs(degree=degree, nodes=nodes)


FAMILIES: list[GraphFamily] = [
    RegularGraphs(nodes=8),
    CompleteGraphs(nodes=5),
    ErdosRenyiGraphs(nodes=9, edge_probability=0.25),
    ErdosRenyiGraphs(nodes=2, edge_probability=0.01),
    ErdosRenyiGraphs(nodes=20, edge_probability=1.0),
    WattsStrogatzGraphs(nodes=12, neighbours=2, rewiring=1.0),
    WattsStrogatzGraphs(nodes=3, neighbours=2),
    SherringtonKirkpatrick(nodes=7),
]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_draws_connected_graphs_of_root_mean_square_1(family: GraphFamily) -> None:
    """Symmetric, without loops or linear terms, in one piece; `pairs`, `edges` and colours belong to the weights."""
    rng = Streams(6).named("families")
    for _ in range(10):
        graph = family.draw(rng)
        assert graph.weights.shape == (family.nodes, family.nodes)
        np.testing.assert_array_equal(graph.weights, graph.weights.T)
        assert not graph.weights.diagonal().any()
        assert not graph.fields.any()
        whole = nx.from_numpy_array(graph.weights)
        assert nx.is_connected(whole)
        assert graph.pairs == sorted(whole.edges)
        assert graph.edges == len(graph.pairs)
        assert graph.colour_layers == edge_colours(graph.pairs)
        assert np.sqrt((graph.weights**2).sum() / (2 * graph.edges)) == pytest.approx(1, abs=1e-14)
        assert graph.data_class == family.data_class


def test_names_of_data_classes_fit_into_metrics() -> None:
    """The longest names that parameters can give stay within 26 characters, and the metrics of baselines in 64."""
    longest = [WattsStrogatzGraphs(nodes=20, neighbours=18, rewiring=1 / 81), ErdosRenyiGraphs(edge_probability=1 / 3)]
    for name in [family.data_class for family in (*longest, *FAMILIES)]:
        assert len(name) <= 26
        assert len(f"local-only {name}/{name}") <= 64


def test_erdos_renyi_graphs_have_as_many_edges_as_connected_ones_have() -> None:
    """The mean number of edges given connection, by enumeration of all 64 graphs of 4 nodes; within five errors."""
    p, pairs = 0.4, [(u, v) for u in range(4) for v in range(u + 1, 4)]
    share = total = 0.0
    for mask in range(64):
        edges = [pair for bit, pair in enumerate(pairs) if mask >> bit & 1]
        graph = nx.Graph(edges)
        graph.add_nodes_from(range(4))
        if nx.is_connected(graph):
            chance = p ** len(edges) * (1 - p) ** (6 - len(edges))
            share, total = share + chance, total + chance * len(edges)
    assert connected_share(4, p) == pytest.approx(share, rel=1e-12)
    rng = Streams(7).named("gilbert")
    drawn = np.array([ErdosRenyiGraphs(nodes=4, edge_probability=p).draw(rng).edges for _ in range(2000)])
    assert abs(drawn.mean() - total / share) < 5 * drawn.std(ddof=1) / np.sqrt(len(drawn))


def test_sparse_erdos_renyi_graphs_are_refused() -> None:
    """Where fewer than a hundredth are connected, one would be drawn anew without end; the share is told."""
    assert connected_share(3, 0.5) == 0.5
    with pytest.raises(
        ValidationError, match=r"with 0.05, .* of the graphs of 20 nodes are connected; want one with 0.01"
    ):
        ErdosRenyiGraphs(nodes=20, edge_probability=0.05)
    with pytest.raises(ValidationError, match="greater than 0"):
        ErdosRenyiGraphs(edge_probability=0.0)


def test_small_worlds_lie_between_a_ring_and_chance() -> None:
    """Without rewiring, the ring lattice itself; with it, as many edges, of which about that share has moved."""
    rng = Streams(8).named("worlds")
    lattice = {(u, v) for u in range(16) for v in range(u + 1, 16) if min(v - u, 16 - v + u) <= 2}
    assert set(WattsStrogatzGraphs(nodes=16, rewiring=0.0).draw(rng).pairs) == lattice
    drawn = [WattsStrogatzGraphs(nodes=16, rewiring=0.3).draw(rng) for _ in range(200)]
    assert all(graph.edges == 32 for graph in drawn)
    moved = np.array([len(set(graph.pairs) - lattice) / 32 for graph in drawn])
    assert moved.max() > 0.3
    assert 0.2 < moved.mean() < 0.3  # a moved end may fall back on the lattice


@pytest.mark.parametrize(("neighbours", "nodes"), [(3, 10), (10, 10), (12, 10), (0, 10)])
def test_rings_that_do_not_close_are_refused(neighbours: int, nodes: int) -> None:
    """Each node has as many neighbours on either side, and no node twice."""
    with pytest.raises(ValidationError, match=r"even number below|greater"):
        WattsStrogatzGraphs(neighbours=neighbours, nodes=nodes)


@pytest.mark.parametrize(
    ("kind", "mean", "fourth"),
    [("uniform", np.sqrt(3) / 2, 9 / 5), ("exponential", np.sqrt(1 / 2), 6.0), ("gaussian", 0.0, 3.0), ("unit", 1, 1)],
)
def test_weights_follow_their_distributions(kind: Weights, mean: float, fourth: float) -> None:
    """Mean and fourth moment over weights of root mean square 1, of 190 edges each: within five errors and 1/edges."""
    rng = Streams(9).named("weights")
    graphs = [CompleteGraphs(nodes=20, weights=kind).draw(rng).weights for _ in range(100)]
    weights = np.array([graph[np.triu_indices(20, 1)] for graph in graphs])
    for power, want, bias in ((1, mean, 0.01), (4, fourth, 0.25)):
        moments = (weights**power).mean(axis=1)
        assert abs(moments.mean() - want) <= 5 * moments.std(ddof=1) / 10 + bias * (kind != "unit")


def test_linear_terms_share_the_scale_of_weights() -> None:
    """The root mean square runs over all terms that are not 0; a graph without any is left as it is."""
    weights = np.array([[0.0, 3.0], [3.0, 0.0]])
    graph = instance(weights, np.array([0.0, -1.0]), "any")
    np.testing.assert_allclose(graph.weights, weights / np.sqrt(5))
    np.testing.assert_allclose(graph.fields, [0, -1 / np.sqrt(5)])
    empty = instance(np.zeros((3, 3)), np.zeros(3), "any")
    assert (empty.edges, empty.colour_layers, empty.pairs) == (0, 0, [])
    np.testing.assert_array_equal(empty.weights, 0)


def test_nodes_without_edges_need_no_colour() -> None:
    """A complete graph beside lonely nodes has the tournament's rounds all the same."""
    assert edge_colours([(1, 3), (1, 6), (3, 6)]) == 3
    assert edge_colours([]) == 0


@given(st.integers(2, 9), st.floats(0, 0.5), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_what_is_reached_is_the_first_nodes_piece(nodes: int, share: float, seed: int) -> None:
    """As networkx finds it."""
    graph = nx.gnp_random_graph(nodes, share, seed=seed)
    assert set(np.flatnonzero(reached(nx.to_numpy_array(graph)))) == nx.node_connected_component(graph, 0)
