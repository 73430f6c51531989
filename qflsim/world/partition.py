"""Which QPU holds which qubit of a circuit: a partition of its graph that cuts few edges."""

from collections.abc import Sequence

import networkx as nx
import numpy as np

from qflsim.units import Floats

Part = tuple[int, ...]


def partition(weights: Floats, parts: int, capacity: int) -> tuple[Part, ...]:
    """The vertices of a graph in at most so many parts of at most `capacity`, each sorted, with few edges between them.

    `weights`: (n, n), symmetric; an edge is where they are not 0, and all edges count alike, since each takes one pair.
    Components stay whole where they fit. Larger ones are bisected again and again, in sizes as equal as can be, each
    time by exchanges that pay (Kernighan, Lin 1970) from halves that a search in breadth finds. The same graph gives
    the same parts. It is a good cut, not the best one: to find that is NP-hard. `parts` times `capacity` must hold all
    vertices.
    """
    graph = nx.from_numpy_array(np.asarray(weights) != 0)
    assert parts * capacity >= len(graph)
    pieces = [piece for component in nx.connected_components(graph)
              for piece in _cut(graph, sorted(component), -(-len(component) // capacity), capacity)]  # fmt: skip
    packed = _packed(pieces, capacity)
    if len(packed) > parts:
        packed = _cut(graph, sorted(graph), parts, capacity)
    return tuple(sorted(tuple(sorted(part)) for part in packed))


def remote_edges(weights: Floats, parts: Sequence[Part]) -> int:
    """How many edges of a graph have their ends in different parts. `weights` as for `partition`."""
    owner = np.empty(len(weights), dtype=np.intp)
    for number, part in enumerate(parts):
        owner[list(part)] = number
    return int(np.count_nonzero(np.triu(weights) * (owner[:, None] != owner)))


def _cut(graph: nx.Graph, vertices: list[int], parts: int, capacity: int) -> list[list[int]]:
    """These vertices in so many parts of almost equal size."""
    if parts == 1:
        return [vertices]
    fewer = parts // 2
    size = len(vertices) * fewer // parts
    one, other = _bisected(graph.subgraph(vertices), size)
    return _cut(graph, one, fewer, capacity) + _cut(graph, other, parts - fewer, capacity)


def _bisected(graph: nx.Graph, size: int) -> tuple[list[int], list[int]]:
    """Two sets of vertices, the first of this size."""
    order = [v for component in sorted(map(sorted, nx.connected_components(graph)), key=len, reverse=True)
             for v in nx.bfs_tree(graph, component[0])]  # fmt: skip
    halves = set(order[:size]), set(order[size:])
    one, other = sorted(nx.community.kernighan_lin_bisection(graph, halves, seed=0), key=lambda half: len(half) != size)
    return sorted(one), sorted(other)


def _packed(pieces: list[list[int]], capacity: int) -> list[list[int]]:
    """Pieces in parts: each, from the largest on, in the first part where it fits."""
    parts: list[list[int]] = []
    for piece in sorted(pieces, key=lambda piece: (-len(piece), piece)):
        room = next((part for part in parts if len(part) + len(piece) <= capacity), None)
        if room is None:
            parts.append(list(piece))
        else:
            room.extend(piece)
    return parts
