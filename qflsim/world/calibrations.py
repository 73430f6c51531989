"""Published calibrations of quantum processors: how fast they are, and how well they work."""

import math
from typing import NamedTuple


class Calibration(NamedTuple):
    """The speed and quality of a quantum processor: medians over its qubits and pairs.

    Errors of gates are average gate infidelities, that of the readout is the probability that a bit is read wrongly,
    whichever it is. A gate's error holds what relaxation does while the gate lasts.
    """

    qubits: int
    t1_s: float
    t2_s: float
    one_qubit_s: float
    one_qubit_error: float
    two_qubit_s: float
    two_qubit_error: float
    readout_s: float
    readout_error: float
    repetition_s: float


SUPERCONDUCTING: dict[str, Calibration] = {
    "torino": Calibration(133, 185.0e-6, 140.9e-6, 32e-9, 2.71e-4, 68e-9, 4.19e-3, 1560e-9, 2.30e-2, 250e-6),
    "fez": Calibration(156, 144.9e-6, 88.0e-6, 24e-9, 2.29e-4, 84e-9, 3.90e-3, 1560e-9, 7.57e-3, 250e-6),
    "marrakesh": Calibration(156, 197.4e-6, 118.4e-6, 36e-9, 2.31e-4, 68e-9, 3.29e-3, 2584e-9, 9.52e-3, 250e-6),
    "sherbrooke": Calibration(127, 278.4e-6, 170.0e-6, 56.9e-9, 2.36e-4, 533.3e-9, 7.79e-3, 1216e-9, 1.98e-2, 250e-6),
    "brisbane": Calibration(127, 232.0e-6, 150.0e-6, 60e-9, 2.43e-4, 660e-9, 7.72e-3, 1300e-9, 2.00e-2, 250e-6),
    "nighthawk": Calibration(120, 272.8e-6, 341.6e-6, 32e-9, 1.48e-4, 68e-9, 2.71e-3, 2200e-9, 4.88e-3, 250e-6),
}
"""IBM processors. Source: medians of the calibration snapshots in qiskit-ibm-runtime (commit 73514f066; snapshots of
2025-02-26, nighthawk of 2025-12-08); two-qubit gates are CZ, on sherbrooke and brisbane ECR.

The same snapshots tell how far apart a processor's own parts are. Half the distance between the 16th and the 84th
percentile of the logarithm, in the order above: two-qubit errors over pairs 0.50, 0.40, 0.45, 0.42, 0.54, 0.47; one-
qubit errors 0.61, 0.38, 0.58, 0.72, 0.50, 0.50; readout errors 1.05, 0.75, 0.95, 0.91, 0.63, 0.65; T1 0.47, 0.31, 0.42,
0.30, 0.29, 0.32; T2 0.65, 0.70, 0.86, 0.99, 0.75, 0.37.
"""

ION_TRAP: dict[str, Calibration] = {
    "aria": Calibration(25, 10.0, 1.0, 135e-6, 5e-4, 600e-6, 4e-3, 300e-6, 3.9e-3, 0.0),
}
"""IonQ Aria. Source: Azure Quantum documentation (T1 is 10 to 100 s; the readout error includes preparation). The
readout time is an assumption of ours."""

PERFECT = Calibration(0, math.inf, math.inf, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""What computes without error."""
