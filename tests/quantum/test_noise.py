"""Noise: what gates, waits and pairs leave of a state, against density matrices; qualities of devices."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qflsim.errors import InputError
from qflsim.quantum.noise import NOMINAL, Noise, Quality, kept, noise, quality
from qflsim.streams import Streams
from qflsim.world.calibrations import ION_TRAP, PERFECT, SUPERCONDUCTING, Calibration
from qflsim.world.compute import Exposure, IonTrap, Processor, Simulator, Superconducting, qaoa_circuit

Matrix = npt.NDArray[np.complex128]
X = np.array([[0, 1], [1, 0]], dtype=complex)
Z = np.diag([1.0 + 0j, -1.0])
H = np.array([[1, 1], [1, -1]], dtype=complex) / np.sqrt(2)
CZ = np.diag([1.0 + 0j, 1, 1, -1])
LAWS: list[Processor] = [Superconducting(), IonTrap()]


def rx(angle: float) -> Matrix:
    """e^{-i angle X / 2}."""
    return np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * X


def on(gate: Matrix, where: Sequence[int], qubits: int) -> Matrix:
    """A gate on some of the qubits, as a matrix on all; qubit 0 is the first factor."""
    rest = [q for q in range(qubits) if q not in where]
    whole = np.kron(gate, np.eye(2 ** len(rest))).reshape((2,) * (2 * qubits))
    order = np.argsort([*where, *rest])
    return whole.transpose([*order, *(order + qubits)]).reshape(2**qubits, 2**qubits)


def mixed_on(rho: Matrix, where: Sequence[int], qubits: int) -> Matrix:
    """The state with these qubits fully mixed and the others left alone."""
    for qubit in where:
        flips = [on(pauli, [qubit], qubits) for pauli in (np.eye(2), X, X @ Z, Z)]
        rho = sum(flip @ rho @ flip.conj().T for flip in flips) / 4
    return rho


class Lab:
    """A density matrix beside the ideal one; each gate is followed by depolarising noise on its own qubits."""

    def __init__(self, qubits: int, singles: float, pairs: float) -> None:
        self.qubits, self.errors = qubits, (singles * 2, pairs * 4 / 3)
        self.rho = np.zeros((2**qubits, 2**qubits), dtype=complex)
        self.rho[0, 0] = 1
        self.ideal, self.counts = self.rho, [0, 0]

    def gate(self, gate: Matrix, *where: int) -> None:
        """One gate."""
        whole, depolarised = on(gate, where, self.qubits), self.errors[len(where) - 1]
        self.ideal, rho = whole @ self.ideal @ whole.conj().T, whole @ self.rho @ whole.conj().T
        self.rho = (1 - depolarised) * rho + depolarised * mixed_on(rho, where, self.qubits)
        self.counts[len(where) - 1] += 1

    def qaoa(self, edges: Sequence[tuple[int, int]], gammas: Sequence[float], betas: Sequence[float]) -> None:
        """A QAOA circuit of the gates that a superconductor has: H · CZ · RX · CZ · H for each RZZ."""
        for qubit in range(self.qubits):
            self.gate(H, qubit)
        for gamma, beta in zip(gammas, betas, strict=True):
            for u, v in edges:
                for step in (H, CZ, rx(-gamma), CZ, H):
                    self.gate(step, *((v,) if step.shape == (2, 2) else (u, v)))
            for qubit in range(self.qubits):
                self.gate(rx(2 * beta), qubit)
                self.gate(np.eye(2, dtype=complex), qubit)  # the second of two pulses

    def noise(self) -> Noise:
        """The law's answer for this calibration and these counts."""
        made = Calibration(9, 1.0, 1.0, 0.0, self.errors[0] / 2, 0.0, self.errors[1] * 3 / 4, 0.0, 0.0, 0.0)
        return noise(Exposure(made, self.qubits, *self.counts, 0.0))

    def cuts(self, rho: Matrix, edges: Sequence[tuple[int, int]]) -> float:
        """Expected number of cut edges."""
        pairs = [on(Z, [u], self.qubits) @ on(Z, [v], self.qubits) for u, v in edges]
        return float(sum((1 - np.trace(pair @ rho).real) / 2 for pair in pairs))


def test_depolarising_shares_are_those_of_the_average_infidelity() -> None:
    """A gate of depolarising share 2 r (one qubit) or 4 r / 3 (two) has the infidelity r, averaged over states."""
    rng = np.random.default_rng(4)
    for qubits, infidelity in [(1, 0.03), (2, 0.05)]:
        lab = Lab(qubits, infidelity, infidelity)
        share = lab.errors[qubits - 1]
        infidelities = []
        for _ in range(50):
            state = rng.normal(size=2**qubits) + 1j * rng.normal(size=2**qubits)
            rho = np.outer(state, state.conj()) / np.vdot(state, state).real
            noisy = (1 - share) * rho + share * mixed_on(rho, range(qubits), qubits)
            infidelities.append(1 - np.trace(rho @ noisy).real)
        np.testing.assert_allclose(infidelities, infidelity, atol=1e-12)  # of every state the same, hence no statistics


def test_gates_on_all_qubits_mix_globally() -> None:
    """One qubit, or two with two-qubit gates alone: the state is exactly w × ideal + (1 - w) × fully mixed."""
    one, two = Lab(1, 0.02, 0.0), Lab(2, 0.0, 0.03)
    for angle in (0.3, 1.1, -0.7):
        one.gate(rx(angle), 0)
        one.gate(H, 0)
        for gate in (CZ, np.kron(rx(angle), H) @ CZ):
            two.gate(gate, 0, 1)
    for lab in (one, two):
        w = lab.noise().fidelity
        assert 0.5 < w < 0.9
        expected = w * lab.ideal + (1 - w) * np.eye(2**lab.qubits) / 2**lab.qubits
        np.testing.assert_allclose(lab.rho, expected, atol=1e-14)


def test_the_law_is_the_least_weight_of_the_ideal_state() -> None:
    """QAOA on a triangle, two layers: the rest beside w × ideal is a state, and the cut suffers less than by w."""
    lab, edges = Lab(3, 2e-3, 1e-2), [(0, 1), (1, 2), (0, 2)]
    lab.qaoa(edges, [0.5, 0.9], [0.6, 0.3])
    counted = Superconducting().exposure(qaoa_circuit(3, 3, 3, 2))
    assert lab.counts == [counted.one_qubit_gates, counted.two_qubit_gates]
    w = lab.noise().fidelity
    rest = np.linalg.eigvalsh(lab.rho - w * lab.ideal)
    assert rest.min() > 0
    assert rest.sum() == pytest.approx(1 - w, rel=1e-12)
    fidelity = np.trace(lab.ideal @ lab.rho).real
    assert w + (1 - w) / 8 < fidelity < w + (1 - w) / 2
    noisy, ideal = lab.cuts(lab.rho, edges), lab.cuts(lab.ideal, edges)
    shrunk = (noisy - 1.5) / (ideal - 1.5)  # 1.5 edges are cut at random
    assert w == pytest.approx(0.746, abs=5e-4)
    assert shrunk == pytest.approx(0.867, abs=5e-4)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.kind)
def test_limits_are_exact(law: Processor) -> None:
    """Without errors nothing is lost, for ever; with them nothing is left of an endless circuit."""
    calibration = SUPERCONDUCTING["torino"] if law.kind == "superconducting" else ION_TRAP["aria"]
    exposure = law.exposure(qaoa_circuit(10, 15, 4, 10**5))
    assert exposure.calibration == calibration
    assert noise(exposure).fidelity == 0.0
    assert noise(exposure._replace(calibration=PERFECT)) == Noise(1.0, 0.0)
    depths = [noise(law.exposure(qaoa_circuit(10, 15, 4, layers))).fidelity for layers in range(6)]
    assert all(later < earlier for earlier, later in pairwise(depths))


def test_simulators_make_no_errors() -> None:
    """Whatever the device's quality would be."""
    exposure = Simulator().exposure(qaoa_circuit(10, 15, 4, 8))
    assert noise(exposure) == noise(exposure, Quality(error_factor=50.0)) == Noise()


def test_torino_by_hand() -> None:
    """Cubic graph on ten nodes, p = 1: 75 pulses, 30 CZ and ten waits of 376 ns leave 0.792 of the state."""
    singles, pairs = (1 - 2 * 2.71e-4) ** 75, (1 - 4 / 3 * 4.19e-3) ** 30
    wait = (np.exp(-376e-9 / 185.0e-6) + 2 * np.exp(-376e-9 / 140.9e-6)) / 3
    told = noise(Superconducting().exposure(qaoa_circuit(10, 15, 4, 1)))
    assert told.fidelity == pytest.approx(singles * pairs * wait**10, rel=1e-9)
    assert told.fidelity == pytest.approx(0.792, abs=5e-4)
    assert told.flip == 2.30e-2
    assert told.pair == pytest.approx(told.fidelity * 0.954**2, rel=1e-12)


def test_ions_lose_by_waiting() -> None:
    """Aria at p = 3: gates leave 0.69 of the state; they run one by one, and the waits leave 0.77 of that."""
    exposure = IonTrap().exposure(qaoa_circuit(10, 15, 4, 3))
    ready = noise(exposure._replace(idle_s=0.0)).fidelity
    assert ready == pytest.approx((1 - 1e-3) ** 130 * (1 - 4 / 3 * 4e-3) ** 45, rel=1e-9)
    assert noise(exposure).fidelity == pytest.approx(0.77 * ready, abs=5e-3)


def relaxed(rho: Matrix, wait_s: float, t1_s: float, t2_s: float) -> Matrix:
    """Relaxation to 0: populations decay with T1, coherences with T2."""
    alive, coherent = np.exp(-wait_s / t1_s), np.exp(-wait_s / t2_s)
    return np.array([[rho[0, 0] + (1 - alive) * rho[1, 1], coherent * rho[0, 1]],
                     [coherent * rho[1, 0], alive * rho[1, 1]]])  # fmt: skip


@pytest.mark.parametrize(("t1_s", "t2_s"), [(185.0, 140.9), (100.0, 200.0), (1.0, 1e-3)])
def test_a_wait_keeps_what_relaxation_keeps(t1_s: float, t2_s: float) -> None:
    """2 F - 1, where F is the channel's average fidelity: the mean over the six states of a 2-design."""
    states = [np.array(state) / np.linalg.norm(state) for state in
              ([1, 0], [0, 1], [1, 1], [1, -1], [1, 1j], [1, -1j])]  # fmt: skip
    for wait_s in (0.0, 0.1, 20.0, 300.0):
        pure = [np.outer(state, state.conj()) for state in states]
        fidelity = np.mean([np.trace(rho @ relaxed(rho, wait_s, t1_s, t2_s)).real for rho in pure])
        assert kept(wait_s, t1_s, t2_s) == pytest.approx(2 * fidelity - 1, abs=1e-12)


def test_a_coherence_that_outlives_the_population_is_refused() -> None:
    """T2 = 2 T1 is the most there is."""
    assert kept(1.0, 1.0, 2.0) < 1
    with pytest.raises(InputError, match="at most 2 T1"):
        kept(1.0, 1.0, 2.001)


@given(st.floats(0, 1), st.floats(0, 0.5), st.integers(0, 2**32 - 1))
def test_factors_are_those_of_a_mixed_and_misread_distribution(fidelity: float, flip: float, seed: int) -> None:
    """Mixing a distribution over three bits and flipping each bit multiplies <Z> and <ZZ> by the two factors."""
    ideal = np.random.default_rng(seed).dirichlet(np.ones(8)).reshape(2, 2, 2)
    misread = np.array([[1 - flip, flip], [flip, 1 - flip]])
    seen = np.einsum("ai,bj,ck,ijk->abc", misread, misread, misread, fidelity * ideal + (1 - fidelity) / 8)
    sign, told = np.array([1.0, -1.0]), Noise(fidelity, flip)
    assert np.einsum("a,abc->", sign, seen) == pytest.approx(told.single * np.einsum("a,abc->", sign, ideal), abs=1e-12)
    pair = np.einsum("a,c,abc->", sign, sign, ideal)
    assert np.einsum("a,c,abc->", sign, sign, seen) == pytest.approx(told.pair * pair, abs=1e-12)
    values = np.arange(8.0).reshape(2, 2, 2)
    unread = np.sum(values * (fidelity * ideal + (1 - fidelity) / 8))
    assert float(told.mixed(np.asarray(np.sum(values * ideal)), 3.5)) == pytest.approx(unread, abs=1e-12)


def test_bias_does_not_fall_with_shots_while_variance_does() -> None:
    """Means of sampled, mixed, misread bits: their variance is p (1 - p) / shots, their bias that of the law."""
    rng, told = np.random.default_rng(8), Noise(0.8, 0.05)
    ideal = 0.6  # <Z>
    for shots in (100, 10_000):
        means = 1 - 2 * rng.binomial(shots, (1 - told.single * ideal) / 2, size=2000) / shots
        variance = (1 - (told.single * ideal) ** 2) / shots
        assert abs(means.mean() - told.single * ideal) < 5 * np.sqrt(variance / 2000)
        assert abs(means.var() / variance - 1) < 5 * np.sqrt(2 / 2000)
        assert ideal - means.mean() > 0.15


def test_gains_move_the_best_angles_and_mixing_does_not() -> None:
    """One edge, p = 1: <C> = 1/2 + sin(4 b) sin(g) / 2 peaks at (pi / 2, pi / 8), whatever is mixed in."""
    best = np.array([np.pi / 2, np.pi / 8])

    def slope(angles: npt.NDArray[np.float64], told: Noise, bent: Quality) -> npt.NDArray[np.float64]:
        g, b = bent.scales(1, 1) * angles
        return bent.scales(1, 1) * told.pair * np.array([np.sin(4 * b) * np.cos(g) / 2, 2 * np.cos(4 * b) * np.sin(g)])

    bent = Quality(1.0, 0.05, -0.03)
    np.testing.assert_allclose(slope(best, Noise(0.5, 0.02), NOMINAL), 0.0, atol=1e-15)
    assert (abs(slope(best, Noise(), bent)) > 0.02).all()
    np.testing.assert_allclose(slope(best / bent.scales(1, 1), Noise(0.5, 0.02), bent), 0.0, atol=1e-15)


def test_a_factor_of_errors_divides_times() -> None:
    """Twice the errors: gates and readout err twice as much, T1 and T2 are halved, a share of pairs stays."""
    made = SUPERCONDUCTING["fez"]
    exposure = Superconducting(preset="fez").exposure(qaoa_circuit(10, 15, 4, 2))._replace(link=0.9)
    worse = made._replace(t1_s=made.t1_s / 2, t2_s=made.t2_s / 2, one_qubit_error=2 * made.one_qubit_error,
                          two_qubit_error=2 * made.two_qubit_error, readout_error=2 * made.readout_error)  # fmt: skip
    assert noise(exposure, Quality(2.0)) == noise(exposure._replace(calibration=worse))
    assert noise(exposure, NOMINAL).fidelity == pytest.approx(noise(exposure._replace(link=1.0)).fidelity * 0.9)


def test_errors_end_where_all_is_mixed() -> None:
    """A hopeless device reads coins from a fully mixed state; it is not worse than that."""
    assert noise(Superconducting().exposure(qaoa_circuit(4, 4, 2, 1)), Quality(1e6)) == Noise(0.0, 0.5)


def test_qualities_are_drawn_with_the_spreads() -> None:
    """ln of the factor and both gains are normal with the given deviations, independent, and centred."""
    law = Superconducting(error_spread=0.5, angle_spread=0.02)
    rng, count = np.random.default_rng(3), 4000
    drawn = np.array([quality(law, rng) for _ in range(count)])
    drawn[:, 0] = np.log(drawn[:, 0])
    spreads = np.array([0.5, 0.02, 0.02])
    assert (abs(drawn.mean(axis=0)) < 5 * spreads / np.sqrt(count)).all()
    assert (abs(drawn.std(axis=0) / spreads - 1) < 5 / np.sqrt(2 * count)).all()
    assert (abs(np.corrcoef(drawn.T)[np.triu_indices(3, 1)]) < 5 / np.sqrt(count)).all()


def test_a_spread_moves_nothing_else() -> None:
    """No spread gives the nominal device; each spread leaves what the other one draws."""

    def device(**spreads: float) -> Quality:
        return quality(Superconducting(**spreads), Streams(1).named("cars", 0, "quality"))

    assert device() == NOMINAL
    assert quality(Simulator(), np.random.default_rng(0)) == NOMINAL
    both = device(error_spread=0.4, angle_spread=0.1)
    assert both == device(angle_spread=0.1)._replace(error_factor=device(error_spread=0.4).error_factor)


def test_gains_scale_angles_and_gradients() -> None:
    """By the chain rule the same factors serve both: the derivative of f(scales × x) by x."""
    bent, angles = Quality(1.0, 0.1, -0.2), np.array([0.3, 0.5, 0.7])
    scales = bent.scales(2, 1)
    np.testing.assert_array_equal(scales, [1.1, 1.1, 0.8])

    def f(x: npt.NDArray[np.float64]) -> float:
        return float(np.sin(x).prod())

    steps = 1e-6 * np.eye(3)
    by_asked = [(f(scales * (angles + step)) - f(scales * (angles - step))) / 2e-6 for step in steps]
    by_applied = [(f(scales * angles + step) - f(scales * angles - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(by_asked, scales * by_applied, atol=1e-9)
