"""The aggregator's axes, each alone: when a round closes, what staleness costs, what an update's direction is times."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qflsim.learning.aggregation import (
    Async,
    Buffered,
    Combination,
    Constant,
    Deadline,
    Hinge,
    Mean,
    Polynomial,
    Quorum,
    Rounds,
    StalenessWeight,
    Stream,
    Threshold,
    WaitAll,
    coefficients,
)

STATES = [(answered, arrived) for answered in range(6) for arrived in range(answered + 1)]
"""What a round of five can come to."""


@dataclass(frozen=True)
class Rules:
    """An aggregation section."""

    when: Rounds | Stream = field(default_factory=Buffered)
    weight: StalenessWeight = field(default_factory=Constant)
    inverse_participation: bool = False
    combine: Combination = field(default_factory=Mean)
    missing: Literal["ignore", "last-known"] = "ignore"
    max_staleness: int | None = None
    server_rate: float = 1.0
    timeout_s: float | None = None


def test_rounds_are_rounds_and_streams_are_streams() -> None:
    """The two families of policies are told apart by what they offer, and none is of both."""
    for law in (WaitAll(), Quorum(), Deadline()):
        assert isinstance(law, Rounds)
        assert not isinstance(law, Stream)
    for stream in (Async(), Buffered()):
        assert isinstance(stream, Stream)
        assert not isinstance(stream, Rounds)
    assert (Async().arrivals, Buffered(buffer_size=7).arrivals) == (1, 7)


@pytest.mark.parametrize(
    ("law", "closing"),
    [
        (WaitAll(clients=5), {(5, a) for a in range(6)}),
        (Quorum(clients=5, quorum=3), {(n, a) for n, a in STATES if a >= 3 or n == 5}),
        (Deadline(clients=4, over_selection=0.25), {(n, a) for n, a in STATES if a >= 4 or n == 5}),
    ],
)  # fmt: skip
def test_a_round_of_five_closes_when_it_should(law: Rounds, closing: set[tuple[int, int]]) -> None:
    """For every number of answers, and of arrivals among them: all, a quorum, enough, or nobody left."""
    assert law.invited == 5
    assert {state for state in STATES if law.closes(5, *state)} == closing


def test_over_selection_rounds_up() -> None:
    """130 % of 10 are 13; of 11, 14.3, are 15; none is none; 110 % of 50 are 55, whatever binary fractions say."""
    for clients, over_selection, invited in [(10, 0.3, 13), (11, 0.3, 15), (10, 0.0, 10), (50, 0.1, 55)]:
        assert Deadline(clients=clients, over_selection=over_selection).invited == invited


def test_staleness_factors_are_the_published_ones() -> None:
    """FedAsync's constant, polynomial and hinge, FedBuff's 1/sqrt(1 + tau), and a threshold."""
    taus = range(8)
    assert [Constant().factor(tau) for tau in taus] == [1.0] * 8
    assert [Polynomial(exponent=0.5).factor(tau) for tau in taus] == pytest.approx([(1 + t) ** -0.5 for t in taus])
    assert [Hinge(slope=10.0, knee=4).factor(tau) for tau in taus] == pytest.approx([1] * 5 + [1 / 11, 1 / 21, 1 / 31])
    assert [Threshold(knee=4).factor(tau) for tau in taus] == [1.0] * 5 + [0.0] * 3
    assert Polynomial(exponent=0.0).factor(99) == 1.0


@pytest.mark.parametrize("weight", [Constant(), Polynomial(), Hinge(), Threshold()])
def test_fresh_counts_full_and_staler_never_more(weight: StalenessWeight) -> None:
    """s(0) = 1, and s never grows."""
    factors = [weight.factor(tau) for tau in range(50)]
    assert factors[0] == 1.0
    assert all(0.0 <= after <= before for before, after in pairwise(factors))


def test_coefficients_by_hand() -> None:
    """eta n_i s_i / sum n: 0.5 x (1 x 1, 3 x 1/2) / 4, and mixing in place of eta for async."""
    rules = Rules(weight=Polynomial(exponent=1.0), server_rate=0.5)
    assert coefficients(rules, [1, 3], [0, 1], ["a", "a"], Counter()) == pytest.approx([0.125, 0.1875])
    mixing = Rules(when=Async(mixing=0.4), server_rate=0.5)
    assert coefficients(mixing, [7], [3], ["a"], Counter()) == pytest.approx([0.4])


@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from("abc")), min_size=1, max_size=12), st.booleans())
def test_fresh_updates_add_up_to_the_server_rate(parts: list[tuple[int, str]], inverse: bool) -> None:
    """Without staleness the coefficients sum to eta; and if samples are alike, with inverse participation too."""
    samples, classes = zip(*parts, strict=True)
    if inverse:
        samples = (4,) * len(parts)
    rules = Rules(inverse_participation=inverse, server_rate=0.7)
    assert sum(coefficients(rules, samples, [0] * len(parts), classes, Counter())) == pytest.approx(0.7)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), min_size=1, max_size=8))
def test_inverse_participation_weighs_classes_by_their_rarity(versions: list[list[str]]) -> None:
    """In each version a class's updates weigh in inverse proportion to how many of it were applied until then."""
    applied: Counter[str] = Counter()
    rules = Rules(inverse_participation=True)
    for classes in versions:
        found = coefficients(rules, [2] * len(classes), [0] * len(classes), classes, applied)
        applied.update(classes)
        per_class = {c: found[classes.index(c)] * applied[c] for c in classes}
        assert max(per_class.values()) == pytest.approx(min(per_class.values()))


def test_inverse_participation_in_the_long_run() -> None:
    """Nine updates of one class to one of another: each class has half the total weight, up to the first versions."""
    applied: Counter[str] = Counter()
    rules, say = Rules(when=Async(mixing=1.0), inverse_participation=True), Counter[str]()
    for k in range(4000):
        name = "rare" if k % 10 == 9 else "common"
        say[name] += coefficients(rules, [1], [0], [name], applied)[0]
        applied[name] += 1
    assert say["rare"] / say.total() == pytest.approx(0.5, abs=0.01)


def test_the_mean_sums_in_the_order_given() -> None:
    """Bit for bit the sum from the first to the last, whatever numpy's own order is."""
    rng = np.random.default_rng(1)
    directions, weights = rng.normal(size=(100, 3)) * 10.0 ** rng.integers(-8, 8, (100, 1)), rng.random(100)
    total: Any = np.zeros(3)
    for weight, direction in zip(weights, directions, strict=True):
        total = total + weight * direction
    np.testing.assert_array_equal(Mean().step(directions, weights), total)
