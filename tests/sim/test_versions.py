"""What versions are made of: chosen answers in, the published update rules out, to the last bits."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
import pytest

from qflsim import records
from qflsim.learning.training import Training
from qflsim.terms import Fate

Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]


def until(end_s: float, **when: Any) -> dict[str, Any]:
    """Sections for a run of so many seconds under a policy; the rest of the aggregation goes by `rules`."""
    rules = when.pop("rules", {})
    return {"stop": {"duration_s": end_s}, "aggregation": {"when": when, **rules}}


class Chosen(Executor):
    """Trains nothing: each device's answer is chosen, by group and participation. Grades are empty."""

    def __init__(self, answers: dict[tuple[str, int], tuple[float, float]]) -> None:
        self.answers = answers
        self.jobs: list[tuple[str, int, tuple[float, ...]]] = []

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """A future that is done."""
        future: Future[Any] = Future()
        training = getattr(task, "__self__", None)
        if isinstance(training, Training):
            _, number, angles, _ = arguments
            self.jobs.append((training.group, number, angles))
            future.set_result(self.answers.get((training.group, number), (0.1, 0.1)))
        else:
            future.set_result({})
        return future


START = np.array([0.05, 0.05])
# All answers lie nearer to their versions than any mirror image does.
ANSWERS = {
    ("a", 0): (0.10, 0.02),
    ("a", 1): (0.20, 0.11),
    ("a", 2): (0.17, 0.30),
    ("b", 0): (0.31, 0.21),
    ("b", 1): (0.07, 0.13),
    ("b", 2): (0.01, 0.19),
}


def angles(run: Any) -> list[np.ndarray]:
    """The parameter vectors of all versions."""
    return [np.array(v.angles) for v in run.of(records.VersionAngles)]


def answer(device: str, number: int) -> np.ndarray:
    """A chosen answer."""
    return np.array(ANSWERS[device, number])


def test_async_mixes_models(small: Small, simulate: Simulate) -> None:
    """w <- (1 - alpha s) w + alpha s w_i with s = (1 + staleness)^-1/2, from the published rule."""
    rules = {"weight": {"kind": "polynomial", "exponent": 0.5}}
    data = small({"a": 1.0, "b": 2.5}, **until(2.8, kind="async", max_in_flight=2, mixing=0.4, rules=rules))
    run = simulate(data, Chosen(ANSWERS))
    w = [START]
    for model, staleness in [(answer("a", 0), 0), (answer("a", 1), 0), (answer("b", 0), 2)]:
        share = 0.4 * (1 + staleness) ** -0.5
        w.append((1 - share) * w[-1] + share * model)
    np.testing.assert_allclose(angles(run), w, rtol=0, atol=1e-15)


def test_buffered_adds_differences(small: Small, simulate: Simulate) -> None:
    """w <- w + eta (1/K) sum s_i Delta_i, each difference from the version that the device downloaded."""
    rules = {"weight": {"kind": "hinge", "slope": 2.0, "knee": 0}, "server_rate": 0.7}
    data = small({"a": 1.0, "b": 2.5}, **until(3.5, kind="buffered", max_in_flight=2, buffer_size=2, rules=rules))
    run = simulate(data, Chosen(ANSWERS))
    first = START + 0.7 / 2 * ((answer("a", 0) - START) + (answer("a", 1) - START))
    second = first + 0.7 / 2 * ((answer("b", 0) - START) / 3 + (answer("a", 2) - first))
    np.testing.assert_allclose(angles(run), [START, first, second], rtol=0, atol=1e-15)
    assert [u.weight for u in run.of(records.Update) if u.fate is Fate.APPLIED] == pytest.approx(
        [0.35] * 2 + [0.35 / 3, 0.35]
    )


def test_rounds_average_models_by_samples(small: Small, simulate: Simulate) -> None:
    """FedAvg: without staleness and at server rate 1 the version is the mean of the models, weighted by samples."""
    data = small({"a": 1.0, "b": 2.0}, **until(2.5, kind="wait-all", clients=2))
    data["devices"][1]["graphs"]["count"] = 6
    run = simulate(data, Chosen(ANSWERS))
    np.testing.assert_allclose(angles(run)[1], 0.25 * answer("a", 0) + 0.75 * answer("b", 0), rtol=0, atol=1e-15)


def test_a_stand_in_pulls_as_it_did(small: Small, simulate: Simulate) -> None:
    """The remembered difference is added once more, with the staleness that it has by now."""
    rules = {"missing": "last-known", "timeout_s": 3.0, "weight": {"kind": "polynomial", "exponent": 1.0}}
    data = small({"a": 1.0, "b": 1.0}, **until(4.5, kind="wait-all", clients=2, rules=rules))
    data["devices"][1]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 2.0], "x_m": [10.0, 9e6]}
    run = simulate(data, Chosen(ANSWERS))
    first = (answer("a", 0) + answer("b", 0)) / 2
    second = first + 0.5 * (answer("a", 1) - first) + 0.5 * (answer("b", 0) - START) / 2
    np.testing.assert_allclose(angles(run), [START, first, second], rtol=0, atol=1e-15)


def test_an_update_is_replaced_by_its_image_nearest_to_its_version(small: Small, simulate: Simulate) -> None:
    """A device that answers with a mirror image of equal energy moves the version as the original would."""
    data = small({"a": 1.0}, **until(1.5, kind="wait-all", clients=1))
    original, mirrored = (np.array([0.3, 0.2]), np.array([-0.3, -0.2 + np.pi / 2]))
    run = simulate(data, Chosen({("a", 0): tuple(mirrored), ("a", 1): tuple(mirrored)}))
    np.testing.assert_allclose(angles(run)[1], original, rtol=0, atol=1e-15)
    assert run.of(records.UpdateAngles)[0].angles == pytest.approx(tuple(original), abs=1e-15)


def test_a_device_trains_from_the_version_it_downloaded(small: Small, simulate: Simulate) -> None:
    """The angles handed to a training are those of the participation's base version."""
    executor = Chosen(ANSWERS)
    run = simulate(small({"a": 1.0, "b": 2.5}, **until(4.5, kind="async", max_in_flight=2)), executor)
    base = {(u.device, u.device_participation): u.base_version for u in run.of(records.Update)}
    for group, number, handed_over in executor.jobs:
        assert handed_over == tuple(angles(run)[base["ab".index(group), number]])


def test_inverse_participation_gives_both_classes_the_same_say(small: Small, simulate: Simulate) -> None:
    """Three devices of one class and one of another, all in time: each class moves the version by the same weight."""
    rules = {"inverse_participation": True}
    data = small(dict.fromkeys("abcd", 1.0), **until(3.5, kind="wait-all", clients=4, rules=rules))
    data["devices"][3]["graphs"] = {"kind": "complete", "nodes": 3, "count": 2, "weights": "unit"}
    run = simulate(data)
    applied = [u for u in run.of(records.Update) if u.fate is Fate.APPLIED]
    assert len(applied) == 12
    assert {u.weight for u in applied if u.device == 3} == {0.5}
    assert [u.weight for u in applied if u.device != 3] == pytest.approx([1 / 6] * 9, rel=1e-15)


def test_a_stand_in_is_not_counted_as_another_participation(small: Small, simulate: Simulate) -> None:
    """Inverse participation counts what was applied: in round 3 the class that came twice before weighs 5/6 of 1/2."""
    rules = {"inverse_participation": True, "missing": "last-known", "timeout_s": 3.0}
    data = small({"a": 1.0, "b": 1.0}, **until(9.0, kind="wait-all", clients=2, rules=rules))
    data["devices"][1]["graphs"] = {"kind": "complete", "nodes": 3, "count": 2, "weights": "unit"}
    data["devices"][1]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 2.0], "x_m": [10.0, 9e6]}
    run = simulate(data)
    assert [(v.contributors, v.stand_ins) for v in run.of(records.Version)[1:]] == [(2, 0), (1, 1), (1, 1)]
    weights = [u.weight for u in run.of(records.Update) if u.device == 0 and u.fate is Fate.APPLIED]
    assert weights == pytest.approx([1 / 2, 1 / 2, 5 / 12], rel=1e-15)
