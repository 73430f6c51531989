"""The graphs that devices hold: families of connected weighted graphs, drawn from a stream."""

from typing import Annotated, Literal, NamedTuple, Protocol, Self

import networkx as nx
import numpy as np
from pydantic import Field, model_validator

from qflsim.model import Count, Model
from qflsim.units import Floats

Nodes = Annotated[int, Field(ge=2, le=20)]
Held = Annotated[int, Field(ge=1, le=100_000)]
Weights = Literal["uniform", "unit"]


class Instance(NamedTuple):
    """A weighted graph, and what its circuit costs: edges, and layers of disjoint two-qubit gates that cover them."""

    weights: Floats
    """(n, n), symmetric, zero diagonal"""
    edges: int
    colour_layers: int


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
        """The name under which its held-out graphs are graded."""
        ...

    def draw(self, rng: np.random.Generator) -> Instance:
        """One graph: its draws depend on the state of `rng` alone."""
        ...


class RegularGraphs(Model):
    """Random connected regular graphs, all nodes of the same degree.

    Source: A. Steger, N. Wormald (1999), Generating random regular graphs quickly, as in networkx, which is seeded
    with one integer from the stream; disconnected graphs are drawn anew. Weights as in `weights`: "unit" are 1,
    "uniform" are U(0, 1) divided by their root mean square over the graph.
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
                return _instance(self.nodes, sorted((min(edge), max(edge)) for edge in graph.edges), self.weights, rng)


class CompleteGraphs(Model):
    """Complete graphs: every pair of nodes is an edge, and only the weights differ (as in `RegularGraphs`)."""

    kind: Literal["complete"] = "complete"
    nodes: Nodes = 10
    count: Held = 16
    weights: Weights = "uniform"

    @property
    def data_class(self) -> str:
        return "complete"

    def draw(self, rng: np.random.Generator) -> Instance:
        edges = [(u, v) for u in range(self.nodes) for v in range(u + 1, self.nodes)]
        return _instance(self.nodes, edges, self.weights, rng)


def _instance(nodes: int, edges: list[tuple[int, int]], kind: Weights, rng: np.random.Generator) -> Instance:
    values = rng.random(len(edges)) if kind == "uniform" else np.ones(len(edges))
    values /= np.sqrt(np.mean(values**2))
    weights = np.zeros((nodes, nodes))
    heads, tails = np.transpose(edges)
    weights[heads, tails] = weights[tails, heads] = values
    return Instance(weights, len(edges), edge_colours(nodes, edges))


def edge_colours(nodes: int, edges: list[tuple[int, int]]) -> int:
    """Colours of a proper edge colouring: edges of one colour touch no node twice, so their gates run at once.

    Greedy: next is the edge with the most colours taken at its ends, which gets the lowest free one. At most twice the
    greatest degree less one (the optimum is the degree or one more: Vizing 1964). A complete graph gets the optimum of
    the round-robin tournament.
    """
    if 2 * len(edges) == nodes * (nodes - 1):
        return nodes - 1 + nodes % 2
    taken: list[set[int]] = [set() for _ in range(nodes)]
    left = list(edges)
    while left:
        u, v = max(left, key=lambda edge: len(taken[edge[0]] | taken[edge[1]]))
        left.remove((u, v))
        colour = next(c for c in range(2 * nodes) if c not in taken[u] and c not in taken[v])
        taken[u].add(colour)
        taken[v].add(colour)
    return len(set().union(*taken))
