"""The per-gate parameter shift: exact, unbiased under shots, and as dear as it says."""

import networkx as nx
import numpy as np
import pytest

from qflsim.quantum.ising import Costs, Ising, costs, maxcut
from qflsim.quantum.qaoa import distributions, energies, energies_and_gradients
from qflsim.quantum.shifts import Measure, shifted_circuits, shifted_gradients
from qflsim.units import Floats


def stack(nodes: int, fields: bool) -> Ising:
    """Two random graphs of different density."""
    rng = np.random.default_rng(nodes)
    upper = np.triu(rng.normal(size=(2, nodes, nodes)), 1) * (rng.random((2, nodes, nodes)) < [[[0.4]], [[0.9]]])
    return Ising(upper + upper.swapaxes(1, 2), rng.normal(size=(2, nodes)) * fields, rng.normal(size=2))


def exactly(table: Costs) -> Measure:
    """Measures without shots."""
    return lambda number, chances: chances @ table.values[number]


@pytest.mark.parametrize("fields", [False, True])
@pytest.mark.parametrize(("nodes", "layers"), [(2, 1), (6, 3), (11, 2)])
def test_exact_energies_give_the_exact_gradient(nodes: int, layers: int, fields: bool) -> None:
    """To 1e-9, with and without fields, also where the shifted circuits fill several registers."""
    ising, angles = stack(nodes, fields), np.random.default_rng(1).uniform(-2, 2, 2 * layers)
    gradients = shifted_gradients(ising, angles, exactly(costs(ising)))
    np.testing.assert_allclose(gradients, energies_and_gradients(costs(ising), angles)[1], atol=1e-9)


@pytest.mark.parametrize("fields", [False, True])
def test_a_device_misses_its_shifts_as_it_misses_its_angles(fields: bool) -> None:
    """For a scale s of an angle the slope is sin(s pi / 2) times the gradient where the device is, to 1e-9.

    Scales of 1 are no scales at all; one of 2 shifts by half a period and shows nothing, one of 3 shows the opposite.
    """
    ising, angles = stack(5, fields), np.random.default_rng(2).uniform(-1, 1, 4)
    table = costs(ising)
    for scales in (np.array([1.1, 0.7, 0.93, 1.4]), np.array([2.0, 3.0, 1.0, 0.5]), np.zeros(4)):
        slopes = shifted_gradients(ising, angles, exactly(table), scales)
        there = energies_and_gradients(table, angles * scales)[1]
        np.testing.assert_allclose(slopes, np.sin(scales * np.pi / 2) * there, atol=1e-9)
    plain, alike = (shifted_gradients(ising, angles, exactly(table), scales) for scales in (None, np.ones(4)))
    np.testing.assert_array_equal(plain, alike)


@pytest.mark.parametrize("fields", [False, True])
def test_the_number_of_circuits(fields: bool) -> None:
    """It is the number of distributions that are measured, 2p (edges + fields + n) a graph."""
    ising, counted = stack(6, fields), np.zeros(2, dtype=int)

    def measure(number: int, chances: Floats) -> Floats:
        counted[number] += len(chances)
        np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-14)
        return np.zeros(len(chances))

    shifted_gradients(ising, np.full(6, 0.3), measure)
    assert counted.tolist() == shifted_circuits(ising, layers=3).tolist()
    cubic = maxcut(nx.to_numpy_array(nx.random_regular_graph(3, 10, seed=0))[None])
    assert shifted_circuits(cubic, layers=1).tolist() == [2 * (15 + 10)]


def test_the_two_term_rule_fails_on_a_shared_angle() -> None:
    """On a cubic graph of eight, shifting the shared gamma gives 1.12802; its derivative is 1.30617."""
    table = costs(maxcut(nx.to_numpy_array(nx.random_regular_graph(3, 8, seed=3))[None]))
    angles, turn, step = np.array([0.5, 0.3]), np.array([np.pi / 2, 0]), np.array([1e-5, 0])
    naive = (energies(table, angles + turn) - energies(table, angles - turn)) / 2
    difference = (energies(table, angles + step) - energies(table, angles - step)) / 2e-5
    exact = energies_and_gradients(table, angles)[1][:, 0]
    np.testing.assert_allclose(exact, difference, atol=1e-8)
    assert (round(naive[0], 5), round(exact[0], 5)) == (1.12802, 1.30617)


def test_shots_are_unbiased_and_their_variance_falls_with_their_number() -> None:
    """One edge, C = (1 - z z) / 2: over many gradients of H shots the mean is exact and the variance its formula.

    The derivative by gamma is (E_down - E_up) / 2 of that one gate, each with variance c (1 - c) / H; that by beta is a
    sum over both mixers. Within five standard errors.
    """
    ising, angles, shots, trials = maxcut(np.array([[[0.0, 1.0], [1.0, 0.0]]])), np.array([0.7, 0.4]), 50, 2000
    table, rng = costs(ising), np.random.default_rng(3)
    variances: list[Floats] = []

    def sample(number: int, chances: Floats) -> Floats:
        cut = chances @ table.values[number]
        variances.append(cut * (1 - cut) / shots)
        return rng.multinomial(shots, chances) @ table.values[number] / shots

    drawn = np.array([shifted_gradients(ising, angles, sample)[0] for _ in range(trials)])
    exact = energies_and_gradients(table, angles)[1][0]
    expected = np.array([variances[0][:2].sum() / 4, variances[0][2:].sum()])
    assert np.all(np.abs(drawn.mean(axis=0) - exact) < 5 * np.sqrt(expected / trials))
    np.testing.assert_allclose(drawn.var(axis=0, ddof=1), expected, rtol=5 * np.sqrt(2 / trials))


def test_shot_variance_of_an_energy() -> None:
    """The mean of H readings has variance (E[C^2] - E[C]^2) / H; for C = +-1 that is (1 - f^2) / H."""
    ising = Ising(np.array([[[0.0, 1.0], [1.0, 0.0]]]), np.zeros((1, 2)), np.zeros(1))
    angles, shots, trials = np.array([0.6, 0.35]), 100, 20_000
    table = costs(ising)
    f = energies(table, angles)[0]
    counts = np.random.default_rng(8).multinomial(shots, distributions(table, angles)[0], size=trials)
    means = counts @ table.values[0] / shots
    assert abs(means.mean() - f) < 5 * np.sqrt((1 - f**2) / shots / trials)
    assert means.var(ddof=1) == pytest.approx((1 - f**2) / shots, rel=5 * np.sqrt(2 / trials))
