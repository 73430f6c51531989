"""Tracks answer the same in any order; random waypoints are stationary from the first instant."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from qflsim.units import FOREVER_NS, NS_PER_S, Floats
from qflsim.world.mobility import RandomWaypoint, Static
from qflsim.world.tracks import Leg, Track

S = NS_PER_S
WALK = RandomWaypoint(area_m=(1000.0, 600.0), speed_m_per_s=(0.01, 20.0))


def assert_mean(sample: Floats, expected: float) -> None:
    """The sample's mean lies within five of its own standard errors."""
    error = np.std(sample, ddof=1) / math.sqrt(sample.size)
    assert abs(np.mean(sample) - expected) < 5 * error


def legs_until(track: Track, t_ns: int) -> list[Leg]:
    """All legs up to and including the one of this instant."""
    track.leg(t_ns)
    return track.produced


def test_a_static_device_stands_still() -> None:
    """The place given, seen from the origin, for ever; or a uniform one."""
    rng = np.random.default_rng(1)
    x_m, y_m = Static(at_m=(3.0, 4.0), origin_m=(10.0, 20.0)).track(rng).positions_m(np.array([0, FOREVER_NS - 1]))
    assert (x_m.tolist(), y_m.tolist()) == ([13.0, 13.0], [24.0, 24.0])
    law = Static(area_m=(100.0, 40.0), origin_m=(5.0, -5.0))
    places_m = np.array([law.track(rng).leg(0).at(0) for _ in range(2000)])
    assert_mean(places_m[:, 0], 55.0)
    assert_mean(places_m[:, 1], 15.0)
    assert np.all((places_m >= (5, -5)) & (places_m < (105, 35)))
    assert_mean((places_m[:, 0] - 55) ** 2, 100**2 / 12)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"at_m": (0.0, 0.0), "area_m": (10.0, 10.0)},
        {"area_m": (0.0, 10.0)},
        {"area_m": (True, 10.0)},
        {"at_m": (math.nan, 0.0)},
    ],
)
def test_a_static_device_has_one_place(fields: dict[str, object]) -> None:
    """Neither, both, or an empty area is refused."""
    with pytest.raises(ValidationError):
        Static.model_validate(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"speed_m_per_s": (0.0, 1.0)},
        {"speed_m_per_s": (2.0, 1.0)},
        {"pause_s": (2.0, 1.0)},
        {"pause_s": (-1.0, 1.0)},
        {"area_m": (0.0, 1.0)},
    ],
)
def test_waypoint_parameters_have_bounds(fields: dict[str, object]) -> None:
    """A least speed of 0, which lets the mean decay to 0, and ranges upside down are refused."""
    with pytest.raises(ValidationError):
        RandomWaypoint.model_validate({"area_m": (10.0, 10.0), "speed_m_per_s": (1.0, 2.0)} | fields)


@given(st.integers(0, 999), st.sampled_from([(0.0, 0.0), (1e-15, 1e-15), (0.0, 5.0), (2.0, 2.0)]))
@settings(max_examples=50, deadline=None)
def test_waypoint_legs_join_within_the_area_and_the_speeds(seed: int, pause_s: tuple[float, float]) -> None:
    """Each leg begins when and where the one before it ends, in the area, at a permitted speed or at rest."""
    law = RandomWaypoint(area_m=(50.0, 20.0), origin_m=(7.0, -9.0), speed_m_per_s=(0.5, 2.0), pause_s=pause_s)
    legs = legs_until(law.track(np.random.default_rng(seed)), 500 * S)
    assert legs[0].start_ns == 0
    for leg, following in pairwise(legs):
        assert leg.end_ns == following.start_ns
        assert math.dist(leg.at(leg.end_ns), (following.x_m, following.y_m)) < 1e-11
        assert following.speed_m_per_s > 0 or leg.speed_m_per_s > 0
    for leg in legs:
        assert 7 <= leg.x_m <= 57
        assert -9 <= leg.y_m <= 11
        assert leg.speed_m_per_s == 0 or 0.5 * (1 - 1e-6) <= leg.speed_m_per_s <= 2.0


def test_mean_leg_lengths() -> None:
    """The closed form gives the known values: the unit square's 0.5214, and 423.908 m on 1000 m by 600 m."""
    square = RandomWaypoint(area_m=(1.0, 1.0), speed_m_per_s=(1.0, 1.0))
    assert square.mean_leg_m == pytest.approx((2 + math.sqrt(2) + 5 * math.log(1 + math.sqrt(2))) / 15, rel=1e-14)
    assert square.mean_leg_m == pytest.approx(0.5214054332, abs=1e-10)
    assert WALK.mean_leg_m == pytest.approx(423.908167, abs=1e-6)


def test_later_legs_are_uniform() -> None:
    """The third leg joins two uniform places at a uniform speed (the first two follow the stationary law)."""
    legs = []
    for node in range(3000):
        track = WALK.track(np.random.default_rng(node))
        for _ in range(3):
            track.leg(track.produced[-1].end_ns if track.produced else 0)
        legs.append(track.produced[2])
    assert_mean(np.array([leg.length_m for leg in legs]), 423.908167)
    assert_mean(np.array([leg.speed_m_per_s for leg in legs]), 10.005)


@pytest.mark.parametrize("t_s", [0, 1000])
def test_ns3_numbers_hold_at_once_and_later(t_s: int) -> None:
    """Means and spreads of ten thousand nodes lie in the bounds of ns-3's steady-state test, at 0 s and at 1000 s."""
    legs = [WALK.track(np.random.default_rng([t_s, node])).leg(t_s * S) for node in range(10_000)]
    x_m, y_m = np.array([leg.at(t_s * S) for leg in legs]).T
    speed_m_per_s = np.array([leg.speed_m_per_s for leg in legs])
    for sample, mean, mean_bound, spread, spread_bound in (
        (x_m, 500, 25, 230, 10),
        (y_m, 300, 15, 140, 7),
        (speed_m_per_s, 2.6, 0.13, 4.4, 0.22),
    ):
        assert abs(np.mean(sample) - mean) < mean_bound
        assert abs(np.std(sample) - spread) < spread_bound
    assert_mean(x_m, 500.0)
    assert_mean(speed_m_per_s, 2.629951)
    assert_mean((x_m - 500) ** 2, 1000**2 * 0.2289**2)


@pytest.mark.parametrize(
    ("speeds", "mean", "spread"),
    [((1.0, 20.0), 6.342356, 5.135101), ((0.5, 1.5), 0.910239, 0.285839), ((1.0, 2.0), 1.442695, 0.287530)],
)
def test_stationary_speeds(speeds: tuple[float, float], mean: float, spread: float) -> None:
    """Mean (max - min) / ln(max / min) and the spread of the log-uniform law, at 0 s and at 300 s."""
    law = RandomWaypoint(area_m=(200.0, 200.0), speed_m_per_s=speeds)
    for t_s in (0, 300):
        tracks = [law.track(np.random.default_rng([t_s, node])) for node in range(3000)]
        sample = np.array([track.leg(t_s * S).speed_m_per_s for track in tracks])
        assert_mean(sample, mean)
        assert_mean((sample - mean) ** 2, spread**2)


@pytest.mark.parametrize(("pause_s", "residual_s"), [((30.0, 30.0), 15.0), ((0.0, 60.0), 20.0)])
def test_pauses_are_stationary(pause_s: tuple[float, float], residual_s: float) -> None:
    """P(paused) 0.267356, mean speed 4.646691 m/s and the mean residual E[P²] / 2 E[P] hold at 0 s and later."""
    law = RandomWaypoint(area_m=(1000.0, 1000.0), speed_m_per_s=(1.0, 20.0), pause_s=pause_s)
    assert law.paused_share == pytest.approx(0.267356, abs=1e-6)
    for t_s in (0, 60):
        legs = [law.track(np.random.default_rng([t_s, node])).leg(t_s * S) for node in range(4000)]
        speed_m_per_s = np.array([leg.speed_m_per_s for leg in legs])
        assert_mean((speed_m_per_s == 0).astype(float), law.paused_share)
        assert_mean(speed_m_per_s, 4.646691)
        left_s = np.array([(leg.end_ns - t_s * S) / S for leg in legs if leg.speed_m_per_s == 0])
        assert_mean(left_s, residual_s)


def test_one_speed_is_allowed() -> None:
    """With equal bounds, every leg has that speed."""
    law = RandomWaypoint(area_m=(100.0, 100.0), speed_m_per_s=(2.0, 2.0))
    legs = legs_until(law.track(np.random.default_rng(0)), 1000 * S)
    assert {round(leg.speed_m_per_s, 6) for leg in legs} == {2.0}
