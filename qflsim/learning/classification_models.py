"""The models that can tell images apart, as sections of a scenario."""

from functools import lru_cache
from typing import Annotated, Literal, Protocol

from pydantic import Field, ValidationInfo, field_validator

from qflsim.learning.classical import LogisticRegression, Perceptron
from qflsim.learning.classifiers import Classifier
from qflsim.model import Count, Model, Positive
from qflsim.quantum.qnodes import QNodeCircuit
from qflsim.quantum.variational import VariationalCircuit
from qflsim.world.compute import Circuit, classifier_circuit

Layers = Annotated[int, Field(ge=1, le=64)]


class ImageModel(Protocol):
    """A section that chooses a model for so many features and classes."""

    def classifier(self, features: int, classes: int) -> Classifier:
        """The model; an `InputError` if it cannot have so many."""
        ...

    def circuit(self, features: int, classes: int) -> Circuit | None:
        """What a processor runs for one image; None for a classical model."""
        ...


class VariationalModel(Model):
    """A variational quantum classifier with a qubit for each feature: `qflsim.quantum.variational`."""

    kind: Literal["variational"] = "variational"
    layers: Layers = 3
    gain: Positive = 8.0

    def classifier(self, features: int, classes: int) -> Classifier:
        """The circuit; fewer qubits than classes are an `InputError`."""
        made = VariationalCircuit(features, self.layers, classes, self.gain)
        made.checked()
        return made

    def circuit(self, features: int, classes: int) -> Circuit | None:
        """Turns of all qubits, and rings of CZ."""
        return classifier_circuit(features, self.layers)


class QnodeModel(Model):
    """A QNode of the user's own, `node` = "module:name", called as (features, weights): `qflsim.quantum.qnodes`.

    It is code that runs, so a scenario that names one needs --allow-plugins.
    """

    kind: Literal["qnode"] = "qnode"
    node: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    weights: Count
    gain: Positive = 8.0

    @field_validator("node")
    @classmethod
    def _allowed(cls, value: str, info: ValidationInfo) -> str:
        if not (info.context and info.context.get("plugins")):
            raise ValueError("--allow-plugins, since a QNode of your own is code that will run")
        return value

    def classifier(self, features: int, classes: int) -> Classifier:
        """The QNode, tried once; an `InputError` says what is wrong with it."""
        return _tried(QNodeCircuit(self.node, features, self.weights, classes, self.gain))

    def circuit(self, features: int, classes: int) -> Circuit | None:
        """Its gates, as PennyLane breaks them down."""
        return Circuit(**_tried(QNodeCircuit(self.node, features, self.weights, classes, self.gain)).resources())


@lru_cache(maxsize=32)
def _tried(node: QNodeCircuit) -> QNodeCircuit:
    node.checked()
    return node


class RegressionModel(Model):
    """Multinomial logistic regression. The processors run no circuit: a sample and step take `sample_s` (ours)."""

    kind: Literal["logistic-regression"] = "logistic-regression"
    sample_s: Positive = 1e-3

    def classifier(self, features: int, classes: int) -> Classifier:
        """The model."""
        return LogisticRegression(features, classes)

    def circuit(self, features: int, classes: int) -> Circuit | None:
        """None."""
        return None


class PerceptronModel(Model):
    """A perceptron of one hidden layer and at most `parameters` parameters; time as for `RegressionModel`."""

    kind: Literal["perceptron"] = "perceptron"
    sample_s: Positive = 1e-3
    parameters: Count = 64

    def classifier(self, features: int, classes: int) -> Classifier:
        """The model."""
        return Perceptron.of_size(features, classes, self.parameters)

    def circuit(self, features: int, classes: int) -> Circuit | None:
        """None."""
        return None
