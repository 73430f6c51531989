"""Local optimisers on objectives whose path is known."""

import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.learning.optimizers import Adam, GradientSteps
from qflsim.units import Floats


def towards_one(step: int, angles: Floats) -> Floats:
    """The gradient of -|x - 1|^2 / 2."""
    return 1 - angles


def test_gradient_steps_on_a_quadratic() -> None:
    """x <- x + r (1 - x) leaves (1 - r)^k of the distance; no step, no move; the start is not written to."""
    start = np.array([0.0, 3.0])
    end = GradientSteps(learning_rate=0.25).ascend(start, towards_one, 5)
    np.testing.assert_allclose(end, 1 + (start - 1) * 0.75**5, rtol=1e-14)
    np.testing.assert_array_equal(GradientSteps().ascend(start, towards_one, 0), [0, 3])
    np.testing.assert_array_equal(start, [0, 3])


def test_steps_are_counted_from_zero() -> None:
    """The gradient is told which step it is."""
    end = GradientSteps(learning_rate=1.0).ascend(np.zeros(1), lambda step, _: np.array([10.0**step]), 3)
    assert end[0] == 111


def test_first_step_of_adam_is_the_learning_rate() -> None:
    """With no history the step is the sign of the gradient times the rate, whatever its size: a vote."""
    end = Adam(learning_rate=0.1, epsilon=1e-12).ascend(np.zeros(3), lambda *_: np.array([5.0, -1e-3, 0.0]), 1)
    np.testing.assert_allclose(end, [0.1, -0.1, 0], atol=1e-9)


def test_adam_by_its_recursion() -> None:
    """Constant gradients have unbiased moments equal to themselves: every step is the rate."""
    end = Adam(learning_rate=0.1, epsilon=1e-12).ascend(np.zeros(1), lambda *_: np.array([2.0]), 7)
    assert end[0] == pytest.approx(0.7, abs=1e-10)


def test_adam_keeps_no_state_between_calls() -> None:
    """The same call gives the same angles, whatever came before."""
    adam, start = Adam(), np.array([0.2, 0.7])
    first = adam.ascend(start, towards_one, 4)
    np.testing.assert_array_equal(adam.ascend(start, towards_one, 4), first)


def test_rates_must_be_positive() -> None:
    """A rate of 0 would never learn; a decay of 1 would divide by zero."""
    with pytest.raises(ValidationError):
        GradientSteps(learning_rate=0.0)
    with pytest.raises(ValidationError):
        Adam(beta1=1.0)
