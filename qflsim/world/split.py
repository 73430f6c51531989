"""Several processors joined by entangled pairs, for circuits that are larger than one of them."""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from qflsim.model import Count, Model, NonNegative, Positive
from qflsim.world.compute import Circuit, Exposure, IonTrap, Simulator, Superconducting


class SplitProcessor(Model):
    """Equal QPUs, `of` these, that share circuits: a gate between two of them is teleported and takes one pair.

    A remote RZZ copies the bit of its near qubit to the far QPU through the pair (measure, tell, correct), is a local
    gate there, and gives the copy up again (measure, tell back, correct): one pair, and two messages one after the
    other. Source: J. Eisert et al., PRA 62:052317 (2000). Hence, with R remote gates in at most L = min(R, RZZ layers)
    layers,

        circuit = of's + 2 L × latency,    shot = of's pause + R / pairs_per_s + circuit,    link = ((4F - 1) / 3)^R.

    A pair of fidelity F is taken for a Werner state: with probability (4F - 1) / 3 the perfect one, else white noise.
    The link's share is a lower bound: white noise still leaves the right gate in one case of four.

    Validity: the pairs of a shot are made and stored before it begins, and `pair_fidelity` is what is left of them when
    they are used; qubits that wait for a message are kept by refocusing. So perfect pairs change the time alone. The
    circuit itself takes what it would on one QPU large enough: nothing is gained from QPUs that work at once, which on
    ions makes it an upper bound. Communication qubits come on top of `qubits`. All QPUs are had together, after one
    wait. The link's defaults are those of two ion traps 2 m apart: L. J. Stephenson et al., PRL 124:110501 (2020);
    `latency_s` is an assumption of ours.
    """

    kind: Literal["split"] = "split"
    of: Annotated[Superconducting | IonTrap | Simulator, Field(discriminator="kind")]
    qubits: Count | None = None
    """of a QPU; without it, as many as `of` has"""
    pairs_per_s: Positive = 182.0
    pair_fidelity: Annotated[float, Field(ge=0.25, le=1)] = 0.94
    latency_s: NonNegative = 1e-6
    """one way of a message between QPUs (200 m of fibre)"""

    @model_validator(mode="after")
    def _made_of_what_there_is(self) -> Self:
        if self.qubits is not None and self.qubits > self.of.room:
            raise ValueError(f"qubits: at most {self.of.room}, which {self.of.label} has, not {self.qubits}")
        return self

    @property
    def label(self) -> str:
        """That of the QPUs, and that there are several."""
        return f"split {self.of.label}"

    @property
    def queue_mean_s(self) -> float:
        """Mean wait for the QPUs, which are had together."""
        return self.of.queue_mean_s

    @property
    def compile_s(self) -> float:
        """Time to compile a job before its first shot."""
        return self.of.compile_s

    @property
    def power_w(self) -> float:
        """What one QPU draws."""
        return self.of.power_w

    @property
    def error_spread(self) -> float:
        """That of the QPUs: all of one device are equally good."""
        return self.of.error_spread

    @property
    def angle_spread(self) -> float:
        """That of the QPUs: all of one device are equally good."""
        return self.of.angle_spread

    @property
    def room(self) -> int:
        """Most qubits of a circuit that one QPU holds."""
        return self.of.room if self.qubits is None else self.qubits

    def qpus(self, qubits: int) -> int:
        """As few as hold so many qubits."""
        return -(-qubits // self.room)

    def queue_s(self, rng: np.random.Generator) -> float:
        """One wait for the QPUs, in seconds."""
        return self.of.queue_s(rng)

    def circuit_s(self, circuit: Circuit) -> float:
        """A circuit once, messages and readout included, in seconds; its pairs are ready."""
        return self.of.circuit_s(circuit) + self._messages_s(circuit)

    def job_s(self, circuits: int, shots: int, circuit: Circuit) -> float:
        """Circuits like this one on the QPUs, and the messages and pairs of every shot, in seconds."""
        link_s = circuit.remote_zz / self.pairs_per_s + self._messages_s(circuit)
        return self.of.job_s(circuits, shots, circuit) + circuits * shots * link_s

    def exposure(self, circuit: Circuit) -> Exposure:
        """What one QPU large enough does to it, and what the pairs do."""
        share = (4 * self.pair_fidelity - 1) / 3
        return self.of.exposure(circuit)._replace(link=share**circuit.remote_zz)

    def _messages_s(self, circuit: Circuit) -> float:
        return 2 * self.latency_s * min(circuit.remote_zz, circuit.zz_layers)
