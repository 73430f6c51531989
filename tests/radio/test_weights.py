"""Weights: exact shares, sums that do not drift, alpha-fairness, and the means of discriminatory processor sharing."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qflsim.radio.sharing import AlphaFair, TimeShare
from qflsim.units import NS_PER_S, Floats, to_ns


def ends_ns(arrivals: list[tuple[int, float, float]]) -> dict[int, int]:
    """When each flow (instant, work in s, weight), in the order of their arrival, is done by the books."""
    cell, done, now_ns = TimeShare(), {}, 0
    for flow, (arrival_ns, work_s, weight) in enumerate([*arrivals, (1 << 61, 0.0, 1.0)]):
        while (due := cell.next_completion(now_ns)) is not None and due[0] <= arrival_ns:
            now_ns = due[0]
            cell.remove(*due)
            done[due[1]] = now_ns
        now_ns = arrival_ns
        cell.add(now_ns, flow, work_s, weight)
    return done


def exact_ends_ns(arrivals: list[tuple[int, float, float]]) -> dict[int, int]:
    """The same by rational numbers, without virtual time: every flow's work is counted down from event to event."""
    left_ns: dict[int, Fraction] = {}
    weights = {flow: Fraction(weight) for flow, (_, _, weight) in enumerate(arrivals)}
    done, now_ns = {}, 0
    for flow, (arrival_ns, work_s, _) in enumerate([*arrivals, (1 << 61, 0.0, 1.0)]):
        while left_ns:
            total = sum(weights[f] for f in left_ns)
            first = min(left_ns, key=lambda f: left_ns[f] / weights[f])
            due_ns = now_ns + math.ceil(round(left_ns[first] / weights[first] * total, 3))
            until_ns = min(due_ns, arrival_ns)
            left_ns = {f: max(x - (until_ns - now_ns) * weights[f] / total, Fraction(0)) for f, x in left_ns.items()}
            now_ns = until_ns
            if due_ns > arrival_ns:
                break
            done[first] = now_ns
            del left_ns[first]
        now_ns = arrival_ns
        left_ns[flow] = Fraction(work_s) * NS_PER_S
    return done


def test_shares_by_hand() -> None:
    """1 s at weight 1, 0.75 s at 3: the second ends at 1 s, when the first has had 0.25 s; that ends at 1.75 s."""
    assert ends_ns([(0, 1.0, 1.0), (0, 0.75, 3.0)]) == {1: NS_PER_S, 0: 7 * NS_PER_S // 4}


def test_the_share_of_one_more() -> None:
    """A newcomer's part of the sum of all weights, itself included."""
    cell = TimeShare()
    assert cell.share(0.3) == 1.0
    cell.add(0, 1, 1.0, 1.5)
    assert cell.share(0.5) == 0.25
    assert cell.share() == 0.4


@pytest.mark.parametrize("seed", range(5))
def test_equals_rational_arithmetic(seed: int) -> None:
    """Sixty flows with weights over six decades end when fractions say, within two nanoseconds."""
    rng = np.random.default_rng(seed)
    arrivals = [(int(t_ns), float(work_s), float(10.0**exponent)) for t_ns, work_s, exponent in
                zip(np.sort(rng.integers(0, 20 * NS_PER_S, 60)), rng.exponential(0.3, 60), rng.uniform(-3, 3, 60),
                    strict=True)]  # fmt: skip
    seen, exact = ends_ns(arrivals), exact_ends_ns(arrivals)
    assert seen.keys() == exact.keys()
    assert max(abs(seen[flow] - exact[flow]) for flow in exact) <= 2


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats(0.0, 2.0), st.floats(0.01, 100.0)), max_size=12),
       st.integers(-60, 60))  # fmt: skip
def test_only_ratios_of_weights_matter(flows: list[tuple[int, float, float]], power: int) -> None:
    """All weights times a power of two: the same ends, to the nanosecond."""
    flows = sorted(flows)
    scaled = [(t_ns, work_s, math.ldexp(weight, power)) for t_ns, work_s, weight in flows]
    assert ends_ns(scaled) == ends_ns(flows)


def test_the_sum_of_weights_does_not_drift() -> None:
    """After 3,000 flows of weights over thirty decades the one that stays has the whole cell, exactly."""
    rng, cell = np.random.default_rng(7), TimeShare()
    cell.add(0, -1, 1e-3, 1e-15)
    for flow, weight in enumerate(10.0 ** rng.uniform(-15, 15, 3000)):
        cell.add(0, flow, 1.0, float(weight))
    for flow in rng.permutation(3000).tolist():
        assert cell.remove(0, flow) == pytest.approx(1.0, rel=1e-15)
    assert cell.share(1e-15) == 0.5
    assert cell.next_completion(0) == (to_ns(1e-3), -1)


def test_the_nanoseconds_survive_a_heavy_flow_after_a_month_of_a_light_one() -> None:
    """A light flow alone for 30 days, then short ones of a billion times its weight: each ends on its nanosecond."""
    cell, start_ns = TimeShare(), 30 * 86_400 * NS_PER_S
    cell.add(0, -1, 1e9, 1e-9)
    for flow in range(1000):
        now_ns = start_ns + flow * NS_PER_S
        cell.add(now_ns, flow, 0.001)
        due = cell.next_completion(now_ns)
        assert due is not None
        assert due[1] == flow
        assert abs(due[0] - now_ns - 1_000_000) <= 2
        assert cell.remove(due[0], flow) == 0.0
    month_s = (start_ns + 1000 * NS_PER_S) / NS_PER_S
    assert cell.remaining_s(start_ns + 1000 * NS_PER_S, -1) == pytest.approx(1e9 - month_s + 1.0, abs=1e-3)


def dps_means_s(load: tuple[float, float], weights: tuple[float, float]) -> tuple[float, float]:
    """Mean sojourns of two classes with exponential work of mean 1 s (Fayolle, Mitrani, Iasnogorodski, 1980)."""
    idle = 1.0 - sum(load)
    scale = weights[0] * (1.0 - load[0]) + weights[1] * (1.0 - load[1])
    gap = weights[1] - weights[0]
    return (1.0 + load[1] * gap / scale) / idle, (1.0 - load[0] * gap / scale) / idle


def test_discriminatory_processor_sharing_has_its_known_means() -> None:
    """Two classes at weights 1 and 4: both means are the closed form's, and the mean over all is that of equal ones.

    With equal exponential work no order of service changes the mean number of flows: weights only move it about.
    """
    rng, load, weights = np.random.default_rng(8), (0.3, 0.4), (1.0, 4.0)
    count, batches = 100_000, 50
    second = rng.random(count) < load[1] / sum(load)
    stays_s = sojourns_s(rng.exponential(1.0, count), rng.exponential(1.0 / sum(load), count),
                         np.where(second, weights[1], weights[0]))  # fmt: skip
    for chosen, expected_s in ((~second, dps_means_s(load, weights)[0]), (second, dps_means_s(load, weights)[1]),
                               (second | True, 1.0 / 0.3)):  # fmt: skip
        means = np.array([s[c].mean() for s, c in zip(np.split(stays_s, batches), np.split(chosen, batches),
                                                      strict=True)])  # fmt: skip
        error = means.std(ddof=1) / math.sqrt(batches)
        assert abs(means.mean() - expected_s) < 5 * error
        assert error < 0.15


def sojourns_s(works_s: Floats, gaps_s: Floats, weights: Floats) -> Floats:
    """Time in the cell of each flow."""
    arrivals_ns = np.cumsum([to_ns(gap_s) for gap_s in gaps_s]).tolist()
    ends = ends_ns(list(zip(arrivals_ns, works_s.tolist(), weights.tolist(), strict=True)))
    return np.array([ends[flow] - arrivals_ns[flow] for flow in range(len(works_s))]) / NS_PER_S


RATES = np.array([2e5, 1e6, 3e6, 4e8])


def shares(alpha: float) -> Floats:
    """The shares of flows of the four rates."""
    weights = np.array([AlphaFair(alpha=alpha).weight(float(rate)) for rate in RATES])
    return weights / weights.sum()


def test_proportional_fairness_is_equal_time() -> None:
    """At alpha = 1 every weight is exactly 1."""
    assert {AlphaFair().weight(rate) for rate in (1.0, 1e6, 7.7e9)} == {1.0}


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 2.0, 5.0])
def test_shares_maximise_the_utility(alpha: float) -> None:
    """The marginal utility of a share, r x^-alpha, is the same for all flows: the condition of the greatest sum."""
    marginal = RATES * (shares(alpha) * RATES) ** -alpha
    assert marginal == pytest.approx(marginal[0], rel=1e-9)


def test_the_ends_of_the_scale() -> None:
    """Large alpha gives equal rates, small alpha all but a part in 1e8 to the fastest."""
    rates = shares(1e6) * RATES
    assert rates == pytest.approx(rates[0], rel=1e-4)
    assert shares(0.2)[-1] > 1.0 - 1e-8


@pytest.mark.parametrize("alpha", [0.0, -1.0, math.inf, 0.1])
def test_alpha_has_its_bounds(alpha: float) -> None:
    """Below 0.2 the weights of ordinary rates would leave the numbers that can be summed."""
    with pytest.raises(ValidationError):
        AlphaFair(alpha=alpha)
