"""Retransmissions: what the model promises against a count of attempts."""

import numpy as np
import pytest
from scipy.special import gammainc

from qflsim.radio.fading import Rayleigh
from qflsim.radio.harq import Harq, chase_outage
from qflsim.streams import Streams


def test_usual_numbers() -> None:
    """p = 0.1 and four attempts: 1.111 attempts, one loss in 10,000, nine tenths arrive, 0.889 ms at 8 ms."""
    harq = Harq()
    assert harq.mean_attempts == pytest.approx(1.111, abs=1e-12)
    assert harq.residual == pytest.approx(1e-4, abs=1e-16)
    assert harq.goodput == pytest.approx(0.9, abs=1e-12)
    assert harq.latency_s == pytest.approx(0.111 * 0.008, abs=1e-12)


def test_delivered_over_attempts() -> None:
    """(1 - p^M)/E[N] is the goodput, for any p and M; a link without errors loses nothing and waits for nobody."""
    for block_error in (0.0, 0.01, 0.3, 0.9):
        for attempts in (1, 2, 7):
            harq = Harq(block_error=block_error, attempts=attempts)
            assert (1.0 - harq.residual) / harq.mean_attempts == pytest.approx(harq.goodput, abs=1e-12)
    assert Harq(block_error=0.0).latency_s == 0.0
    assert Harq(attempts=1).latency_s == 0.0


def test_chase_combining() -> None:
    """Published outages at ten times the mean power; one attempt is Rayleigh's outage; summed powers agree."""
    assert [float(chase_outage(0.1, m)) for m in (1, 2, 4)] == pytest.approx(
        [9.516258e-2, 4.678840e-3, 3.846834e-6], rel=1e-6
    )
    threshold = np.geomspace(0.01, 5.0, 20)
    assert chase_outage(threshold, 1) == pytest.approx(Rayleigh().outage(threshold), abs=1e-12)
    summed = Streams(1).named("chase").standard_exponential((200_000, 3)).sum(axis=1)
    for level in (0.5, 2.0):
        expected = float(gammainc(3, level))
        assert float(chase_outage(level, 3)) == expected
        assert abs((summed < level).mean() - expected) < 5.0 * np.sqrt(expected * (1.0 - expected) / len(summed))
