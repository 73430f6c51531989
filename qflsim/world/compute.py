"""Processors that devices train on: how long a job of QAOA circuits takes on each.

A job of C circuits of S shots each takes queue + compile + C × S × (repetition delay + circuit + readout) seconds. A
circuit prepares |+⟩ on every qubit, then applies per layer one RZZ gate per edge and one RX gate per qubit, and is read
out. Edges are coloured so that those of one colour share no qubit and can be driven at once.
"""

from typing import Literal, NamedTuple, Protocol

import numpy as np

from qflsim.errors import InputError
from qflsim.model import Model, NonNegative


class Calibration(NamedTuple):
    """The speed and quality of a quantum processor: medians over its qubits and pairs."""

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
2025-02-26, nighthawk of 2025-12-08); two-qubit gates are CZ, on sherbrooke and brisbane ECR."""

ION_TRAP: dict[str, Calibration] = {
    "aria": Calibration(25, 10.0, 1.0, 135e-6, 5e-4, 600e-6, 4e-3, 300e-6, 3.9e-3, 0.0),
}
"""IonQ Aria. Source: Azure Quantum documentation (T1 is 10 to 100 s; the readout error includes preparation). The
readout time is an assumption of ours."""

SIMULATOR_QUBITS = 30
"""Most qubits whose amplitudes (16 GiB) a device's simulator holds."""


class Processor(Protocol):
    """What a device trains on: a law of the time of a job, of which it does one at a time."""

    @property
    def kind(self) -> str:
        """Its name in a scenario."""

    @property
    def label(self) -> str:
        """The make, as tables show it."""

    @property
    def queue_mean_s(self) -> float:
        """Mean wait for the processor; 0 is a reserved slot."""

    @property
    def compile_s(self) -> float:
        """Time to compile a job before its first shot."""

    def queue_s(self, rng: np.random.Generator) -> float:
        """One wait for the processor, exponentially distributed."""

    def circuit_s(self, qubits: int, edges: int, colour_layers: int, layers: int) -> float:
        """One circuit once, readout included, on a graph of so many nodes, edges and edge colours."""

    def job_s(self, circuits: int, shots: int, qubits: int, edges: int, colour_layers: int, layers: int) -> float:
        """A job of so many circuits of so many shots each, without queue and compilation."""


class Superconducting(Model):
    """A superconducting processor: gates on different qubits run at once, and a pause precedes every shot.

    A colour layer is, on each of its edges, two two-qubit gates with three one-qubit pulses before, between and
    after (H·CZ·RX·CZ·H on one qubit of the pair; RZ is a change of frame and free); RX is two √X pulses, |+⟩ one. Hence

        circuit = 1q + layers × (colours × (2 × 2q + 3 × 1q) + 2 × 1q) + readout.

    Validity: every edge lies on a coupled pair: no swaps. The pause is 98 % of a shot, so depth hardly matters.
    A parametrised circuit is compiled before the run, so `compile_s` is 0 unless given.
    """

    kind: Literal["superconducting"] = "superconducting"
    preset: Literal["torino", "fez", "marrakesh", "sherbrooke", "brisbane", "nighthawk"] = "torino"
    queue_mean_s: NonNegative = 0.0
    compile_s: NonNegative = 0.0

    @property
    def label(self) -> str:
        """The preset's name."""
        return self.preset

    @property
    def calibration(self) -> Calibration:
        """The preset's speed and quality."""
        return SUPERCONDUCTING[self.preset]

    def queue_s(self, rng: np.random.Generator) -> float:
        """One wait for the processor, exponentially distributed, in seconds."""
        return float(rng.exponential(self.queue_mean_s))

    def circuit_s(self, qubits: int, edges: int, colour_layers: int, layers: int) -> float:
        """One circuit once, readout included, in seconds; more qubits than it has are an `InputError`."""
        made = self.calibration
        _require_room(self.label, qubits, made.qubits)
        cost_s = colour_layers * (2 * made.two_qubit_s + 3 * made.one_qubit_s)
        return made.one_qubit_s + layers * (cost_s + 2 * made.one_qubit_s) + made.readout_s

    def shot_s(self, qubits: int, edges: int, colour_layers: int, layers: int) -> float:
        """The pause before a shot and the circuit, in seconds."""
        return self.calibration.repetition_s + self.circuit_s(qubits, edges, colour_layers, layers)

    def job_s(self, circuits: int, shots: int, qubits: int, edges: int, colour_layers: int, layers: int) -> float:
        """Circuits × shots × (pause + circuit), in seconds."""
        return circuits * shots * self.shot_s(qubits, edges, colour_layers, layers)


class IonTrap(Model):
    """A trapped-ion processor: any pair can interact, but one gate runs after the other.

    RZZ is one two-qubit gate and two one-qubit gates; RX and the preparation of |+⟩ are one one-qubit gate each. Hence

        circuit = qubits × 1q + layers × (edges × (2q + 2 × 1q) + qubits × 1q) + readout.

    Validity: transport and cooling of ions between shots are left out. Edges and depth decide the time.
    """

    kind: Literal["ion-trap"] = "ion-trap"
    preset: Literal["aria"] = "aria"
    queue_mean_s: NonNegative = 0.0
    compile_s: NonNegative = 0.0

    @property
    def label(self) -> str:
        """The preset's name."""
        return self.preset

    @property
    def calibration(self) -> Calibration:
        """The preset's speed and quality."""
        return ION_TRAP[self.preset]

    def queue_s(self, rng: np.random.Generator) -> float:
        """One wait for the processor, exponentially distributed, in seconds."""
        return float(rng.exponential(self.queue_mean_s))

    def circuit_s(self, qubits: int, edges: int, colour_layers: int, layers: int) -> float:
        """One circuit once, readout included, in seconds; more qubits than it has are an `InputError`."""
        made = self.calibration
        _require_room(self.label, qubits, made.qubits)
        mixer_s = qubits * made.one_qubit_s
        cost_s = edges * (made.two_qubit_s + 2 * made.one_qubit_s)
        return mixer_s + layers * (cost_s + mixer_s) + made.readout_s

    def shot_s(self, qubits: int, edges: int, colour_layers: int, layers: int) -> float:
        """The pause before a shot and the circuit, in seconds."""
        return self.calibration.repetition_s + self.circuit_s(qubits, edges, colour_layers, layers)

    def job_s(self, circuits: int, shots: int, qubits: int, edges: int, colour_layers: int, layers: int) -> float:
        """Circuits × shots × (pause + circuit), in seconds."""
        return circuits * shots * self.shot_s(qubits, edges, colour_layers, layers)


class Simulator(Model):
    """A classical simulator on the device: a circuit's state vector is computed once, its shots are drawn from it.

        circuit = overhead + (qubits + layers × (edges + qubits)) × 2^qubits × amplitude
        job     = circuits × (circuit + shots × sample)

    The defaults stand for an edge device behind a Python stack, by an assumption of ours: 16 circuits of a cubic graph
    on 10 nodes, 3 layers, 1,000 shots each take 0.80 s, of which the overhead is 0.77 s.
    """

    kind: Literal["simulator"] = "simulator"
    queue_mean_s: NonNegative = 0.0
    compile_s: NonNegative = 0.0
    overhead_s: NonNegative = 48e-3
    amplitude_s: NonNegative = 10e-9
    sample_s: NonNegative = 1e-6

    @property
    def label(self) -> str:
        """Its kind: there is one make."""
        return self.kind

    def queue_s(self, rng: np.random.Generator) -> float:
        """One wait for the processor, exponentially distributed, in seconds."""
        return float(rng.exponential(self.queue_mean_s))

    def circuit_s(self, qubits: int, edges: int, colour_layers: int, layers: int) -> float:
        """One circuit's state vector, in seconds; more than `SIMULATOR_QUBITS` are an `InputError`."""
        _require_room(self.label, qubits, SIMULATOR_QUBITS)
        gates = qubits + layers * (edges + qubits)
        return self.overhead_s + gates * float(1 << qubits) * self.amplitude_s

    def job_s(self, circuits: int, shots: int, qubits: int, edges: int, colour_layers: int, layers: int) -> float:
        """Circuits × (circuit + shots × sample), in seconds."""
        return circuits * (self.circuit_s(qubits, edges, colour_layers, layers) + shots * self.sample_s)


def _require_room(label: str, qubits: int, most: int) -> None:
    if qubits > most:
        raise InputError("processor", f"a graph of {qubits} nodes on {label}", f"at most {most} nodes")
