"""The register: Hadamards on many states at once."""

import numpy as np
from scipy.linalg import hadamard

from qflsim.quantum.register import Register


def test_every_state_is_transformed_by_itself() -> None:
    """On each state the gates are the Hadamard matrix of its qubits; no state sees another."""
    rng = np.random.default_rng(1)
    states = rng.normal(size=(4, 8)) + 1j * rng.normal(size=(4, 8))
    out = Register(batch_wires=2, work_wires=3).hadamards(states, out=np.empty_like(states))
    np.testing.assert_allclose(out, states @ hadamard(8) / np.sqrt(8), atol=1e-14)


def test_twice_is_the_identity_and_in_place_is_allowed() -> None:
    """A Hadamard gate is its own inverse."""
    states = np.arange(32, dtype=np.complex128).reshape(2, 16)
    register, before = Register(1, 4), states.copy()
    register.hadamards(register.hadamards(states, out=states), out=states)
    np.testing.assert_allclose(states, before, atol=1e-13)
