"""How fast the quantum engine is: value and gradient of one graph beside the plain circuit and two floors.

Floor A is the bare RX calls of three passes over the register (a state forward, and state and costate back); floor B is
these and the three multiplies by phases. Both are timed on registers of the same size, with vertex 0 fixed.

What the engine spends beyond them, measured for 4 layers at 10 nodes, in nanoseconds per amplitude and layer, where it
takes 18.7 and floor B 6.6: Hadamards 6.2 (four passes of a cheaper gate, since the derivative by beta over all wires
needs the mixer's own basis); states into the register and out again 3.1; phases of real weights 3.3 (looked up: 1.2);
four multiplies of states 2.2; two products and inner products of derivatives 2.2; energies, costates and calls the
rest. A second table of half the bits was tried for the phases: products of tables cost more than the tangents.
"""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from qflsim.learning.graphs import CompleteGraphs, GraphFamily, RegularGraphs
from qflsim.quantum.circuits import reference_gradient
from qflsim.quantum.ising import Costs, costs, maxcut
from qflsim.quantum.qaoa import FIXED_ANGLES, energies_and_gradients
from qflsim.quantum.register import Register
from qflsim.quantum.sweep import AMPLITUDES
from qflsim.streams import Streams
from qflsim.study.measuring import Figure, best_s
from qflsim.units import Floats

LAYERS = 4
VARIANTS = (10, 14)
"""Nodes at which other kinds of costs are timed too."""


def qaoa() -> list[Figure]:
    """Value and gradient of 16 weighted 3-regular graphs of 10 nodes at 3 layers, as in a device's training."""
    weights = _weights(RegularGraphs(), 16)
    table, angles = costs(maxcut(weights)), np.array(FIXED_ANGLES[3])
    ours_s = best_s(lambda: energies_and_gradients(table, angles), repeats=200) / len(weights)

    plain = maxcut(weights[0])
    plain_s = best_s(lambda: reference_gradient(plain, angles), repeats=10)  # it computes the value on its way
    return [_beside("qaoa", ours_s, plain_s, "plain QNode")]


def engine(nodes: tuple[int, ...] = (6, 8, 10, 12, 14, 16)) -> list[Figure]:
    """Weighted 3-regular graphs at 4 layers, double precision, in full registers; then other costs beside them."""
    figures = []
    for n in nodes:
        weights = _weights(RegularGraphs(nodes=n), _full(n))
        ours_s = _graph_s(costs(maxcut(weights)))
        gates_s, both_s = _floors_s(n)
        references = {"plain QNode": _plain_s(weights[0]), "RX calls": gates_s, "RX calls and phases": both_s}
        figures += [_beside(f"{n} qubits", ours_s, seconds, name) for name, seconds in references.items()]
        if n in VARIANTS:
            figures += [_beside(f"{n} qubits, {name}", s, ours_s, "weighted") for name, s in _variants_s(n, weights)]
    return figures


def _variants_s(nodes: int, weights: Floats) -> list[tuple[str, float]]:
    """Seconds a graph of costs of other kinds."""
    count = len(weights)
    unit = costs(maxcut(_weights(RegularGraphs(nodes=nodes, weights="unit"), count)))
    dense = costs(maxcut(_weights(CompleteGraphs(nodes=nodes), count)))
    fields = costs(maxcut(weights[: max(1, count // 2)]), whole=True)
    weighted = costs(maxcut(weights))
    return [
        ("unit weights", _graph_s(unit)),
        ("dense", _graph_s(dense)),
        ("with fields", _graph_s(fields)),
        ("single precision", _timed_s(lambda: energies_and_gradients(weighted, _angles(), precision="single")) / count),
    ]


def _plain_s(weights: Floats) -> float:
    graph = maxcut(weights)
    return best_s(lambda: reference_gradient(graph, _angles()), repeats=3)


def _graph_s(table: Costs) -> float:
    return _timed_s(lambda: energies_and_gradients(table, _angles())) / len(table.values)


def _floors_s(nodes: int) -> tuple[float, float]:
    """Seconds a graph of the gate calls, and of these with the multiplies."""
    count, wires = _full(nodes), nodes - 1
    register = Register(wires + count.bit_length() - 1)
    states, phases = np.ones((2, count, 1 << wires), dtype=np.complex128)

    def gates() -> None:
        for _ in range(3 * LAYERS):
            register.rotate(wires, 0.3)

    def both() -> None:
        for _ in range(3 * LAYERS):
            register.rotate(wires, 0.3)
            np.multiply(states, phases, out=states)

    return _timed_s(gates) / count, _timed_s(both) / count


def _timed_s(action: Callable[[], object]) -> float:
    """The best of what a tenth of a second holds, at least five."""
    action()
    began_s = perf_counter()
    action()
    return best_s(action, repeats=max(5, int(0.1 / (perf_counter() - began_s))))


def _full(nodes: int) -> int:
    """Graphs that fill a register."""
    return max(1, AMPLITUDES >> (nodes - 1))


def _angles() -> Floats:
    return np.array(FIXED_ANGLES[LAYERS])


def _weights(family: GraphFamily, count: int) -> Floats:
    rng = Streams(0).named("bench")
    return np.stack([family.draw(rng).weights for _ in range(count)])


def _beside(name: str, ours_s: float, peer_s: float, peer: str) -> Figure:
    return Figure(name, 1e3 * ours_s, "ms a graph", 1e3 * peer_s, peer, peer_s / ours_s)
