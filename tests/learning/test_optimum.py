"""The optimum nearest to a start: exact ends, and a bound on steps."""

import numpy as np

from qflsim.learning.optimum import optimum
from qflsim.units import Floats


def bowl(x: Floats) -> tuple[float, Floats]:
    """A quadratic form with its bottom at (1, 2, 3)."""
    away = np.array([1.0, 4.0, 0.25]) * (x - [1.0, 2.0, 3.0])
    return float(away @ (x - [1.0, 2.0, 3.0])) / 2, away


def test_a_bowl_has_one_bottom() -> None:
    """It is found from anywhere."""
    for start in (np.zeros(3), np.full(3, 50.0)):
        np.testing.assert_allclose(optimum(bowl, start), [1, 2, 3], atol=1e-4)


def test_steps_are_bounded() -> None:
    """One step is not enough to get there, and gets nearer."""
    start = np.full(3, 50.0)
    once = optimum(bowl, start, most_steps=1)
    assert bowl(np.array([1.0, 2.0, 3.0]))[0] + 1 < bowl(once)[0] < bowl(start)[0]
