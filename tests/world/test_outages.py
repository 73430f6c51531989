"""Outages are stationary from the first instant, and a schedule is the union of what strikes a site."""

import math
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from qflsim.units import FOREVER_NS, NS_PER_S, Floats, to_ns, to_s
from qflsim.world.outages import CalendarOutage, Downtime, Interval, RegionalOutage, RenewalOutage
from qflsim.world.renewal import Distribution, Life
from qflsim.world.sites import SiteAt

S = NS_PER_S


def down_between_ns(schedule: Downtime, start_ns: int, end_ns: int) -> int:
    """Total down time within [start, end)."""
    intervals = schedule.intervals(start_ns, end_ns)
    return sum(min(up, end_ns) - max(down, start_ns) for down, up in intervals if down < end_ns)


def assert_mean(sample: Floats, expected: float) -> None:
    """The sample's mean lies within five of its own standard errors."""
    assert abs(np.mean(sample) - expected) < 5 * np.std(sample, ddof=1) / math.sqrt(sample.size)


def renewal(mtbf_s: float, mttr_s: float, distribution: Distribution = "exponential") -> RenewalOutage:
    """A law that strikes one site; Weibull times wear out, and repairs are mostly short."""
    shape = (3.0, 0.5) if distribution == "weibull" else (1.0, 1.0)
    return RenewalOutage(sites=("a",), mtbf_s=mtbf_s, mttr_s=mttr_s, distribution=distribution, shape=shape)


intervals_of_a_site = st.lists(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=5).map(
        lambda pairs: sorted((down, down + length) for down, length in pairs)
    ),
    max_size=3,
)


@given(intervals_of_a_site, st.lists(st.integers(0, 70), min_size=1, max_size=10))
@settings(max_examples=200, deadline=None)
def test_a_schedule_is_the_union_of_its_sources(sources: list[list[Interval]], instants_ns: list[int]) -> None:
    """In any order of questions, all answers agree with a table of every nanosecond."""
    down = [any(start <= t < end for source in sources for start, end in source) for t in range(80)]
    changes = [t for t in range(1, 80) if down[t] != down[t - 1]]
    schedule = Downtime(iter(source) for source in sources)
    for t in instants_ns:
        assert schedule.is_up(t) is not down[t]
        assert schedule.next_change_ns(t) == min((c for c in changes if c > t), default=FOREVER_NS)
        assert down_between_ns(schedule, t, 75) == sum(down[t:75])
        assert down_between_ns(schedule, t // 2, t) == sum(down[t // 2 : t])
        interval = schedule.interval(t)
        assert (interval is not None) is down[t]
        if interval is not None:
            start, end = interval
            assert start <= t < end
            assert all(down[start:end])
            assert not down[end]
            assert start == 0 or not down[start - 1]


def test_a_schedule_draws_no_more_than_it_needs() -> None:
    """To know one instant, the next interval is closed, for which its successor is looked at; no more is drawn."""
    drawn: list[Interval] = []

    def source() -> Iterator[Interval]:
        for start in range(0, 1000, 10):
            drawn.append((start, start + 5))
            yield drawn[-1]

    schedule = Downtime([source()])
    assert not drawn
    assert not schedule.is_up(21)
    assert drawn == [(0, 5), (10, 15), (20, 25), (30, 35), (40, 45)]


def test_a_site_that_nothing_strikes_is_up_for_ever() -> None:
    """No source: no change, no interval, no down time."""
    schedule = Downtime([])
    assert (schedule.is_up(0), schedule.next_change_ns(0), schedule.interval(5)) == (True, FOREVER_NS, None)
    assert down_between_ns(schedule, 0, FOREVER_NS) == 0


def test_fixed_times_are_periodic() -> None:
    """Each down time lasts the repair time and each up time the time between failures, to the nanosecond."""
    law = renewal(7.0, 3.0, "fixed")
    for seed in range(20):
        downs = list(islice(law.intervals(np.random.default_rng(seed)), 9))
        assert downs[0][0] <= 7 * S
        assert downs[0][1] - downs[0][0] <= 3 * S
        assert {up - down for down, up in downs[1:]} == {3 * S}
        assert {later[0] - earlier[1] for earlier, later in pairwise(downs)} == {7 * S}


@pytest.mark.parametrize("distribution", ["exponential", "fixed", "weibull"])
@pytest.mark.parametrize("t_s", [0.0, 3.0, 11.0, 400.0])
def test_availability_holds_from_the_first_instant(distribution: Distribution, t_s: float) -> None:
    """P(up at t) = A at every t, for every distribution."""
    law = renewal(10.0, 4.0, distribution)
    assert law.availability == 10 / 14
    up = [Downtime([law.intervals(np.random.default_rng([7, n]))]).is_up(to_ns(t_s)) for n in range(2000)]
    assert_mean(np.array(up, dtype=float), 10 / 14)


@pytest.mark.parametrize(("mtbf_s", "mttr_s", "t_s", "expected"), [(1000, 10, 5, 0.99607431), (10, 1, 0.5, 0.96154089)])
def test_given_up_at_first(mtbf_s: float, mttr_s: float, t_s: float, expected: float) -> None:
    """A(t | up at 0) = A + (1 - A) exp(-(1/mtbf + 1/mttr) t)."""
    law = renewal(float(mtbf_s), float(mttr_s))
    decay = math.exp(-(1 / mtbf_s + 1 / mttr_s) * t_s)
    assert law.availability + (1 - law.availability) * decay == pytest.approx(expected, abs=1e-8)
    schedules = [Downtime([law.intervals(np.random.default_rng([3, n]))]) for n in range(8000)]
    up = [schedule.is_up(to_ns(t_s)) for schedule in schedules if schedule.is_up(0)]
    assert_mean(np.array(up, dtype=float), expected)


def test_measured_availability_over_a_long_time() -> None:
    """One site's share of up time lies within five standard deviations (0.003876 over 10⁵ s) of A."""
    law, total_s = renewal(100.0, 10.0), 1e5
    rate_per_s = 1 / 100 + 1 / 10
    spread = math.sqrt(
        2 * law.availability * (1 - law.availability) / (rate_per_s * total_s)
        * (1 - (1 - math.exp(-rate_per_s * total_s)) / (rate_per_s * total_s))
    )  # fmt: skip
    assert spread == pytest.approx(0.003876, abs=1e-6)
    schedule = Downtime([law.intervals(np.random.default_rng(0))])
    measured = 1 - to_s(down_between_ns(schedule, 0, to_ns(total_s))) / total_s
    assert abs(measured - law.availability) < 5 * spread


def resumed_s(schedule: Downtime, start_ns: int, work_s: float) -> float:
    """Time to finish work that goes on after each repair, where it stopped."""
    now_ns, left_ns = start_ns, to_ns(work_s)
    while (change_ns := schedule.next_change_ns(now_ns)) < now_ns + left_ns:
        left_ns -= change_ns - now_ns
        now_ns = schedule.next_change_ns(change_ns)
    return to_s(now_ns + left_ns - start_ns)


def restarted_s(schedule: Downtime, start_ns: int, work_s: float) -> float:
    """Time to finish work that begins anew after each repair."""
    now_ns = start_ns
    while (change_ns := schedule.next_change_ns(now_ns)) < now_ns + to_ns(work_s):
        now_ns = schedule.next_change_ns(change_ns)
    return to_s(now_ns + to_ns(work_s) - start_ns)


@pytest.mark.parametrize(
    ("finished_s", "work_s", "mtbf_s", "mttr_s", "expected_s"),
    [
        (resumed_s, 10.0, 20.0, 4.0, 12.0),
        (restarted_s, 10.0, 20.0, 4.0, 15.569310),
        (resumed_s, 60.0, 120.0, 15.0, 67.5),
        (restarted_s, 60.0, 120.0, 15.0, 87.577372),
    ],
)
def test_completion_times_under_failures(
    finished_s: Callable[[Downtime, int, float], float],
    work_s: float,
    mtbf_s: float,
    mttr_s: float,
    expected_s: float,
) -> None:
    """Resumed work takes w (1 + λ r) on average, restarted work (1/λ + r) (exp(λ w) - 1)."""
    law = renewal(mtbf_s, mttr_s)
    sample = []
    for n in range(3000):
        schedule = Downtime([law.intervals(np.random.default_rng([5, n]))])
        start_ns = 0 if schedule.is_up(0) else schedule.next_change_ns(0)
        sample.append(finished_s(schedule, start_ns, work_s))
    assert_mean(np.array(sample), expected_s)


def test_intervals_end_with_time_itself() -> None:
    """No interval reaches beyond `FOREVER_NS`, however long lives are."""
    law = renewal(1e9, 1e9)
    for seed in range(20):
        downs = list(law.intervals(np.random.default_rng(seed)))
        assert all(down < up <= FOREVER_NS for down, up in downs)


@pytest.mark.parametrize("shape", [0.3, 0.7, 2.0, 10.0])
def test_weibull_times(shape: float) -> None:
    """Whole times have the mean m; what is left of one at an instant has the mean E[X^2] / (2 m) = m (1 + c^2) / 2."""
    life, rng = Life(8.0, "weibull", shape), np.random.default_rng(6)
    variation = math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2 - 1
    assert_mean(np.array([life.whole_s(rng) for _ in range(20_000)]), 8.0)
    assert_mean(np.array([life.left_s(rng) for _ in range(20_000)]), 4.0 * (1 + variation))


def test_weibull_of_shape_one_is_exponential() -> None:
    """What is left has the median m ln 2, and so has a whole time."""
    life, rng = Life(8.0, "weibull", 1.0), np.random.default_rng(6)
    for draw in (life.whole_s, life.left_s):
        below = np.array([draw(rng) < 8.0 * math.log(2) for _ in range(10_000)], dtype=float)
        assert_mean(below, 0.5)


def calendar(**fields: Any) -> list[Interval]:
    """The first ten intervals, in seconds."""
    law = CalendarOutage.model_validate(fields)
    intervals = islice(law.intervals(np.random.default_rng(0)), 10)
    return [(down // S, up // S if up < FOREVER_NS else -1) for down, up in intervals]


def test_a_calendar_is_kept_exactly() -> None:
    """Once, as it stands; with a period, for ever, also over the end of the period that t = 0 follows."""
    assert calendar(intervals_s=((3.0, 5.0), (4.0, 9.0))) == [(3, 5), (4, 9)]
    assert calendar(intervals_s=((1.0, 2.0), (6.0, 8.0)), every_s=10.0)[:4] == [(1, 2), (6, 8), (11, 12), (16, 18)]
    assert calendar(intervals_s=((8.0, 12.0),), every_s=10.0)[:3] == [(0, 2), (8, 12), (18, 22)]


def test_overlapping_windows_merge() -> None:
    """Two windows of one calendar, and one of another, are one down time."""
    laws = (CalendarOutage(intervals_s=((3.0, 5.0), (4.0, 9.0))), CalendarOutage(intervals_s=((9.0, 11.0),)))
    schedule = Downtime(law.intervals(np.random.default_rng(0)) for law in laws)
    assert schedule.intervals(0, 50 * S) == [(3 * S, 11 * S)]


@pytest.mark.parametrize(
    "fields",
    [
        {"intervals_s": ()},
        {"intervals_s": ((5.0, 5.0),)},
        {"intervals_s": ((5.0, 6.0), (1.0, 2.0))},
        {"intervals_s": ((5.0, 6.0),), "every_s": 5.0},
        {"intervals_s": ((1.0, 9.0),), "every_s": 5.0},
    ],
)
def test_bad_calendars_are_refused(fields: dict[str, Any]) -> None:
    """None, an empty one, out of order, outside their period, longer than it."""
    with pytest.raises(ValidationError):
        CalendarOutage.model_validate(fields)


SITES = [SiteAt(name=name, x_m=x_m, y_m=0.0) for name, x_m in (("a", 0.0), ("b", 300.0), ("c", 900.0))]
CAUSE = RenewalOutage(mtbf_s=30.0, mttr_s=10.0)


@pytest.mark.parametrize(
    ("fields", "struck"),
    [
        ({}, "abc"),
        ({"sites": ("a", "c")}, "ac"),
        ({"at_m": (0.0, 0.0), "radius_m": 300.0}, "ab"),
        ({"at_m": (600.0, 0.0), "radius_m": 299.0}, ""),
    ],
)
def test_a_region_is_named_or_round(fields: dict[str, Any], struck: str) -> None:
    """All sites, those named, or those within the radius."""
    region = RegionalOutage.model_validate({"cause": CAUSE} | fields)
    assert region.shared
    assert "".join(site.name for site in SITES if region.strikes(site)) == struck
    assert all(CAUSE.strikes(site) for site in SITES)


def test_joint_availability_under_a_common_cause() -> None:
    """Three sites with failures of their own and a common cause are all up with probability A_parent A^3."""
    own, region = renewal(40.0, 10.0), RegionalOutage(cause=CAUSE)
    up = []
    for n in range(3000):
        sites = [Downtime([own.intervals(np.random.default_rng([1, n, k])),
                           region.intervals(np.random.default_rng([2, n]))]) for k in range(3)]  # fmt: skip
        up.append(all(site.is_up(9 * S) for site in sites))
    assert_mean(np.array(up, dtype=float), 0.75 * 0.8**3)


@pytest.mark.parametrize(
    "fields",
    [
        {"sites": ("a",), "at_m": (0.0, 0.0), "radius_m": 5.0},
        {"radius_m": 5.0},
        {"cause": CAUSE.model_copy(update={"sites": ("a",)})},
    ],
)
def test_bad_regions_are_refused(fields: dict[str, Any]) -> None:
    """Names and a place, a radius around nothing, a cause with sites of its own."""
    with pytest.raises(ValidationError):
        RegionalOutage.model_validate({"cause": CAUSE} | fields)


@pytest.mark.parametrize("fields", [{"sites": ()}, {"sites": ("a", "a")}, {"mtbf_s": 0.0}, {"distribution": "normal"},
                                    {"shape": (2.0, 2.0)}])  # fmt: skip
def test_bad_parameters_are_refused(fields: dict[str, object]) -> None:
    """No site, one twice, no life, an unknown law, a shape of exponential times."""
    with pytest.raises(ValidationError):
        RenewalOutage.model_validate({"sites": ("a",), "mtbf_s": 1.0, "mttr_s": 1.0} | fields)
