"""The register: gates on many states at once."""

from functools import reduce

import numpy as np
import pytest
from scipy.linalg import hadamard

from qflsim.quantum.register import Precision, Register


@pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-14), ("single", 1e-6)])
def test_every_state_is_transformed_by_itself(precision: Precision, tolerance: float) -> None:
    """On each state the gates are the Hadamard matrix of its qubits; no state sees another, whatever their size."""
    rng = np.random.default_rng(1)
    states = rng.normal(size=(4, 8)) + 1j * rng.normal(size=(4, 8))
    if precision == "single":
        states = states.astype(np.complex64)
    register = Register(5, precision)
    for shape in ((4, 8), (1, 32), (16, 2)):
        out = register.hadamards(states.reshape(shape), out=np.empty(shape, states.dtype))
        np.testing.assert_allclose(out, states.reshape(shape) @ hadamard(shape[1]) / np.sqrt(shape[1]), atol=tolerance)


def test_twice_is_the_identity_and_in_place_is_allowed() -> None:
    """A Hadamard gate is its own inverse."""
    states = np.arange(32, dtype=np.complex128).reshape(2, 16)
    register, before = Register(5), states.copy()
    register.hadamards(register.hadamards(states, out=states), out=states)
    np.testing.assert_allclose(states, before, atol=1e-13)


def test_tilts_rotate_the_qubit_of_their_bit() -> None:
    """The matrix is the Kronecker product of RY's, the highest bit first; the negated angles undo it."""
    rng = np.random.default_rng(2)
    states, angles = rng.normal(size=(2, 8)) + 0j, [0.3, -1.1, 2.0]
    matrices = [np.array([[np.cos(a / 2), -np.sin(a / 2)], [np.sin(a / 2), np.cos(a / 2)]]) for a in angles]
    register = Register(4)
    out = register.tilts(states, angles, out=np.empty_like(states))
    np.testing.assert_allclose(out, states @ reduce(np.kron, reversed(matrices)).T, atol=1e-14)
    np.testing.assert_allclose(register.tilts(out, [-a for a in angles], out=out), states, atol=1e-14)
