"""Selection: a uniform ranking of the eligible, in which nobody's number depends on anybody else."""

from collections import Counter

import numpy as np

from qflsim.learning.selection import ranked
from qflsim.streams import Streams
from qflsim.world.fleet import Fleet, Movers
from qflsim.world.mobility import Static

STAND = Static(at_m=(0.0, 0.0))


def fleet(**counts: int) -> Fleet:
    """Groups of so many devices."""
    return Fleet([Movers(name, count, STAND) for name, count in counts.items()], Streams(1), lambda device, leg: None)


def order(of: Fleet, eligible: list[int], call: int, seed: int = 1) -> list[int]:
    """The ranking of these devices."""
    mask = np.zeros(len(of), dtype=bool)
    mask[eligible] = True
    return ranked(of, mask, call, Streams(seed)).tolist()


def test_the_eligible_are_ranked_each_once() -> None:
    """A permutation of those who are eligible; a call, and a seed, of their own."""
    crowd = fleet(a=30, b=10)
    eligible = list(range(0, 40, 3))
    assert sorted(order(crowd, eligible, 0)) == eligible
    assert order(crowd, eligible, 0) == order(crowd, eligible, 0)
    assert order(crowd, eligible, 0) != order(crowd, eligible, 1)
    assert order(crowd, eligible, 0) != order(crowd, eligible, 0, seed=2)
    assert order(crowd, [], 0) == []


def test_who_is_not_eligible_changes_nothing_for_the_others() -> None:
    """Taking devices out of a ranking leaves the order of the rest, whoever they are."""
    crowd = fleet(a=30, b=10)
    everyone = order(crowd, list(range(40)), 5)
    some = [3, 35, 8, 17, 39, 0]
    assert order(crowd, some, 5) == [device for device in everyone if device in some]


def test_groups_do_not_change_each_others_numbers() -> None:
    """Appended or prepended groups, and a larger group, leave the order of the devices that were there."""
    alone, larger = order(fleet(a=30), list(range(30)), 2), order(fleet(z=7, a=50, b=9), list(range(7, 37)), 2)
    assert [device - 7 for device in larger] == alone


def test_everyone_is_equally_likely_to_be_first() -> None:
    """Over 4000 calls each of ten devices of two groups leads a tenth of them, within five standard errors."""
    crowd = fleet(a=6, b=4)
    firsts = Counter(order(crowd, list(range(10)), call)[0] for call in range(4000))
    error = np.sqrt(4000 * 0.1 * 0.9)
    assert all(abs(firsts[device] - 400) < 5 * error for device in range(10))
