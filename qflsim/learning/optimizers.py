"""Local optimisers: how a device moves its angles uphill. Their state starts anew at each participation."""

from collections.abc import Callable
from typing import Annotated, Literal, Protocol, Self, TypeAlias

import numpy as np
from pydantic import Field

from qflsim.model import Model, Positive
from qflsim.units import Floats

Decay = Annotated[float, Field(ge=0, lt=1)]
Gradient: TypeAlias = Callable[[int, Floats], Floats]
"""The gradient at a step (counted from 0) and its angles."""


class Optimizer(Protocol):
    """A rule that climbs an objective of which it sees the gradient, once a step."""

    @property
    def learning_rate(self) -> float: ...

    def at_rate(self, learning_rate: float) -> Self:
        """The same rule with another learning rate."""
        ...

    def ascend(self, angles: Floats, gradient: Gradient, steps: int) -> Floats:
        """The angles after so many steps."""
        ...


class GradientSteps(Model):
    """Plain gradient steps: x <- x + rate * gradient. A rare class keeps its weight in the mean of many updates."""

    kind: Literal["gradient-steps"] = "gradient-steps"
    learning_rate: Positive = 0.3

    def at_rate(self, learning_rate: float) -> Self:
        """The same rule with another learning rate."""
        return self.model_copy(update={"learning_rate": learning_rate})

    def ascend(self, angles: Floats, gradient: Gradient, steps: int) -> Floats:
        for step in range(steps):
            angles = angles + self.learning_rate * gradient(step, angles)
        return angles


class Adam(Model):
    """Adam: steps of about the learning rate in every coordinate, whatever the size of the gradient.

    Source: D. Kingma, J. Ba, arXiv 1412.6980, algorithm 1. Begun anew for a few steps it nearly votes by sign, so that
    the mean of many updates follows the majority.
    """

    kind: Literal["adam"] = "adam"
    learning_rate: Positive = 0.02
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    epsilon: Annotated[float, Field(gt=0, le=1)] = 1e-8

    def at_rate(self, learning_rate: float) -> Self:
        """The same rule with another learning rate."""
        return self.model_copy(update={"learning_rate": learning_rate})

    def ascend(self, angles: Floats, gradient: Gradient, steps: int) -> Floats:
        mean, square = np.zeros_like(angles), np.zeros_like(angles)
        for step in range(steps):
            slope = gradient(step, angles)
            mean = self.beta1 * mean + (1 - self.beta1) * slope
            square = self.beta2 * square + (1 - self.beta2) * slope**2
            unbiased_mean = mean / (1 - self.beta1 ** (step + 1))
            unbiased_square = square / (1 - self.beta2 ** (step + 1))
            angles = angles + self.learning_rate * unbiased_mean / (np.sqrt(unbiased_square) + self.epsilon)
        return angles
