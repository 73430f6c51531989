"""Legs kept as knots answer as legs do that are drawn one by one."""

from array import array
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.units import FOREVER_NS, NS_PER_S
from qflsim.world.knots import Knots
from qflsim.world.tracks import Leg, Track

S = NS_PER_S


def knots(*stays: list[tuple[int, float, float]]) -> Knots:
    """Stays of (second, x, y)."""
    points = [point for stay in stays for point in stay]
    ticks = array("q", [t * S for t, _, _ in points])
    ends = array("q", (np.cumsum([len(stay) for stay in stays]) - 1).tolist())
    return Knots(ticks, array("d", [c for _, *place in points for c in place]), ends)


TWO_STAYS = ([(0, 0.0, 0.0), (4, 12.0, 16.0), (10, 12.0, 10.0)], [(20, 100.0, 0.0), (30, 110.0, 0.0)])


def test_legs_run_from_knot_to_knot_but_across_no_silence() -> None:
    """Legs and presence follow from the knots by hand."""
    track = knots(*TWO_STAYS).track
    assert track.presence == ((0, 10 * S), (20 * S, 30 * S))
    assert list(track) == track.produced
    assert track.produced == [
        Leg(0, 4 * S, 0.0, 0.0, 3.0, 4.0),
        Leg(4 * S, 10 * S, 12.0, 16.0, 0.0, -1.0),
        Leg(20 * S, 30 * S, 100.0, 0.0, 1.0, 0.0),
    ]


def packed(*stays: list[tuple[int, float, float]]) -> Knots:
    """The same stays in milliseconds and millimetres."""
    points = [point for stay in stays for point in stay]
    ends = array("q", (np.cumsum([len(stay) for stay in stays]) - 1).tolist())
    places = array("i", [round(1000 * c) for _, *place in points for c in place])
    return Knots(array("i", [1000 * t for t, _, _ in points]), places, ends, 1_000_000, 1000.0)


places_m = st.integers(-(10**6), 10**6).map(lambda mm: mm / 1000)
stays = st.lists(
    st.lists(st.tuples(st.integers(1, 50), places_m, places_m), min_size=2, max_size=5), min_size=1, max_size=4
)


@pytest.mark.parametrize("kept_as", [knots, packed])
@given(stays, st.lists(st.integers(-5 * S, 1200 * S), min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_knots_answer_as_drawn_legs_do(
    kept_as: Callable[..., Knots], steps: list[list[tuple[int, float, float]]], instants_ns: list[int]
) -> None:
    """Leg, place and distance are the same, bit for bit, at any instant: inside, outside, at ends and in silences."""
    t = 0
    told = [[(t := t + step, x, y) for step, x, y in stay] for stay in steps]
    kept = kept_as(*told).track
    drawn = Track(iter(knots(*told).produced), kept.presence)
    t_ns = np.array(
        [*instants_ns, 1 << 62] + [edge + off for span in kept.presence for edge in span for off in (-1, 0, 1)]
    )
    np.testing.assert_array_equal(kept.positions_m(t_ns), drawn.positions_m(t_ns))
    for instant_ns in t_ns.tolist():
        assert kept.leg(instant_ns) == drawn.leg(instant_ns)
        assert kept.travelled_m(instant_ns) == drawn.travelled_m(instant_ns)


@pytest.mark.parametrize("kept_as", [knots, packed])
def test_what_is_cut_out_moves_as_before(kept_as: Callable[..., Knots]) -> None:
    """A window's instants count from its start; stays outside are gone, and legs that cross its edges are shortened."""
    whole = kept_as(*TWO_STAYS)
    part = whole.cut(2 * S, 25 * S)
    assert part is not None
    assert part.track.presence == ((0, 8 * S), (18 * S, 23 * S))
    t_ns = np.array([0, 1, 2, 5, 8, 18, 20, 22]) * S
    np.testing.assert_allclose(part.positions_m(t_ns), whole.positions_m(t_ns + 2 * S), atol=1e-9)
    assert whole.cut(10 * S, 20 * S) is None
    for_ever = Knots(array("q", [0, FOREVER_NS]), array("d", [1.0, 2.0] * 2), array("q", [1])).cut(7 * S, FOREVER_NS)
    assert for_ever is not None
    assert for_ever.track.presence == ((0, FOREVER_NS),)


@pytest.mark.parametrize("kept_as", [knots, packed])
def test_what_is_repeated_begins_anew(kept_as: Callable[..., Knots]) -> None:
    """Every lap is the first one, later."""
    once = kept_as(*TWO_STAYS)
    laps = once.repeated(35 * S, 3).track
    assert laps.presence == tuple(
        ((on + k * 35) * S, (off + k * 35) * S) for k in range(3) for on, off in ((0, 10), (20, 30))
    )
    t_ns = np.array([0, 3, 9, 21, 29]) * S
    for k in range(3):
        np.testing.assert_array_equal(laps.positions_m(t_ns + k * 35 * S), once.positions_m(t_ns))
    assert laps.travelled_m(10**12) == pytest.approx(3 * 36)
