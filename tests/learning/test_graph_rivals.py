"""Rivals of a federation on graphs: trained and fixed angles, and classical solvers, in one exam."""

import numpy as np
import pytest

from qflsim.learning.graph_batch import GraphBatch
from qflsim.learning.graph_rivals import graph_rivals
from qflsim.learning.graphs import CompleteGraphs, GraphFamily, RegularGraphs
from qflsim.learning.mixtures import MixedGraphs
from qflsim.learning.problems import IndependentSet, IsingProblem, MaxCut, degree_factor
from qflsim.learning.qaoa_task import Qaoa
from qflsim.learning.tasks import Marks, Rival, graded, mean_marks
from qflsim.quantum.qaoa import FIXED_ANGLES

FAMILIES = (RegularGraphs(nodes=8, count=4), CompleteGraphs(nodes=8, count=4))
CLASSICAL = ["greedy", "Goemans-Williamson", "annealing"]
FIXED, POOLED = ["fixed", "fixed, by degree"], "centralised (8 devices)"


def marks(rival: Rival) -> Marks:
    """What a rival gets in the exam."""
    return mean_marks([rival.call(*arguments) for arguments in rival.arguments])


def results(task: Qaoa, families: tuple[GraphFamily, ...] = FAMILIES) -> dict[str, dict[str, float]]:
    """The mean grades of every rival, by class."""
    return {
        rival.name: {
            name: grade.mean for name, grade in graded(marks(rival), shares=False).items()
        }
        for rival in graph_rivals(task, 1, families)
    }  # fmt: skip


def test_baselines_are_ordered() -> None:
    """Trained beats fixed beats random; a device alone is best on its own class; the pool is best on average.

    Fixed angles do better on complete graphs, whose degree is 7, where gamma is scaled by degree, and on cubic ones
    the same.

    Annealing finds the best cut of eight nodes, which greedy and the mean rounding of the relaxation do not.
    """
    told = results(Qaoa(layers=2, holdout=12))
    assert list(told) == ["random", *FIXED, "local-only 3-regular", "local-only complete", POOLED, *CLASSICAL]
    means = {name: ratios["mean"] for name, ratios in told.items()}
    assert means["random"] < means["fixed"] < means["local-only 3-regular"] < means[POOLED]
    assert means["local-only complete"] < means[POOLED]
    assert told["fixed, by degree"]["3-regular"] == told["fixed"]["3-regular"]
    assert told["fixed, by degree"]["complete"] > told["fixed"]["complete"] + 0.02
    trained = [name for name in told if name not in CLASSICAL]
    for name in ("3-regular", "complete"):
        assert told[f"local-only {name}"][name] == max(told[rival][name] for rival in trained)
    assert means["annealing"] == pytest.approx(1.0, abs=1e-12)
    assert means["greedy"] < 1
    assert 0.8786 < means["Goemans-Williamson"] < 1


def test_fixed_angles_are_absent_beyond_their_table() -> None:
    """Twelve layers have no fixed angles, and the baseline says so by its absence."""
    assert max(FIXED_ANGLES) == 11
    families = (CompleteGraphs(nodes=3, count=2),)
    names = [rival.name for rival in graph_rivals(Qaoa(layers=12, holdout=2), 1, families)]
    assert names == ["random", "local-only complete", POOLED, *CLASSICAL]


@pytest.mark.parametrize("scaling", [False, True])
def test_fixed_angles_by_degree_are_those_times_its_factor(scaling: bool) -> None:
    """On graphs of one degree gamma is multiplied by `degree_factor`, whether or not the task scales by itself."""
    task, family = Qaoa(layers=2, holdout=3, problem=MaxCut(degree_scaling=scaling)), RegularGraphs(degree=5, nodes=8)
    plain = Qaoa(layers=2, holdout=3).exam(1, (family,))
    factor = degree_factor(family.draw(np.random.default_rng(0)))
    rivals = {r.name: marks(r)["5-regular"] for r in graph_rivals(task, 1, (family,)) if "fixed" in r.name}
    for name, scales in zip(FIXED, ([1, 1, 1, 1], [factor, factor, 1, 1]), strict=True):
        expected = plain.marks(np.array(FIXED_ANGLES[2]) * scales)["5-regular"]
        np.testing.assert_allclose(rivals[name], expected, atol=1e-13)


def test_a_mixture_has_the_rivals_of_its_components() -> None:
    """Devices that hold a mixture leave the same exam and the same rivals as devices that hold one family each."""
    mixed = (MixedGraphs(of=FAMILIES),)
    assert results(Qaoa(layers=1, holdout=3), mixed) == results(Qaoa(layers=1, holdout=3))


def test_the_centralised_angles_are_those_of_a_search() -> None:
    """Of one layer on cubic graphs, they are worth as much as the best of a grid on 200 graphs of the family."""
    task, family = Qaoa(layers=1, holdout=3), FAMILIES[0]
    (rival,) = [rival for rival in graph_rivals(task, 1, FAMILIES[:1]) if rival.name == POOLED]
    rng = np.random.default_rng(1)
    many = GraphBatch(task, [family.draw(rng) for _ in range(200)])
    grid = [np.array([g, b]) for g in np.linspace(0, 2, 21) for b in np.linspace(0, 0.7, 15)]
    top = max(grid, key=lambda angles: many.objective(angles)[0])
    expected = task.exam(1, FAMILIES[:1]).marks(top)["3-regular"].mean()
    assert marks(rival)["3-regular"].mean() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    "task",
    [
        Qaoa(layers=1, holdout=3, multi_angle=True),
        Qaoa(layers=1, holdout=3, warm_start=0.25),
        Qaoa(layers=1, holdout=3, tail=0.3),
        Qaoa(layers=1, holdout=3, problem=IndependentSet()),
        Qaoa(layers=1, holdout=3, problem=IsingProblem()),
    ],
    ids=["multi-angle", "warm", "tail", "set", "ising"],
)
def test_every_variant_has_its_rivals(task: Qaoa) -> None:
    """No rival exceeds the best assignment, and the best solver of four nodes finds it.

    Fixed angles are those of costs without linear terms, which sets have.
    """
    told = results(task, (CompleteGraphs(nodes=4, count=2),))
    fixed = [] if isinstance(task.problem, IndependentSet) else FIXED
    assert list(told) == ["random", *fixed, "local-only complete", POOLED, *CLASSICAL]
    assert all(ratios["mean"] <= 1 + 1e-12 for ratios in told.values())
    assert told["annealing"]["mean"] == pytest.approx(1.0, abs=1e-12)
