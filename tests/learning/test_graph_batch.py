"""Batches of graphs: exact energies, what noise and shots make of them, and the variants of the circuit."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from qflsim.learning.apparatus import Apparatus
from qflsim.learning.graph_batch import GraphBatch
from qflsim.learning.graphs import CompleteGraphs, Instance, RegularGraphs, instance
from qflsim.learning.problems import IndependentSet, IsingProblem, MaxCut
from qflsim.learning.qaoa_task import Qaoa
from qflsim.learning.solvers import energy, greedy
from qflsim.quantum import multiangle
from qflsim.quantum.ising import Ising, costs
from qflsim.quantum.noise import NOMINAL, Noise, Quality
from qflsim.quantum.qaoa import distributions, energies, energies_and_gradients
from qflsim.quantum.readout import readout
from qflsim.units import Floats
from qflsim.world.compute import Superconducting

ANGLES = np.array([0.4, 0.7, 0.5, 0.3])
NOISY = Apparatus(Superconducting(), Quality(3.0, 0.1, -0.07), noisy=True)
MIXING = Apparatus(Superconducting(), Quality(3.0), noisy=True)
VARIANTS = {
    "cut": Qaoa(layers=2),
    "set": Qaoa(layers=2, problem=IndependentSet()),
    "tail": Qaoa(layers=2, tail=0.3),
    "warm": Qaoa(layers=2, warm_start=0.2),
    "warm tail": Qaoa(layers=2, warm_start=0.2, tail=0.4),
    "multi-angle": Qaoa(layers=2, multi_angle=True),
    "multi-angle tail": Qaoa(layers=2, multi_angle=True, tail=0.5),
}


def graphs(count: int = 3, nodes: int = 6) -> list[Instance]:
    """Weighted cubic graphs."""
    rng = np.random.default_rng(2)
    return [RegularGraphs(nodes=nodes).draw(rng) for _ in range(count)]


def parameters(task: Qaoa, nodes: int = 6) -> Floats:
    """Angles, all different where the task has one for every gate."""
    if not task.multi_angle:
        return ANGLES[: 2 * task.layers]
    plain = multiangle.expanded(ANGLES, nodes, fields=False).ravel()
    return np.asarray(plain + 0.1 * np.random.default_rng(3).standard_normal(len(plain)))


def noise(task: Qaoa, apparatus: Apparatus, graph: Instance) -> Noise:
    """That of a graph's circuit."""
    return apparatus.noise(task.circuit(graph, apparatus))


def as_seen(batch: GraphBatch, noises: list[Noise]) -> Ising:
    """The costs with what noise leaves of their coefficients: J shrinks as a pair, h as a single bit."""
    pairs, singles = (np.array([getattr(one, name) for one in noises]) for name in ("pair", "single"))
    couplings, fields, constant = batch.ising
    return Ising(couplings * pairs[:, None, None], fields * singles[:, None], constant)


# --- without noise


def test_without_noise_it_is_the_engine() -> None:
    """Values are the engine's energies; the objective is the mean share of the bound, whatever the processor is."""
    task, ideal = Qaoa(layers=2), GraphBatch(Qaoa(layers=2), graphs())
    posed = [MaxCut().pose(graph) for graph in graphs()]
    table = costs(Ising(*map(np.stack, zip(*(p.ising for p in posed), strict=True))))
    values, slopes = energies_and_gradients(table, ANGLES)
    bounds = np.array([p.bound for p in posed])
    np.testing.assert_array_equal(ideal.values(ANGLES), values)
    np.testing.assert_array_equal(ideal.best, table.values.max(axis=1))
    value, slope = ideal.objective(ANGLES)
    assert value == pytest.approx(np.mean(values / bounds), abs=1e-15)
    np.testing.assert_allclose(slope, np.mean(slopes / bounds[:, None], axis=0), atol=1e-15)
    silent = GraphBatch(task, graphs(), Apparatus(Superconducting(), Quality(9.0, 0.5, 0.5), noisy=False))
    assert silent.objective(ANGLES)[0] == value


def test_the_objective_is_the_share_of_the_weight_that_is_cut() -> None:
    """At angles 0 every edge is cut with probability 1/2."""
    assert GraphBatch(Qaoa(layers=2), graphs()).objective(np.zeros(4))[0] == pytest.approx(0.5, abs=1e-14)


# --- noise, exactly


@pytest.mark.parametrize("apparatus", [None, MIXING, NOISY], ids=["ideal", "mixing", "gains"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_gradient_is_that_of_the_value(variant: str, apparatus: Apparatus | None) -> None:
    """Exact derivatives by the angles asked for, through gains, mixing, readout and tails: finite differences agree."""
    task = VARIANTS[variant]
    batch, angles, step = GraphBatch(task, graphs(), apparatus), parameters(task), 1e-5
    slope = batch.objective(angles)[1]
    for k in np.linspace(0, len(angles) - 1, 6).astype(int):
        ahead, behind = (batch.objective(angles + sign * step * np.eye(len(angles))[k])[0] for sign in (1, -1))
        assert slope[k] == pytest.approx((ahead - behind) / (2 * step), abs=2e-8)


@pytest.mark.parametrize("problem", [MaxCut(), IndependentSet(), IsingProblem()])
def test_noise_shrinks_the_coefficients_that_are_observed(problem: Any) -> None:
    """What is seen is the ideal state's mean of a cost with J w (1 - 2 eps)^2 and h w (1 - 2 eps), each graph its own.

    Phases stay those of the ideal cost; the constant is not measured and does not shrink.
    """
    task = Qaoa(layers=2, problem=problem)
    batch, ideal = GraphBatch(task, graphs(), MIXING), GraphBatch(task, graphs())
    noises = [noise(task, MIXING, graph) for graph in graphs()]
    assert 0.3 < noises[0].fidelity < 0.9 < 1 - noises[0].flip
    observed = costs(as_seen(ideal, noises)).values
    expected = energies(ideal.costs, ANGLES, observed) / ideal.bounds
    assert batch.objective(ANGLES)[0] == pytest.approx(expected.mean(), abs=1e-13)


def test_gains_are_turned_angles() -> None:
    """A device that turns every angle too far is worth what an exact one is at those angles."""
    batch, exact = GraphBatch(Qaoa(layers=2), graphs(), NOISY), GraphBatch(Qaoa(layers=2), graphs(), MIXING)
    factors = np.array([1.1, 1.1, 0.93, 0.93])
    value, slope = batch.objective(ANGLES)
    there = exact.objective(ANGLES * factors)
    assert value == pytest.approx(there[0], abs=1e-14)
    np.testing.assert_allclose(slope, there[1] * factors, atol=1e-14)


@pytest.mark.parametrize("variant", VARIANTS)
def test_fully_mixed_states_show_nothing_of_the_angles(variant: str) -> None:
    """With errors beyond all measure the mean over all assignments is left (its best share with a tail), and no slope.

    Samples are those of fair coins.
    """
    task, ruined = VARIANTS[variant], Apparatus(Superconducting(), Quality(1e9), noisy=True)
    batch, ideal = GraphBatch(task, graphs(), ruined), GraphBatch(task, graphs())
    value, slope = batch.objective(parameters(task))
    values = np.sort(ideal.costs.values, axis=1)[:, ::-1]
    best = [np.repeat(row, 1000)[: round(task.tail * 1000 * len(row))].mean() for row in values]
    assert value == pytest.approx(np.mean(best / ideal.bounds), abs=1e-12)
    np.testing.assert_allclose(slope, 0, atol=1e-12)
    shown = batch.sampled(parameters(task), 40_000, np.random.default_rng(1))
    error = values.std(axis=1) / 200
    assert (np.abs(shown - values.mean(axis=1)) < 5 * error).all()


def test_a_tail_is_that_of_the_bits_that_are_read() -> None:
    """With noise the best share is taken of what a noisy device reads, which no device could choose otherwise."""
    task = Qaoa(layers=2, tail=0.3)
    batch, ideal = GraphBatch(task, graphs(), MIXING), GraphBatch(task, graphs())
    expected = []
    for k, graph in enumerate(graphs()):
        spoilt, values = noise(task, MIXING, graph), ideal.costs.values[k]
        chances = distributions(ideal.costs, ANGLES)[k]
        read = readout((spoilt.mixed(chances, 1 / len(chances)))[None], spoilt.flip, flip_symmetric=True)[0]
        left, total = 0.3, 0.0
        for at in np.argsort(-values):
            total += min(left, read[at]) * values[at]
            left -= min(left, read[at])
        expected.append(total / 0.3 / ideal.bounds[k])
    assert batch.objective(ANGLES)[0] == pytest.approx(np.mean(expected), abs=1e-12)


def best_angles(batch: GraphBatch) -> Floats:
    """Where the climb from the fixed angles of one layer ends."""
    found = minimize(lambda at: tuple(-part for part in batch.objective(at)), [0.6, 0.4], jac=True, method="BFGS",
                     options={"gtol": 1e-10})  # fmt: skip
    return np.asarray(found.x)


def test_mixing_leaves_the_best_angles_in_place_and_gains_move_them() -> None:
    """Depolarising and readout scale the objective about 1/2 alone; a gain moves each angle by 1 / (1 + gain).

    The graphs are equal in shape, so that all have one fidelity.
    """
    task, held = Qaoa(layers=1), [CompleteGraphs(nodes=5).draw(np.random.default_rng(k)) for k in range(4)]
    ideal, mixed, turned = (best_angles(GraphBatch(task, held, apparatus)) for apparatus in (None, MIXING, NOISY))
    np.testing.assert_allclose(mixed, ideal, atol=1e-7)
    np.testing.assert_allclose(turned, ideal / [1.1, 0.93], atol=1e-7)
    assert np.abs(turned - ideal).max() > 0.02


# --- shots


@pytest.mark.parametrize("variant", ["cut", "set", "warm", "multi-angle"])
def test_samples_have_the_mean_and_variance_of_one_shot(variant: str) -> None:
    """Unbiased about the noisy mean of each graph, with variance (E[C^2] - E[C]^2) / H, at H and at 100 H.

    The bias against the ideal mean is the same at all of them: more shots do not cure noise.
    """
    task = VARIANTS[variant]
    batch, ideal, at = GraphBatch(task, graphs(), MIXING), GraphBatch(task, graphs()), parameters(task)
    spoilt = [noise(task, MIXING, graph) for graph in graphs()]
    chances = ideal._distributions(at)
    read = np.concatenate(
        [
            readout(one.mixed(row, 1 / len(row))[None], one.flip, ideal.costs.flip_symmetric)
            for one, row in zip(spoilt, chances, strict=True)
        ]
    )
    mean = np.einsum("gs,gs->g", read, ideal.costs.values)
    variance = np.einsum("gs,gs->g", read, ideal.costs.values**2) - mean**2
    bias = np.abs(mean - ideal.values(at))
    rng, errors = np.random.default_rng(4), []
    for shots in (100, 1000, 10_000):
        shown = np.array([batch.sampled(at, shots, rng) for _ in range(600)])
        errors.append(np.abs(shown.mean(axis=0) - ideal.values(at)) / bias)
        assert (np.abs(shown.mean(axis=0) - mean) < 5 * np.sqrt(variance / shots / 600)).all()
        spread = shown - shown.mean(axis=0)
        error = np.sqrt(((spread**4).mean(axis=0) - spread.var(axis=0) ** 2) / 600)
        assert (np.abs(spread.var(axis=0, ddof=1) - variance / shots) < 5 * error).all()
    assert (bias > 50 * np.sqrt(variance / 10_000 / 600)).all()
    np.testing.assert_allclose(errors, 1, atol=0.15)


@pytest.mark.parametrize("variant", VARIANTS)
def test_many_shots_show_the_objective(variant: str) -> None:
    """What a device measures tends to what it climbs: the mean, or the mean over the best tail, noise included."""
    task = VARIANTS[variant]
    batch, rng = GraphBatch(task, graphs(), NOISY), np.random.default_rng(5)
    for at in (parameters(task), 0.5 * parameters(task)):
        assert batch.measured(at, 10**14, rng) == pytest.approx(batch.objective(at)[0], abs=1e-6)


def test_one_shot_shows_one_assignment() -> None:
    """A single shot of each graph is worth what some assignment is; its best tail is that shot."""
    rng = np.random.default_rng(6)
    for task in (Qaoa(layers=2), Qaoa(layers=2, tail=0.1)):
        batch = GraphBatch(task, graphs(count=1), NOISY)
        for _ in range(20):
            shares = batch.costs.values[0] / batch.bounds[0]
            assert np.abs(shares - batch.measured(ANGLES, 1, rng)).min() < 1e-12


# --- variants


def test_a_tail_of_one_is_the_mean() -> None:
    """It tends to the mean as the share tends to 1, to the best assignment as it tends to 0, and falls in between."""
    means = [
        GraphBatch(Qaoa(layers=2, tail=tail), graphs()).objective(ANGLES)[0] for tail in (1e-6, 0.1, 0.5, 0.999999)
    ]
    plain = GraphBatch(Qaoa(layers=2), graphs())
    assert GraphBatch(Qaoa(layers=2, tail=1.0), graphs()).objective(ANGLES)[0] == plain.objective(ANGLES)[0]
    assert means == sorted(means, reverse=True)
    assert means[0] == pytest.approx(np.mean(plain.best / plain.bounds), abs=1e-12)
    assert means[-1] == pytest.approx(plain.objective(ANGLES)[0], abs=1e-5)


@pytest.mark.parametrize("apparatus", [None, NOISY], ids=["ideal", "noisy"])
def test_equal_angles_make_multi_angle_plain(apparatus: Apparatus | None) -> None:
    """Value and samples are the plain circuit's; derivatives by all of a layer's gates add up to the plain one."""
    plain = GraphBatch(Qaoa(layers=2), graphs(), apparatus)
    wide = GraphBatch(Qaoa(layers=2, multi_angle=True), graphs(), apparatus)
    at = multiangle.expanded(ANGLES, 6, fields=False).ravel()
    (value, slope), (wide_value, wide_slope) = plain.objective(ANGLES), wide.objective(at)
    assert wide_value == pytest.approx(value, abs=1e-13)
    np.testing.assert_allclose(multiangle.folded(wide_slope.reshape(2, -1), 6), slope, atol=1e-13)
    one, other = (b.sampled(a, 10**14, np.random.default_rng(0)) for b, a in ((plain, ANGLES), (wide, at)))
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("apparatus", [None, NOISY], ids=["ideal", "noisy"])
def test_a_warm_start_at_one_half_is_plain(apparatus: Apparatus | None) -> None:
    """A start that favours no side is |+>, and its mixer X, so that all energies are the plain circuit's.

    The circuit's first pulses aside, which with noise cost a warm device more.
    """
    warm = Qaoa(layers=2).model_copy(update={"warm_start": 0.5})  # which a scenario may not ask for
    plain = GraphBatch(Qaoa(layers=2), graphs(), apparatus)
    batch = GraphBatch(warm, graphs(), apparatus)
    np.testing.assert_allclose(batch.values(ANGLES), plain.values(ANGLES), atol=1e-13)
    kept = [1.0] * 3 if apparatus is None else [
        noise(warm, apparatus, g).pair / noise(Qaoa(layers=2), apparatus, g).pair for g in graphs()]  # fmt: skip
    shares = [GraphBatch(Qaoa(layers=2), [g], apparatus).objective(ANGLES)[0] - 0.5 for g in graphs()]
    assert batch.objective(ANGLES)[0] - 0.5 == pytest.approx(np.mean(np.multiply(kept, shares)), abs=1e-13)
    assert all(k == 1 for k in kept) if apparatus is None else all(k < 1 for k in kept)


@pytest.mark.parametrize("problem", [MaxCut(), IndependentSet()])
@pytest.mark.parametrize("doubt", [1e-9, 0.1])
def test_a_warm_start_is_the_greedy_solution_in_doubt(problem: Any, doubt: float) -> None:
    """A circuit that does nothing leaves each bit as greedy has it, but for the probability given, each on its own.

    So a spin's mean is 1 - 2 doubt of greedy's, a pair's its square; without doubt C is that of greedy.
    """
    batch = GraphBatch(Qaoa(layers=1, problem=problem, warm_start=doubt), graphs())
    couplings, fields, constant = batch.ising
    spins = greedy(couplings, fields)
    kept = 1 - 2 * doubt
    expected = constant + energy(kept**2 * couplings, kept * fields, spins)
    np.testing.assert_allclose(batch.values(np.zeros(2)), expected, atol=1e-8)


def test_graphs_of_different_fidelity_are_each_their_own() -> None:
    """In one batch a sparse graph is read more faithfully than a dense one, as if each had been alone."""
    ring = instance(np.roll(np.eye(6), 1, axis=1) + np.roll(np.eye(6), -1, axis=1), np.zeros(6), "ring")
    full = instance(1 - np.eye(6), np.zeros(6), "full")
    task = Qaoa(layers=2)
    assert noise(task, MIXING, ring).fidelity > noise(task, MIXING, full).fidelity + 0.1
    alone = [GraphBatch(task, [graph], MIXING).objective(ANGLES)[0] for graph in (ring, full)]
    assert GraphBatch(task, [ring, full], MIXING).objective(ANGLES)[0] == pytest.approx(np.mean(alone), abs=1e-14)


def test_a_nominal_device_is_its_preset() -> None:
    """Without a quality of its own a device has the preset's errors and turns angles as told."""
    preset = GraphBatch(Qaoa(layers=2), graphs(), Apparatus(Superconducting(), noisy=True))
    nominal = GraphBatch(Qaoa(layers=2), graphs(), Apparatus(Superconducting(), NOMINAL, noisy=True))
    assert preset.objective(ANGLES)[0] == nominal.objective(ANGLES)[0] < GraphBatch(
        Qaoa(layers=2), graphs()).objective(ANGLES)[0]  # fmt: skip
