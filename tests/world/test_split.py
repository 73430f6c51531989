"""Joined processors: what a split costs, its exact limits, and the teleported gate that it stands for."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from qflsim.errors import InputError, InputErrors
from qflsim.scenario.load import parse, resolved
from qflsim.world.compute import IonTrap, Processor, Simulator, Superconducting, energy_j, qaoa_circuit
from qflsim.world.split import SplitProcessor

Matrix = npt.NDArray[np.complex128]
INNER = [Superconducting(queue_mean_s=3.0, error_spread=0.2), IonTrap(compile_s=1.0), Simulator()]


@pytest.mark.parametrize("of", INNER, ids=lambda of: of.kind)
def test_no_cut_no_cost(of: Superconducting | IonTrap | Simulator) -> None:
    """Without a remote gate every law is exactly that of one QPU, however bad the link."""
    split: Processor = SplitProcessor(of=of, pairs_per_s=1e-3, pair_fidelity=0.25, latency_s=9.0)
    for circuit in (qaoa_circuit(10, 15, 4, 3), qaoa_circuit(2, 1, 1, 1)):
        assert split.circuit_s(circuit) == of.circuit_s(circuit)
        assert split.job_s(7, 100, circuit) == of.job_s(7, 100, circuit)
        assert split.exposure(circuit) == of.exposure(circuit)
    assert (split.room, split.qpus(10), split.power_w) == (of.room, 1, of.power_w)
    assert (split.queue_mean_s, split.compile_s) == (of.queue_mean_s, of.compile_s)
    assert (split.error_spread, split.angle_spread) == (of.error_spread, of.angle_spread)
    assert split.queue_s(np.random.default_rng(1)) == of.queue_s(np.random.default_rng(1))


@pytest.mark.parametrize("of", INNER, ids=lambda of: of.kind)
def test_perfect_pairs_change_the_time_alone(of: Superconducting | IonTrap | Simulator) -> None:
    """Each shot waits for its pairs and for two messages a remote layer; nothing is spoilt."""
    split = SplitProcessor(of=of, qubits=5, pairs_per_s=50.0, pair_fidelity=1.0, latency_s=2e-6)
    circuit = qaoa_circuit(10, 15, 4, 3, remote_edges=5)
    assert split.exposure(circuit) == of.exposure(circuit)
    assert split.circuit_s(circuit) == pytest.approx(of.circuit_s(circuit) + 2 * 12 * 2e-6, rel=1e-12)
    extra_s = split.job_s(4, 100, circuit) - of.job_s(4, 100, circuit)
    assert extra_s == pytest.approx(4 * 100 * (15 / 50.0 + 24 * 2e-6), rel=1e-9)


def test_a_few_remote_gates_are_in_few_layers() -> None:
    """Two remote gates take at most two layers of messages."""
    split = SplitProcessor(of=Simulator(), latency_s=1e-3)
    circuit = qaoa_circuit(10, 15, 4, 2, remote_edges=1)
    assert split.circuit_s(circuit) - Simulator().circuit_s(circuit) == pytest.approx(4e-3, rel=1e-9)


@pytest.mark.parametrize(("fidelity", "share"), [(1.0, 1.0), (0.94, 0.92), (0.625, 0.5), (0.25, 0.0)])
def test_each_pair_passes_on_its_share(fidelity: float, share: float) -> None:
    """(4 F - 1) / 3 to the power of the remote gates; a pair of fidelity 1/4 is noise."""
    split = SplitProcessor(of=Superconducting(), pair_fidelity=fidelity)
    assert split.exposure(qaoa_circuit(10, 15, 4, 2, 3)).link == pytest.approx(share**6, abs=1e-12)


def test_as_few_qpus_as_hold_it() -> None:
    """Room decides how many, and each draws its power."""
    split = SplitProcessor(of=IonTrap(), qubits=4)
    assert [split.qpus(qubits) for qubits in (1, 4, 5, 8, 9)] == [1, 1, 2, 2, 3]
    assert SplitProcessor(of=IonTrap()).qpus(51) == 3
    assert energy_j(split, 2.0, 9) == 3 * energy_j(IonTrap(), 2.0, 9)
    assert split.label == "split aria"


def section(**split: Any) -> dict[str, Any]:
    """A scenario with such a processor."""
    devices = {"name": "cars", "count": 1, "processor": {"kind": "split", **split}}
    return {"name": "x", "devices": [devices]}


def test_a_section_within_a_section() -> None:
    """It is read from a scenario and again from its resolved form."""
    scenario = parse(section(of={"kind": "ion-trap", "queue_mean_s": 2.0}, qubits=4), Path())
    assert scenario.devices[0].processor == SplitProcessor(of=IonTrap(queue_mean_s=2.0), qubits=4)
    assert parse(resolved(scenario), Path()) == scenario


@pytest.mark.parametrize(
    ("split", "where", "want"),
    [
        ({"of": {"kind": "ion-trap", "preset": "arya"}}, "of.preset", "'aria'"),
        ({"of": {"kind": "simulator", "overhead": 1.0}}, "of.overhead", "overhead_s"),
        ({"of": {"kind": "split"}}, "of", "'superconducting', 'ion-trap', 'simulator'"),
        ({"of": {}}, "of", "a section with a kind"),
        ({"of": 3}, "of", "a section"),
        ({}, "of", "no default"),
        ({"of": {"kind": "ion-trap"}, "qubits": 26}, "", "at most 25"),
        ({"of": {"kind": "ion-trap"}, "pair_fidelity": 0.2}, "pair_fidelity", "0.25"),
        ({"of": {"kind": "ion-trap"}, "pairs_per_s": 0.0}, "pairs_per_s", "at least"),
    ],
)
def test_mistakes_are_told_where_they_stand(split: dict[str, Any], where: str, want: str) -> None:
    """Also in the inner section, and without the kind that pydantic puts in a place."""
    with pytest.raises(InputErrors) as caught:
        parse(section(**split), Path())
    (mistake,) = caught.value.errors
    assert mistake.where == ".".join(["devices.cars.processor", *([where] if where else [])])
    assert want in mistake.want


def test_too_many_qubits_are_told_the_way_out() -> None:
    """A graph of 30 nodes, were there one, does not fit an ion trap of 25; two of these hold it."""
    with pytest.raises(InputError, match='kind = "split", which joins several'):
        IonTrap().qpus(30)
    assert SplitProcessor(of=IonTrap()).qpus(30) == 2


Z, X, I2 = np.diag([1.0 + 0j, -1.0]), np.array([[0, 1], [1, 0]], dtype=complex), np.eye(2, dtype=complex)


def on(**gates: Matrix) -> Matrix:
    """One-qubit operators on the qubits near, here, there (of the pair) and far, in this order."""
    whole = np.eye(1, dtype=complex)
    for name in ("near", "here", "there", "far"):
        whole = np.kron(whole, gates.get(name, I2))
    return whole


def controlled(control: str, gate: Matrix, target: str) -> Matrix:
    """A gate on one qubit that another one controls."""
    zero, one = np.diag([1.0 + 0j, 0]), np.diag([0, 1.0 + 0j])
    return on(**{control: zero}) + on(**{control: one, target: gate})


def rzz(angle: float, rho: Matrix) -> Matrix:
    """e^{-i angle ZZ / 2} on two qubits."""
    phases = np.exp(-0.5j * angle * np.array([1, -1, -1, 1]))
    return phases[:, None] * rho * phases.conj()


def teleported(angle: float, rho: Matrix, pair: Matrix) -> Matrix:
    """RZZ between near and far through a pair: copy the bit, a local gate, give the copy up; with both corrections."""
    start = np.einsum("nfNF,htHT->nhtfNHTF", rho.reshape(2, 2, 2, 2), pair.reshape(2, 2, 2, 2)).reshape(16, 16)
    hadamard = np.array([[1, 1], [1, -1]], dtype=complex) / np.sqrt(2)
    local = on(there=np.exp(-0.5j * angle) * np.diag([1.0 + 0j, 0])) @ on(far=np.diag([1, np.exp(1j * angle)])) + on(
        there=np.exp(0.5j * angle) * np.diag([0, 1.0 + 0j])) @ on(far=np.diag([1, np.exp(-1j * angle)]))  # fmt: skip
    out = np.zeros((16, 16), dtype=complex)
    for told, back in product((0, 1), repeat=2):
        seen, given_up = np.diag([1.0 - told, told]), np.diag([1.0 - back, back])
        steps = [controlled("near", X, "here"), on(here=seen), on(there=np.linalg.matrix_power(X, told)), local,
                 on(there=hadamard), on(there=given_up), on(near=np.linalg.matrix_power(Z, back))]  # fmt: skip
        whole = np.eye(16, dtype=complex)
        for step in steps:
            whole = step @ whole
        out += whole @ start @ whole.conj().T
    return np.einsum("nhtfNhtF->nfNF", out.reshape((2,) * 8)).reshape(4, 4)


def werner(fidelity: float) -> Matrix:
    """(4 F - 1) / 3 of the pair (|00> + |11>) / sqrt 2, and white noise."""
    bell = np.array([1, 0, 0, 1]) / np.sqrt(2)
    share = (4 * fidelity - 1) / 3
    return np.asarray(share * np.outer(bell, bell) + (1 - share) * np.eye(4) / 4, dtype=complex)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.3, np.pi])
def test_a_teleported_gate_is_the_gate_and_takes_the_noise_of_its_pair(angle: float) -> None:
    """Perfect pairs: exactly RZZ. Else F of it, and (1 - F) / 3 each of a sign, of a turned angle, and of both."""
    rng = np.random.default_rng(2)
    factor = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    rho = factor @ factor.conj().T
    rho /= np.trace(rho)
    np.testing.assert_allclose(teleported(angle, rho, werner(1.0)), rzz(angle, rho), atol=1e-14)
    sign = np.kron(Z, I2)
    for fidelity in (0.25, 0.7, 0.94):
        wrong = (sign @ (rzz(angle, rho) + rzz(-angle, rho)) @ sign + rzz(-angle, rho)) / 3
        expected = fidelity * rzz(angle, rho) + (1 - fidelity) * wrong
        np.testing.assert_allclose(teleported(angle, rho, werner(fidelity)), expected, atol=1e-14)
        # What the law leaves to noise is a state indeed, so its share is a lower bound.
        share = (4 * fidelity - 1) / 3
        assert np.linalg.eigvalsh(expected - share * rzz(angle, rho)).min() > -1e-15
