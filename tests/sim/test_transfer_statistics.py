"""Laws of whole transfers in whole runs: failures, fading drawn once or block by block, and finer steps."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qflsim import records
from qflsim.terms import Direction
from qflsim.units import Floats, to_s

RATE_BIT_PER_S = 0.02 * 400e6 * 5.5547
WORK_S, MTBF_S, MTTR_S = 10.0, 20.0, 4.0
Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]


def downloads_s(run: Any) -> Floats:
    """How long the complete downloads of a run took."""
    return np.array([to_s(t.end_ns - t.start_ns) for t in run.of(records.Transfer)
                     if t.complete and t.direction is Direction.DOWNLOAD])  # fmt: skip


def assert_law(sample: Floats, mean: float, deviation: float) -> None:
    """Mean and variance within five of their own standard errors."""
    off = sample - mean
    for values, expected in ((off, 0.0), (off**2, deviation**2)):
        error = values.std(ddof=1) / math.sqrt(len(values))
        assert abs(values.mean() - expected) < 5.0 * error, (sample.mean(), sample.std(ddof=1))


def failing(small: Small, **radio: Any) -> dict[str, Any]:
    """Downloads of 10 s each, one after the other, at a site that fails every 20 s for 4 s.

    Each begins where the training before it ended, on a site that is up: failures have no memory.
    """
    data = small({"a": 1e-6}, aggregation={"when": {"kind": "async"}}, stop={"duration_s": 9_000.0})
    data["training"] = {"steps": 1, "header_bit": 0,
                        "co_model_parameters": round(WORK_S * RATE_BIT_PER_S / 32) - 4}  # fmt: skip
    data["radio"] |= radio
    data["outages"] = [{"kind": "renewal", "mtbf_s": MTBF_S, "mttr_s": MTTR_S}]
    return data


def test_completion_under_failures_that_are_ridden_out(small: Small, simulate: Simulate) -> None:
    """w (1 + l r) = 12.000 s with deviation sqrt(2 l w) r = 4.000 s: each repair is noticed at its nanosecond."""
    data = failing(small, handover={"kind": "a3", "failure_timer_s": 60.0})
    assert_law(downloads_s(simulate(data)), 12.0, 4.0)


def test_completion_under_failures_that_lose_all(small: Small, simulate: Simulate) -> None:
    """(1/l + r)(exp(l w) - 1) = 15.569310 s, where a repair is noticed within 10 ms.

    T = w + the sum of N pairs of a lost try X and a repair R, with N geometric of q = 1 - exp(-l w) and X exponential
    below w: Var T = E[N] Var[X + R] + Var[N] E[X + R]^2.
    """
    handover = {"kind": "a3", "failure_timer_s": 0.0, "reestablishment_s": 0.0, "measurement_period_s": 0.01}
    sample = downloads_s(simulate(failing(small, on_interruption="restart", handover=handover)))
    odds, q = math.expm1(WORK_S / MTBF_S), -math.expm1(-WORK_S / MTBF_S)
    mean = (MTBF_S + MTTR_S) * odds
    assert mean == pytest.approx(15.569310, abs=1e-6)
    lost = MTBF_S - WORK_S * (1.0 - q) / q  # of an exponential time given that it is below w
    square = (2.0 * MTBF_S**2 - (1.0 - q) * ((WORK_S + MTBF_S) ** 2 + MTBF_S**2)) / q
    pair = square - lost**2 + MTTR_S**2
    assert mean == pytest.approx(WORK_S + odds * (lost + MTTR_S), rel=1e-12)
    assert_law(sample, mean, math.sqrt(odds * pair + q / (1.0 - q) ** 2 * (lost + MTTR_S) ** 2))


def faded(small: Small, simulate: Simulate, mode: str, parameters: int) -> Floats:
    """Downloads to a device at rest, where its SNR is 10 dB."""
    data = small({"a": 1e-6}, aggregation={"when": {"kind": "async"}}, stop={"duration_s": 1e6, "versions": 8000})
    data["training"] = {"steps": 1, "header_bit": 0, "co_model_parameters": parameters}
    data["devices"][0]["mobility"]["at_m"] = [3500.0, 0.0]
    data["radio"] |= {"fading": {"kind": "rayleigh", "mode": mode}}
    return downloads_s(simulate(data))


@pytest.mark.slow
def test_one_draw_is_as_good_as_block_by_block(small: Small, simulate: Simulate) -> None:
    """Some 100 coherence blocks a download: means within 1 % and deviations within 5 %, over 8,000 downloads each."""
    drawn, counted = (faded(small, simulate, mode, 200_000) for mode in ("clt", "block"))
    steady = faded(small, simulate, "mean", 200_000)[0]
    assert (drawn[:100] != counted[:100]).all()
    assert 0.02 < counted.std() / counted.mean() < 0.2
    assert drawn.mean() == pytest.approx(counted.mean(), rel=0.01)
    assert drawn.std() == pytest.approx(counted.std(), rel=0.05)
    assert steady == pytest.approx(counted.mean(), rel=0.02)


def test_finer_steps_change_little(simulate: Simulate) -> None:
    """Half the step of the level at which a rate is refreshed: the mean duration of a transfer changes by less than
    1 %, though refreshes are nearly twice as many."""

    def transfers(step_db: float) -> list[records.Transfer]:
        run = simulate({
            "name": "drive", "stop": {"duration_s": 600.0, "versions": 1},
            "sites": {"hexagons": {"rings": 1, "distance_m": 300.0}},
            "radio": {"step_db": step_db, "fading": {"kind": "rayleigh", "mode": "mean"}},
            "devices": [{"count": 25, "mobility": {"kind": "random-waypoint", "area_m": [600.0, 600.0],
                                                   "origin_m": [-300.0, -300.0], "speed_m_per_s": [10.0, 20.0]},
                         "processor": {"kind": "simulator"}}],
            "training": {"co_model_parameters": 1_000_000},
            "aggregation": {"when": {"kind": "wait-all", "clients": 25}},
        })  # fmt: skip
        return [t for t in run.of(records.Transfer) if t.complete]

    coarse, fine = transfers(0.5), transfers(0.25)
    assert len(coarse) == len(fine) == 50
    means_s = [np.mean([to_s(t.end_ns - t.start_ns) for t in found]) for found in (coarse, fine)]
    assert means_s[0] == pytest.approx(means_s[1], rel=0.01)
    assert {t.end_ns for t in coarse} != {t.end_ns for t in fine}
