"""The plain PennyLane circuit of QAOA: slow on purpose, the reference for every faster path.

Its convention is that of `qflsim.quantum.qaoa`. It is meant for tests and benchmarks; a gradient costs milliseconds.
"""

from typing import Any

import numpy as np

from qflsim.quantum.ising import Ising
from qflsim.units import Floats


def reference_energy(ising: Ising, angles: Floats, tilts: Floats | None = None) -> float:
    """<C> of one graph by a QNode on `lightning.qubit`.

    `angles`: (2p,), gammas first, or (p, width) as in `qflsim.quantum.multiangle`; `tilts`: (n,), of a warm start.
    """
    return float(_qnode(ising, tilts)(angles))


def reference_gradient(ising: Ising, angles: Floats, tilts: Floats | None = None) -> Floats:
    """The derivatives of <C> by the angles, in their shape, by the QNode's adjoint differentiation."""
    import pennylane as qml

    return np.asarray(qml.grad(_qnode(ising, tilts))(qml.numpy.array(angles, requires_grad=True)))


def _qnode(ising: Ising, tilts: Floats | None) -> Any:
    import pennylane as qml

    nodes = len(ising.fields)
    pairs = [(u, v) for u in range(nodes) for v in range(u + 1, nodes)]
    wires = range(nodes)

    def circuit(angles: Any) -> Any:
        for wire in wires:
            qml.RY(np.pi / 2 if tilts is None else tilts[wire], wire)
        for layer in range(len(angles) if angles.ndim == 2 else len(angles) // 2):
            cost, field, mixer = _layer(angles, layer, nodes, len(pairs))
            for number, (u, v) in enumerate(pairs):
                if ising.couplings[u, v] != 0:
                    qml.IsingZZ(2 * cost(number) * float(ising.couplings[u, v]), (u, v))
            for wire in wires:
                if ising.fields[wire] != 0:
                    qml.RZ(2 * field(wire) * float(ising.fields[wire]), wire)
            for wire in wires:
                _mix(2 * mixer(wire), wire, tilts)
        return qml.expval(_hamiltonian(ising, pairs))

    return qml.QNode(circuit, qml.device("lightning.qubit", wires=nodes), diff_method="adjoint")


def _layer(angles: Any, layer: int, nodes: int, pairs: int) -> Any:
    """The angles of a layer's gates, by number of pair and of wire: e^{-i angle (coupling) P} for each Pauli word P."""
    if angles.ndim == 1:
        gamma, beta = angles[layer], angles[len(angles) // 2 + layer]
        return (lambda _: gamma), (lambda _: gamma), (lambda _: beta)
    row = angles[layer]
    return (lambda n: row[n]), (lambda w: row[pairs + w]), (lambda w: row[w - nodes])


def _mix(angle: Any, wire: int, tilts: Floats | None) -> None:
    import pennylane as qml

    if tilts is None:
        qml.RX(angle, wire)
        return
    qml.RY(-tilts[wire], wire)
    qml.RZ(angle, wire)
    qml.RY(tilts[wire], wire)


def _hamiltonian(ising: Ising, pairs: list[tuple[int, int]]) -> Any:
    import pennylane as qml

    terms = [(float(ising.constant), qml.Identity(0))]
    terms += [(float(ising.couplings[u, v]), qml.PauliZ(u) @ qml.PauliZ(v)) for u, v in pairs if ising.couplings[u, v]]
    terms += [(float(field), qml.PauliZ(wire)) for wire, field in enumerate(ising.fields) if field]
    return qml.Hamiltonian(*(list(column) for column in zip(*terms, strict=True)))
