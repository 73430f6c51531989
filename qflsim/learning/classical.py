"""Classical baselines of the classifiers: multinomial logistic regression and a small perceptron, exact gradients."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from qflsim.units import Floats


class LogisticRegression(NamedTuple):
    """Scores x W + b of `features` features x (`centred`) for `classes` classes.

    A parameter vector is W, (features, classes), and b, (classes,), laid flat.
    """

    features: int
    classes: int

    @property
    def parameters(self) -> int:
        return (self.features + 1) * self.classes

    @property
    def gain(self) -> float:
        return 1.0

    def start(self, rng: np.random.Generator) -> Floats:
        """Zeros: the loss is convex, so that any start serves, and all classes are equally likely here."""
        return np.zeros(self.parameters)

    def aligned(self, params: Floats, base: Floats) -> Floats:
        return params

    def scores(self, params: Floats, features: Floats) -> Floats:
        return _affine(centred(features), *self._split(params))

    def pullback(self, params: Floats, features: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        def back(slopes: Floats) -> Floats:
            return _affine_gradient(centred(features), slopes)

        return self.scores(params, features), back

    def _split(self, params: Floats) -> tuple[Floats, Floats]:
        return params[: -self.classes].reshape(self.features, self.classes), params[-self.classes :]


class Perceptron(NamedTuple):
    """One hidden layer of tanh units: scores tanh(x U + a) W + b of features x (`centred`).

    A parameter vector is U, (features, hidden); a; W, (hidden, classes); b, laid flat.
    """

    features: int
    hidden: int
    classes: int

    @classmethod
    def of_size(cls, features: int, classes: int, most: int) -> "Perceptron":
        """The widest of at most `most` parameters; one hidden unit if even that has more."""
        return cls(features, max(1, (most - classes) // (features + 1 + classes)), classes)

    @property
    def parameters(self) -> int:
        return self.hidden * (self.features + 1 + self.classes) + self.classes

    @property
    def gain(self) -> float:
        return 1.0

    def start(self, rng: np.random.Generator) -> Floats:
        """Weights uniform within sqrt(6 / (inputs + outputs)) of a layer, offsets 0. Source: Glorot, Bengio, 2010."""
        inner, outer = (np.sqrt(6 / (self.hidden + other)) for other in (self.features, self.classes))
        return np.concatenate(
            [
                rng.uniform(-inner, inner, self.features * self.hidden),
                np.zeros(self.hidden),
                rng.uniform(-outer, outer, self.hidden * self.classes),
                np.zeros(self.classes),
            ]
        )

    def aligned(self, params: Floats, base: Floats) -> Floats:
        """`params` itself: all devices start from one version, and no short training swaps hidden units."""
        return params

    def scores(self, params: Floats, features: Floats) -> Floats:
        inner, offset, outer, last = self._split(params)
        return _affine(np.tanh(_affine(centred(features), inner, offset)), outer, last)

    def pullback(self, params: Floats, features: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        inner, offset, outer, last = self._split(params)
        inputs = centred(features)
        hidden = np.tanh(_affine(inputs, inner, offset))

        def back(slopes: Floats) -> Floats:
            through = np.einsum("bk,hk->bh", slopes, outer) * (1 - hidden**2)
            return np.concatenate([_affine_gradient(inputs, through), _affine_gradient(hidden, slopes)])

        return _affine(hidden, outer, last), back

    def _split(self, params: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        sizes = (self.features * self.hidden, self.hidden, self.hidden * self.classes)
        inner, offset, outer, last = np.split(params, np.cumsum(sizes))
        return inner.reshape(-1, self.hidden), offset, outer.reshape(-1, self.classes), last


def centred(features: Floats) -> Floats:
    """Angles of [0, pi] in [-1, 1], where gradient steps of one rate suit weights and offsets alike."""
    return np.asarray(features / (np.pi / 2) - 1)


# einsum and not matmul: BLAS may spread a long product over threads, which rounds otherwise.
def _affine(inputs: Floats, weights: Floats, offset: Floats) -> Floats:
    return np.asarray(np.einsum("bf,fk->bk", inputs, weights)) + offset


def _affine_gradient(inputs: Floats, slopes: Floats) -> Floats:
    return np.concatenate([np.einsum("bf,bk->fk", inputs, slopes).ravel(), slopes.sum(axis=0)])
