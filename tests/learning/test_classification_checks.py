"""What the task of classification refuses before anything starts, and how it finds its files."""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from pydantic import ValidationError

from qflsim.errors import InputError
from qflsim.learning.classification import Classification, check_shift_rule
from qflsim.learning.classification_models import PerceptronModel, QnodeModel, RegressionModel, VariationalModel
from qflsim.learning.classifiers import Classifier
from qflsim.learning.data import Images
from qflsim.learning.estimators import Estimator, Exact, ParameterShift, Spsa
from qflsim.quantum.qnodes import _node, _takes_batches
from qflsim.quantum.variational import VariationalCircuit

IMAGES = Images(classes=(0, 1, 7), features=4, samples=20, holdout=25)
TASK = Classification(data=IMAGES, model=VariationalModel(layers=2))
PAIR = Images(classes=(0, 1), features=2, samples=20, holdout=25)
DEVICE = qml.device("lightning.qubit", wires=2)


@qml.qnode(DEVICE)
def alone(x: Any, weights: Any) -> Any:
    """Each weight turns one qubit once."""
    for wire in range(2):
        qml.RY(x[wire], wire)
    qml.RY(weights[0], 0)
    qml.CZ((0, 1))
    qml.RX(weights[1], 1)
    return [qml.expval(qml.PauliZ(k)) for k in range(2)]


@qml.qnode(DEVICE)
def shared(x: Any, weights: Any) -> Any:
    """The first weight sits in two gates."""
    for wire in range(2):
        qml.RY(x[wire], wire)
        qml.RY(weights[0], wire)
    qml.CNOT((0, 1))
    qml.RX(weights[1], 1)
    return [qml.expval(qml.PauliZ(k)) for k in range(2)]


@qml.qnode(DEVICE)
def doubled(x: Any, weights: Any) -> Any:
    """The second weight turns twice as far as it says."""
    for wire in range(2):
        qml.RY(x[wire], wire)
        qml.RX((wire + 1) * weights[wire], wire)
    return [qml.expval(qml.PauliZ(k)) for k in range(2)]


@pytest.fixture
def own() -> Iterator[None]:
    """These circuits as a module of the user's, under the name `own`."""
    module = ModuleType("own")
    vars(module).update(globals())
    sys.modules["own"] = module
    yield
    del sys.modules["own"]
    _node.cache_clear()
    _takes_batches.cache_clear()


def qnode(name: str) -> Classification:
    """The task of telling two classes apart by a circuit of this file."""
    fields = {"kind": "qnode", "node": f"own:{name}", "weights": 2}
    return Classification(data=PAIR, model=QnodeModel.model_validate(fields, context={"plugins": True}))


# --- models and estimators


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", ["shared", "doubled"])
def test_a_circuit_that_breaks_the_shift_rule_is_not_shifted(name: str) -> None:
    """A weight in two gates, or one that turns twice as far, has no two-term rule; other estimators do without it."""
    with pytest.raises(InputError, match="parameter-shift: got a model whose derivatives it misses by"):
        qnode(name).check(1, (), ParameterShift())
    for estimator in (Exact(), Exact(charged_as="parameter-shift"), Spsa()):
        qnode(name).check(1, (), estimator)


@pytest.mark.usefixtures("own")
def test_a_circuit_that_keeps_the_shift_rule_is_shifted() -> None:
    """Weights that each turn one qubit once, as those of the built-in circuit."""
    qnode("alone").check(1, (), ParameterShift())
    check_shift_rule(VariationalCircuit(3, 2, 2))
    TASK.check(1, (), ParameterShift())


def test_the_built_in_circuit_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is known to keep the rule; of 24 qubits and 64 layers, thousands of circuits would have to show it."""

    def tried(classifier: Classifier) -> None:
        raise AssertionError

    monkeypatch.setattr("qflsim.learning.classification.check_shift_rule", tried)
    TASK.check(1, (), ParameterShift())


@pytest.mark.parametrize("model", [RegressionModel(), PerceptronModel()])
@pytest.mark.parametrize("estimator", [Spsa(), ParameterShift()])
def test_a_classical_model_is_not_sampled(model: Any, estimator: Estimator) -> None:
    """It has no circuits, so that no processor could measure its slopes; exact gradients it has."""
    task = TASK.model_copy(update={"model": model})
    with pytest.raises(InputError, match=rf'training\.gradient: got {estimator.kind}; want "exact"'):
        task.check(1, (), estimator)
    task.check(1, (), Exact())


# --- images


def test_fewer_qubits_than_classes_are_refused() -> None:
    """Each class is read from a qubit of its own."""
    task = Classification(data=Images(features=4))
    with pytest.raises(InputError, match="at least 10"):
        task.check(1, (), Exact())
    TASK.check(1, (), Exact())


def test_the_defaults_fit_together() -> None:
    """Ten features for the ten digits: a section without any key can be run, which with nine features it could not."""
    assert (Images().features, len(Images().classes)) == (10, 10)
    Classification().check(1, (), Exact())
    with pytest.raises(InputError, match="at least 10"):
        Classification(data=Images(features=9)).check(1, (), Exact())


def test_classes_need_images_for_devices_and_exam() -> None:
    """178 zeros are too few for 100 held out and 100 on a device."""
    task = Classification(data=Images(classes=(0, 1), features=2, samples=100, holdout=100))
    with pytest.raises(InputError, match=r"task\.data: got 178 images of class 0"):
        task.check(1, (), Exact())


def test_a_qnode_is_code_and_needs_permission() -> None:
    """It is refused unless plug-ins are allowed, before anything is imported."""
    fields = {"kind": "qnode", "node": "nowhere:circuit", "weights": 3}
    with pytest.raises(ValidationError, match="--allow-plugins"):
        QnodeModel.model_validate(fields)
    assert QnodeModel.model_validate(fields, context={"plugins": True}).weights == 3


def test_files_are_found_beside_the_scenario(tmp_path: Path) -> None:
    """Relative paths start at the scenario's folder; what was found can be read from anywhere."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10, dtype=np.uint8), 30)
    pixels = rng.integers(0, 256, (300, 28, 28), dtype=np.uint8)
    for name, magic, array in [("images", 2051, pixels), ("labels", 2049, labels)]:
        head = np.array([magic, *array.shape], dtype=">u4").tobytes()
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(head + array.tobytes()))
    data = Images(kind="mnist", files=("images.gz", "labels.gz"), classes=(0, 1), features=2, samples=5, holdout=5)
    task = Classification(data=data)
    assert task.files == ("images.gz", "labels.gz")
    found = task.loaded(tmp_path)
    found.check(1, (), Exact())
    assert found.files == (str(tmp_path / "images.gz"), str(tmp_path / "labels.gz"))
    with pytest.raises(InputError, match="images"):
        task.loaded(tmp_path / "elsewhere").check(1, (), Exact())
