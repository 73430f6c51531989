"""Shares of a band: what concentrated power is worth, against closed forms, brute force and shares of time."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qflsim.radio.fading import Rayleigh
from qflsim.radio.rate import GapRate
from qflsim.radio.sharing import UNLIMITED, BandShare, Books, Power, Superposition, TimeShare, Together
from qflsim.units import NS_PER_S, Floats, from_db, to_ns


def proportional(snr_db: Floats) -> Floats:
    """An efficiency proportional to the SNR: all modems at low SNR."""
    return from_db(snr_db)


def shannon(snr_db: Floats) -> Floats:
    """Shannon's limit."""
    return np.log2(1.0 + from_db(snr_db))


def faded(snr_db: Floats) -> Floats:
    """What the product's own laws make of it."""
    return np.array([Rayleigh().moments(GapRate(), snr)[0] for snr in snr_db.flat]).reshape(snr_db.shape)


def drain(cell: Books, now_ns: int) -> list[tuple[int, int]]:
    """Completions (instant, flow) of all flows in a cell that nobody joins any more."""
    done = []
    while (due := cell.next_completion(now_ns)) is not None:
        now_ns, flow = due
        cell.remove(now_ns, flow)
        done.append(due)
    return done


LIMITED = Power(0.0)
Flows = list[tuple[int, float, float]]
FLOWS = st.lists(st.tuples(st.integers(0, 5 * NS_PER_S), st.floats(1e-3, 2.0), st.floats(0.01, 100.0)), max_size=15)


@given(FLOWS)
def test_without_limited_power_it_is_time_sharing(flows: Flows) -> None:
    """At boost 1 what is left agrees with virtual time to 1e-12, whatever the weights and the efficiency."""
    time, band = TimeShare(), Together(BandShare(shannon))
    now_ns = 0
    for flow, (t_ns, work_s, weight) in enumerate(sorted(flows)):
        while (due := time.next_completion(now_ns)) is not None and due[0] <= t_ns:
            now_ns = due[0]
            other = band.next_completion(now_ns)
            assert other is not None
            assert abs(other[0] - now_ns) <= 1
            for cell in (time, band):
                assert cell.remove(now_ns, due[1]) <= 1e-12
        now_ns = t_ns
        for cell in (time, band):
            cell.add(now_ns, flow, work_s, weight, UNLIMITED if flow % 2 else Power(40.0, 3.0 - flow))
        assert time.share(0.7) == pytest.approx(band.share(0.7), rel=1e-12)
        for other_flow in range(flow + 1):
            if (due := time.next_completion(now_ns)) is not None and other_flow == due[1]:
                assert band.remaining_s(now_ns, other_flow) == pytest.approx(time.remaining_s(now_ns, other_flow),
                                                                             rel=1e-12, abs=1e-9)  # fmt: skip


def test_in_noise_a_narrower_band_costs_nothing() -> None:
    """Rates proportional to SNR: power is what counts, and each of three flows goes on as if it were alone."""
    cell = Together(BandShare(proportional))
    for flow, work_s in enumerate((1.0, 2.0, 3.0)):
        cell.add(0, flow, work_s, weight=1.0 + flow, power=LIMITED)
    assert drain(cell, 0) == [(NS_PER_S, 0), (2 * NS_PER_S, 1), (3 * NS_PER_S, 2)]


def test_two_equal_flows_by_hand() -> None:
    """At 10 dB and half the band each has lg2(21)/2 where alone it has lg2(11): 1 s takes 2 lg2(11)/lg2(21) s."""
    cell = Together(BandShare(shannon))
    for flow in range(2):
        cell.add(0, flow, 1.0, power=Power(10.0))
    end_ns = to_ns(2.0 * math.log(11.0) / math.log(21.0))
    assert drain(cell, 0) == [(end_ns, 0), (end_ns, 1)]


def test_power_control_bounds_the_gain() -> None:
    """In a quarter of the band a level of 10 dB would be 16; where 12 is aimed at, the rate is that of 12 dB."""
    cell = Together(BandShare(shannon))
    for flow, power in enumerate((Power(10.0, 12.0), Power(10.0), Power(10.0, 8.0))):
        cell.add(0, flow, 1.0, weight=1.0, power=power)
    cell.add(0, 3, 100.0)
    quarter_db = 10.0 + 10.0 * math.log10(4.0)
    speeds = [0.25 * math.log1p(10.0 ** (level_db / 10.0)) / math.log(x) for level_db, x in
              ((12.0, 11.0), (quarter_db, 11.0), (8.0, 1.0 + 10.0**0.8))]  # fmt: skip
    left_s = [cell.remaining_s(NS_PER_S, flow) for flow in range(4)]
    assert left_s == pytest.approx([*(1.0 - speed for speed in speeds), 99.75], rel=1e-12)


def test_alone_a_flow_takes_its_work() -> None:
    """A share of 1 has boost exactly 1, at any level."""
    for snr_db in (-6.3, 0.0, 17.77):
        cell = Together(BandShare(faded))
        cell.add(5, 1, 0.123456789, power=Power(snr_db, 15.0))
        assert cell.next_completion(5) == (5 + 123_456_789, 1)


@given(st.lists(st.tuples(st.floats(-7.0, 60.0), st.floats(-7.0, 60.0), st.floats(0.1, 10.0)), min_size=2, max_size=9))
def test_sharing_a_band_gains_but_no_flow_beats_being_alone(flows: list[tuple[float, float, float]]) -> None:
    """With the product's rates: each flow has at least its share and at most all of what it has alone."""
    cell = Together(BandShare(faded))
    for flow, (full_db, most_db, weight) in enumerate(flows):
        cell.add(0, flow, 10.0, weight, Power(full_db, most_db))
    total = sum(weight for *_, weight in flows)
    for flow, (*_, weight) in enumerate(flows):
        served_s = 10.0 - cell.remaining_s(NS_PER_S, flow)
        assert weight / total - 1e-3 <= served_s <= 1.0 + 1e-3  # the table of mean rates is straight between its rows


def test_equals_brute_force_stepping() -> None:
    """Thirty flows with weights and limited power come at random: ends of a stepping of 0.1 ms, within its error."""
    rng, step_ns, count = np.random.default_rng(3), 100_000, 30
    starts_ns = np.sort(rng.integers(0, 15_000, count)) * step_ns
    works_s, weights = rng.exponential(0.08, count), rng.uniform(0.5, 2.0, count)
    full_db, most_db = rng.uniform(-5.0, 30.0, count), rng.uniform(0.0, 40.0, count)
    left_s, stepped_ns = works_s.copy(), np.zeros(count, dtype=np.int64)
    for now_ns in range(0, 8 * NS_PER_S, step_ns):
        here = np.flatnonzero((starts_ns <= now_ns) & (left_s > 0.0))
        share = weights[here] / weights[here].sum()
        boost = shannon(np.minimum(full_db[here] - 10.0 * np.log10(share), most_db[here]))
        left_s[here] -= share * boost / shannon(np.minimum(full_db, most_db)[here]) * (step_ns / NS_PER_S)
        stepped_ns[here[left_s[here] <= 0.0]] = now_ns + step_ns
    cell, ends_ns, now_ns = Together(BandShare(shannon)), np.zeros(count, dtype=np.int64), 0
    for flow, start_ns in enumerate([*starts_ns.tolist(), 1 << 60]):
        while (due := cell.next_completion(now_ns)) is not None and due[0] <= start_ns:
            now_ns = due[0]
            cell.remove(*due)
            ends_ns[due[1]] = now_ns
        now_ns = start_ns
        if flow < count:
            cell.add(now_ns, flow, works_s[flow], weights[flow], Power(full_db[flow], most_db[flow]))
    assert (stepped_ns > 0).all()
    assert np.abs(stepped_ns - ends_ns).max() <= 4 * count * step_ns  # weights reach four times each other's


def test_asking_changes_nothing() -> None:
    """A cell that is asked often gives the same bits as one that is not."""
    rng, now_ns = np.random.default_rng(2), 0
    quiet, asked = Together(BandShare(faded)), Together(BandShare(faded))
    for flow in range(60):
        power = Power(float(rng.uniform(-5, 30)))
        for cell in (quiet, asked):
            cell.add(now_ns, flow, 50.0 + flow / 7.0, 1.0 + flow / 9.0, power)
        for query_ns in np.linspace(now_ns, now_ns + NS_PER_S // 3, 7, dtype=np.int64).tolist():
            asked.remaining_s(query_ns, flow)
            asked.next_completion(now_ns)
        now_ns += NS_PER_S // 3
    assert drain(quiet, now_ns) == drain(asked, now_ns)


def test_a_flow_that_power_does_not_limit_has_exactly_its_share() -> None:
    """With power without end, or more than is aimed at, 2 w/sum(w) is halved by a second, to the bit."""
    cell, weights = Together(BandShare(faded)), np.random.default_rng(6).uniform(0.1, 10.0, 40)
    shares = (weights / weights.sum()).tolist()
    powers = [UNLIMITED if flow % 4 == 0 else Power(30.0, flow / 1.7) for flow in range(39)]
    for flow, power in enumerate([*powers, Power(-4.0)]):
        cell.add(0, flow, 2.0 * shares[flow], weights[flow], power)
    assert [cell.remaining_s(NS_PER_S, flow) for flow in range(39)] == shares[:39]
    assert cell.remaining_s(NS_PER_S, 39) < shares[39]


@pytest.mark.parametrize(
    "make", [TimeShare, lambda: Together(BandShare(shannon)), lambda: Together(Superposition(shannon))]
)
def test_a_retuned_flow_has_left_and_joined_anew(make: Callable[[], Books]) -> None:
    """The same bits either way, alone in the cell as among others."""
    rng, moved, rejoined, now_ns = np.random.default_rng(5), make(), make(), 0
    for flow in range(40):
        for cell in (moved, rejoined):
            cell.add(now_ns, flow, 30.0 + flow / 7.0, 1.0 + flow / 9.0, Power(float(flow) - 5.0, 17.0))
        now_ns += int(rng.integers(NS_PER_S))
        again, weight, power = int(rng.integers(flow + 1)), float(rng.uniform(0.5, 2.0)), Power(rng.uniform(-5.0, 30.0))
        left_s = moved.remaining_s(now_ns, again)
        moved.retune(now_ns, again, 1.5 * left_s, weight, power)
        assert rejoined.remove(now_ns, again) == left_s
        rejoined.add(now_ns, again, 1.5 * left_s, weight, power)
        assert moved.share(0.3) == rejoined.share(0.3)
    assert drain(moved, now_ns) == drain(rejoined, now_ns)


def test_equal_flows_end_in_order_of_their_numbers() -> None:
    """Ties go by flow number, whatever the order of arrival."""
    cell = Together(BandShare(shannon))
    for flow in (5, 2, 9):
        cell.add(0, flow, 0.1)
    assert drain(cell, 0) == [(to_ns(0.3), 2), (to_ns(0.3), 5), (to_ns(0.3), 9)]
