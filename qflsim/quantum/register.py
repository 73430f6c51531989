"""The register: many small state vectors side by side in one Lightning state vector.

A batch of 2^k states of m qubits is one state of k + m wires. The first k wires number the states and no gate ever
touches them, so that one gate call serves the whole batch. This is the only door to Lightning's C++ kernels, which
run on one thread: the result is the same to the last bit in any process of one machine.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Complexes: TypeAlias = npt.NDArray[np.complex128]
"""Amplitudes; of single precision where that was asked for."""
Precision: TypeAlias = Literal["double", "single"]


class Register:
    """A state vector of `wires` wires, holding 2^k states of m = `wires` - k qubits. Not to be shared by threads.

    States are C-contiguous arrays of shape (2^k, 2^m), for any m; bit b of the last index is wire `wires` - 1 - b.
    """

    def __init__(self, wires: int, precision: Precision = "double") -> None:
        from pennylane_lightning.lightning_qubit_ops import StateVectorC64, StateVectorC128

        self._wires = wires
        self._vector: Any = {"double": StateVectorC128, "single": StateVectorC64}[precision](wires)

    def hadamards(self, states: Complexes, out: Complexes) -> Complexes:
        """Every state with a Hadamard gate on each of its qubits, written to `out`, which may be `states`.

        The operation is its own inverse.
        """
        self._vector.updateData(states.reshape(-1))
        for bit in range(states.shape[-1].bit_length() - 1):
            self._vector.Hadamard([self._wires - 1 - bit], False, [])
        self._vector.getState(out.reshape(-1))
        return out

    def rotate(self, bits: int, angle: float) -> None:
        """RX(angle) on the lowest `bits` qubits of what it holds: bare kernel calls, for a bench to time."""
        for bit in range(bits):
            self._vector.RX([self._wires - 1 - bit], False, [angle])

    def tilts(self, states: Complexes, angles: Sequence[float], out: Complexes) -> Complexes:
        """Every state with RY(angles[b]) = exp(-i angles[b] Y / 2) on the qubit of bit b, written to `out`.

        `angles`: (m,). The negated angles undo it.
        """
        self._vector.updateData(states.reshape(-1))
        for bit, angle in enumerate(angles):
            self._vector.RY([self._wires - 1 - bit], False, [angle])
        self._vector.getState(out.reshape(-1))
        return out
