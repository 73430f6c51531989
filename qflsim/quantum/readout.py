"""Readout errors: what independent flips of the bits read make of a distribution, or of what is observed."""

import numpy as np

from qflsim.quantum.register import Register
from qflsim.quantum.sweep import batches
from qflsim.units import Floats


def readout(values: Floats, flip: float, flip_symmetric: bool) -> Floats:
    """`values`, (G, 2^m), after each of all n bits was read wrongly with probability `flip`.

    Of a distribution it is the one that is read; of an observable, the one whose true mean is the mean that is read:
    the map is its own adjoint. On the correlation of the bits S it is the factor (1 - 2 flip)^|S|, so it is exact by a
    Walsh-Hadamard transform there and back. With `flip_symmetric`, vertex 0 is fixed, and an odd set of the others
    stands for itself with vertex 0, as odd correlations vanish under the flip of all bits. 0 changes nothing.
    """
    counts = np.bitwise_count(np.arange(values.shape[1])).astype(np.float64)
    if flip_symmetric:
        counts += counts % 2
    kept = (1 - 2 * flip) ** counts
    parts = []
    for batch in batches(values):
        register, states = Register(batch.size.bit_length() - 1), batch.astype(np.complex128)
        states = register.hadamards(states, out=states)
        states *= kept
        parts.append(register.hadamards(states, out=states).real)
    return np.concatenate(parts)[: len(values)]
