"""Processors that devices train on: how long a job of circuits takes on each, and what spoils it.

A job of C circuits of S shots each takes queue + compile + C × S × (repetition delay + circuit + readout) seconds. What
spoils it is told as an `Exposure`, of which `qflsim.quantum.noise` makes a fidelity.
"""

from typing import Annotated, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field

from qflsim.errors import InputError
from qflsim.model import Model, NonNegative
from qflsim.world.calibrations import ION_TRAP, PERFECT, SUPERCONDUCTING, Calibration

Spread = Annotated[float, Field(ge=0, le=3)]

SIMULATOR_QUBITS = 30
"""Most qubits whose amplitudes (16 GiB) a device's simulator holds."""


class Circuit(NamedTuple):
    """What a processor runs once: gates, and the layers in which gates that share no qubit can be driven at once."""

    qubits: int
    preparations: int
    """layers of one pulse on each qubit"""
    rotations: int
    """layers of an arbitrary one-qubit rotation on each qubit"""
    zz_gates: int = 0
    """e^{-i x ZZ / 2} of any angle x"""
    zz_layers: int = 0
    cz_gates: int = 0
    cz_layers: int = 0
    remote_zz: int = 0
    """those of `zz_gates` whose qubits lie in different QPUs"""


def qaoa_circuit(qubits: int, edges: int, colour_layers: int, layers: int, remote_edges: int = 0) -> Circuit:
    """QAOA on a graph: |+⟩ on every qubit; per layer one RZZ per edge and one RX per qubit.

    `colour_layers`: the colours of a proper edge colouring; edges of one colour share no qubit. `remote_edges`: those
    whose ends lie in different QPUs.
    """
    return Circuit(qubits, 1, layers, layers * edges, layers * colour_layers, remote_zz=layers * remote_edges)


def classifier_circuit(qubits: int, layers: int) -> Circuit:
    """A variational classifier: RY(x) on every qubit; per layer RY and RZ on every qubit and a ring of CZ.

    RY and RZ of a qubit are one rotation. A ring's pairs take two layers, those of an odd ring three; two qubits are
    one pair, one qubit is none.
    """
    ring = qubits if qubits > 2 else qubits - 1
    colours = 2 + qubits % 2 if qubits > 2 else ring
    return Circuit(qubits, 0, 1 + layers, cz_gates=layers * ring, cz_layers=layers * colours)


class Exposure(NamedTuple):
    """What can spoil a circuit: its physical gates, and its qubits' wait for one another, on this calibration."""

    calibration: Calibration
    qubits: int
    one_qubit_gates: int
    two_qubit_gates: int
    idle_s: float
    """how long a qubit waits for others, the readout left out: mean over the qubits"""
    link: float = 1.0
    """share of the ideal state that the entangled pairs between QPUs pass on"""


class Processor(Protocol):
    """What a device trains on: the time of a job, of which it does one at a time, and what it does to states."""

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

    @property
    def power_w(self) -> float:
        """What one QPU draws while it works on a job, all its cooling and control included."""

    @property
    def error_spread(self) -> float:
        """Standard deviation over devices of the logarithm of their errors; 0: all are the calibration's."""

    @property
    def angle_spread(self) -> float:
        """Standard deviation over devices of the relative error of the angles that they apply."""

    @property
    def room(self) -> int:
        """Most qubits of a circuit that one QPU holds."""

    def qpus(self, qubits: int) -> int:
        """QPUs that a circuit of so many qubits takes; an `InputError` if it does not fit."""

    def queue_s(self, rng: np.random.Generator) -> float:
        """One wait for the processor, exponentially distributed."""

    def circuit_s(self, circuit: Circuit) -> float:
        """A circuit once, readout included."""

    def job_s(self, circuits: int, shots: int, circuit: Circuit) -> float:
        """So many circuits like this one, each of so many shots, without queue and compilation."""

    def exposure(self, circuit: Circuit) -> Exposure:
        """What can spoil the circuit here."""


def energy_j(processor: Processor, job_s: float, qubits: int) -> float:
    """What a job of circuits of so many qubits draws while it holds its QPUs; the wait for them is not its own.

    Circuits of 0 qubits are none.
    """
    return processor.power_w * processor.qpus(qubits) * job_s if qubits else 0.0


class Superconducting(Model):
    """A superconducting processor: gates on different qubits run at once, and a pause precedes every shot.

    A layer of RZZ is two two-qubit gates with three one-qubit pulses before, between and after (H·CZ·RX·CZ·H on one
    qubit of the pair; RZ is a change of frame and free); a rotation is two √X pulses. Hence

        circuit = preparations × 1q + rotations × 2 × 1q + RZZ layers × (2 × 2q + 3 × 1q) + CZ layers × 2q + readout.

    Validity: every pair of a gate is coupled: no swaps. The pause is 98 % of a shot, so depth hardly matters.
    A parametrised circuit is compiled before the run, so `compile_s` is 0 unless given. `power_w` is an assumption of
    ours from D-Wave's "slightly less than 25 kW", most of it the refrigerator's (IEEE Spectrum, 2015).
    """

    kind: Literal["superconducting"] = "superconducting"
    preset: Literal["torino", "fez", "marrakesh", "sherbrooke", "brisbane", "nighthawk"] = "torino"
    queue_mean_s: NonNegative = 0.0
    compile_s: NonNegative = 0.0
    power_w: NonNegative = 25e3
    error_spread: Spread = 0.0
    """0.45 is what the pairs of one processor have among themselves (`qflsim.world.calibrations`)."""
    angle_spread: Spread = 0.0

    @property
    def label(self) -> str:
        """The preset's name."""
        return self.preset

    @property
    def calibration(self) -> Calibration:
        """The preset's speed and quality."""
        return SUPERCONDUCTING[self.preset]

    @property
    def room(self) -> int:
        """Its qubits."""
        return self.calibration.qubits

    def qpus(self, qubits: int) -> int:
        """One; more qubits than it has are an `InputError`."""
        return _one_qpu(self, qubits)

    def queue_s(self, rng: np.random.Generator) -> float:
        """One wait for the processor, exponentially distributed, in seconds."""
        return float(rng.exponential(self.queue_mean_s))

    def circuit_s(self, circuit: Circuit) -> float:
        """A circuit once, readout included, in seconds."""
        made = self.calibration
        pulses_s = (circuit.preparations + 2 * circuit.rotations) * made.one_qubit_s
        zz_s = circuit.zz_layers * (2 * made.two_qubit_s + 3 * made.one_qubit_s)
        return pulses_s + zz_s + circuit.cz_layers * made.two_qubit_s + made.readout_s

    def shot_s(self, circuit: Circuit) -> float:
        """The pause before a shot and the circuit, in seconds."""
        return self.calibration.repetition_s + self.circuit_s(circuit)

    def job_s(self, circuits: int, shots: int, circuit: Circuit) -> float:
        """Circuits × shots × (pause + circuit), in seconds."""
        return circuits * shots * self.shot_s(circuit)

    def exposure(self, circuit: Circuit) -> Exposure:
        """Its pulses and two-qubit gates; who has none in a layer waits for the others."""
        pulses = circuit.qubits * (circuit.preparations + 2 * circuit.rotations) + 3 * circuit.zz_gates
        pairs = 2 * circuit.zz_gates + circuit.cz_gates
        return _exposure(self.calibration, circuit, pulses, pairs, self.circuit_s(circuit))


class IonTrap(Model):
    """A trapped-ion processor: any pair can interact, but one gate runs after the other.

    RZZ and CZ are one two-qubit gate and two one-qubit gates each; a rotation and a pulse are one one-qubit gate. Hence

        circuit = qubits × (preparations + rotations) × 1q + (RZZ + CZ gates) × (2q + 2 × 1q) + readout.

    Validity: transport and cooling of ions between shots are left out. Edges and depth decide the time. `power_w`
    (lasers, vacuum and control of some racks at room temperature) is an assumption of ours.
    """

    kind: Literal["ion-trap"] = "ion-trap"
    preset: Literal["aria"] = "aria"
    queue_mean_s: NonNegative = 0.0
    compile_s: NonNegative = 0.0
    power_w: NonNegative = 5e3
    error_spread: Spread = 0.0
    angle_spread: Spread = 0.0

    @property
    def label(self) -> str:
        """The preset's name."""
        return self.preset

    @property
    def calibration(self) -> Calibration:
        """The preset's speed and quality."""
        return ION_TRAP[self.preset]

    @property
    def room(self) -> int:
        """Its qubits."""
        return self.calibration.qubits

    def qpus(self, qubits: int) -> int:
        """One; more qubits than it has are an `InputError`."""
        return _one_qpu(self, qubits)

    def queue_s(self, rng: np.random.Generator) -> float:
        """One wait for the processor, exponentially distributed, in seconds."""
        return float(rng.exponential(self.queue_mean_s))

    def circuit_s(self, circuit: Circuit) -> float:
        """A circuit once, readout included, in seconds."""
        made = self.calibration
        singles, pairs = self._gates(circuit)
        return singles * made.one_qubit_s + pairs * made.two_qubit_s + made.readout_s

    def job_s(self, circuits: int, shots: int, circuit: Circuit) -> float:
        """Circuits × shots × (pause + circuit), in seconds."""
        return circuits * shots * (self.calibration.repetition_s + self.circuit_s(circuit))

    def exposure(self, circuit: Circuit) -> Exposure:
        """Its gates; while one ion or pair has one, all others wait."""
        return _exposure(self.calibration, circuit, *self._gates(circuit), self.circuit_s(circuit))

    def _gates(self, circuit: Circuit) -> tuple[int, int]:
        pairs = circuit.zz_gates + circuit.cz_gates
        return circuit.qubits * (circuit.preparations + circuit.rotations) + 2 * pairs, pairs


class Simulator(Model):
    """A classical simulator on the device: a circuit's state vector is computed once, its shots are drawn from it.

        circuit = overhead + gates × 2^qubits × amplitude,   gates = qubits × (preparations + rotations) + RZZ + CZ
        job     = circuits × (circuit + shots × sample)

    It makes no errors. The defaults stand for an edge device behind a Python stack that draws 15 W, by an assumption of
    ours: 16 circuits of a cubic graph on 10 nodes, 3 layers, 1,000 shots each take 0.80 s, of which the overhead is
    0.77 s.
    """

    kind: Literal["simulator"] = "simulator"
    queue_mean_s: NonNegative = 0.0
    compile_s: NonNegative = 0.0
    power_w: NonNegative = 15.0
    overhead_s: NonNegative = 48e-3
    amplitude_s: NonNegative = 10e-9
    sample_s: NonNegative = 1e-6
    error_spread: ClassVar[float] = 0.0
    angle_spread: ClassVar[float] = 0.0
    room: ClassVar[int] = SIMULATOR_QUBITS

    @property
    def label(self) -> str:
        """Its kind: there is one make."""
        return self.kind

    def qpus(self, qubits: int) -> int:
        """One; more than `SIMULATOR_QUBITS` are an `InputError`."""
        return _one_qpu(self, qubits)

    def queue_s(self, rng: np.random.Generator) -> float:
        """One wait for the processor, exponentially distributed, in seconds."""
        return float(rng.exponential(self.queue_mean_s))

    def circuit_s(self, circuit: Circuit) -> float:
        """A circuit's state vector, in seconds."""
        gates = circuit.qubits * (circuit.preparations + circuit.rotations) + circuit.zz_gates + circuit.cz_gates
        return self.overhead_s + gates * float(1 << circuit.qubits) * self.amplitude_s

    def job_s(self, circuits: int, shots: int, circuit: Circuit) -> float:
        """Circuits × (circuit + shots × sample), in seconds."""
        return circuits * (self.circuit_s(circuit) + shots * self.sample_s)

    def exposure(self, circuit: Circuit) -> Exposure:
        """Nothing spoils it."""
        return Exposure(PERFECT, circuit.qubits, 0, 0, 0.0)


def _one_qpu(processor: Superconducting | IonTrap | Simulator, qubits: int) -> int:
    if qubits > processor.room:
        raise InputError("processor", f"a circuit of {qubits} qubits on {processor.label}",
                         f'at most {processor.room} qubits, or kind = "split", which joins several')  # fmt: skip
    return 1


def _exposure(made: Calibration, circuit: Circuit, singles: int, pairs: int, circuit_s: float) -> Exposure:
    """The wait is what the gates leave of the time until the readout."""
    busy_s = (singles * made.one_qubit_s + 2 * pairs * made.two_qubit_s) / circuit.qubits
    idle_s = circuit_s - made.readout_s - busy_s
    return Exposure(made, circuit.qubits, singles, pairs, max(0.0, idle_s))
