"""The plain reference circuit, held against a result by hand."""

import numpy as np
import pytest

from qflsim.quantum.circuits import reference_energy, reference_gradient


def test_one_edge_by_hand() -> None:
    """Two nodes, weight w, one layer: <C> = w (1 + sin 4b sin gw) / 2, and its derivatives."""
    weight, gamma, beta = 0.7, 0.9, 0.3
    weights, angles = np.array([[0, weight], [weight, 0]]), np.array([gamma, beta])
    assert reference_energy(weights, angles) == pytest.approx(
        weight * (1 + np.sin(4 * beta) * np.sin(gamma * weight)) / 2, abs=1e-14
    )
    slopes = [
        weight**2 * np.sin(4 * beta) * np.cos(gamma * weight) / 2,
        2 * weight * np.cos(4 * beta) * np.sin(gamma * weight),
    ]
    np.testing.assert_allclose(reference_gradient(weights, angles), slopes, atol=1e-13)
