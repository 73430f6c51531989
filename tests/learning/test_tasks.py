"""Grades of marks, and the streams of participants."""

import numpy as np
import pytest

from qflsim.learning.baselines import interval, share_interval
from qflsim.learning.tasks import Participant, graded

MARKS = {"a": np.array([0.5, 0.75, 1.0]), "b": np.array([1.0, 0.0, 1.0, 1.0])}


@pytest.mark.parametrize("shares", [False, True])
def test_classes_count_alike(shares: bool) -> None:
    """Each class by the interval of its own marks; the mean over classes, whose errors are independent."""
    grades, law = graded(MARKS, shares=shares), share_interval if shares else interval
    assert list(grades) == ["a", "b", "mean"]
    assert all(grades[name] == law(MARKS[name]) for name in MARKS)
    assert grades["mean"].mean == pytest.approx(0.75)
    assert grades["mean"].half_width == pytest.approx(np.hypot(grades["a"].half_width, grades["b"].half_width) / 2)


def test_one_item_has_no_interval() -> None:
    """Nor has a mean of classes of which one has a single item."""
    grades = graded({"a": np.array([0.5]), "b": MARKS["b"]}, shares=False)
    assert np.isnan(grades["a"].half_width)
    assert np.isnan(grades["mean"].half_width)
    assert np.isfinite(grades["b"].half_width)


def test_streams_are_a_participations_own() -> None:
    """The same again when asked again; another for each of seed, group, device, purpose and number."""
    who = Participant(1, "cars", 2, 3)
    first = who.stream("shots").random()
    assert who.stream("shots").random() == first
    others = [who._replace(seed=2), who._replace(group="vans"), who._replace(device=3), who._replace(number=4)]
    assert len({first, who.stream("batches").random(), *(other.stream("shots").random() for other in others)}) == 6
