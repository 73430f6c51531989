"""The learning task: local training, exams, baselines, and federated training on a bare mean."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import networkx as nx
import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.learning.graphs import CompleteGraphs, Instance, RegularGraphs
from qflsim.learning.optimizers import GradientSteps
from qflsim.learning.tasks import (
    MaxCutQaoa,
    TrainingJob,
    baselines,
    draw_weights,
    evaluate_job,
    exam,
    objective,
    total_weights,
    train,
)
from qflsim.quantum.qaoa import FIXED_ANGLES, aligned, cut_values
from qflsim.streams import Streams
from qflsim.units import Floats

FAMILIES = (RegularGraphs(nodes=8), CompleteGraphs(nodes=8))


@dataclass(frozen=True)
class TriangleFreeCubic:
    """One-graph devices with unit weights and no triangles, where the optimum of one layer is known."""

    nodes: int = 10
    count: int = 1
    data_class: str = "triangle-free"

    def draw(self, rng: np.random.Generator) -> Instance:
        """Draws until there is no triangle."""
        while True:
            instance = RegularGraphs(nodes=self.nodes, weights="unit").draw(rng)
            if not any(nx.triangles(nx.from_numpy_array(instance.weights)).values()):
                return instance


def job(batch: int = 4, participation: int = 0, index: int = 0) -> TrainingJob:
    """A training of a device with cubic graphs."""
    return TrainingJob(1, "cars", index, participation, FAMILIES[0], batch, 2, GradientSteps(), (0.1,) * 4)


def test_training_on_all_graphs_is_gradient_ascent() -> None:
    """With a batch of all its graphs or more, a device climbs the mean of <C> / (sum of weights)."""
    weights = draw_weights(FAMILIES[0], 16, Streams(1).named("cars", 0, "graphs"))
    cuts, totals = cut_values(weights), total_weights(weights)
    angles = np.full(4, 0.1)
    for _ in range(2):
        angles = angles + 0.3 * objective(cuts, totals, angles)[1]
    np.testing.assert_allclose(train(job(batch=16)), angles, atol=1e-14)
    assert train(job(batch=99)) == train(job(batch=16))


def test_objective_is_the_share_of_the_weight_that_is_cut() -> None:
    """At angles 0 every edge is cut with probability 1/2; the gradient is that of the value."""
    weights = draw_weights(FAMILIES[1], 3, Streams(1).named("g"))
    cuts, totals = cut_values(weights), total_weights(weights)
    assert objective(cuts, totals, np.zeros(4))[0] == pytest.approx(0.5, abs=1e-14)
    angles, step = np.array([0.3, 0.5, 0.4, 0.2]), 1e-5
    slopes = [
        (objective(cuts, totals, angles + d)[0] - objective(cuts, totals, angles - d)[0]) / (2 * step)
        for d in step * np.eye(4)
    ]
    np.testing.assert_allclose(objective(cuts, totals, angles)[1], slopes, atol=1e-8)


def test_training_depends_on_its_job_alone() -> None:
    """Again, and in a fresh process: the same bits. Another participation or device: other graphs."""
    here = [train(job(participation=k)) for k in range(3)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = list(pool.map(train, [job(participation=k) for k in range(3)]))
    assert here == there
    assert len({*here, train(job(index=1))}) == 4
    assert pickle.loads(pickle.dumps(job())) == job()


def test_start_angle_zero_is_refused() -> None:
    """At 0 the gradient vanishes, so nothing would ever move."""
    weights = draw_weights(FAMILIES[0], 2, Streams(1).named("g"))
    np.testing.assert_allclose(objective(cut_values(weights), total_weights(weights), np.zeros(6))[1], 0, atol=1e-14)
    with pytest.raises(ValidationError, match="stationary"):
        MaxCutQaoa(start_angle=0.0)
    assert MaxCutQaoa(layers=2, start_angle=0.2).start().tolist() == [0.2] * 4


def test_exam_counts_classes_alike() -> None:
    """At angles 0 a class gets half its weight over its best cut; the mean is over classes, however many graphs."""
    task, nothing = MaxCutQaoa(holdout=5), np.zeros(6)
    grades = exam(3, task, (*FAMILIES, FAMILIES[0]))
    ratios = grades.ratios(nothing)
    assert list(ratios) == ["3-regular", "complete", "mean"]
    assert ratios["mean"] == pytest.approx((ratios["3-regular"] + ratios["complete"]) / 2, abs=1e-15)
    weights = draw_weights(FAMILIES[1], 5, Streams(3).named("holdout", "complete"))
    expected = np.mean(total_weights(weights) / 2 / cut_values(weights).max(axis=1))
    assert ratios["complete"] == pytest.approx(expected, abs=1e-14)
    assert evaluate_job(3, task, FAMILIES, tuple(nothing)) == ratios


def test_baselines_are_ordered() -> None:
    """Trained beats fixed beats random; a device alone is best on its own class; the pool is best on average."""
    results = baselines(1, MaxCutQaoa(layers=2, holdout=12), FAMILIES, devices=3)
    assert list(results) == ["random", "fixed", "local-only 3-regular", "local-only complete", "centralised"]
    means = {name: ratios["mean"] for name, ratios in results.items()}
    assert means["random"] < means["fixed"] < means["local-only 3-regular"] < means["centralised"]
    assert means["local-only complete"] < means["centralised"]
    for name in ("3-regular", "complete"):
        assert results[f"local-only {name}"][name] == max(ratios[name] for ratios in results.values())


def test_fixed_angles_are_absent_beyond_their_table() -> None:
    """Twelve layers have no fixed angles, and the baseline says so by its absence."""
    assert max(FIXED_ANGLES) == 11
    families = (CompleteGraphs(nodes=3, count=2),)
    assert "fixed" not in baselines(1, MaxCutQaoa(layers=12, holdout=2), families, devices=1)


def federated(devices: int, versions: int) -> Floats:
    """Angles of one layer after rounds in which every device trains and aligned updates are averaged."""
    family = TriangleFreeCubic()
    angles = MaxCutQaoa(layers=1).start()
    for version in range(versions):
        updates = [
            train(TrainingJob(7, "cars", index, version, family, 1, 3, GradientSteps(), tuple(angles)))
            for index in range(devices)
        ]
        angles = np.mean([aligned(np.array(update), angles) for update in updates], axis=0)
    return angles


def test_federated_averaging_finds_the_known_optimum() -> None:
    """Eight devices with triangle-free cubic graphs, one layer: the angles reach (atan(1 / sqrt 2), pi / 8)."""
    angles = federated(devices=8, versions=60)
    np.testing.assert_allclose(angles, [np.arctan(np.sqrt(0.5)), np.pi / 8], atol=1e-3)


def test_a_mirrored_update_does_no_harm_once_aligned() -> None:
    """The mean of an optimum and its image is no optimum; the mean of aligned ones is."""
    optimum, base = np.array([0.6155, 0.3927]), np.array([0.5, 0.3])
    image = -optimum + np.array([0, np.pi / 2])
    assert np.linalg.norm((optimum + image) / 2 - optimum) > 0.5
    np.testing.assert_allclose((optimum + aligned(image, base)) / 2, optimum, atol=1e-15)
