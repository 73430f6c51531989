"""What a device can train to tell classes apart, and how its answers are graded; quantum or classical alike."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from qflsim.quantum.noise import Noise
from qflsim.units import Floats

Labels = npt.NDArray[np.int64]
"""Numbers of classes, from 0, (B,)"""


class Classifier(Protocol):
    """A differentiable model: features (B, F) and parameters (P,) to a score of each of K classes, (B, K)."""

    @property
    def parameters(self) -> int:
        """P, the length of its parameter vector."""
        ...

    @property
    def features(self) -> int:
        """F, how many features it takes."""
        ...

    @property
    def gain(self) -> float:
        """What its scores are multiplied by in the softmax."""
        ...

    def start(self, rng: np.random.Generator) -> Floats:
        """Parameters to begin with."""
        ...

    def aligned(self, params: Floats, base: Floats) -> Floats:
        """The parameters nearest to `base` among those known to give the scores of `params`."""
        ...

    def scores(self, params: Floats, features: Floats) -> Floats:
        """(B, K); the highest is the answer."""
        ...

    def pullback(self, params: Floats, features: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """The scores, and the map from dLoss/dscores, (B, K), to dLoss/dparams, (P,)."""
        ...


class QuantumClassifier(Classifier, Protocol):
    """One whose scores a processor can measure."""

    def estimates(self, params: Floats, features: Floats, shots: int, noise: Noise, rng: np.random.Generator) -> Floats:
        """The scores of every sample, (B, K), as so many shots of noisy circuits tell them."""
        ...


def cross_entropy(scores: Floats, labels: Labels, gain: float = 1.0) -> tuple[float, Floats]:
    """The mean of -log softmax(gain scores)[label] over samples, and its derivatives by the scores, (B, K)."""
    logits = gain * (scores - scores.max(axis=1, keepdims=True))
    shares = np.exp(logits)
    totals = shares.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = float(np.mean(np.log(totals[:, 0]) - logits[rows, labels]))
    slopes = shares / totals
    slopes[rows, labels] -= 1
    return loss, slopes * (gain / len(labels))


def loss_and_gradient(model: Classifier, params: Floats, features: Floats, labels: Labels) -> tuple[float, Floats]:
    """The cross-entropy of a model on a batch, and its exact gradient, (P,)."""
    scores, back = model.pullback(params, features)
    loss, slopes = cross_entropy(scores, labels, model.gain)
    return loss, back(slopes)
