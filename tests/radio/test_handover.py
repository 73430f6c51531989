"""Handover: the filter's step response, the closed form of the trigger's place, and answers that need no history."""

import numpy as np
import pytest

from qflsim.radio.handover import A3
from qflsim.units import Floats

EQUAL = np.zeros(2)


def drive(law: A3, speed_m_per_s: float, count: int, apart_m: float = 1000.0, exponent: float = 3.76) -> Floats:
    """Levels of two equal sites for a device that drives from the first to the second, one column a sample."""
    x_m = speed_m_per_s * law.measurement_period_s * np.arange(1, count + 1)
    return -10.0 * exponent * np.log10(np.maximum(np.abs([x_m, apart_m - x_m]), 1.0))


def silent(levels_dbm: Floats, *cells: int) -> Floats:
    """The levels with these cells down."""
    levels_dbm = levels_dbm.copy()
    levels_dbm[list(cells)] = -np.inf
    return levels_dbm


def test_step_response_of_the_filter() -> None:
    """After n samples of a step the filter has gone 1 - (1 - a)^n of the way, but for the part it forgot."""
    for coefficient in (0, 1, 4, 8, 19):
        law = A3(filter_coefficient=coefficient)
        keep = 1.0 - 2.0 ** (-coefficient / 4.0)
        step = np.r_[np.full(law.memory, -100.0), np.full(30, -80.0)]
        n = np.arange(1, 31)
        assert law.filtered_dbm(step[None])[0] == pytest.approx(-80.0 - 20.0 * keep**n, abs=2e-5)
        assert keep ** max(law.memory, 1) <= 1e-6


def test_filter_keeps_constants_and_coefficient_zero_keeps_all() -> None:
    """A steady level stays as it is, and with k = 0 the samples themselves come out."""
    samples = np.random.default_rng(1).normal(-90.0, 6.0, (3, 50))
    assert (A3(filter_coefficient=0).filtered_dbm(samples) == samples).all()
    assert A3().filtered_dbm(np.full((1, 40), -77.0)) == pytest.approx(np.full((1, 20), -77.0), abs=1e-12)


def test_filter_does_not_depend_on_how_the_samples_are_cut() -> None:
    """One call, single samples and uneven pieces: the same bits."""
    law = A3()
    samples = np.random.default_rng(2).normal(-90.0, 6.0, (3, law.memory + 200))
    at_once = law.filtered_dbm(samples)
    singly = np.hstack([law.filtered_dbm(samples[:, n : n + law.memory + 1]) for n in range(200)])
    pieces = [law.filtered_dbm(samples[:, a : b + law.memory]) for a, b in ((0, 3), (3, 67), (67, 200))]
    assert (at_once == singly).all()
    assert (at_once == np.hstack(pieces)).all()


@pytest.mark.parametrize(("apart_m", "exponent", "crossing_m"), [(1000.0, 3.76, 545.8005), (500.0, 2.2, 288.9293)])
@pytest.mark.parametrize("trigger_s", [0.0, 0.32, 0.48, 1.28])
def test_trigger_lies_where_the_closed_form_says(
    apart_m: float, exponent: float, crossing_m: float, trigger_s: float
) -> None:
    """Margin H is met where d_serving/d_target = 10^(H/(10 n)); the trigger follows v x TTT later, within a sample."""
    law = A3(filter_coefficient=0, time_to_trigger_s=trigger_s)
    found = law.first_trigger(drive(law, 20.0, 590, apart_m, exponent)[:, : int(apart_m / 1.6) - 1], 0, EQUAL)
    assert found is not None
    place_m = 20.0 * law.measurement_period_s * (found[0] + 1)
    assert found[1] == 1
    assert 0.0 <= place_m - (crossing_m + 20.0 * trigger_s) < 20.0 * law.measurement_period_s


def test_trigger_samples_count_whole_periods() -> None:
    """Time to trigger over period, rounded up, and the entry itself; 0.56/0.08 is seven despite binary fractions."""
    for trigger_s, expected in ((0.0, 1), (0.08, 2), (0.24, 4), (0.32, 5), (0.33, 6), (0.48, 7), (0.56, 8), (5.12, 65)):
        assert A3(time_to_trigger_s=trigger_s).trigger_samples == expected


def test_condition_must_hold_without_a_break() -> None:
    """One sample below the margin starts the count again, and exactly the margin is not above it."""
    law = A3(time_to_trigger_s=0.24)
    levels = np.array([[-90.0] * 10, [-86.0] * 10])
    assert law.first_trigger(levels, 0, EQUAL) == (3, 1)
    levels[1, 3] = -87.0
    assert law.first_trigger(levels, 0, EQUAL) == (7, 1)
    levels[1, 7] = -87.0
    assert law.first_trigger(levels, 0, EQUAL) is None
    assert law.first_trigger(levels[:, :3], 0, EQUAL) is None


def test_strongest_of_those_due_is_the_target() -> None:
    """Among several due at once the strongest is taken; a stronger one that has not held long enough must wait."""
    law = A3(time_to_trigger_s=0.08)
    levels = np.array([[-90.0] * 4, [-85.0] * 4, [-84.0] * 4, [-120.0, -80.0, -80.0, -80.0]])
    assert law.first_trigger(levels, 0, np.zeros(4)) == (1, 2)
    assert law.first_trigger(silent(levels, 2), 0, np.zeros(4)) == (1, 1)
    assert law.first_trigger(silent(levels, 1, 2), 0, np.zeros(4)) == (2, 3)
    assert law.first_trigger(levels, 3, np.zeros(4)) is None
    levels[1] = [-86.0, -83.0, -83.0, -83.0]
    assert law.first_trigger(levels[:3], 0, np.zeros(3)) == (1, 1)


def test_serving_site_is_no_target_even_with_a_negative_margin() -> None:
    """With offset below -hysteresis a site is 'better' than itself, and still not its own target."""
    law = A3(offset_db=-5.0, time_to_trigger_s=0.0)
    assert law.first_trigger(np.array([[-80.0], [-90.0]]), 0, EQUAL) is None


def test_trigger_does_not_depend_on_how_the_samples_are_cut() -> None:
    """Chunks that repeat the last `trigger_samples - 1` samples find the same trigger as one call."""
    law = A3()
    for seed in range(50):
        walk = np.cumsum(np.random.default_rng(seed).normal(0.0, 1.0, (3, 300)), axis=1)
        expected = law.first_trigger(walk, 0, np.zeros(3))
        overlap = law.trigger_samples - 1
        found = None
        for start in range(0, 300, 16):
            begin = max(start - overlap, 0)
            found = law.first_trigger(walk[:, begin : start + 16], 0, np.zeros(3))
            if found is not None:
                found = (begin + found[0], found[1])
                break
        assert found == expected


def handovers(law: A3, levels_dbm: Floats) -> int:
    """How often a device that starts at site 0 changes its site."""
    count, serving = 0, 0
    while (found := law.first_trigger(levels_dbm, serving, EQUAL)) is not None:
        count, serving, levels_dbm = count + 1, found[1], levels_dbm[:, found[0] + 1 :]
    return count


def test_filter_and_time_to_trigger_suppress_ping_pong() -> None:
    """On a noisy drive between two sites each protection lowers the number of handovers, at least to a tenth in all."""
    bare = A3(filter_coefficient=0, time_to_trigger_s=0.0)
    noise_db = np.random.default_rng(3).normal(0.0, 4.0, (2, 600 + A3().memory))
    levels_dbm = np.hstack([drive(bare, 20.0, 1)] * A3().memory + [drive(bare, 20.0, 600)]) + noise_db
    counts = [
        handovers(law, law.filtered_dbm(levels_dbm[:, A3().memory - law.memory :]))
        for law in (bare, A3(time_to_trigger_s=0.0), A3())
    ]
    assert counts[0] > counts[1] > counts[2] >= 1
    assert counts[2] <= counts[0] / 10
