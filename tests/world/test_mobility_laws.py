"""What holds for every law of motion: legs without a gap or a jump, one answer to a question, the same law for ever."""

import math
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.streams import Streams
from qflsim.units import NS_PER_S, Floats
from qflsim.world.mobility import Mobility, RandomWaypoint
from qflsim.world.mobility_groups import Group
from qflsim.world.mobility_open import GaussMarkov, RandomDirection
from qflsim.world.mobility_streets import Highway, Manhattan
from qflsim.world.tracks import Leg, Track

S = NS_PER_S
AREA, ORIGIN = (300.0, 200.0), (-100.0, 50.0)
WAYPOINT = RandomWaypoint(area_m=AREA, origin_m=ORIGIN, speed_m_per_s=(1.0, 9.0), pause_s=(0.0, 30.0))
GRID = Manhattan(blocks=(3, 2), block_m=(100.0, 100.0), origin_m=ORIGIN, speed_m_per_s=(2.0, 20.0), pause_s=(0.0, 20.0))
LAWS: dict[str, Mobility | Group] = {
    "waypoint": WAYPOINT,
    "direction": RandomDirection(area_m=AREA, origin_m=ORIGIN, speed_m_per_s=(1.0, 9.0), mean_way_s=20.0),
    "gauss-markov": GaussMarkov(area_m=AREA, origin_m=ORIGIN, mean_speed_m_per_s=5.0, speed_deviation_m_per_s=2.0,
                                step_s=8.0),
    "manhattan": GRID,
    "highway": Highway(length_m=290.0, lane_speeds_m_per_s=(40.0, 20.0), origin_m=ORIGIN),
    "platoon": Group(leader=WAYPOINT, size=4, spacing_m=25.0),
    "platoon in streets": Group(leader=GRID, size=3, spacing_m=60.0),
    "crowd": Group(leader=WAYPOINT, size=9, radius_m=10.0),
}  # fmt: skip


def drawn(law: Mobility | Group, *key: int) -> Track:
    """A track of a stream of its own; of a group, the track of its front member."""
    streams = Streams(11)
    if isinstance(law, Group):
        return law.member(0, streams.named("company", *key), streams.named("own", *key))
    return law.track(streams.named("own", *key))


def joined(track: Track, legs: int) -> list[Leg]:
    """The first legs, each of which starts where and when the one before ends: to rounding, and to the way of 2 ns."""
    path = list(islice(track, legs))
    assert path[0].start_ns == 0
    for leg, following in pairwise(path):
        assert leg.start_ns < leg.end_ns == following.start_ns
        hair_m = 1e-12 * (abs(leg.x_m) + abs(leg.y_m) + leg.length_m)
        hair_m += 2e-9 * (leg.speed_m_per_s + following.speed_m_per_s)
        assert math.dist(leg.at(leg.end_ns), (following.x_m, following.y_m)) <= hair_m
    return path


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_nobody_jumps(law: Mobility | Group) -> None:
    """Place and time of a leg's start are those of the end of the leg before it."""
    for device in range(20):
        assert len(joined(drawn(law, device), 300)) == 300


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_order_of_questions_does_not_matter(law: Mobility | Group) -> None:
    """A track that is asked from back to front, one that is asked at once and one for each question agree."""
    instants_ns = np.random.default_rng(1).integers(0, 500 * S, 12)
    track = drawn(law, 3)
    backwards = [track.leg(int(t_ns)).at(int(t_ns)) for t_ns in np.sort(instants_ns)[::-1]]
    at_once = np.array(drawn(law, 3).positions_m(np.sort(instants_ns)[::-1])).T
    np.testing.assert_array_equal(backwards, at_once)
    for t_ns in instants_ns.tolist():
        assert drawn(law, 3).leg(t_ns) == track.leg(t_ns)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_law_is_the_same_at_once_and_later(law: Mobility | Group) -> None:
    """Places, speeds and rests at 0 s and 1000 s come from one distribution (two samples of devices of their own)."""
    samples = [[(leg, t_ns) for device in range(700)
                for leg in [drawn(law, device, t_ns).leg(t_ns)]] for t_ns in (0, 1000 * S)]  # fmt: skip
    counts, speeds = [], []
    for sample in samples:
        x_m, y_m = np.array([leg.at(t_ns) for leg, t_ns in sample]).T
        edges = [np.linspace(start - 30, start + side + 30, 7) for start, side in zip(ORIGIN, AREA, strict=True)]
        counts.append(np.histogram2d(x_m, y_m, edges)[0].ravel())
        speeds.append(np.array([leg.speed_m_per_s for leg, _ in sample]))
    both = counts[0] + counts[1]
    used = both > 0
    chi_square, freedom = np.sum((counts[0] - counts[1])[used] ** 2 / both[used]), used.sum() - 1
    assert abs(chi_square - freedom) < 5 * math.sqrt(2 * freedom)
    assert_alike(speeds[0], speeds[1])
    assert_alike(speeds[0] ** 2, speeds[1] ** 2)
    assert_alike((speeds[0] == 0).astype(float), (speeds[1] == 0).astype(float))


def assert_alike(one: Floats, other: Floats) -> None:
    """The means of two samples differ by at most five standard errors."""
    error = math.sqrt(np.var(one) / one.size + np.var(other) / other.size)
    assert abs(one.mean() - other.mean()) <= 5 * error


SIDE = st.sampled_from([1.0, 17.3, 1e3, 1e6])
SPEED = st.sampled_from([1e-3, 1.5, 138.9, 1e4])
SPAN = st.sampled_from([1e-3, 1.0, 1e7])
PLACE = {"area_m": st.tuples(SIDE, SIDE), "origin_m": st.tuples(SIDE, SIDE)}
SPEEDS = st.tuples(SPEED, SPEED).map(lambda pair: (min(pair), max(pair)))


@given(
    st.one_of(
        st.builds(RandomWaypoint, speed_m_per_s=SPEEDS, **PLACE),
        st.builds(RandomDirection, speed_m_per_s=SPEEDS, mean_way_s=SPAN, **PLACE),
        st.builds(GaussMarkov, mean_speed_m_per_s=SPEED, speed_deviation_m_per_s=SPEED, memory_s=SPAN, step_s=SPAN,
                  heading_deviation_rad=st.floats(0, math.pi), **PLACE),
        st.builds(Manhattan, speed_m_per_s=SPEEDS, blocks=st.tuples(st.integers(1, 4), st.integers(1, 4)),
                  block_m=st.tuples(SIDE, SIDE)),
        st.builds(Highway, length_m=SIDE, lane_speeds_m_per_s=st.lists(SPEED, min_size=1, max_size=3).map(tuple)),
    ),
    st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_extremes_of_parameters_are_fine(law: Mobility, seed: int) -> None:
    """Tiny and vast areas at tiny and vast speeds: nobody jumps, and nobody leaves an area."""
    path = joined(law.track(np.random.default_rng(seed)), 60)
    if isinstance(law, RandomWaypoint | RandomDirection | GaussMarkov):
        hair_m = 1e-8 * (max(leg.speed_m_per_s for leg in path) + max(law.area_m) + max(law.origin_m))
        for leg in path:
            assert -hair_m <= leg.x_m - law.origin_m[0] <= law.area_m[0] + hair_m
            assert -hair_m <= leg.y_m - law.origin_m[1] <= law.area_m[1] + hair_m
