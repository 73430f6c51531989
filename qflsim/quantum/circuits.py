"""The plain PennyLane circuit of QAOA for MaxCut: slow on purpose, the reference for every faster path.

Its convention is that of `qflsim.quantum.qaoa`. It is meant for tests and benchmarks; a gradient costs milliseconds.
"""

from typing import Any

import numpy as np

from qflsim.units import Floats


def reference_energy(weights: Floats, angles: Floats) -> float:
    """<C> by a QNode on `lightning.qubit`. `weights`: (n, n), symmetric; `angles`: (2p,), gammas first."""
    return float(_qnode(weights)(angles))


def reference_gradient(weights: Floats, angles: Floats) -> Floats:
    """The derivatives of <C> by the angles, (2p,), by the QNode's adjoint differentiation."""
    import pennylane as qml

    return np.asarray(qml.grad(_qnode(weights))(qml.numpy.array(angles, requires_grad=True)))


def _qnode(weights: Floats) -> Any:
    import pennylane as qml

    wires = range(len(weights))
    edges = [(u, v) for u in wires for v in wires if u < v and weights[u, v] != 0]
    terms = [qml.Identity(0)] + [qml.PauliZ(u) @ qml.PauliZ(v) for u, v in edges]
    halves = [float(weights[edge]) / 2 for edge in edges]
    cost = qml.Hamiltonian([sum(halves), *(-half for half in halves)], terms)

    def circuit(angles: Any) -> Any:
        layers = len(angles) // 2
        for wire in wires:
            qml.Hadamard(wire)
        for layer in range(layers):
            for edge in edges:
                # e^{-i g w (1 - ZZ) / 2} is a phase and e^{+i g w ZZ / 2}; IsingZZ(t) is e^{-i t ZZ / 2}.
                qml.IsingZZ(-angles[layer] * float(weights[edge]), edge)
            for wire in wires:
                qml.RX(2 * angles[layers + layer], wire)
        return qml.expval(cost)

    return qml.QNode(circuit, qml.device("lightning.qubit", wires=len(weights)), diff_method="adjoint")
