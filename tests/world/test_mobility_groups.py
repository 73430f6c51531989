"""Companies: platoons at constant distances on one way, crowds about one place, nobody moved by who is asked."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.streams import Streams
from qflsim.units import NS_PER_S, Floats
from qflsim.world.fleet import Fleet, Movers
from qflsim.world.mobility import Mobility, RandomWaypoint, Static
from qflsim.world.mobility_groups import Group, Leader
from qflsim.world.mobility_open import GaussMarkov, RandomDirection
from qflsim.world.mobility_streets import Highway, Manhattan
from qflsim.world.tracks import Track

S = NS_PER_S
WAYPOINT = RandomWaypoint(area_m=(300.0, 200.0), speed_m_per_s=(1.0, 9.0), pause_s=(0.0, 20.0))
LEADERS: dict[str, Leader] = {
    "waypoint": WAYPOINT,
    "direction": RandomDirection(area_m=(300.0, 200.0), speed_m_per_s=(1.0, 9.0), mean_way_s=20.0),
    "gauss-markov": GaussMarkov(area_m=(300.0, 200.0), mean_speed_m_per_s=5.0, speed_deviation_m_per_s=5.0),
    "manhattan": Manhattan(blocks=(3, 2), block_m=(100.0, 60.0), speed_m_per_s=(5.0, 15.0), pause_s=(0.0, 9.0)),
    "highway": Highway(length_m=900.0, lane_speeds_m_per_s=(139.0, 28.0)),
}
INSTANTS_NS = np.arange(0, 400, 3) * S


def member(law: Group, place: int, company: int = 0) -> Track:
    """A member of a company, by the streams of the two."""
    return law.member(place, Streams(2).named("company", company), Streams(2).named("own", company, place))


def places(track: Track) -> Floats:
    """Where a track is, (instants, 2)."""
    return np.array(track.positions_m(INSTANTS_NS)).T


@pytest.mark.parametrize("leader", LEADERS.values(), ids=LEADERS)
def test_platoons_keep_their_distances_along_the_way(leader: Mobility) -> None:
    """The k-th from the back is where the way of the last one leads k spacings after the place where that one is."""
    law = Group.model_validate({"leader": leader, "size": 4, "spacing_m": 30.0})
    last = leader.track(Streams(2).named("company", 0))
    last.leg(3000 * S)  # the way far ahead
    turns_m = np.cumsum([0.0] + [leg.length_m for leg in last.produced])
    corners_m = np.array([(leg.x_m, leg.y_m) for leg in last.produced] + [last.produced[-1].at(1 << 61)])
    gone_m = np.array([last.travelled_m(int(t_ns)) for t_ns in INSTANTS_NS])
    for place in range(4):
        on_way_m = gone_m + (3 - place) * 30.0
        expected = np.array([np.interp(on_way_m, turns_m, corners_m[:, axis]) for axis in (0, 1)]).T
        np.testing.assert_allclose(places(member(law, place)), expected, atol=1e-4)


def test_a_platoon_has_one_speed() -> None:
    """At every instant all members are equally fast, or all stand; the last one's legs are those of the law."""
    law = Group(leader=WAYPOINT, size=5, spacing_m=12.0)
    tracks = [member(law, place) for place in range(5)]
    for t_ns in (INSTANTS_NS + 1).tolist():
        speeds = [track.leg(t_ns).speed_m_per_s for track in tracks]
        assert speeds == pytest.approx([speeds[-1]] * 5, rel=1e-12)
    alone = WAYPOINT.track(Streams(2).named("company", 0))
    alone.leg(int(INSTANTS_NS[-1]) + 1)
    assert tracks[-1].produced == alone.produced


def test_a_crowd_keeps_its_formation() -> None:
    """Each member is always at one offset from the leader, uniform in the disc: E r^2 = R^2 / 2."""
    law = Group(leader=WAYPOINT, size=800, radius_m=15.0)
    leader = places(WAYPOINT.track(Streams(2).named("company", 0)))
    offsets = []
    for place in range(800):
        away = places(member(law, place))[:: 40 if place else 1] - leader[:: 40 if place else 1]
        np.testing.assert_allclose(away, away[:1].repeat(len(away), axis=0), atol=1e-9)
        offsets.append(away[0])
    squares = np.sum(np.square(offsets), axis=1)
    assert squares.max() <= 15.0**2
    for sample, expected in (
        (squares, 15**2 / 2),
        (squares**2, 15**4 / 3),
        *((axis, 0) for axis in np.transpose(offsets)),
    ):
        assert abs(sample.mean() - expected) < 5 * sample.std() / math.sqrt(800)


def test_a_crowd_may_stand() -> None:
    """About static places, drawn once a company, devices stand in clusters."""
    law = Group(leader=Static(area_m=(1e4, 1e4)), size=3, radius_m=5.0)
    crowd = Fleet([Movers("crowd", 6, law)], Streams(4), None)
    at = np.array([crowd.track(device).leg(0).at(0) for device in range(6)])
    assert max(math.dist(at[i], at[j]) for i in range(3) for j in range(3)) <= 10.0
    assert math.dist(at[0], at[3]) > 10.0


def test_companies_are_numbered_through_the_group() -> None:
    """Devices 0 to 2 are one platoon and 3 to 4 the next, whoever is asked first and however many there are."""
    law = Group(leader=WAYPOINT, size=3, spacing_m=10.0)
    few, many = (Fleet([Movers("a", 1, WAYPOINT), Movers("p", count, law)], Streams(4), None)
                 for count in (5, 9))  # fmt: skip
    backwards = [places(many.track(device)) for device in range(5, 0, -1)][::-1]
    for device in range(1, 6):
        np.testing.assert_array_equal(places(few.track(device)), backwards[device - 1])
    starts = [few.track(device).leg(0) for device in range(1, 6)]
    assert starts[0].speed_m_per_s == pytest.approx(starts[2].speed_m_per_s, rel=1e-12)
    assert math.dist(starts[0][2:4], starts[2][2:4]) <= 20.0 + 1e-9
    assert starts[3].speed_m_per_s != pytest.approx(starts[0].speed_m_per_s, rel=1e-6)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "either spacing_m"),
        ({"spacing_m": 5.0, "radius_m": 5.0}, "either spacing_m"),
        ({"spacing_m": 5.0, "leader": {"kind": "static", "at_m": (0.0, 0.0)}}, "one that moves"),
        ({"spacing_m": 5.0, "leader": {"kind": "group"}}, "leader"),
        ({"spacing_m": 5.0, "size": 1}, "size"),
        ({"spacing_m": 0.0}, "spacing_m"),
    ],
)
def test_a_company_has_one_formation(fields: dict[str, object], wrong: str) -> None:
    """Neither or both, a platoon without a way, a group of groups, a company of one and no distance are refused."""
    with pytest.raises(ValidationError, match=wrong):
        Group.model_validate({"leader": WAYPOINT.model_dump(), "size": 3} | fields)
