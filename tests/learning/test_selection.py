"""Selection: turns without end, in which nobody's turn depends on anybody else's presence."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from qflsim.learning.selection import Turns
from qflsim.streams import Streams
from qflsim.world.fleet import Fleet, Movers
from qflsim.world.mobility import Static

STAND = Static(at_m=(0.0, 0.0))


def fleet(**counts: int) -> Fleet:
    """Groups of so many devices."""
    return Fleet([Movers(name, count, STAND) for name, count in counts.items()], Streams(1), None)


def mask(of: Fleet, eligible: list[int]) -> np.ndarray:
    """These devices as flags."""
    flags = np.zeros(len(of), dtype=bool)
    flags[eligible] = True
    return flags


def order(of: Fleet, eligible: list[int], epoch: int, seed: int = 1) -> list[int]:
    """All of these devices, in the order of their first turns."""
    return Turns(of, epoch, Streams(seed)).next(len(eligible), mask(of, eligible))


def test_the_eligible_take_turns_each_once() -> None:
    """A permutation of those who are eligible; an epoch, and a seed, of their own."""
    crowd = fleet(a=30, b=10)
    eligible = list(range(0, 40, 3))
    assert sorted(order(crowd, eligible, 0)) == eligible
    assert order(crowd, eligible, 0) == order(crowd, eligible, 0)
    assert order(crowd, eligible, 0) != order(crowd, eligible, 1)
    assert order(crowd, eligible, 0) != order(crowd, eligible, 0, seed=2)
    assert order(crowd, [], 0) == []


def test_who_is_not_eligible_changes_nothing_for_the_others() -> None:
    """Taking devices out leaves the order of the rest, whoever they are, for one call as for many."""
    crowd = fleet(a=30, b=10)
    everyone = order(crowd, list(range(40)), 5)
    some = [3, 35, 8, 17, 39, 0]
    assert order(crowd, some, 5) == [device for device in everyone if device in some]
    alone, others = Turns(crowd, 5, Streams(1)), Turns(crowd, 5, Streams(1))
    flags = mask(crowd, some)
    assert [alone.next(2, flags) for _ in range(50)] == [others.next(2, flags) for _ in range(50)]


@pytest.mark.parametrize("larger", [{"z": 7, "a": 20, "b": 9}, {"z": 7, "a": 5000}])
def test_groups_do_not_change_each_others_turns(larger: dict[str, int]) -> None:
    """Appended or prepended groups, and a larger group, leave the order of the devices that were there."""
    alone, among = order(fleet(a=20), list(range(20)), 2), order(fleet(**larger), list(range(7, 27)), 2)
    assert [device - 7 for device in among] == alone


def test_asking_one_by_one_is_asking_for_many() -> None:
    """Where nobody's eligibility changes in between but by being chosen, calls go on where the last one ended."""
    crowd = fleet(a=300, b=10)
    turns, flags, one_by_one = Turns(crowd, 3, Streams(1)), mask(crowd, list(range(310))), []
    for _ in range(310):
        (device,) = turns.next(1, flags)
        flags[device] = False
        one_by_one.append(device)
    assert one_by_one == order(crowd, list(range(310)), 3)


def test_everyone_is_equally_likely_to_be_first() -> None:
    """Over 1000 epochs each of ten devices of two groups leads a tenth of them, within five standard errors."""
    crowd = fleet(a=6, b=4)
    firsts = Counter(order(crowd, list(range(10)), epoch)[0] for epoch in range(1000))
    error = np.sqrt(1000 * 0.1 * 0.9)
    assert all(abs(firsts[device] - 100) < 5 * error for device in range(10))


def test_turns_remember_nothing() -> None:
    """In one endless epoch each of 40 devices, of spans and groups of all sizes, is next as often as any other, and
    after any: five standard errors for both, of 20,000 turns."""
    crowd = fleet(a=33, b=7)
    turns, everyone = Turns(crowd, -1, Streams(4)), np.ones(40, dtype=bool)
    taken = [turns.next(1, everyone)[0] for _ in range(20_000)]
    counts = np.bincount(taken, minlength=40)
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500 * (1 - 1 / 40))
    again = sum(a == b for a, b in pairwise(taken))
    assert abs(again - 500) < 5 * np.sqrt(500)


def test_a_turn_among_a_million_draws_for_few() -> None:
    """The first ten of a million devices take some ten thousand draws, not a million."""
    crowd = fleet(a=1_000_000)
    turns = Turns(crowd, 0, Streams(1))
    assert len(set(turns.next(10, np.ones(1_000_000, dtype=bool)))) == 10
    assert len(turns._rung) < 40_000
