"""Times between changes: lifetimes of a given mean and spread, and what alternates between two states by them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import Field
from scipy.special import gamma, gammaincinv

from qflsim.units import FOREVER_NS, to_ns

Lifetime = Annotated[float, Field(ge=1e-3, le=1e9)]
"""Mean length of a time between two changes, in seconds."""
Distribution: TypeAlias = Literal["exponential", "fixed", "weibull"]
Shape = Annotated[float, Field(ge=0.2, le=20)]
"""Shape of a Weibull distribution: below 1 many short times and a few long ones, 1 exponential, above 1 wear."""
Shapes: TypeAlias = tuple[Shape, Shape]
EXPONENTIAL: Shapes = (1.0, 1.0)


@dataclass(frozen=True)
class Life:
    """The law of one kind of time: its mean, its distribution, and the shape of a Weibull one.

    What is left of a time, seen at an instant that has nothing to do with it, has the density (1 - F(x)) / mean
    (Cox, Renewal Theory, 1962, chapter 5): for a Weibull distribution of scale c and shape k its distribution function
    is the regularised incomplete gamma function P(1 / k, (x / c)^k), which is inverted here.
    """

    mean_s: float
    distribution: Distribution = "exponential"
    shape: float = 1.0

    def whole_s(self, rng: np.random.Generator) -> float:
        """A time from its start to its end."""
        if self.distribution == "exponential":
            return rng.exponential(self.mean_s)
        if self.distribution == "fixed":
            return self.mean_s
        return self._scale_s * float(rng.weibull(self.shape))

    def left_s(self, rng: np.random.Generator) -> float:
        """The rest of a time that holds an arbitrary instant."""
        if self.distribution == "exponential":
            return rng.exponential(self.mean_s)
        if self.distribution == "fixed":
            return self.mean_s * rng.random()
        return self._scale_s * math.pow(float(gammaincinv(1 / self.shape, rng.random())), 1 / self.shape)

    @property
    def _scale_s(self) -> float:
        return self.mean_s / float(gamma(1 + 1 / self.shape))


def alternating(on: Life, off: Life, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """The off times [start, end) in nanoseconds, in order, until `FOREVER_NS`, of what alternates by two laws.

    Stationary from t = 0: on with probability A = on / (on + off), for the rest of an on time, else off for the rest
    of an off time. Hence it is on with probability A at every instant, whatever the distributions.
    """
    is_on = rng.random() < on.mean_s / (on.mean_s + off.mean_s)
    now_ns = 0
    life_s = (on if is_on else off).left_s(rng)
    while now_ns < FOREVER_NS:
        end_ns = min(now_ns + max(1, to_ns(life_s)), FOREVER_NS)
        if not is_on:
            yield now_ns, end_ns
        is_on, now_ns = not is_on, end_ns
        life_s = (on if is_on else off).whole_s(rng)


def check_shape(distribution: Distribution, shape: Shapes) -> None:
    """Raises `ValueError` where a shape is given to a distribution that has none."""
    if distribution != "weibull" and shape != EXPONENTIAL:
        raise ValueError('shape: none, for only distribution = "weibull" has one')
