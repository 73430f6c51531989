"""Gradient estimators: how a device learns the slope of its objective, and how many circuits that takes.

What the clock charges is what a quantum processor would have to run. `Exact` alone computes what no processor can
measure; it is named an idealisation wherever results are shown.
"""

from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field

from qflsim.model import Model
from qflsim.units import Floats
from qflsim.world.compute import Circuit

SPSA_CIRCUITS = 2
"""Circuits that simultaneous perturbation needs a circuit of the objective, whatever the number of angles."""


class Run(NamedTuple):
    """A circuit of the objective: `copies` of equal shape, each evaluated once to evaluate the objective once."""

    circuit: Circuit
    copies: int
    shifts: Callable[[], int]
    """circuits that the exact parameter-shift gradient of all copies takes, counted for who pays by them"""


class Objective(Protocol):
    """What a device climbs in one participation. Each step has data of its own."""

    def runs(self, step: int) -> list[Run]:
        """The circuits that evaluate the objective once."""
        ...

    def other_s(self, step: int) -> float:
        """What a step takes beside its circuits."""
        ...

    def gradient(self, step: int, parameters: Floats) -> Floats:
        """The gradient of the expectation, noise included: what infinitely many shots would show."""
        ...

    def measured(self, step: int, parameters: Floats, shots: int, rng: np.random.Generator) -> float:
        """The objective as so many shots of each circuit show it."""
        ...

    def shifted(self, step: int, parameters: Floats, shots: int, rng: np.random.Generator) -> Floats:
        """The gradient by the parameter-shift rule, gate by gate, each circuit measured with so many shots."""
        ...


class Estimator(Protocol):
    """A rule that tells the gradient of an objective, and its price."""

    @property
    def kind(self) -> str: ...

    @property
    def idealised(self) -> bool:
        """Whether no quantum processor could learn the gradient so."""
        ...

    def circuits(self, run: Run) -> int:
        """How often a step runs the circuit."""
        ...

    def gradient(self, objective: Objective, step: int, parameters: Floats, shots: int,
                 rng: np.random.Generator) -> Floats:  # fmt: skip
        """The estimate at a step."""
        ...


class Exact(Model):
    """The exact gradient of the expectation, at the price of a rule that a processor could follow."""

    kind: Literal["exact"] = "exact"
    charged_as: Literal["spsa", "parameter-shift"] = "spsa"

    @property
    def idealised(self) -> bool:
        """It is."""
        return True

    def circuits(self, run: Run) -> int:
        """How often a step runs the circuit."""
        return SPSA_CIRCUITS * run.copies if self.charged_as == "spsa" else run.shifts()

    def gradient(self, objective: Objective, step: int, parameters: Floats, shots: int,
                 rng: np.random.Generator) -> Floats:  # fmt: skip
        """The exact gradient; draws nothing."""
        return objective.gradient(step, parameters)


class Spsa(Model):
    """Simultaneous perturbation: the slope along one random direction of signs d stands for the whole gradient.

        g = (f(x + c d) - f(x - c d)) / (2 c) · d,    d in {-1, 1}^P, uniform

    Its mean is the gradient up to O(c^2); its variance grows with the number of angles and, for measured f, as
    1 / (c^2 shots). Source: J. Spall, IEEE Trans. Autom. Control 37 (1992) 332.
    """

    kind: Literal["spsa"] = "spsa"
    perturbation: Annotated[float, Field(gt=1e-6, le=1.0)] = 0.1

    @property
    def idealised(self) -> bool:
        """It is not."""
        return False

    def circuits(self, run: Run) -> int:
        """Two a circuit."""
        return SPSA_CIRCUITS * run.copies

    def gradient(self, objective: Objective, step: int, parameters: Floats, shots: int,
                 rng: np.random.Generator) -> Floats:  # fmt: skip
        """The estimate at a step."""
        signs = rng.choice([-1.0, 1.0], len(parameters))
        ahead = objective.measured(step, parameters + self.perturbation * signs, shots, rng)
        behind = objective.measured(step, parameters - self.perturbation * signs, shots, rng)
        return (ahead - behind) / (2 * self.perturbation) * signs


class ParameterShift(Model):
    """The parameter-shift rule, gate by gate: unbiased where angles are exact, for two circuits a gate with an angle.

    An angle that several gates share is the sum of their rules: QAOA takes 2p (edges + nodes) circuits a graph.
    Source: M. Schuld et al., arXiv 1811.11184.
    """

    kind: Literal["parameter-shift"] = "parameter-shift"

    @property
    def idealised(self) -> bool:
        """It is not."""
        return False

    def circuits(self, run: Run) -> int:
        """Two for every gate with an angle."""
        return run.shifts()

    def gradient(self, objective: Objective, step: int, parameters: Floats, shots: int,
                 rng: np.random.Generator) -> Floats:  # fmt: skip
        """The estimate at a step."""
        return objective.shifted(step, parameters, shots, rng)
