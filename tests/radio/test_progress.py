"""The progress of flows with speeds of their own: by hand, in any order of arrival, and what it costs to know it."""

import numpy as np
import pytest

from qflsim.radio.progress import Progress
from qflsim.units import FOREVER_NS, NS_PER_S, Floats


def own(terms: Floats) -> Floats:
    """Each flow brings its speed."""
    return terms[0]


def test_a_flow_without_speed_waits() -> None:
    """It has no end, loses nothing, and goes on when it is given a speed."""
    books = Progress(own, terms=1)
    assert books.next_completion(0) is None
    books.add(0, 4, 10.0, 0.0)
    assert books.next_completion(0) is None
    books.change(NS_PER_S, 4, 10.0, 2.0)
    assert books.next_completion(NS_PER_S) == (6 * NS_PER_S, 4)
    books.change(2 * NS_PER_S, 4, books.remaining(2 * NS_PER_S, 4), 0.0)
    assert books.remaining(5 * NS_PER_S, 4) == 8.0
    books.change(5 * NS_PER_S, 4, 8.0, 1e-300)
    assert books.next_completion(5 * NS_PER_S) == (FOREVER_NS, 4)


def test_flows_stand_in_the_order_of_their_numbers() -> None:
    """Whatever the order in which they come and go, each keeps its own work and terms; ties go to the lowest."""
    books = Progress(own, terms=1)
    for flow in (50, 20, 90, 10, 70):
        books.add(0, flow, float(flow), flow / 10.0)
    assert books.terms.tolist() == [[1.0, 2.0, 5.0, 7.0, 9.0]]
    assert books.next_completion(0) == (10 * NS_PER_S, 10)
    assert books.remove(NS_PER_S, 10) == 9.0
    assert books.next_completion(NS_PER_S) == (10 * NS_PER_S, 20)
    books.add(2 * NS_PER_S, 30, 21.0, 3.0)
    left = {flow: books.remove(4 * NS_PER_S, flow) for flow in (70, 20, 30, 90, 50)}
    assert left == {70: 42.0, 20: 12.0, 30: 15.0, 90: 54.0, 50: 30.0}
    assert (books.flows, books.next_completion(4 * NS_PER_S)) == (0, None)


def test_a_law_that_changes_holds_from_its_turn_on() -> None:
    """Speed 2 for 3 s, then 1/2: of 15 there are 6.5 left after 8 s; what was before is not told anew."""
    speed = 2.0
    books = Progress(lambda terms: np.full(terms.shape[1], speed), terms=0)
    books.add(0, 1, 15.0)
    books.turn(3 * NS_PER_S)
    speed = 0.5
    assert books.remaining(8 * NS_PER_S, 1) == 6.5
    assert books.next_completion(8 * NS_PER_S) == (21 * NS_PER_S, 1)


def test_speeds_are_worked_out_once_for_all_changes_of_an_instant() -> None:
    """And only when somebody asks or time goes on; then they are those that held in between."""
    asked: list[int] = []

    def equal(terms: Floats) -> Floats:
        asked.append(terms.shape[1])
        return np.full(terms.shape[1], 1.0 / terms.shape[1])

    books = Progress(equal, terms=0)
    for flow in range(4):
        books.add(0, flow, 10.0)
    books.next_completion(0)
    books.next_completion(0)
    assert asked == [4]
    books.add(NS_PER_S, 8, 10.0)
    books.add(2 * NS_PER_S, 9, 10.0)  # nobody has asked for the second between
    assert asked == [4, 5]
    assert books.remaining(2 * NS_PER_S, 0) == pytest.approx(10.0 - 1 / 4 - 1 / 5, rel=1e-15)
    assert books.remaining(2 * NS_PER_S, 8) == pytest.approx(10.0 - 1 / 5, rel=1e-15)
    assert asked == [4, 5, 6]
