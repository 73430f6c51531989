"""Apparatus: what a processor makes of angles, states and graphs, with its noise or without."""

import numpy as np
import pytest

from qflsim.learning.apparatus import Apparatus
from qflsim.quantum.noise import Noise, Quality, noise
from qflsim.world.compute import IonTrap, Processor, Simulator, Superconducting, qaoa_circuit
from qflsim.world.split import SplitProcessor

CIRCUIT = qaoa_circuit(6, 9, 3, 2)
QUALITY = Quality(2.0, 0.1, -0.2)


@pytest.mark.parametrize("processor", [Superconducting(), IonTrap(), Simulator()])
def test_noise_is_left_out_or_the_devices_own(processor: Processor) -> None:
    """Without noise a circuit is perfect on anything; with it, it is what the device's quality makes of the preset."""
    assert Apparatus(processor, QUALITY).noise(CIRCUIT) == Noise(1.0, 0.0)
    noisy = Apparatus(processor, QUALITY, noisy=True)
    assert noisy.noise(CIRCUIT) == noise(processor.exposure(CIRCUIT), QUALITY)


def test_angles_are_turned_as_the_device_turns_them() -> None:
    """Cost angles by one gain, mixer angles by the other; by none without noise."""
    assert Apparatus(Superconducting(), QUALITY).scales(2, 3).tolist() == [1.0] * 5
    noisy = Apparatus(Superconducting(), QUALITY, noisy=True)
    np.testing.assert_allclose(noisy.scales(2, 3), [1.1, 1.1, 0.8, 0.8, 0.8])


def test_remote_edges_join_different_qpus() -> None:
    """None on one QPU; between cliques that fit none; of a complete graph of six on QPUs of three, nine of fifteen."""
    full, cliques = 1 - np.eye(6), np.kron(np.eye(2), 1 - np.eye(3))
    split = Apparatus(SplitProcessor(of=Superconducting(), qubits=3))
    assert Apparatus(Superconducting()).remote_edges(full) == 0
    assert split.remote_edges(cliques) == 0
    assert split.remote_edges(full) == 9
    assert split.remote_edges(0.1 * full) == 9


def test_more_remote_edges_cost_fidelity_and_time() -> None:
    """Perfect pairs leave the fidelity of one large QPU; worse ones take their share for each."""
    whole, joined = qaoa_circuit(6, 15, 5, 1), qaoa_circuit(6, 15, 5, 1, remote_edges=9)
    perfect, poor = (
        Apparatus(SplitProcessor(of=Superconducting(), qubits=3, pair_fidelity=f), noisy=True) for f in (1.0, 0.94)
    )
    alone = Apparatus(Superconducting(), noisy=True).noise(whole)
    assert perfect.noise(joined) == pytest.approx(alone)
    assert poor.noise(joined).fidelity == pytest.approx(alone.fidelity * ((4 * 0.94 - 1) / 3) ** 9, rel=1e-12)
