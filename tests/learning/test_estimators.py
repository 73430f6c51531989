"""Gradient estimators: their means, their variances, and the circuits that they are charged for."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from qflsim.learning.apparatus import Apparatus
from qflsim.learning.classification import Classification
from qflsim.learning.data import Images
from qflsim.learning.estimators import Estimator, Exact, ParameterShift, Run, Spsa
from qflsim.learning.graph_batch import GraphBatch
from qflsim.learning.graphs import CompleteGraphs
from qflsim.learning.problems import IndependentSet
from qflsim.learning.qaoa_task import GraphObjective, Qaoa
from qflsim.learning.tasks import Gathered, Participant
from qflsim.quantum.noise import Quality
from qflsim.quantum.qaoa import distributions
from qflsim.quantum.shifts import shifted_gradients
from qflsim.units import Floats
from qflsim.world.compute import Simulator, Superconducting, classifier_circuit, qaoa_circuit

LAW = Callable[[Floats], float]


class Known:
    """An objective that is a known function, measured without error."""

    def __init__(self, law: LAW) -> None:
        self.law = law

    def runs(self, step: int) -> list[Run]:
        """Nothing."""
        return []

    def other_s(self, step: int) -> float:
        """Nothing."""
        return 0.0

    def gradient(self, step: int, parameters: Floats) -> Floats:
        """Not asked for."""
        raise NotImplementedError

    def measured(self, step: int, parameters: Floats, shots: int, rng: np.random.Generator) -> float:
        """The function."""
        return self.law(parameters)

    def shifted(self, step: int, parameters: Floats, shots: int, rng: np.random.Generator) -> Floats:
        """Not asked for."""
        raise NotImplementedError


class Signs:
    """Stands for a generator whose next direction is known."""

    def __init__(self, signs: tuple[float, ...]) -> None:
        self.signs = np.array(signs)

    def choice(self, values: list[float], size: int) -> Floats:
        """The direction."""
        assert (sorted(values), size) == ([-1.0, 1.0], len(self.signs))
        return self.signs


def all_estimates(law: LAW, at: Floats, perturbation: float) -> Floats:
    """SPSA's estimate along every direction, each of which is as likely, (2^P, P)."""
    rule, known = Spsa(perturbation=perturbation), Known(law)
    directions = product([-1.0, 1.0], repeat=len(at))
    return np.array([rule.gradient(known, 0, at, 1, Signs(signs)) for signs in directions])  # type: ignore[arg-type]


AT = np.array([0.3, -0.7, 1.1, 0.2])


def test_spsa_is_unbiased_on_quadratics() -> None:
    """The mean over all directions is the gradient of a quadratic form exactly, whatever the perturbation."""
    rng = np.random.default_rng(1)
    matrix, slope = rng.standard_normal((4, 4)), rng.standard_normal(4)
    matrix += matrix.T
    mean = all_estimates(lambda x: float(x @ matrix @ x / 2 + slope @ x), AT, 0.5).mean(axis=0)
    np.testing.assert_allclose(mean, matrix @ AT + slope, atol=1e-13)


def test_the_bias_of_spsa_falls_with_the_square_of_the_perturbation() -> None:
    """Of x_0 x_1 x_2 + x_3^3 the mean is off by c^2 (0, 0, 0, 1) exactly; of any smooth function a quarter at c / 2."""
    off = all_estimates(lambda x: float(x[0] * x[1] * x[2] + x[3] ** 3), AT, 0.2).mean(axis=0)
    gradient = np.array([AT[1] * AT[2], AT[0] * AT[2], AT[0] * AT[1], 3 * AT[3] ** 2])
    np.testing.assert_allclose(off - gradient, [0, 0, 0, 0.2**2], atol=1e-14)

    def wave(x: Floats) -> float:
        return float(np.sin(x).prod())

    slopes = np.sin(AT).prod() / np.tan(AT)
    wide, narrow = (np.abs(all_estimates(wave, AT, c).mean(axis=0) - slopes) for c in (0.1, 0.05))
    np.testing.assert_allclose(wide / narrow, 4, rtol=0.02)


def test_the_variance_of_spsa_is_the_slope_of_all_other_angles() -> None:
    """Of a linear function with slope a, Var(g_i) = |a|^2 - a_i^2: it grows with the number of angles."""
    slope = np.array([0.5, -1.0, 2.0, 0.25])
    estimates = all_estimates(lambda x: float(slope @ x), AT, 0.1)
    np.testing.assert_allclose(estimates.mean(axis=0), slope, atol=1e-14)
    np.testing.assert_allclose(estimates.var(axis=0), slope @ slope - slope**2, rtol=1e-12)


# --- on circuits

FAMILY = CompleteGraphs(nodes=4)
ANGLES = np.array([0.5, 0.35])
NOISY = Apparatus(Superconducting(), Quality(3.0, 0.1, -0.05), noisy=True)
MIXING = Apparatus(Superconducting(), Quality(3.0), noisy=True)


def objective(task: Qaoa, apparatus: Apparatus) -> GraphObjective:
    """The mean over two graphs."""
    rng = np.random.default_rng(4)
    return GraphObjective(task, [[FAMILY.draw(rng), FAMILY.draw(rng)]], apparatus)


def batch(task: Qaoa) -> GraphBatch:
    """The same two graphs without noise."""
    rng = np.random.default_rng(4)
    return GraphBatch(task, [FAMILY.draw(rng), FAMILY.draw(rng)])


def variances(batch: GraphBatch, graph: int, chances: Floats) -> Floats:
    """Of C / bound in one shot, (R,), from the probabilities of all assignments, (R, 2^m)."""
    values = batch.costs.values[graph] / batch.bounds[graph]
    return np.asarray(chances @ values**2 - (chances @ values) ** 2)


def assert_mean_and_variance(estimates: Floats, mean: Floats, variance: Floats) -> None:
    """Both within five of their own standard errors; the variance's from the sample's fourth moment."""
    count, spread = len(estimates), estimates - estimates.mean(axis=0)
    assert (np.abs(estimates.mean(axis=0) - mean) < 5 * np.sqrt(variance / count)).all()
    error = np.sqrt(((spread**4).mean(axis=0) - spread.var(axis=0) ** 2) / count)
    assert (np.abs(spread.var(axis=0, ddof=1) - variance) < 5 * error).all()


@pytest.mark.parametrize("shots", [10, 1000])
def test_spsa_on_shots_adds_their_variance(shots: int) -> None:
    """Var(g_i) = Var over directions + the mean over them of [var(+) + var(-)] / (4 c^2 H); the mean is SPSA's own."""
    task, rule = Qaoa(layers=1), Spsa(perturbation=0.2)
    ideal = batch(task)

    def exact(angles: Floats) -> float:
        return ideal.objective(angles)[0]

    along = all_estimates(exact, ANGLES, 0.2)
    corners = [ANGLES + 0.2 * np.array(signs) for signs in product([-1.0, 1.0], repeat=2)]
    of_one = [sum(variances(ideal, g, distributions(ideal.costs, at)[g]) for g in (0, 1)) / 2**2 for at in corners]
    variance = along.var(axis=0) + 2 * np.mean(of_one) / (4 * 0.2**2 * shots)
    rng, measured = np.random.default_rng(5), objective(task, Apparatus(Simulator()))
    estimates = np.array([rule.gradient(measured, 0, ANGLES, shots, rng) for _ in range(1500)])
    assert_mean_and_variance(estimates, along.mean(axis=0), variance)


@pytest.mark.parametrize("shots", [10, 1000])
def test_parameter_shift_is_unbiased_with_the_variance_of_its_circuits(shots: int) -> None:
    """Var = sum over gates w^2 [var(+) + var(-)] / (4 H) for cost gates of weight w, 4 times that for mixers.

    A gate of weight w turns by J = w / 2, a mixer by 1, and each of its two circuits is measured with H shots.
    """
    task, ideal, variance = Qaoa(layers=1), batch(Qaoa(layers=1)), np.zeros(2)

    def measure(graph: int, chances: Floats) -> Floats:
        both = variances(ideal, graph, chances).reshape(-1, 2).sum(axis=1)
        weights = -2 * ideal.ising.couplings[graph][np.triu_indices(4, 1)]
        variance[0] += (weights**2) @ both[:6] / 4
        variance[1] += both[6:].sum()
        return np.zeros(len(chances))

    shifted_gradients(ideal.ising, ANGLES, measure)
    rng, measured = np.random.default_rng(6), objective(task, Apparatus(Simulator()))
    estimates = np.array([ParameterShift().gradient(measured, 0, ANGLES, shots, rng) for _ in range(1500)])
    assert_mean_and_variance(estimates, ideal.objective(ANGLES)[1], variance / (2**2 * shots))


@pytest.mark.parametrize("apparatus", [Apparatus(Simulator()), MIXING], ids=["ideal", "noisy"])
@pytest.mark.parametrize("task", [Qaoa(layers=2), Qaoa(layers=1, problem=IndependentSet())], ids=["cut", "set"])
def test_infinitely_many_shots_show_the_exact_gradient(task: Qaoa, apparatus: Apparatus) -> None:
    """Parameter shift with 10^14 shots is `Exact`, noise included; and `Exact` draws nothing."""
    angles, rng = np.linspace(0.3, 0.6, 2 * task.layers), np.random.default_rng(7)
    before = rng.bit_generator.state
    exact = Exact().gradient(objective(task, apparatus), 0, angles, 1, rng)
    assert rng.bit_generator.state == before
    shifted = ParameterShift().gradient(objective(task, apparatus), 0, angles, 10**14, rng)
    np.testing.assert_allclose(shifted, exact, atol=2e-6)
    if not apparatus.noisy:
        np.testing.assert_allclose(exact, batch(task).objective(angles)[1], atol=1e-14)


def test_a_mean_of_spsa_on_noisy_circuits_is_their_gradient() -> None:
    """SPSA climbs what is measured, noise included: its mean is the noisy gradient up to O(c^2)."""
    rule, noisy = Spsa(perturbation=1e-3), objective(Qaoa(layers=1), NOISY)
    rng = np.random.default_rng(8)

    def law(angles: Floats) -> float:
        return noisy.measured(0, angles, 10**16, rng)

    mean = all_estimates(law, ANGLES, rule.perturbation).mean(axis=0)
    np.testing.assert_allclose(mean, Exact().gradient(noisy, 0, ANGLES, 1, rng), atol=1e-4)


# --- prices


@pytest.mark.parametrize(
    ("rule", "kind", "circuits", "idealised"),
    [
        (Exact(), "exact", 2 * 3, True),
        (Exact(charged_as="parameter-shift"), "exact", 40 * 3, True),
        (Spsa(), "spsa", 2 * 3, False),
        (ParameterShift(), "parameter-shift", 40 * 3, False),
    ],
)
def test_the_price_of_a_step(rule: Estimator, kind: str, circuits: int, idealised: bool) -> None:
    """Three circuits of one shape: two each, or as many as the shift rule takes; `Exact` pays for what it says."""
    assert rule.circuits(Run(qaoa_circuit(4, 6, 3, 2), copies=3, shifts=lambda: 3 * 40)) == circuits
    assert (rule.kind, rule.idealised) == (kind, idealised)


def test_a_graph_costs_its_gates_and_an_image_its_angles() -> None:
    """Parameter shift: 2p (edges + nodes) circuits a graph, 2P + 1 an image of P angles; SPSA: two of each."""
    task = Qaoa(layers=3)
    (graphs,) = objective(task, Apparatus(Simulator())).runs(0)
    assert (ParameterShift().circuits(graphs), Spsa().circuits(graphs)) == (2 * 2 * 3 * (6 + 4), 2 * 2)
    images = Classification(data=Images(features=4, classes=(0, 1, 2), samples=8))
    held = images.objective(Participant(1, "phones", 0, 0), FAMILY, 5, 2, Apparatus(Simulator()), Gathered())
    (run,) = held.runs(1)
    assert run[:2] == (classifier_circuit(4, 3), 5)
    assert (ParameterShift().circuits(run), Spsa().circuits(run)) == (5 * 49, 5 * 2)
