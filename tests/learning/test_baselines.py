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


Z2 = 3.841459
"""The square of the normal law's 0.975 quantile."""


def agresti_coull(right: int, size: int) -> tuple[float, float]:
    """Centre and half width of their interval: two more of each, to be exact z^2 / 2."""
    share = (right + Z2 / 2) / (size + Z2)
    return share, np.sqrt(Z2 * share * (1 - share) / (size + Z2))


def told(right: int, size: int) -> tuple[float, float]:
    """So many right marks of a number."""
    return share_interval((np.arange(size) < right).astype(float))


def test_the_interval_of_a_share_is_the_published_one() -> None:
    """0 of 10: the interval of Agresti and Coull is 0.1388 +- 0.1821; about 0, as far as its upper end, 0.3209.

    At a half, where their centre is the share itself, it is theirs: 5 of 10 have 0.5 +- 0.2634.
    """
    assert agresti_coull(0, 10) == pytest.approx((0.1388, 0.1821), abs=1e-4)
    assert told(0, 10) == (0.0, pytest.approx(0.3209, abs=1e-4))
    assert told(10, 10) == (1.0, pytest.approx(0.3209, abs=1e-4))
    assert told(5, 10) == (0.5, pytest.approx(0.2634, abs=1e-4))


@pytest.mark.parametrize("size", [1, 2, 7, 30])
def test_the_interval_of_a_share_covers_the_published_one(size: int) -> None:
    """It reaches to the farther of its ends exactly, and beyond the nearer, about the share of right marks."""
    for right in range(size + 1):
        (share, half_width), (centre, theirs) = told(right, size), agresti_coull(right, size)
        assert share == right / size
        ends = abs(centre - theirs - share), abs(centre + theirs - share)
        assert half_width == pytest.approx(max(ends), rel=1e-6)


def test_the_interval_of_many_marks_is_that_of_a_normal_mean() -> None:
    """1.96 sqrt(p (1 - p) / n) in the limit; z^2 |1 - 2p| / 2n more before it, by which their centre lies apart."""
    for quarters in (1, 2, 3):
        share = quarters / 4
        normal, apart = np.sqrt(Z2 * share * (1 - share) / 40_000), Z2 * abs(1 - 2 * share) / 80_000
        assert told(10_000 * quarters, 40_000) == pytest.approx((share, normal + apart), rel=2e-4)


@pytest.mark.parametrize("size", [10, 24, 75, 200])
def test_the_interval_of_a_share_covers_it_nineteen_times_in_twenty(size: int) -> None:
    """By the binomial law itself: at least as often as that of Agresti and Coull, whatever the share.

    In 93 % of all cases or more, in 94 % off the middle, where it is theirs; too wide only for shares near 0 and 1.
    """
    ours, theirs = (np.array([law(right, size) for right in range(size + 1)]).T for law in (told, agresti_coull))

    def covered(intervals: Floats, share: float) -> float:
        inside = np.abs(intervals[0] - share) <= intervals[1]
        return float(binom.pmf(np.arange(size + 1), size, share)[inside].sum())

    found = np.array([(covered(ours, share), covered(theirs, share)) for share in np.linspace(0.01, 0.99, 99)])
    assert (found[:, 0] >= found[:, 1]).all()
    assert found[:, 0].min() > 0.93
    assert found[:, 0].mean() < 0.98
    assert all(covered(ours, share) >= 0.94 for share in (0.05, 0.1, 0.25, 0.4, 0.67, 0.8, 0.95))
