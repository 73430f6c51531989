"""Classical grades and confidence intervals: limits, guarantees, a tabulated value, coverage."""

import networkx as nx
import numpy as np
import pytest
from scipy.stats import binom

from qflsim.learning.baselines import classical_grades, interval, share_interval
from qflsim.learning.solvers import energy, exact
from qflsim.units import Floats

NAMES = ["greedy", "Goemans-Williamson", "annealing"]


def max_cut_grades(weights: Floats) -> dict[str, Floats]:
    """The grades on MaxCut of `weights` (G, n, n)."""
    couplings, fields, constant = -weights / 2, np.zeros(weights.shape[:2]), weights.sum(axis=(1, 2)) / 4
    best = constant + energy(couplings, fields, exact(couplings, fields))
    return classical_grades(couplings, fields, constant, best, np.random.default_rng(1))


def test_grades_lie_between_the_guarantees_and_one() -> None:
    """On weighted regular graphs: greedy at least 1/2, the mean rounding at least 0.878, annealing 1, none above it."""
    rng = np.random.default_rng(2)
    weights = np.stack([nx.to_numpy_array(nx.random_regular_graph(3, 10, seed=seed)) for seed in range(24)])
    upper = np.triu(rng.random(weights.shape), 1)
    grades = max_cut_grades(weights * (upper + upper.swapaxes(1, 2)))
    assert list(grades) == NAMES
    assert all(ratios.shape == (24,) and (ratios <= 1 + 1e-12).all() for ratios in grades.values())
    assert grades["greedy"].min() >= 0.5
    assert 0.878 <= grades["Goemans-Williamson"].min() < 0.99
    np.testing.assert_allclose(grades["annealing"], 1, rtol=1e-12)


def test_every_solver_earns_all_of_a_bipartite_graph() -> None:
    """Nothing is frustrated, so that each grade is 1, the relaxation's to within the angles it leaves."""
    grades = max_cut_grades(nx.to_numpy_array(nx.complete_bipartite_graph(4, 5))[None])
    for name, tolerance in zip(NAMES, (1e-12, 1e-3, 1e-12), strict=True):
        np.testing.assert_allclose(grades[name], 1, atol=tolerance)


def test_fields_and_the_constant_count() -> None:
    """Two free spins with fields 1 and 3 above a constant of 2: the best is 6, and every solver finds it."""
    fields = np.array([[1.0, -3.0]])
    grades = classical_grades(np.zeros((1, 2, 2)), fields, np.array([2.0]), np.array([6.0]), np.random.default_rng(3))
    for name in NAMES:
        np.testing.assert_allclose(grades[name], 1, atol=1e-3)


def test_the_interval_of_ten_values_is_the_tabulated_one() -> None:
    """t(0.975, 9) = 2.262 in every table; equal values have no width, and one value has no interval."""
    values = np.arange(10.0)
    mean, half_width = interval(values)
    assert mean == 4.5
    assert half_width == pytest.approx(2.262157 * np.sqrt(55 / 6) / np.sqrt(10), rel=1e-6)
    assert interval(np.full(5, 0.75)) == (0.75, 0.0)
    assert interval(values[3:4]).mean == 3
    assert np.isnan(interval(values[3:4]).half_width)


def test_the_interval_covers_the_mean_of_normal_values_nineteen_times_in_twenty() -> None:
    """Of 4000 samples of five, 95 % of the intervals hold the true mean, within five standard errors."""
    samples = np.random.default_rng(4).normal(7, 2, size=(4000, 5))
    held = np.mean([abs(mean - 7) < half_width for mean, half_width in map(interval, samples)])
    assert abs(held - 0.95) < 5 * np.sqrt(0.95 * 0.05 / 4000)


def test_the_interval_of_a_share_is_the_published_one() -> None:
    """0 of 10: the interval of Agresti and Coull is 0.1388 +- 0.1821, whose upper end is 0.3209; it does not vanish."""
    told = share_interval(np.zeros(10))
    assert told.mean == 0.0
    assert told.half_width == pytest.approx(0.1821, abs=1e-4)
    assert 2 / 14 + told.half_width == pytest.approx(0.3209, abs=5e-3)  # "add two successes and two failures"
    assert share_interval(np.ones(10)).half_width == pytest.approx(told.half_width, rel=1e-12)


def test_the_interval_of_many_marks_is_that_of_a_normal_mean() -> None:
    """1.96 sqrt(p (1 - p) / n) in the limit."""
    marks = np.arange(40_000) % 4 == 0
    told = share_interval(marks.astype(float))
    assert told == pytest.approx((0.25, 1.959964 * np.sqrt(0.25 * 0.75 / 40_000)), rel=2e-4)


def test_the_interval_of_a_share_covers_it_nineteen_times_in_twenty() -> None:
    """Over all shares of 30 marks, exactly by the binomial law: 94 % on average, at the worst 90 %."""
    widths = [share_interval((np.arange(30) < right).astype(float)).half_width for right in range(31)]
    covered = []
    for share in np.linspace(0.01, 0.99, 99):
        inside = np.abs(np.arange(31) / 30 - share) <= widths
        covered.append(binom.pmf(np.arange(31), 30, share)[inside].sum())
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)
    assert min(covered) > 0.9
