"""A user's own QNode: equal to the built-in circuit where it is the same, and told by name where it is wrong."""

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qflsim.errors import InputError, RunError
from qflsim.quantum.noise import Noise
from qflsim.quantum.qnodes import QNodeCircuit, _node, _takes_batches
from qflsim.quantum.variational import VariationalCircuit

QUBITS, LAYERS = 3, 2
BUILT_IN = VariationalCircuit(QUBITS, LAYERS, 2)
DEVICE = qml.device("lightning.qubit", wires=QUBITS)


def layers(weights: Any) -> None:
    """The built-in circuit's layers."""
    for about_z, about_y in weights.reshape(LAYERS, 2, QUBITS):
        for wire in range(QUBITS):
            qml.CZ((wire, (wire + 1) % QUBITS))
        for wire in range(QUBITS):
            qml.RZ(about_z[wire], wire)
            qml.RY(about_y[wire], wire)


@qml.qnode(DEVICE, diff_method="adjoint")
def embedded(x: Any, weights: Any) -> Any:
    """Takes batches."""
    qml.AngleEmbedding(x, wires=range(QUBITS), rotation="Y")
    layers(weights)
    return [qml.expval(qml.PauliZ(k)) for k in range(2)]


@qml.qnode(DEVICE, diff_method="parameter-shift")
def indexed(x: Any, weights: Any) -> Any:
    """Takes x[q] for the feature of a qubit, so that a batch would be misunderstood."""
    for wire in range(QUBITS):
        qml.RY(x[wire], wire)
    layers(weights)
    return qml.expval(qml.PauliZ(0)), qml.expval(qml.PauliZ(1))


@qml.qnode(DEVICE)
def raising(x: Any, weights: Any) -> Any:
    """Broken."""
    raise ZeroDivisionError("no such angle\nas this one")


@qml.qnode(DEVICE)
def wandering(x: Any, weights: Any) -> Any:
    """Gives nan."""
    qml.RY(weights[0] * np.nan, 0)
    return [qml.expval(qml.PauliZ(k)) for k in range(2)]


@qml.qnode(DEVICE)
def lonely(x: Any, weights: Any) -> Any:
    """Gives one value."""
    qml.RY(weights[0] + x[0], 0)
    return qml.expval(qml.PauliZ(0))


@qml.qnode(DEVICE)
def spread(x: Any, weights: Any) -> Any:
    """Gives probabilities."""
    qml.RY(weights[0], 0)
    return qml.probs(wires=range(QUBITS))


@qml.qnode(DEVICE)
def strong(x: Any, weights: Any) -> Any:
    """Gives values beyond 1."""
    qml.RY(weights[0], 0)
    return [qml.expval(3 * qml.PauliZ(k)) for k in range(2)]


@qml.qnode(qml.device("default.qubit", wires=QUBITS), shots=10)
def sampled(x: Any, weights: Any) -> Any:
    """Has shots of its own."""
    qml.RY(weights[0], 0)
    return [qml.expval(qml.PauliZ(k)) for k in range(2)]


@qml.qnode(DEVICE)
def chatty(x: Any, weights: Any) -> Any:
    """Says what it is given, and turns one of the two qubits that it measures."""
    sys.stdout.write(f"weights {weights}\n")
    qml.RY(weights[0] + x[0], 0)
    return [qml.expval(qml.PauliZ(k)) for k in range(2)]


@qml.qnode(DEVICE)
def idle(x: Any, weights: Any) -> Any:
    """Has no gates."""
    return [qml.expval(qml.PauliZ(k)) for k in range(2)]


@pytest.fixture(autouse=True)
def own() -> Iterator[None]:
    """These circuits as a module of the user's, under the name `own`."""
    module = ModuleType("own")
    vars(module).update(globals())
    sys.modules["own"] = module
    yield
    del sys.modules["own"]
    _node.cache_clear()
    _takes_batches.cache_clear()


def model(name: str, outputs: int = 2) -> QNodeCircuit:
    """A circuit of this file by its name."""
    return QNodeCircuit(f"own:{name}", QUBITS, BUILT_IN.parameters, outputs)


@pytest.mark.parametrize(("name", "batched"), [("embedded", True), ("indexed", False)])
def test_it_equals_the_built_in_circuit(name: str, batched: bool) -> None:
    """The same gates give the same values and gradients, given batches or, where those fail, samples one by one."""
    rng = np.random.default_rng(1)
    node = model(name)
    node.checked()
    assert _takes_batches(node) is batched
    params = rng.uniform(-3, 3, node.parameters)
    for samples in (1, 2, QUBITS):
        features, slopes = rng.uniform(0, np.pi, (samples, QUBITS)), rng.normal(size=(samples, 2))
        values, back = node.pullback(params, features)
        wanted, wanted_back = BUILT_IN.pullback(params, features)
        np.testing.assert_allclose(values, wanted, atol=1e-12)
        np.testing.assert_allclose(back(slopes), wanted_back(slopes), atol=1e-12)


def test_it_travels_by_name() -> None:
    """A pickled model finds the same circuit, and draws the same start."""
    there = pickle.loads(pickle.dumps(model("embedded")))
    first, second = (m.start(np.random.default_rng(1)) for m in (there, model("embedded")))
    np.testing.assert_array_equal(first, second)
    features = np.ones((2, QUBITS))
    np.testing.assert_array_equal(there.scores(first, features), model("embedded").scores(first, features))


def test_a_single_class_value_is_an_output() -> None:
    """One expectation value that is no list is one output."""
    assert model("lonely", outputs=1).scores(np.zeros(12), np.full((1, 3), 0.5))[0, 0] == pytest.approx(np.cos(0.5))


@pytest.mark.parametrize(
    ("circuit", "told"),
    [
        ("own:raising", "own:raising: got ZeroDivisionError: no such angle"),
        ("own:sampled", "own:sampled: got a QNode with shots of its own; want"),
        ("own:wandering", "own:wandering: got values with nan or inf"),
        ("own:lonely", r"own:lonely: got values of shape \(1,\) in place of \(2,\)"),
        ("own:spread", r"own:spread: got values of shape \(8,\) in place of \(2,\)"),
        ("own:nobody", "own:nobody: got AttributeError"),
        ("own:model", "own:model: got a function; want a QNode"),
        ("no_such_module:f", "no_such_module:f: got ModuleNotFoundError"),
        ("own", "own: got "),
    ],
)
def test_what_is_wrong_is_told_before_a_run(circuit: str, told: str) -> None:
    """The name, what it did, and what was wanted."""
    with pytest.raises(InputError, match=f"^{told}") as caught:
        model("embedded")._replace(circuit=circuit).checked()
    assert "\n" not in str(caught.value)


def test_what_goes_wrong_later_ends_the_run_with_its_cause() -> None:
    """The error survives the way back from another process."""
    with pytest.raises(RunError, match="own:raising: ZeroDivisionError") as caught:
        model("raising").scores(np.zeros(12), np.zeros((2, 3)))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_estimates_scatter_like_bits() -> None:
    """Each value has the mean of the noisy circuit and the variance of H bits; values beyond 1 have no shots."""
    node, shots, repeats = model("embedded"), 10, 300
    params = np.random.default_rng(2).uniform(-1, 1, node.parameters)
    features = np.full((1, QUBITS), 0.4)
    value = 0.9 * 0.8 * node.scores(params, features)[0]
    rows = np.repeat(features, repeats, axis=0)
    draws = node.estimates(params, rows, shots, Noise(0.9, 0.1), np.random.default_rng(3))
    assert np.all(np.abs(draws.mean(axis=0) - value) < 5 * np.sqrt((1 - value**2) / shots / repeats))
    with pytest.raises(RunError, match="own:strong: a value of 3"):
        model("strong").estimates(np.zeros(12), features, 1, Noise(), np.random.default_rng(0))


def test_resources_are_those_of_the_gates() -> None:
    """Two rings of three bonds, which share qubits, and turns before, between and after them."""
    assert model("embedded").resources() == {"qubits": 3, "preparations": 0, "rotations": 3, "zz_gates": 0,
                                             "zz_layers": 0, "cz_gates": 6, "cz_layers": 6}  # fmt: skip


def test_qubits_that_are_only_measured_count() -> None:
    """One is turned and two are read, so that the circuit has two, and one layer; a QNode without gates has none."""
    turned, nothing = (model(name).resources() for name in ("chatty", "idle"))
    assert (turned["qubits"], turned["rotations"]) == (2, 1)
    assert nothing == {**turned, "rotations": 0}


def test_a_qnode_without_gates_learns_nothing() -> None:
    """Its values are those of |0>, whatever it is given, and its gradient is 0."""
    node = model("idle")
    with pytest.warns(UserWarning, match="independent of input"):
        node.checked()
    values, back = node.pullback(np.ones(node.parameters), np.ones((2, QUBITS)))
    np.testing.assert_array_equal(values, np.ones((2, 2)))
    with pytest.warns(UserWarning, match="independent of input"):
        np.testing.assert_array_equal(back(np.ones((2, 2))), np.zeros(node.parameters))


def test_what_a_qnode_prints_is_no_output(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes to standard error: what is printed when the module is imported too, tried, and given data."""
    (tmp_path / "talkative.py").write_text("print('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    node = model("chatty")
    node.checked()
    node.resources()
    node.scores(np.zeros(node.parameters), np.zeros((1, QUBITS)))
    with pytest.raises(InputError, match="talkative:node: got AttributeError"):
        node._replace(circuit="talkative:node").checked()
    out, err = capsys.readouterr()
    assert out == ""
    assert "weights" in err
    assert "imported" in err
