"""The fleet: rows for all, tracks for those who are asked for, and nobody's draws moved by anybody else."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from qflsim.streams import Streams
from qflsim.units import FOREVER_NS, NS_PER_S
from qflsim.world.fleet import Fleet, Movers
from qflsim.world.mobility import RandomWaypoint, Static
from qflsim.world.tracks import Leg, Track

WALK = RandomWaypoint(area_m=(100.0, 100.0), speed_m_per_s=(1.0, 2.0), pause_s=(0.0, 5.0))
INSTANTS_NS = np.arange(0, 2000, 37) * NS_PER_S


def fleet(*movers: Movers, told: list[tuple[int, Leg]] | None = None) -> Fleet:
    """A fleet of one seed."""
    legs = [] if told is None else told
    return Fleet(movers, Streams(3), lambda device, leg: legs.append((device, leg)))


def file_of(*presences: tuple[tuple[int, int], ...]) -> Movers:
    """A group read from a file: named vehicles that stand while they are there."""
    tracks = [Track(iter([Leg(on, off, 0.0, 0.0, 0.0, 0.0) for on, off in spans]), spans) for spans in presences]
    return Movers("file", len(tracks), None, tuple(f"v{k}" for k in range(len(tracks))), tuple(tracks))


def test_devices_are_numbered_through_the_groups() -> None:
    """Group by group, and in each by index; names are the file's or made of group and index."""
    both = fleet(Movers("a", 2, WALK), file_of(((0, 9),), ((3, 9),)), Movers("c", 1, WALK))
    assert len(both) == 5
    assert [both.key(device) for device in range(5)] == [("a", 0), ("a", 1), ("file", 0), ("file", 1), ("c", 0)]
    assert [both.place(device) for device in range(5)] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    assert [list(both.members(group)) for group in range(3)] == [[0, 1], [2, 3], [4]]
    assert [both.name(device) for device in range(5)] == ["a-0", "a-1", "v0", "v1", "c-0"]


def test_a_way_depends_on_its_group_and_index_alone() -> None:
    """Groups before it, larger groups, and who was asked first change nothing about where a device goes."""
    alone, crowded = fleet(Movers("b", 2, WALK)), fleet(Movers("a", 5, Static(at_m=(0.0, 0.0))), Movers("b", 9, WALK))
    crowded.track(13).leg(FOREVER_NS // 2**30)
    for index in (1, 0):
        ours, theirs = alone.track(index).positions_m(INSTANTS_NS), crowded.track(5 + index).positions_m(INSTANTS_NS)
        np.testing.assert_array_equal(ours, theirs)
    assert (alone.track(0).positions_m(INSTANTS_NS)[0] != alone.track(1).positions_m(INSTANTS_NS)[0]).any()


def test_legs_are_told_once_as_they_are_drawn() -> None:
    """Asking again, or for the past, tells nothing new; what is told is the track."""
    told: list[tuple[int, Leg]] = []
    walkers = fleet(Movers("a", 3, WALK), told=told)
    assert not told
    walkers.track(1).leg(500 * NS_PER_S)
    drawn = list(told)
    walkers.track(1).leg(100 * NS_PER_S)
    walkers.track(1).positions_m(INSTANTS_NS[:3])
    assert told == drawn == [(1, leg) for leg in walkers.track(1).produced]
    assert all(before[1].end_ns == after[1].start_ns for before, after in pairwise(told))


def test_a_way_may_come_to_an_end() -> None:
    """A law of finitely many legs, with a silence between them, is told whole and then stands still."""

    class Brief:
        kind = "brief"

        def track(self, rng: np.random.Generator) -> Track:
            def legs() -> Iterator[Leg]:
                yield Leg(0, 10, 0.0, 0.0, 1.0, 0.0)
                yield Leg(30, 40, 5.0, 0.0, 0.0, 0.0)

            return Track(legs())

    told: list[tuple[int, Leg]] = []
    track = fleet(Movers("a", 1, Brief()), told=told).track(0)
    assert track.leg(FOREVER_NS - 1).x_m == 5.0
    assert [leg.start_ns for _, leg in told] == [0, 30]
    assert track.leg(5).x_m == 0.0


def test_changes_are_those_of_files_in_order_of_time() -> None:
    """Comings and goings of all presences, a going before a coming of the same instant; some never go."""
    fleets = fleet(Movers("a", 1, WALK), file_of(((0, 5), (9, 12)), ((5, FOREVER_NS),)))
    assert fleets.changes() == [(0, True, 1), (5, False, 1), (5, True, 2), (9, True, 1), (12, False, 1)]
    assert [device for device, _ in fleets.from_files()] == [1, 2]


def test_an_empty_group_has_no_device() -> None:
    """Numbers go on behind it as if it were not there; so they do behind an empty file."""
    crowd = fleet(Movers("a", 1, WALK), file_of(), Movers("c", 1, WALK), Movers("d", 0, WALK))
    assert [crowd.key(device) for device in range(len(crowd))] == [("a", 0), ("c", 0)]
    assert list(crowd.members(1)) == list(crowd.from_files()) == []
    assert len(fleet()) == 0


def test_idle_devices_cost_nothing() -> None:
    """A thousand million registered devices are a number: no track, no draw and no row is made for them."""
    crowd = fleet(Movers("a", 10**9, WALK), Movers("b", 1, WALK))
    assert len(crowd) == 10**9 + 1
    assert crowd.key(10**9) == ("b", 0)
    assert crowd._tracks == {}
