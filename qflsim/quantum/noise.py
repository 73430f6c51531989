"""What noise leaves of a circuit's result: a share of the ideal state, and bits that are read wrongly."""

from typing import NamedTuple

import numpy as np

from qflsim.errors import InputError
from qflsim.units import Floats
from qflsim.world.compute import Exposure, Processor


class Noise(NamedTuple):
    """A noisy circuit: the state is w × ideal + (1 - w) × fully mixed, and each bit is read wrongly with a probability.

    Hence all expectations of Z and of ZZ shrink by a factor each, whatever the angles: energies are biased and the best
    angles stay where they are. More shots reduce the variance and leave the bias.
    """

    fidelity: float = 1.0
    """the share w"""
    flip: float = 0.0

    @property
    def single(self) -> float:
        """Factor of every <Z_v>, and so of an Ising cost's fields: w (1 - 2 flip)."""
        return self.fidelity * (1 - 2 * self.flip)

    @property
    def pair(self) -> float:
        """Factor of every <Z_u Z_v>, and so of an Ising cost's couplings: w (1 - 2 flip)^2."""
        return self.fidelity * (1 - 2 * self.flip) ** 2

    def mixed(self, ideal: Floats, mean: Floats | float) -> Floats:
        """An expectation before the readout: w × ideal + (1 - w) × its mean over all assignments."""
        return np.asarray(self.fidelity * ideal + (1 - self.fidelity) * mean)


class Quality(NamedTuple):
    """How one device differs from its preset: all its errors by a factor, and what it makes of an angle.

    The factor multiplies the errors of gates and readout and divides T1 and T2. A device applies angle × (1 + gain).
    """

    error_factor: float = 1.0
    gamma_gain: float = 0.0
    beta_gain: float = 0.0

    def scales(self, gammas: int, betas: int) -> Floats:
        """Factors of so many cost angles followed by so many mixer angles.

        Of a vector of angles they make what the device applies; of a gradient there, the one by the angles asked for.
        """
        return np.repeat([1 + self.gamma_gain, 1 + self.beta_gain], [gammas, betas])


NOMINAL = Quality()
"""A device that is as its preset says."""


def quality(processor: Processor, rng: np.random.Generator) -> Quality:
    """A device's quality: a lognormal factor of median 1, and two normal gains, with the processor's spreads.

    Three draws, whatever the spreads: without any it is the nominal one, and one spread does not move what the other
    makes.
    """
    factor, gamma, beta = rng.standard_normal(3)
    spread = processor.angle_spread
    return Quality(float(np.exp(processor.error_spread * factor)), float(spread * gamma), float(spread * beta))


def noise(exposure: Exposure, quality: Quality = NOMINAL) -> Noise:
    """The noise of a circuit on a device of this quality: w is the product of what each gate and each wait leaves.

    A gate of average infidelity r on d dimensions is taken for depolarising: with probability r d / (d - 1), which is
    2 r on one qubit and 4 r / 3 on two, its qubits are fully mixed (Magesan, Gambetta, Emerson, PRL 106:180504, 2011).
    w is the probability that this happens nowhere; where it does, all qubits are taken for fully mixed. That is exact
    if each gate is on all qubits. Else w is the least weight of the ideal state, and energies suffer less: what is
    measured may lie outside the reach of an error (Marshall et al., arXiv 2002.11682). Simulated gate by gate, two
    layers on a triangle with r of 0.2 % and 1 % leave 0.867 of a cut's gain over a random one, where w is 0.746.

    Gate errors hold the relaxation during the gate, so T1 and T2 count for waits alone. An error beyond that of a fully
    mixed state is taken for it. Not modelled: crosstalk, leakage, and that 0 and 1 are not read equally well.
    """
    made, factor = exposure.calibration, quality.error_factor
    singles = (1 - min(1.0, 2 * factor * made.one_qubit_error)) ** exposure.one_qubit_gates
    pairs = (1 - min(1.0, 4 / 3 * factor * made.two_qubit_error)) ** exposure.two_qubit_gates
    waits = kept(exposure.idle_s, made.t1_s / factor, made.t2_s / factor) ** exposure.qubits
    return Noise(singles * pairs * waits * exposure.link, min(0.5, factor * made.readout_error))


def kept(idle_s: float, t1_s: float, t2_s: float) -> float:
    """The share of a qubit's state that a wait leaves: 2 F - 1 = (e^{-t/T1} + 2 e^{-t/T2}) / 3.

    F = 1/2 + e^{-t/T1} / 6 + e^{-t/T2} / 3 is the average gate fidelity of relaxation at zero temperature; the share is
    that of the depolarising channel of equal fidelity, to which twirling brings it. T2 > 2 T1 is unphysical and an
    `InputError`.
    """
    if t2_s > 2 * t1_s:
        raise InputError("calibration", f"T2 = {t2_s:g} s beside T1 = {t1_s:g} s", "T2 of at most 2 T1")
    return float(np.exp(-idle_s / t1_s) + 2 * np.exp(-idle_s / t2_s)) / 3
