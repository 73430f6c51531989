"""Random direction and Gauss-Markov: uniform between walls, with the boundary crossings and moments of their laws."""

import math
from collections.abc import Iterable
from itertools import islice, pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.units import NS_PER_S, Floats
from qflsim.world.mobility_open import GaussMarkov, RandomDirection, _between_walls
from qflsim.world.tracks import Leg, Track

S = NS_PER_S


def assert_mean(sample: Floats, expected: float) -> None:
    """The sample's mean lies within five of its own standard errors."""
    error = np.std(sample, ddof=1) / math.sqrt(sample.size)
    assert abs(np.mean(sample) - expected) < 5 * error


def until(track: Track, t_ns: int) -> list[Leg]:
    """The legs up to an instant, the last one cut there."""
    track.leg(t_ns)
    return [leg._replace(end_ns=min(leg.end_ns, t_ns)) for leg in track.produced if leg.start_ns < t_ns]


def test_a_billiard_ball_by_hand() -> None:
    """One way of 10 s across a table of 4 m by 3 m is five legs, cut and mirrored at the walls that it meets."""
    legs = list(_between_walls(iter([(10 * S, 1.0, 0.5)]), (2.0, 1.0), (100.0, 0.0), (4.0, 3.0)))
    assert legs == [
        Leg(0, 2 * S, 102.0, 1.0, 1.0, 0.5),
        Leg(2 * S, 4 * S, 104.0, 2.0, -1.0, 0.5),
        Leg(4 * S, 6 * S, 102.0, 3.0, -1.0, -0.5),
        Leg(6 * S, 10 * S, 100.0, 2.0, 1.0, -0.5),
    ]


def test_what_follows_a_reflection_is_mirrored_too() -> None:
    """Ways that come after a bounce are those of the mirror: reflecting all of them changes nothing but the sign."""
    ways = [(5 * S, 1.0, 0.1), (7 * S, 0.7, -0.2), (9 * S, -0.3, 0.4)]
    bounced = list(_between_walls(iter(ways), (1.0, 5.0), (0.0, 0.0), (3.0, 50.0)))
    free = list(_between_walls(iter(ways), (1.0, 5.0), (0.0, 0.0), (99.0, 50.0)))
    bounced_x_m, bounced_y_m = Track(iter(bounced)).positions_m(np.arange(21) * S)
    free_x_m, free_y_m = Track(iter(free)).positions_m(np.arange(21) * S)
    np.testing.assert_allclose(bounced_x_m, 3 - np.abs(free_x_m % 6 - 3), atol=1e-12)
    np.testing.assert_allclose(bounced_y_m, free_y_m, atol=1e-12)


UNIFORM = {
    "direction": RandomDirection(area_m=(400.0, 240.0), speed_m_per_s=(1.0, 20.0), mean_way_s=40.0),
    "gauss-markov": GaussMarkov(area_m=(400.0, 240.0), mean_speed_m_per_s=8.0, speed_deviation_m_per_s=3.0,
                                step_s=5.0),
}  # fmt: skip


@pytest.mark.parametrize("law", UNIFORM.values(), ids=UNIFORM)
@pytest.mark.parametrize("t_s", [0, 100])
def test_places_are_uniform_and_independent_of_the_speed(law: RandomDirection | GaussMarkov, t_s: int) -> None:
    """Chi-square over 60 cells, at 0 s and later; speed and distance from the middle do not correlate."""
    legs = [law.track(np.random.default_rng([t_s, device])).leg(t_s * S) for device in range(1800)]
    x_m, y_m = np.array([leg.at(t_s * S) for leg in legs]).T
    count, _, _ = np.histogram2d(x_m, y_m, (10, 6), ((0, 400), (0, 240)))
    assert count.sum() == 1800
    chi_square = np.sum((count - 30) ** 2 / 30)
    assert abs(chi_square - 59) < 5 * math.sqrt(2 * 59)
    speed = np.array([leg.speed_m_per_s for leg in legs])
    off_m = np.hypot(x_m - 200, y_m - 120)
    assert_mean((speed - speed.mean()) * (off_m - off_m.mean()), 0.0)


@pytest.mark.parametrize("t_s", [0, 200])
def test_directions_and_speeds_stay_as_drawn(t_s: int) -> None:
    """Speeds uniform, not biased to slow ones as those of waypoints are; headings uniform to their second harmonic."""
    law = UNIFORM["direction"]
    legs = [law.track(np.random.default_rng([t_s, device])).leg(t_s * S) for device in range(2000)]
    speed = np.array([leg.speed_m_per_s for leg in legs])
    assert_mean(speed, 10.5)
    assert_mean((speed - 10.5) ** 2, 19**2 / 12)
    heading = np.array([math.atan2(leg.vy_m_per_s, leg.vx_m_per_s) for leg in legs])
    for harmonic in (1, 2):
        assert_mean(np.cos(harmonic * heading), 0.0)
        assert_mean(np.sin(harmonic * heading), 0.0)


@pytest.mark.parametrize("t_s", [0, 50])
def test_turns_come_without_a_memory(t_s: int) -> None:
    """Far from walls, what is left of a way is exponential at any instant: mean m and second moment 2 m^2."""
    law = RandomDirection(area_m=(1e6, 1e6), speed_m_per_s=(1.0, 2.0), mean_way_s=25.0)
    legs = [law.track(np.random.default_rng([t_s, device])).leg(t_s * S) for device in range(2000)]
    left_s = np.array([leg.end_ns / S - t_s for leg in legs])
    assert_mean(left_s, 25.0)
    assert_mean(left_s**2, 2 * 25.0**2)


def cells_left(legs: Iterable[Leg], sites_m: Floats) -> int:
    """How often the nearest site changes along legs: exactly, from bisector to bisector."""
    count = 0
    for leg in legs:
        here, v = np.array(leg[2:4]), np.array(leg[4:6])
        # The squared distance to a site, less what is common to all, is linear in time.
        level, slope = np.sum(sites_m**2, axis=1) - 2 * sites_m @ here, -2 * sites_m @ v
        lasts_s, site = (leg.end_ns - leg.start_ns) / S, int(np.argmin(level))
        while True:
            steeper = np.flatnonzero(slope < slope[site])
            meet_s = (level[steeper] - level[site]) / (slope[site] - slope[steeper])
            if not steeper.size or meet_s.min() > lasts_s:
                break
            site, count = int(steeper[np.argmin(meet_s)]), count + 1
    return count


def test_a_bisector_is_crossed_when_it_is() -> None:
    """Equal distance to (0, 0) and (500, 100) is reached from (100, 50) at (10, 2) m/s after 14.423077 s."""
    sites_m = np.array([[0.0, 0.0], [500.0, 100.0]])
    for end_s, changes in ((14.4230, 0), (14.4231, 1)):
        assert cells_left([Leg(0, round(end_s * S), 100.0, 50.0, 10.0, 2.0)], sites_m) == changes


def test_a_circle_is_left_when_it_is() -> None:
    """From (100, 50) at (10, 2) m/s the circle of 250 m around the origin is left after 13.767286 s."""
    leg = Leg(0, 60 * S, 100.0, 50.0, 10.0, 2.0)
    assert np.hypot(*leg.at(round(13.767285 * S))) < 250.0 < np.hypot(*leg.at(round(13.767287 * S)))


@pytest.mark.parametrize(("distance_m", "rate_per_m"), [(200.0, 0.00636620), (500.0, 0.00254648), (1732.0, 0.00073513)])
def test_hexagons_are_left_at_the_known_rate(distance_m: float, rate_per_m: float) -> None:
    """Cells of perimeter L and area A are left at v L / (pi A): on a period of the grid, walls do not matter."""
    rows, columns, v = 6, 5, 10.0
    height_m = math.sqrt(3) / 2 * distance_m
    sites_m = np.array([((i + j % 2 / 2) * distance_m, j * height_m)
                        for i in range(-2, columns + 3) for j in range(-2, rows + 3)])  # fmt: skip
    area_m = (columns * distance_m, rows * height_m)
    law = RandomDirection(area_m=area_m, speed_m_per_s=(v, v), mean_way_s=4 * distance_m / v)
    until_s = 8 * distance_m / v
    left = [cells_left(until(law.track(np.random.default_rng(device)), round(until_s * S)), sites_m)
            for device in range(400)]  # fmt: skip
    assert rate_per_m == pytest.approx(4 / (math.pi * distance_m), rel=1e-5)
    assert_mean(np.array(left) / (until_s * v), rate_per_m)


def test_voronoi_cells_are_left_at_the_known_rate() -> None:
    """Cells of Poisson sites of density lambda are left at (4 / pi) v sqrt(lambda): 1.273240 a km at one a km^2."""
    law = RandomDirection(area_m=(8000.0, 8000.0), origin_m=(3000.0, 3000.0), speed_m_per_s=(30.0, 30.0),
                          mean_way_s=200.0)  # fmt: skip
    rates_per_km = []
    for world in range(60):
        rng = np.random.default_rng(world)
        sites_m = rng.uniform(0, 14_000, (rng.poisson(14**2), 2))
        ways = [until(law.track(np.random.default_rng([world, device])), 400 * S) for device in range(6)]
        rates_per_km.append(sum(cells_left(way, sites_m) for way in ways) / (6 * 30.0 * 0.4))
    assert_mean(np.array(rates_per_km), 1.273240)
    assert np.std(rates_per_km) / math.sqrt(60) < 0.03


MARKOV = GaussMarkov(area_m=(1e6, 1e6), mean_speed_m_per_s=30.0, speed_deviation_m_per_s=4.0,
                     heading_deviation_rad=0.3, memory_s=10.0, step_s=-10.0 * math.log(0.85))  # fmt: skip


def steps(law: GaussMarkov, device: int, count: int) -> tuple[Floats, Floats]:
    """Speed and heading of a device's steps, the first and partial one left out."""
    legs = islice(law.track(np.random.default_rng(device)), 1, count + 1)
    v = np.array([(leg.vx_m_per_s, leg.vy_m_per_s) for leg in legs])
    return np.hypot(*v.T), np.unwrap(np.arctan2(v[:, 1], v[:, 0]))


@pytest.fixture(scope="module")
def wandering() -> Floats:
    """Speed and heading (second axis) of 3000 devices at eleven steps."""
    return np.array([steps(MARKOV, device, 11) for device in range(3000)])


def test_gauss_markov_moments_and_memory(wandering: Floats) -> None:
    """Mean and deviation at every step; speeds and headings k steps apart correlate as 0.85^k, 0.443705 at five."""
    assert MARKOV.alpha == pytest.approx(0.85, rel=1e-14)
    assert MARKOV.alpha**5 == pytest.approx(0.443705, abs=1e-6)
    speed, heading = wandering[:, 0], wandering[:, 1]
    for k in (0, 10):
        assert_mean(speed[:, k], 30.0)
        assert_mean((speed[:, k] - 30) ** 2, 16.0)
    for k in (1, 5, 10):
        assert_mean((speed[:, 0] - 30) * (speed[:, k] - 30), 16 * 0.85**k)
        # Without its mean, which is the device's own: E (h_k - h_0)^2 = 2 deviation^2 (1 - a^k).
        assert_mean((heading[:, k] - heading[:, 0]) ** 2, 2 * 0.3**2 * (1 - 0.85**k))


def test_two_steps_of_gauss_markov_compose(wandering: Floats) -> None:
    """Given the speed of a step, that two steps on is normal with memory a^2 and variance (1 - a^4) deviation^2."""
    speed = wandering[:, 0] - 30
    left = speed[:, 2] - 0.85**2 * speed[:, 0]
    assert_mean(left, 0.0)
    assert_mean(left * speed[:, 0], 0.0)
    assert_mean(left**2, (1 - 0.85**4) * 16)
    assert_mean((left**2 / ((1 - 0.85**4) * 16)) ** 2, 3.0)


def test_walls_do_not_touch_the_memory() -> None:
    """In a small area a device keeps the speeds that it has without walls; only signs of its velocity change."""
    free = MARKOV.track(np.random.default_rng(5))
    small = MARKOV.model_copy(update={"area_m": (40.0, 25.0)}).track(np.random.default_rng(5))
    for t_s in np.random.default_rng(6).uniform(0, 100, 200).tolist():
        ours, theirs = small.leg(round(t_s * S)), free.leg(round(t_s * S))
        assert abs(ours.vx_m_per_s) == abs(theirs.vx_m_per_s)
        assert abs(ours.vy_m_per_s) == abs(theirs.vy_m_per_s)
    assert len(small.produced) > 2 * len(free.produced)


def test_a_step_has_begun_before_the_run() -> None:
    """The first step ends at a uniform time, so that no instant is a special one; all others last `step_s`."""
    law = GaussMarkov(area_m=(1e6, 1e6), mean_speed_m_per_s=1.0, speed_deviation_m_per_s=0.0, step_s=8.0)
    firsts_s = []
    for device in range(1000):
        legs = list(islice(law.track(np.random.default_rng(device)), 4))
        firsts_s.append(legs[0].end_ns / S)
        assert [after.start_ns - before.start_ns for before, after in pairwise(legs[1:])] == [8 * S] * 2
    assert_mean(np.array(firsts_s), 4.0)
    assert max(firsts_s) <= 8.0


@pytest.mark.parametrize(
    "fields",
    [{"speed_m_per_s": (2.0, 1.0)}, {"speed_m_per_s": (0.0, 1.0)}, {"mean_way_s": 0.0}, {"area_m": (10.0, 0.0)}],
)
def test_directions_have_bounds(fields: dict[str, object]) -> None:
    """Speeds upside down or of 0, ways without a length and areas without a width are refused."""
    with pytest.raises(ValidationError):
        RandomDirection.model_validate({"area_m": (10.0, 10.0), "speed_m_per_s": (1.0, 2.0)} | fields)
