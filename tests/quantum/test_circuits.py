"""The plain reference circuit, held against a result by hand."""

import numpy as np
import pytest

from qflsim.quantum.circuits import reference_energy, reference_gradient
from qflsim.quantum.ising import Ising, maxcut


def test_one_edge_by_hand() -> None:
    """Two nodes, weight w, one layer: <C> = w (1 + sin 4b sin gw) / 2, and its derivatives."""
    weight, gamma, beta = 0.7, 0.9, 0.3
    edge, angles = maxcut(np.array([[0, weight], [weight, 0]])), np.array([gamma, beta])
    assert reference_energy(edge, angles) == pytest.approx(
        weight * (1 + np.sin(4 * beta) * np.sin(gamma * weight)) / 2, abs=1e-14
    )
    slopes = [
        weight**2 * np.sin(4 * beta) * np.cos(gamma * weight) / 2,
        2 * weight * np.cos(4 * beta) * np.sin(gamma * weight),
    ]
    np.testing.assert_allclose(reference_gradient(edge, angles), slopes, atol=1e-13)


def test_one_spin_in_a_field_by_hand() -> None:
    """C = h z on one of two spins, one layer: <C> = h sin 2b sin 2gh; a warm start at tilt t and rest gives h cos t."""
    field, gamma, beta = 0.7, 0.9, 0.3
    ising = Ising(np.zeros((2, 2)), np.array([field, 0.0]), np.array(0.0))
    expected = field * np.sin(2 * beta) * np.sin(2 * gamma * field)
    assert reference_energy(ising, np.array([gamma, beta])) == pytest.approx(expected, abs=1e-14)
    at_rest = reference_energy(ising, np.zeros(2), tilts=np.array([0.4, 1.0]))
    assert at_rest == pytest.approx(field * np.cos(0.4), abs=1e-14)
