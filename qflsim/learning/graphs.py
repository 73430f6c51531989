"""The graphs that devices hold: families of connected weighted graphs, drawn from a stream."""

import math
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, Protocol, Self

import networkx as nx
import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from qflsim.model import Count, Model
from qflsim.units import Floats

Nodes = Annotated[int, Field(ge=2, le=30)]
Held = Annotated[int, Field(ge=1, le=100_000)]
Weights = Literal["uniform", "unit", "exponential", "gaussian"]
"""U(0, 1), all 1, Exp(1), N(0, 1): then divided by their root mean square over the graph."""
LEAST_CONNECTED = 0.01
"""Families of which fewer graphs are connected are refused, so that drawing anew comes to an end."""


class Instance(NamedTuple):
    """A weighted graph, and what its circuit costs: edges, and layers of disjoint two-qubit gates that cover them."""

    weights: Floats
    """(n, n), symmetric, zero diagonal; an edge is where a weight is not 0"""
    fields: Floats
    """(n,), linear terms, of which most families have none: all 0"""
    edges: int
    colour_layers: int
    data_class: str
    """the name under which graphs of its kind are graded"""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The edges (u, v), u < v, in order."""
        heads, tails = np.nonzero(np.triu(self.weights))
        return list(zip(heads.tolist(), tails.tolist(), strict=True))


class GraphFamily(Protocol):
    """A distribution of connected graphs. Equal families draw equal graphs from equal streams."""

    def __hash__(self) -> int: ...

    @property
    def nodes(self) -> int: ...

    @property
    def count(self) -> int:
        """How many graphs a device holds."""
        ...

    @property
    def data_class(self) -> str:
        """The name under which its held-out graphs are graded, at most 26 characters."""
        ...

    def draw(self, rng: np.random.Generator) -> Instance:
        """One graph: its draws depend on the state of `rng` alone."""
        ...


class RegularGraphs(Model):
    """Random connected regular graphs, all nodes of the same degree.

    Source: A. Steger, N. Wormald (1999), Generating random regular graphs quickly, as in networkx, which is seeded
    with one integer from the stream; disconnected graphs are drawn anew. Weights as in `Weights`.
    """

    kind: Literal["regular"] = "regular"
    degree: Count = 3
    nodes: Nodes = 10
    count: Held = 16
    weights: Weights = "uniform"

    @model_validator(mode="after")
    def _must_exist(self) -> Self:
        if self.degree >= self.nodes:
            raise ValueError(f"degree {self.degree} needs more than {self.degree} nodes, got {self.nodes}")
        if self.degree * self.nodes % 2:
            raise ValueError(f"degree times nodes is {self.degree} x {self.nodes}; want an even number")
        if self.degree == 1 and self.nodes > 2:
            raise ValueError(f"a graph of degree 1 on {self.nodes} nodes is never connected; want degree 2 or more")
        return self

    @property
    def data_class(self) -> str:
        return f"{self.degree}-regular"

    def draw(self, rng: np.random.Generator) -> Instance:
        while True:
            graph = nx.random_regular_graph(self.degree, self.nodes, seed=int(rng.integers(2**32)))
            if nx.is_connected(graph):
                return _weighted(self, np.array(_sorted(graph)), self.weights, rng)


class CompleteGraphs(Model):
    """Complete graphs: every pair of nodes is an edge, and only the weights differ (as in `Weights`)."""

    kind: Literal["complete"] = "complete"
    nodes: Nodes = 10
    count: Held = 16
    weights: Weights = "uniform"

    @property
    def data_class(self) -> str:
        return "complete"

    def draw(self, rng: np.random.Generator) -> Instance:
        return _weighted(self, _all_pairs(self.nodes), self.weights, rng)


class SherringtonKirkpatrick(Model):
    """Spin glasses of Sherrington and Kirkpatrick: all pairs of spins are coupled, by independent N(0, 1) / sqrt(n).

    Source: Physical Review Letters 35, 1792 (1975). The couplings of a graph are divided by their root mean square, as
    those of every family, so the factor 1 / sqrt(n) leaves no trace; degree scaling puts it back into the angles.
    """

    kind: Literal["sherrington-kirkpatrick"] = "sherrington-kirkpatrick"
    nodes: Nodes = 10
    count: Held = 16

    @property
    def data_class(self) -> str:
        return "sherrington-kirkpatrick"

    def draw(self, rng: np.random.Generator) -> Instance:
        return _weighted(self, _all_pairs(self.nodes), "gaussian", rng)


class ErdosRenyiGraphs(Model):
    """Random graphs of which each pair of nodes is an edge with the same probability, given that they are connected.

    Source: E. N. Gilbert (1959), Random graphs, Annals of Mathematical Statistics 30, 1141. Disconnected graphs are
    drawn anew; probabilities that leave fewer than `LEAST_CONNECTED` of all graphs connected are refused. Weights as
    in `Weights`.
    """

    kind: Literal["erdos-renyi"] = "erdos-renyi"
    edge_probability: Annotated[float, Field(gt=0, le=1)] = 0.5
    nodes: Nodes = 10
    count: Held = 16
    weights: Weights = "uniform"

    @model_validator(mode="after")
    def _are_connected(self) -> Self:
        share = connected_share(self.nodes, self.edge_probability)
        if share < LEAST_CONNECTED:
            found = f"with {self.edge_probability:g}, {share:.2g} of the graphs of {self.nodes} nodes are connected"
            raise ValueError(f"edge_probability: {found}; want one with {LEAST_CONNECTED:g} or more")
        return self

    @property
    def data_class(self) -> str:
        return f"erdos-renyi-{self.edge_probability:.4g}"

    def draw(self, rng: np.random.Generator) -> Instance:
        pairs = _all_pairs(self.nodes)
        while True:
            edges = pairs[rng.random(len(pairs)) < self.edge_probability]
            if reached(_matrix(self.nodes, edges, np.ones(len(edges)))).all():
                return _weighted(self, edges, self.weights, rng)


class WattsStrogatzGraphs(Model):
    """Small worlds: a ring of nodes, each joined to its nearest `neighbours`; then ends of edges are moved at random.

    Each edge's far end moves with probability `rewiring` to a node drawn uniformly, without loops or repeated edges.
    Source: D. Watts, S. Strogatz, Nature 393, 440 (1998), as in networkx, which is seeded with one integer from the
    stream; disconnected graphs are drawn anew (of 20 nodes with 2 neighbours about a fifth). Weights as in `Weights`.
    """

    kind: Literal["watts-strogatz"] = "watts-strogatz"
    neighbours: Count = 4
    rewiring: Annotated[float, Field(ge=0, le=1)] = 0.2
    nodes: Nodes = 10
    count: Held = 16
    weights: Weights = "uniform"

    @model_validator(mode="after")
    def _form_a_ring(self) -> Self:
        if self.neighbours % 2 or self.neighbours >= self.nodes:
            raise ValueError(f"neighbours: an even number below the {self.nodes} nodes, not {self.neighbours}")
        return self

    @property
    def data_class(self) -> str:
        return f"watts-strogatz-{self.neighbours}-{self.rewiring:.4g}"

    def draw(self, rng: np.random.Generator) -> Instance:
        while True:
            seed = int(rng.integers(2**32))
            graph = nx.watts_strogatz_graph(self.nodes, self.neighbours, self.rewiring, seed=seed)
            if nx.is_connected(graph):
                return _weighted(self, np.array(_sorted(graph)), self.weights, rng)


def connected_share(nodes: int, edge_probability: float) -> float:
    """The probability that a graph whose edges are independent is connected.

    Gilbert's recursion: a graph is disconnected where the piece of its first node has k < n nodes, which is connected
    in itself and has no edge to any of the n - k others.
    """
    shares = [1.0]
    for size in range(2, nodes + 1):
        pieces = (
            math.comb(size - 1, k - 1) * shares[k - 1] * (1 - edge_probability) ** (k * (size - k))
            for k in range(1, size)
        )
        shares.append(max(0.0, 1 - sum(pieces)))
    return shares[-1]


def instance(weights: Floats, fields: Floats, data_class: str) -> Instance:
    """The instance of given weights (n, n) and linear terms (n,), divided by the root mean square of those not 0."""
    heads, tails = np.nonzero(weights)
    upper = heads < tails
    heads, tails = heads[upper], tails[upper]
    terms = weights[heads, tails]
    if fields.any():
        terms = np.concatenate([terms, fields[fields != 0]])
    scale = _root_mean_square(terms) if len(terms) else 1.0
    colours = edge_colours(list(zip(heads.tolist(), tails.tolist(), strict=True)))
    return Instance(weights / scale, fields / scale, len(heads), colours, data_class)


def _root_mean_square(terms: Floats) -> float:
    return math.sqrt(np.add.reduce(terms * terms) / len(terms))


def reached(weights: Floats) -> npt.NDArray[np.bool_]:
    """Which nodes a path joins to the first, (n,): all of them in a connected graph."""
    inside: npt.NDArray[np.bool_] = np.arange(len(weights)) == 0
    while True:
        wider = inside | (weights[inside] != 0).any(axis=0)
        if (wider == inside).all():
            return inside
        inside = wider


def edge_colours(edges: list[tuple[int, int]]) -> int:
    """Colours of a proper edge colouring: edges of one colour touch no node twice, so their gates run at once.

    Greedy: next is the edge with the most colours taken at its ends, which gets the lowest free one. At most twice the
    greatest degree less one (the optimum is the degree or one more: Vizing 1964). A complete graph, other nodes without
    edges beside it or not, gets the optimum of the round-robin tournament.
    """
    at: dict[int, list[int]] = {}
    for number, edge in enumerate(edges):
        for node in edge:
            at.setdefault(node, []).append(number)
    if edges and 2 * len(edges) == len(at) * (len(at) - 1):
        return len(at) - 1 + len(at) % 2
    taken = [0] * len(edges)  # bit c: whether colour c is taken at one of its ends
    counts, used = list(taken), 0
    for _ in edges:
        number = counts.index(max(counts))
        counts[number] = -1  # done
        lowest = ~taken[number] & (taken[number] + 1)
        used |= lowest
        for node in edges[number]:
            for neighbour in at[node]:
                if counts[neighbour] >= 0:
                    taken[neighbour] |= lowest
                    counts[neighbour] = taken[neighbour].bit_count()
    return used.bit_count()


def _weighted(family: GraphFamily, edges: npt.NDArray[np.int64], kind: Weights, rng: np.random.Generator) -> Instance:
    count = len(edges)
    if kind == "uniform":
        values = rng.random(count)
    elif kind == "exponential":
        values = rng.standard_exponential(count)
    elif kind == "gaussian":
        values = rng.standard_normal(count)
    else:
        values = np.ones(count)
    if not values.all():
        return instance(_matrix(family.nodes, edges, values), np.zeros(family.nodes), family.data_class)
    # What `instance` would find out, is known.
    weights = _matrix(family.nodes, edges, values / _root_mean_square(values))
    colours = edge_colours([(u, v) for u, v in edges.tolist()])
    return Instance(weights, np.zeros(family.nodes), count, colours, family.data_class)


def _matrix(nodes: int, edges: npt.NDArray[np.int64], values: Floats) -> Floats:
    weights = np.zeros((nodes, nodes))
    heads, tails = edges.T
    weights[heads, tails] = weights[tails, heads] = values
    return weights


@lru_cache
def _all_pairs(nodes: int) -> npt.NDArray[np.int64]:
    return np.stack(np.triu_indices(nodes, 1), axis=1)


def _sorted(graph: nx.Graph) -> list[tuple[int, int]]:
    # The view `graph.edges` would keep the graph alive until Python searches for cycles.
    return sorted((u, v) for u, neighbours in graph.adjacency() for v in neighbours if u < v)
