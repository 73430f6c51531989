"""The task of classification: one model, quantum or classical, that tells images apart on all devices."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field

from qflsim.errors import InputError
from qflsim.learning.apparatus import Apparatus
from qflsim.learning.classification_models import PerceptronModel, QnodeModel, RegressionModel, VariationalModel
from qflsim.learning.classification_rivals import classification_rivals
from qflsim.learning.classifiers import Classifier, QuantumClassifier, cross_entropy
from qflsim.learning.data import Images, Samples, pool, share
from qflsim.learning.estimators import Estimator, ParameterShift, Run
from qflsim.learning.holdings import batches
from qflsim.learning.tasks import Data, Gathered, Marks, Participant, Rival, Task, require_memory
from qflsim.model import Model
from qflsim.quantum.noise import Noise
from qflsim.quantum.variational import VariationalCircuit, shift_jacobian
from qflsim.streams import Streams
from qflsim.units import Floats
from qflsim.world.compute import Circuit


class Classification(Model):
    """Telling images apart: every device trains `model` on images of its own by the mean cross-entropy.

    Versions are graded by their accuracy on the held-out images of each class. What a device measures are the model's
    scores: with few shots the loss of the estimated scores is biased, as it is on hardware.
    """

    kind: Literal["classification"] = "classification"
    data: Images = Images()
    model: Annotated[VariationalModel | RegressionModel | PerceptronModel | QnodeModel, Field(discriminator="kind")] = (
        VariationalModel()
    )

    @property
    def metric(self) -> str:
        """What versions are graded by."""
        return "accuracy"

    @property
    def marks_shares(self) -> bool:
        """They are."""
        return True

    @property
    def holds_graphs(self) -> bool:
        """Devices hold images."""
        return False

    @property
    def holdout(self) -> int:
        """Held-out images of each class."""
        return self.data.holdout

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the images are read from."""
        return self.data.files

    @property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of each file of images, once they are found."""
        return self.data.hashes

    def loaded(self, folder: Path) -> "Classification":
        """The task with its files found; what is wrong with them is an `InputError`."""
        return self.model_copy(update={"data": self.data.found(folder)})

    def check(self, seed: int, data: Sequence[Data], estimator: Estimator) -> None:
        """An `InputError` if the model does not suit the images or the estimator, or there are too few images."""
        classifier = self.classifier()
        if not estimator.idealised:
            if self.circuit() is None:
                raise InputError("training.gradient", estimator.kind, '"exact": a classical model has no circuits')
            if isinstance(estimator, ParameterShift) and isinstance(self.model, QnodeModel):
                check_shift_rule(classifier)  # the built-in circuit keeps the rule, and may be too large to be tried
        if isinstance(classifier, VariationalCircuit):
            require_memory(f"task.data.features = {self.data.features}", classifier.memory_byte)
        pool(seed, self.data)

    def classifier(self) -> Classifier:
        """The model."""
        return self.model.classifier(self.data.features, len(self.data.classes))

    def circuit(self) -> Circuit | None:
        """What a processor runs for an image."""
        return _circuit(self)

    def qubits(self, data: Data) -> int:
        """Qubits of its circuits."""
        circuit = self.circuit()
        return circuit.qubits if circuit else 0

    def first(self, seed: int, data: Sequence[Data]) -> Floats:
        """The parameters of version 0, drawn by seed."""
        return self.classifier().start(Streams(seed).named("task", "start"))

    def aligned(self, update: Floats, base: Floats, data: Sequence[Data]) -> Floats:
        """The image of equal scores nearest to the base, as far as the model knows its symmetries."""
        return self.classifier().aligned(update, base)

    def samples(self, data: Data) -> int:
        """How many images a device holds."""
        return self.data.samples

    def data_class(self, data: Data) -> str:
        """The name of the data set: every device holds some of each class."""
        return self.data.kind

    def held_class(self, who: Participant, data: Data, gathered: Gathered) -> str:
        """The same."""
        return self.data.kind

    def objective(self, who: Participant, data: Data, batch: int, steps: int, apparatus: Apparatus,
                  gathered: Gathered) -> "ImageObjective":  # fmt: skip
        """The images of a participation's steps."""
        rows = batches(who.seed, who.group, who.device, who.number, self.data.samples, batch, steps)
        return ImageObjective(self, who, rows, apparatus)

    def exam(self, seed: int, data: Sequence[Data]) -> "ImageExam":
        """The held-out images."""
        return ImageExam(self, pool(seed, self.data).exam)

    def rivals(self, seed: int, data: Sequence[Data]) -> list[Rival]:
        """The same model trained without federation: `classification_rivals`."""
        return classification_rivals(self, seed)

    def shadows(self, data: Sequence[Data]) -> dict[str, Task]:
        """Logistic regression, and the widest perceptron of no more parameters than a quantum model has."""
        if self.circuit() is None:
            return {}
        width = PerceptronModel(parameters=self.classifier().parameters)
        models = {"logistic regression": RegressionModel(), "perceptron": width}
        tasks = {name: self.model_copy(update={"model": model}) for name, model in models.items()}
        return {f"{name} ({task.classifier().parameters} weights)": task for name, task in tasks.items()}


def check_shift_rule(classifier: Classifier) -> None:
    """An `InputError` if the parameter-shift rule does not give the derivatives of a model, tried at a random point.

    It does where every parameter is the angle of one gate e^{-itP/2}, alone and as it is.
    """
    rng = Streams(0).named("shift rule")
    params = classifier.start(rng)
    features = rng.uniform(0, np.pi, (1, classifier.features))
    scores, back = classifier.pullback(params, features)
    exact = np.stack([back(row[None]) for row in np.eye(scores.shape[1])])
    shifted = shift_jacobian(params, lambda at: classifier.scores(at, features))[0]
    if not np.allclose(exact, shifted, rtol=0, atol=1e-6):
        got = f"a model whose derivatives it misses by up to {np.abs(exact - shifted).max():.2g}"
        raise InputError(
            "training.gradient: parameter-shift", got, "each weight the angle of one gate; or another rule"
        )


@lru_cache(maxsize=32)
def _circuit(task: Classification) -> Circuit | None:
    return task.model.circuit(task.data.features, len(task.data.classes))


class ImageObjective:
    """Minus the mean cross-entropy of the images of each step, as a device's apparatus shows them."""

    def __init__(self, task: Classification, who: Participant, rows: Sequence[npt.NDArray[np.int64]],
                 apparatus: Apparatus) -> None:  # fmt: skip
        self._task, self._who, self._rows, self._apparatus = task, who, rows, apparatus
        self._circuit, self._model = task.circuit(), task.classifier()

    def other_s(self, step: int) -> float:
        """What a classical model takes."""
        model = self._task.model
        return len(self._rows[step]) * model.sample_s if isinstance(model, RegressionModel | PerceptronModel) else 0.0

    def runs(self, step: int) -> list[Run]:
        """One circuit an image; by the shift rule two for every angle, and one for the scores themselves."""
        if self._circuit is None:
            return []
        images = len(self._rows[step])
        return [Run(self._circuit, images, lambda: images * (2 * self._model.parameters + 1))]

    def gradient(self, step: int, parameters: Floats) -> Floats:
        """The exact gradient, noise included: scores are expectations of Z, which noise shrinks."""
        images = self._images(step)
        shrunk = self._noise.single
        scores, back = self._model.pullback(parameters * self._scale, images.features * self._scale)
        _, slopes = cross_entropy(shrunk * scores, images.labels, self._model.gain)
        return -shrunk * back(slopes) * self._scale

    def measured(self, step: int, parameters: Floats, shots: int, rng: np.random.Generator) -> float:
        """Minus the cross-entropy of the scores that so many shots of each image show."""
        scores = self._estimated(step, parameters, shots, rng)
        return -cross_entropy(scores, self._images(step).labels, self._model.gain)[0]

    def shifted(self, step: int, parameters: Floats, shots: int, rng: np.random.Generator) -> Floats:
        """The derivatives of all scores by the shift rule, and the slopes at the scores, all as shots show them."""
        _, slopes = cross_entropy(
            self._estimated(step, parameters, shots, rng), self._images(step).labels, self._model.gain
        )
        jacobian = shift_jacobian(parameters, lambda at: self._estimated(step, at, shots, rng))
        return -np.asarray(np.einsum("bk,bkp->p", slopes, jacobian))

    def _estimated(self, step: int, parameters: Floats, shots: int, rng: np.random.Generator) -> Floats:
        assert self._circuit is not None, "only a quantum model is measured"
        features = self._images(step).features * self._scale
        return cast(QuantumClassifier, self._model).estimates(
            parameters * self._scale, features, shots, self._noise, rng
        )

    def _images(self, step: int) -> Samples:
        rows = self._rows[step]
        return Samples(self._held.features[rows], self._held.labels[rows])

    @cached_property
    def _held(self) -> Samples:
        return share(self._who.seed, self._task.data, self._who.group, self._who.device)

    @cached_property
    def _noise(self) -> Noise:
        return self._apparatus.noise(self._circuit) if self._circuit else Noise()

    @cached_property
    def _scale(self) -> float:
        return _scale(self._apparatus) if self._circuit else 1.0


def _scale(apparatus: Apparatus) -> float:
    """What a device makes of an angle: it turns all of them too far, those of the features too, or too little."""
    return float(apparatus.scales(0, 1)[0])


class ImageExam:
    """Held-out images, each marked 1 where the highest score is that of its class, 0 otherwise."""

    def __init__(self, task: Classification, images: Samples) -> None:
        self._task, self._images = task, images

    def marks(self, parameters: Floats) -> Marks:
        """The noise-free marks by the name of the class."""
        right = self._right(self._task.classifier().scores(parameters, self._images.features))
        names = enumerate(self._task.data.classes)
        return {str(name): right[self._images.labels == label] for label, name in names}

    def measured(self, data: Data, apparatus: Apparatus, parameters: Floats, shots: int,
                 rng: np.random.Generator) -> Floats:  # fmt: skip
        """The marks of all images, as a device's shots show their scores."""
        circuit = self._task.circuit()
        if circuit is None:
            return self._right(self._task.classifier().scores(parameters, self._images.features))
        model, scale = cast(QuantumClassifier, self._task.classifier()), _scale(apparatus)
        features, noise = self._images.features * scale, apparatus.noise(circuit)
        return self._right(model.estimates(parameters * scale, features, shots, noise, rng))

    def _right(self, scores: Floats) -> Floats:
        return np.asarray(scores.argmax(axis=1) == self._images.labels, dtype=np.float64)
