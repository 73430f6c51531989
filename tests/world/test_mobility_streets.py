"""Streets: a grid whose stretches are equally busy, a highway whose flow is density times speed."""

import math
from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.units import NS_PER_S, Floats
from qflsim.world.mobility_streets import Highway, Manhattan
from qflsim.world.tracks import Leg

S = NS_PER_S
GRID = Manhattan(blocks=(3, 2), block_m=(100.0, 60.0), origin_m=(7.0, -5.0), speed_m_per_s=(5.0, 15.0))
Crossing = tuple[int, int]


def assert_mean(sample: Floats, expected: float) -> None:
    """The sample's mean lies within five of its own standard errors."""
    error = np.std(sample, ddof=1) / math.sqrt(sample.size)
    assert abs(np.mean(sample) - expected) < 5 * error


def heading(leg: Leg) -> Crossing:
    """The direction of a leg along the grid."""
    return int(np.sign(leg.vx_m_per_s)), int(np.sign(leg.vy_m_per_s))


def crossing(leg: Leg) -> Crossing:
    """The crossing at which a leg of `GRID` begins."""
    return round((leg.x_m - 7.0) / 100), round((leg.y_m + 5.0) / 60)


def test_devices_stay_on_the_streets() -> None:
    """At any instant at least one coordinate is that of a street, to the last bit, and both are within the city."""
    law = GRID.model_copy(update={"pause_s": (0.0, 20.0)})
    east_m, north_m = {7.0 + 100.0 * k for k in range(4)}, {-5.0 + 60.0 * k for k in range(3)}
    for device in range(50):
        x_m, y_m = law.track(np.random.default_rng(device)).positions_m(np.arange(0, 600, 7) * S)
        for here in zip(x_m.tolist(), y_m.tolist(), strict=True):
            assert here[0] in east_m or here[1] in north_m
        assert x_m.min() > 7 - 1e-9
        assert x_m.max() < 307 + 1e-9
        assert y_m.min() > -5 - 1e-9
        assert y_m.max() < 115 + 1e-9


LEFT, STRAIGHT, RIGHT = 1, 0, -1
SHARES = {
    "inside": {STRAIGHT: 0.5, LEFT: 0.25, RIGHT: 0.25},
    "along the border": {STRAIGHT: 0.5, LEFT: 0.5},
    "against the border": {LEFT: 0.5, RIGHT: 0.5},
    "corner": {LEFT: 1.0},
}
AT = {"inside": (1, 1), "along the border": (1, 0), "against the border": (3, 1), "corner": (3, 0)}


@pytest.mark.parametrize("where", SHARES)
def test_turns_have_their_frequencies(where: str) -> None:
    """Going east: half go straight on inside and along the border; what the border takes, the other turns share."""
    turns = Counter[int]()
    for device in range(150):
        legs = list(islice(GRID.track(np.random.default_rng(device)), 1, 150))
        for before, leg in pairwise(legs):
            if heading(before) == (1, 0) and crossing(leg) == AT[where]:
                turns[heading(leg)[1]] += 1
    total = turns.total()
    assert total > 500
    assert set(turns) == set(SHARES[where])
    for turn, share in SHARES[where].items():
        assert abs(turns[turn] - share * total) <= 5 * math.sqrt(total * share * (1 - share))


def test_every_turn_is_as_likely_backwards() -> None:
    """Into each stretch of each direction turn as many as come out of it: the flows of all stretches are equal."""
    law = Manhattan(blocks=(2, 1), block_m=(1.0, 1.0), speed_m_per_s=(1.0, 1.0))
    inflow = Counter[tuple[Crossing, Crossing]]()
    for i in range(3):
        for j in range(2):
            for ahead in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                if 0 <= i - ahead[0] <= 2 and 0 <= j - ahead[1] <= 1:
                    for eighth in range(8):
                        inflow[(i, j), law.turned((i, j), ahead, eighth / 8)] += 1
    assert len(inflow) == 2 * sum(law.stretches) == 14
    assert set(inflow.values()) == {8}


@pytest.mark.parametrize("t_s", [0, 300])
def test_stretches_are_as_busy_as_they_are_long(t_s: int) -> None:
    """Chi-square over the 34 directed stretches, at 0 s and later; speeds are log-uniform, places uniform."""
    seen, speed, done = Counter[tuple[Crossing, Crossing]](), [], []
    for device in range(1500):
        leg = GRID.track(np.random.default_rng([t_s, device])).leg(t_s * S)
        x_m, y_m = leg.at(t_s * S)
        ahead, along = heading(leg), ((x_m - 7) / 100, (y_m + 5) / 60)
        low = int(along[0] + 1e-9 * (ahead[0] == 0)), int(along[1] + 1e-9 * (ahead[1] == 0))
        seen[low, ahead] += 1
        speed.append(leg.speed_m_per_s)
        done.append(along[0] - low[0] if ahead[0] else along[1] - low[1])
    lengths_m = {key: 100 if key[1][0] else 60 for key in seen}
    assert len(seen) == 34
    total_m = 2 * (9 * 100 + 8 * 60)
    expected = {key: 1500 * length_m / total_m for key, length_m in lengths_m.items()}
    chi_square = sum((seen[key] - expected[key]) ** 2 / expected[key] for key in seen)
    assert abs(chi_square - 33) < 5 * math.sqrt(2 * 33)
    assert_mean(np.array(speed), 10 / math.log(3))
    assert_mean(np.array(done), 0.5)
    assert_mean((np.array(done) - 0.5) ** 2, 1 / 12)


def test_pauses_take_their_share() -> None:
    """P(paused) = E[P] / (E[P] + E[T]), at 0 s and later, with what is left of them E[P^2] / 2 E[P]."""
    law = GRID.model_copy(update={"pause_s": (0.0, 12.0)})
    mean_ride_s = (9 * 100 + 8 * 60) / 17 * math.log(3) / 10
    assert law.paused_share == pytest.approx(6 / (6 + mean_ride_s), rel=1e-12)
    for t_s in (0, 200):
        legs = [law.track(np.random.default_rng([t_s, device])).leg(t_s * S) for device in range(1500)]
        assert_mean(np.array([float(leg.speed_m_per_s == 0) for leg in legs]), law.paused_share)
        left_s = np.array([(leg.end_ns - t_s * S) / S for leg in legs if leg.speed_m_per_s == 0])
        assert_mean(left_s, 4.0)


ROAD = Highway(length_m=5000.0, lane_speeds_m_per_s=(500 / 3.6, 100 / 3.6), lane_width_m=4.0, origin_m=(100.0, 30.0))
LANES_Y_M = (28.0, 24.0, 32.0, 36.0)
"""The inner and the outer lane eastwards, then westwards."""


def test_a_round_of_the_highway_by_hand() -> None:
    """East on the right, across at the end, west, and across again: at 500 km/h, back after the time of a lap."""
    lap_s = ROAD.lap_s
    assert lap_s == pytest.approx((2 * 5004 * 3.6 / 500, 2 * 5012 * 3.6 / 100), rel=1e-12)
    for device in range(40):
        legs = list(islice(ROAD.track(np.random.default_rng(device)), 9))
        lane = min((0, 1), key=lambda k: abs(legs[1].speed_m_per_s - ROAD.lane_speeds_m_per_s[k]))
        for leg in legs:
            assert leg.speed_m_per_s == pytest.approx(ROAD.lane_speeds_m_per_s[lane], rel=1e-6)
            if leg.vx_m_per_s:
                assert leg.y_m == LANES_Y_M[lane if leg.vx_m_per_s > 0 else lane + 2]
            else:
                assert leg.x_m == (5100.0 if leg.vy_m_per_s > 0 else 100.0)
        assert (legs[5].start_ns - legs[1].start_ns) / S == pytest.approx(lap_s[lane], abs=4e-9)
        assert legs[5][2:4] == legs[1][2:4]


def on_lane(t_s: float, count: int) -> dict[float, Floats]:
    """Where vehicles are at an instant, lane by lane."""
    legs = [ROAD.track(np.random.default_rng([1, device])).leg(round(t_s * S)) for device in range(count)]
    return {y_m: np.sort([leg.at(round(t_s * S))[0] for leg in legs if leg.y_m == y_m and leg.vx_m_per_s])
            for y_m in LANES_Y_M}  # fmt: skip


@pytest.mark.parametrize("t_s", [0, 400])
def test_headways_are_exponential(t_s: int) -> None:
    """Gaps have the mean of the lane's density, twice its square as their second moment, and exceed it in 1 / e."""
    count = 3000
    for place, (y_m, x_m) in enumerate(on_lane(t_s, count).items()):
        share = 5000 / ROAD.lane_speeds_m_per_s[place % 2] / sum(ROAD.lap_s)
        assert abs(x_m.size - count * share) < 5 * math.sqrt(count * share * (1 - share)), y_m
        gap_m, mean_m = np.diff(x_m), 5000 / (count * share)
        assert_mean(gap_m, mean_m)
        assert_mean(gap_m**2, 2 * mean_m**2)
        assert_mean((gap_m > mean_m).astype(float), math.exp(-1))


def test_flow_is_density_times_speed() -> None:
    """Past a point come n / sum(lap_s) vehicles a second on each lane, fast or slow: here one every 2.5 s.

    That is the density of the test above, times the lane's speed.
    """
    count, window_s, point_m = round(sum(ROAD.lap_s) / 2.5), 150.0, 2600.0
    passed = dict.fromkeys(LANES_Y_M, 0)
    worlds = 12
    for device in range(worlds * count):
        track = ROAD.track(np.random.default_rng([2, device]))
        track.leg(round(window_s * S))
        for leg in track.produced:
            end_ns = min(leg.end_ns, round(window_s * S))
            if leg.start_ns < end_ns and (leg.x_m - point_m) * (leg.at(end_ns)[0] - point_m) < 0:
                passed[leg.y_m] += 1
    expected = worlds * window_s * count / sum(ROAD.lap_s)
    assert expected == pytest.approx(worlds * window_s / 2.5, rel=0.01)
    for passes in passed.values():
        # A vehicle may pass more than once in the window: then its passes vary less than those of a Poisson stream.
        assert abs(passes - expected) < 5 * math.sqrt(expected)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Manhattan, {"blocks": (0, 1), "block_m": (9.0, 9.0), "speed_m_per_s": (1.0, 2.0)}),
        (Manhattan, {"blocks": (1, 1), "block_m": (9.0, 9.0), "speed_m_per_s": (2.0, 1.0)}),
        (Highway, {"length_m": 100.0, "lane_speeds_m_per_s": ()}),
        (Highway, {"length_m": 100.0, "lane_speeds_m_per_s": (0.0,)}),
    ],
)
def test_streets_have_bounds(model: type[Manhattan] | type[Highway], fields: dict[str, object]) -> None:
    """A city without blocks, speeds upside down, a road without lanes and one at rest are refused."""
    with pytest.raises(ValidationError):
        model.model_validate(fields)
