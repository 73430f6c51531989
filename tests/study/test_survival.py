"""Survival: a published example digit by digit, and the laws that hold without censoring."""

import math

import numpy as np
import pytest

from qflsim.study.survival import at_risk, kaplan_meier

WEEKS = [6, 6, 6, 7, 10, 13, 16, 22, 23]
LONGER = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
"""Remission under 6-MP, ended and censored, in weeks (Freireich et al., Blood 21, 1963)."""
LEUKAEMIA = (np.array(WEEKS + LONGER, dtype=float), np.array([True] * len(WEEKS) + [False] * len(LONGER)))


def test_the_published_shares_of_remission() -> None:
    """Freireich's 6-MP arm as textbooks print it (Cox and Oakes 1984), with those at risk."""
    found = kaplan_meier(*LEUKAEMIA)
    ends = found.ended > 0
    assert found.t_s[ends].tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert found.at_risk[ends].tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert found.share[ends].round(3).tolist() == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert found.ended.sum() + found.censored.sum() == 21


def test_the_published_errors_and_intervals() -> None:
    """Greenwood's standard errors, and the log-log interval at 6 weeks, as statistics packages print them."""
    found = kaplan_meier(*LEUKAEMIA)
    ends = found.ended > 0
    assert np.sqrt(found.variance[ends]).round(4).tolist() == [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    assert (found.low[0].round(4), found.high[0].round(4)) == (0.6197, 0.9516)
    assert (found.low <= found.share).all()
    assert (found.share <= found.high).all()


def test_the_published_median_and_mean() -> None:
    """Half relapse within 23 weeks; of the first 35 weeks 23.287 are spent in remission."""
    found = kaplan_meier(*LEUKAEMIA)
    assert found.median_s == 23.0
    assert round(found.mean_s(35.0), 3) == 23.287
    assert found.mean_s(6.0) == 6.0
    assert math.isnan(found.mean_s(36.0))


def test_the_published_numbers_at_risk() -> None:
    """Those of the 6-MP arm whom textbooks count at its instants of relapse (Cox and Oakes 1984), and between them by
    hand; at the beginning all, after the last instant nobody, and of nobody nobody."""
    found = kaplan_meier(*LEUKAEMIA)
    weeks = np.array([6.0, 7.0, 10.0, 13.0, 16.0, 22.0, 23.0])
    assert at_risk(found, weeks).tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert at_risk(found, np.array([0.0, 6.5, 20.0, 35.0, 35.5])).tolist() == [21, 17, 8, 1, 0]
    assert at_risk(kaplan_meier(np.array([]), np.array([], dtype=bool)), weeks).tolist() == [0] * 7


def test_without_censoring_it_is_what_is_left_of_the_sample() -> None:
    """S = 1 - ECDF, its variance S (1 - S) / n, its mean the sample's."""
    times_s = np.random.default_rng(1).exponential(5.0, 400).round(1)
    found = kaplan_meier(times_s, np.ones(400, dtype=bool))
    left = np.array([(times_s > t).mean() for t in found.t_s])
    np.testing.assert_allclose(found.share, left, atol=1e-12)
    np.testing.assert_allclose(found.variance, left * (1 - left) / 400, atol=1e-12)
    assert found.mean_s(1e9) == pytest.approx(times_s.mean())
    assert found.median_s == np.sort(times_s)[199]


def test_censoring_is_accounted_for() -> None:
    """Exponential delays watched for a while: the estimate is within five standard errors of the law, whose mean the
    arrived alone would make a third too short."""
    rng = np.random.default_rng(2)
    times_s, watched_s = rng.exponential(10.0, 4000), rng.uniform(0.0, 40.0, 4000)
    seen = times_s <= watched_s
    found = kaplan_meier(np.minimum(times_s, watched_s), seen)
    for t_s in (2.0, 5.0, 10.0, 20.0):
        error = math.sqrt(found.variance[np.searchsorted(found.t_s, t_s) - 1])
        assert abs(found.at(t_s) - math.exp(-t_s / 10.0)) < 5 * error
    assert times_s[seen].mean() < 8.0


def test_all_censored_or_none_at_all() -> None:
    """Who is only censored lasts: the share stays 1 and has no median. Of nothing there is nothing."""
    found = kaplan_meier(np.array([1.0, 2.0]), np.zeros(2, dtype=bool))
    assert found.share.tolist() == found.low.tolist() == found.high.tolist() == [1.0, 1.0]
    assert found.median_s == math.inf
    assert found.mean_s(2.0) == 2.0
    nothing = kaplan_meier(np.array([]), np.array([], dtype=bool))
    assert len(nothing.t_s) == 0
    assert nothing.median_s == math.inf
    assert nothing.at(1.0) == 1.0
    assert math.isnan(nothing.mean_s(1.0))


def test_the_interval_ends_with_the_last_one() -> None:
    """Once nobody is left the share is 0, of variance 0, and no interval is claimed."""
    found = kaplan_meier(np.array([1.0, 2.0]), np.ones(2, dtype=bool))
    assert found.share.tolist() == [0.5, 0.0]
    assert found.variance[-1] == 0.0
    assert np.isnan([found.low[-1], found.high[-1]]).all()
    assert found.at(0.5) == 1.0
    assert found.at(1.0) == 0.5
