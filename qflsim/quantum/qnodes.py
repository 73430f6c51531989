"""A user's own QNode as the model of a device: a function of features and weights that gives expectation values."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from qflsim.errors import InputError, RunError
from qflsim.quantum.noise import Noise
from qflsim.units import Floats

SIGNATURE = "a QNode (x, weights) -> one expectation value a class"
_BASIS = frozenset({"RX", "RY", "RZ", "CZ", "CNOT", "Hadamard", "PhaseShift", "GlobalPhase"})


class QNodeCircuit(NamedTuple):
    """A QNode named by `circuit`, "module:name": so named, it is the same in every process that can import it.

    It is called with the features of a sample, (features,), and the weights, (weights,), and gives `outputs`
    expectation values, the highest of which is the answer. Gradients are PennyLane's, by the QNode's own `diff_method`.
    A QNode that takes many samples at once, (B, features), and answers each as it would alone is given them so.
    """

    circuit: str
    features: int
    weights: int
    outputs: int
    gain: float = 8.0
    """what its outputs are multiplied by in the softmax"""

    @property
    def parameters(self) -> int:
        return self.weights

    def start(self, rng: np.random.Generator) -> Floats:
        """Weights to begin with, uniform in [-pi/4, pi/4)."""
        return rng.uniform(-np.pi / 4, np.pi / 4, self.weights)

    def aligned(self, params: Floats, base: Floats) -> Floats:
        """`params` itself: the symmetries of a circuit from outside are not known."""
        return params

    def scores(self, params: Floats, features: Floats) -> Floats:
        """The QNode's values, (B, K). Errors: `RunError` where it raises, or gives something else."""
        return np.asarray(self._values(params, features))

    def pullback(self, params: Floats, features: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """The values, and the map from dLoss/dvalues, (B, K), to dLoss/dweights. Errors as of `scores`."""
        import pennylane as qml

        def back(slopes: Floats) -> Floats:
            def loss(weights: Any) -> Any:
                return qml.math.sum(self._values(weights, features) * slopes)

            gradient = self._told(lambda: qml.grad(loss)(qml.numpy.array(params, requires_grad=True)))
            return self._finite(np.asarray(gradient, dtype=np.float64), (self.weights,), "a gradient")

        return self.scores(params, features), back

    def estimates(self, params: Floats, features: Floats, shots: int, noise: Noise, rng: np.random.Generator) -> Floats:
        """The values as hardware tells them, (B, K): each from `shots` bits of its own of the noisy circuit.

        Holds where every value is that of an observable of eigenvalues 1 and -1 on one qubit.
        Errors: `RunError` where a value is not in [-1, 1].
        """
        values = self.scores(params, features)
        if np.abs(values).max() > 1 + 1e-9:
            raise RunError(
                f"{self.circuit}: a value of {np.abs(values).max():g}, which no shots of +1 and -1 average to"
            )
        read = np.clip(noise.fidelity * (1 - 2 * noise.flip) * values, -1, 1)
        return np.asarray(2 * rng.binomial(shots, (1 + read) / 2) / shots - 1)

    def checked(self) -> None:
        """Tries the QNode once, values and gradient. Errors: `InputError` with what is wrong with it."""
        _node(self.circuit)
        try:
            if self._tape().shots:
                raise RunError(f"{self.circuit}: a QNode with shots of its own")
            features = np.linspace(0.1, 3, self.features)[None]
            _, back = self.pullback(np.linspace(-0.5, 0.5, self.weights), features)
            back(np.ones((1, self.outputs)))
        except RunError as error:
            got = str(error).removeprefix(f"{self.circuit}: ")
            raise InputError(self.circuit, got, f"{SIGNATURE}: {self.outputs} of them") from None

    def resources(self) -> dict[str, int]:
        """What a processor runs: qubits, gates, and layers of gates that can be driven at once.

        The circuit is broken down into one-qubit turns and CZ or CNOT gates, which cost the same. Each gate starts when
        its qubits are free; one-qubit turns in a row count as one.
        """
        import pennylane as qml

        tape = self._tape()
        (basic,), _ = self._told(lambda: qml.transforms.decompose(tape, gate_set=_BASIS))
        gates = [tuple(gate.wires) for gate in basic.operations if len(gate.wires)]
        return {**_layers(gates), "qubits": len(tape.wires)}

    def _tape(self) -> Any:
        """What the QNode asks its device for."""
        import pennylane as qml

        arguments = np.linspace(0.1, 3, self.features), np.linspace(-0.5, 0.5, self.weights)
        return self._told(lambda: qml.workflow.construct_tape(_node(self.circuit), level="device")(*arguments))

    def _values(self, params: Any, features: Floats) -> Any:
        """The values of every sample, (B, K), differentiable by the weights."""
        import pennylane as qml

        if len(features) > 1 and _takes_batches(self):
            return qml.math.transpose(self._call(features, params, (self.outputs, len(features))))
        return qml.math.stack([self._call(sample, params, (self.outputs,)) for sample in features])

    def _call(self, features: Floats, params: Any, shape: tuple[int, ...]) -> Any:
        import pennylane as qml

        node = _node(self.circuit)
        values = self._told(lambda: node(features, params))
        stacked = self._told(lambda: qml.math.stack(values) if isinstance(values, (tuple, list)) else values)
        if qml.math.ndim(stacked) < len(shape):
            stacked = qml.math.reshape(stacked, (1, *qml.math.shape(stacked)))
        self._finite(np.asarray(qml.math.toarray(qml.math.unwrap([stacked])[0]), dtype=np.float64), shape, "values")
        return stacked

    def _told(self, action: Callable[[], Any]) -> Any:
        """What the user's code gives; whatever it raises is told with its name."""
        try:
            with redirect_stdout(sys.stderr):  # what it prints is no part of our output
                return action()
        except RunError:
            raise
        except Exception as error:
            cause = (str(error).splitlines() or [""])[0]
            raise RunError(f"{self.circuit}: {type(error).__name__}: {cause}") from error

    def _finite(self, values: Floats, shape: tuple[int, ...], what: str) -> Floats:
        if values.shape != shape:
            raise RunError(f"{self.circuit}: {what} of shape {values.shape} in place of {shape}")
        if not np.isfinite(values).all():
            raise RunError(f"{self.circuit}: {what} with nan or inf in them: {values.tolist()}")
        return values


@lru_cache(maxsize=32)
def _node(circuit: str) -> Any:
    """The QNode of a name. Errors: `InputError` if there is none."""
    import pennylane as qml

    module, _, name = circuit.partition(":")
    try:
        with redirect_stdout(sys.stderr):
            node = getattr(import_module(module), name)
    except Exception as error:  # whatever the user's module does
        got = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise InputError(circuit, got, '"module:name", a QNode that can be imported') from None
    if not isinstance(node, qml.QNode):
        raise InputError(circuit, f"a {type(node).__name__}", f"{SIGNATURE}, made by @qml.qnode(device)")
    return node


@lru_cache(maxsize=32)
def _takes_batches(model: QNodeCircuit) -> bool:
    """Whether the QNode answers a batch as it answers its samples alone.

    One that picks features by x[0], x[1].. would take samples for features: the batch tried has more samples than
    features, so that this shows.
    """
    rng = np.random.default_rng(0)
    features = rng.uniform(0, np.pi, (model.features + 1, model.features))
    params = model.start(rng)
    try:
        together = np.transpose(model._call(features, params, (model.outputs, len(features))))
    except RunError:
        return False
    alone = [model._call(sample, params, (model.outputs,)) for sample in features]
    return np.allclose(together, alone, rtol=0, atol=1e-9)


def _layers(gates: list[tuple[Any, ...]]) -> dict[str, int]:
    """Gates by their qubits, in order, as early as these are free: how many of two qubits, and layers of each kind."""
    free: dict[Any, int] = {}
    turned: dict[Any, int] = {}
    layers: dict[int, int] = {}
    for wires in gates:
        if len(wires) == 1 and turned.get(wires[0]) == free.get(wires[0], 0) != 0:
            continue
        layer = 1 + max(free.get(wire, 0) for wire in wires)
        layers[layer] = max(layers.get(layer, 0), len(wires))
        for wire in wires:
            free[wire] = layer
            turned[wire] = layer if len(wires) == 1 else 0
    pairs = sum(len(wires) == 2 for wires in gates)
    rotations, double = (sum(size == wanted for size in layers.values()) for wanted in (1, 2))
    return {"qubits": len(free), "preparations": 0, "rotations": rotations, "zz_gates": 0, "zz_layers": 0,
            "cz_gates": pairs, "cz_layers": double}  # fmt: skip
