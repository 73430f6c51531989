"""The register: many small state vectors side by side in one Lightning state vector.

A batch of 2^k states of m qubits is one state of k + m wires. The first k wires number the states and no gate ever
touches them, so that one gate call serves the whole batch. This is the only door to Lightning's C++ kernels, which
run on one thread: the result is the same to the last bit in any process of one machine.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Complexes: TypeAlias = npt.NDArray[np.complex128]


class Register:
    """2^`batch_wires` state vectors of `work_wires` qubits each. Not to be shared between threads."""

    def __init__(self, batch_wires: int, work_wires: int) -> None:
        from pennylane_lightning.lightning_qubit_ops import StateVectorC128

        self._vector: Any = StateVectorC128(batch_wires + work_wires)
        self._work = [[batch_wires + wire] for wire in range(work_wires)]

    def hadamards(self, states: Complexes, out: Complexes) -> Complexes:
        """Every state with a Hadamard gate on each of its qubits, written to `out`, which may be `states`.

        Both are C-contiguous, of shape (2^batch_wires, 2^work_wires). The operation is its own inverse.
        """
        self._vector.updateData(states.reshape(-1))
        for wire in self._work:
            self._vector.Hadamard(wire, False, [])
        self._vector.getState(out.reshape(-1))
        return out
