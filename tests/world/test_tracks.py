"""A track is where its legs are, at any instant, in any order of questions."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.errors import InputError
from qflsim.streams import Streams
from qflsim.units import FOREVER_NS, NS_PER_S
from qflsim.world.mobility import RandomWaypoint
from qflsim.world.tracks import Leg, Track, track_from_legs

S = NS_PER_S
GAP = ((0, 10 * S), (20 * S, 30 * S))
LEGS = (
    Leg(0, 4 * S, 0.0, 0.0, 3.0, 4.0),
    Leg(4 * S, 10 * S, 12.0, 16.0, 0.0, -1.0),
    Leg(20 * S, 30 * S, 100.0, 0.0, 1.0, 0.0),
)


def test_a_track_is_where_its_legs_are() -> None:
    """Positions, legs and distance follow from the legs by hand."""
    track = Track(iter(LEGS), GAP)
    assert track.leg(4 * S) == LEGS[1]
    assert track.leg(4 * S - 1) == LEGS[0]
    assert LEGS[0].at(2 * S) == (6.0, 8.0)
    x_m, y_m = track.positions_m(np.array([[5 * S, 0], [2 * S, 25 * S]]))
    np.testing.assert_array_equal(x_m, [[12.0, 0.0], [6.0, 105.0]])
    np.testing.assert_array_equal(y_m, [[15.0, 0.0], [8.0, 0.0]])
    assert [track.travelled_m(t * S) for t in (-1, 0, 2, 4, 10, 15, 20, 30, 99)] == [0, 0, 10, 20, 26, 26, 26, 36, 36]
    assert track.positions_m(np.empty(0, dtype=np.int64))[0].shape == (0,)


def test_a_device_in_silence_stands_at_the_nearest_end() -> None:
    """Before the first leg, after the last and in between, the nearest end of a leg in time holds."""
    track = Track(iter(LEGS), GAP)
    instants_ns = np.array([-5 * S, 10 * S, 15 * S - 1, 15 * S, 19 * S, 31 * S, 1 << 61])
    x_m, y_m = track.positions_m(instants_ns)
    np.testing.assert_array_equal(x_m, [0, 12, 12, 100, 100, 110, 110])
    np.testing.assert_array_equal(y_m, [0, 10, 10, 0, 0, 0, 0])


def test_presence_is_right_open() -> None:
    """A device is there from its arrival until just before it leaves."""
    track = Track(iter(LEGS), GAP)
    expected = {-1: False, 0: True, 10 * S - 1: True, 10 * S: False, 20 * S: True, 30 * S: False}
    assert {t_ns: track.present(t_ns) for t_ns in expected} == expected
    assert (track.leaves_ns(0), track.leaves_ns(20 * S)) == (10 * S, 30 * S)
    assert Track(iter(LEGS)).leaves_ns(0) == FOREVER_NS


@given(st.lists(st.integers(-10 * S, 2000 * S), min_size=1, max_size=20), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_the_order_of_questions_does_not_matter(instants_ns: list[int], seed: int) -> None:
    """Each answer equals that of a fresh track, of one leg at a time, and of all instants at once."""
    law = RandomWaypoint(area_m=(90.0, 50.0), speed_m_per_s=(1.0, 9.0), pause_s=(0.0, 3.0))
    track, fresh = (law.track(Streams(seed).named("mobility")) for _ in range(2))
    at_once = np.array(fresh.positions_m(np.array(instants_ns)))
    one_by_one = np.array([track.leg(t_ns).at(t_ns) for t_ns in instants_ns]).T
    np.testing.assert_array_equal(at_once, one_by_one)
    for t_ns in instants_ns:
        assert law.track(Streams(seed).named("mobility")).travelled_m(t_ns) == track.travelled_m(t_ns)


def test_no_leg_is_drawn_before_it_is_needed() -> None:
    """A question draws the legs up to its instant and none beyond."""
    drawn: list[Leg] = []

    def legs() -> Iterator[Leg]:
        for leg in LEGS:
            drawn.append(leg)
            yield leg

    track = Track(legs(), GAP)
    assert not drawn
    track.leg(4 * S - 1)
    assert len(drawn) == 1
    track.travelled_m(4 * S)
    assert drawn == track.produced == list(LEGS[:2])


def test_recorded_legs_make_the_same_track() -> None:
    """A track rebuilt from its legs and presence, in any order, is the same."""
    track = track_from_legs(reversed(LEGS), reversed(GAP))
    assert track.presence == GAP
    assert list(track) == list(LEGS)


@pytest.mark.parametrize(
    ("legs", "presence"),
    [
        ((), ()),
        (LEGS, GAP[:1]),
        (LEGS[:2], GAP),
        (LEGS[::2], GAP),
        ((*LEGS, LEGS[0]), GAP),
        ((Leg(5, 5, 0.0, 0.0, 0.0, 0.0),), ((5, 5),)),
    ],
)
def test_recorded_legs_must_fill_the_presence(legs: tuple[Leg, ...], presence: tuple[tuple[int, int], ...]) -> None:
    """Missing, empty, doubled and overlapping records are the user's mistake."""
    with pytest.raises(InputError, match="a trace"):
        track_from_legs(legs, presence, "a trace")
