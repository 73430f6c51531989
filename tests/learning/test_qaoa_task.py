"""The task of QAOA: where it starts, what is charged and graded, what it refuses, and what a federation of it finds."""

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.errors import InputError
from qflsim.learning.apparatus import Apparatus
from qflsim.learning.baselines import interval
from qflsim.learning.estimators import Exact, ParameterShift, Run, Spsa
from qflsim.learning.graph_batch import GraphBatch
from qflsim.learning.graphs import CompleteGraphs, GraphFamily, Instance, RegularGraphs, instance
from qflsim.learning.graphs_files import FileGraphs
from qflsim.learning.holdings import batches, local_graphs
from qflsim.learning.interference import InterferenceGraphs, SightedGraphs
from qflsim.learning.mixtures import MixedGraphs
from qflsim.learning.problems import IndependentSet, IsingProblem, MaxCut, degree_factor
from qflsim.learning.qaoa_task import Qaoa
from qflsim.learning.tasks import Gathered, Participant, graded
from qflsim.quantum import multiangle
from qflsim.quantum.ising import costs
from qflsim.quantum.noise import Noise
from qflsim.quantum.qaoa import FIXED_ANGLES, aligned
from qflsim.quantum.shifts import shifted_circuits, shifted_gradients
from qflsim.streams import Streams
from qflsim.units import Floats
from qflsim.world.compute import Circuit, Simulator, Superconducting, qaoa_circuit
from qflsim.world.split import SplitProcessor

FAMILIES = (RegularGraphs(nodes=8), CompleteGraphs(nodes=8))
WHO = Participant(1, "cars", 2, 5)


# --- starts


def test_small_starts_are_all_alike() -> None:
    """All angles are the one given."""
    assert Qaoa(layers=2, start_angle=0.2).first(1, FAMILIES).tolist() == [0.2] * 4


@pytest.mark.parametrize("layers", FIXED_ANGLES)
def test_fixed_starts_are_the_table(layers: int) -> None:
    """The angles of 3-regular unit graphs, whatever the devices hold."""
    assert tuple(Qaoa(layers=layers, start="fixed").first(1, FAMILIES)) == FIXED_ANGLES[layers]


def test_one_layer_interpolates_to_itself() -> None:
    """Where there is nothing to interpolate, the start is that of one layer, to the last bit."""
    assert tuple(Qaoa(layers=1, start="interpolation").first(1, FAMILIES)) == FIXED_ANGLES[1]


def test_interpolation_follows_its_source() -> None:
    """Zhou et al. (2020): x'_i = (i - 1) / p x_{i-1} + (p - i + 1) / p x_i, i = 1 .. p + 1, from the layers before.

    By hand: one number x becomes (x, x); (x, y) becomes (x, (x + y) / 2, y).
    """
    (g, b), (g1, g2, b1, b2) = FIXED_ANGLES[1], FIXED_ANGLES[2]
    two, three = (Qaoa(layers=layers, start="interpolation").first(1, FAMILIES) for layers in (2, 3))
    np.testing.assert_allclose(two, [g, g, b, b], rtol=1e-15)
    np.testing.assert_allclose(three, [g1, (g1 + g2) / 2, g2, b1, (b1 + b2) / 2, b2], rtol=1e-15)


@pytest.mark.parametrize("layers", [*range(2, 13), 14])
def test_interpolation_starts_from_the_deepest_angles_known(layers: int) -> None:
    """Those of a layer less, or of eleven: the same law for all, again and again where they are more than one apart.

    Ends stay where they are, and what rises or falls goes on rising or falling.
    """
    known, start = FIXED_ANGLES[min(layers - 1, 11)], Qaoa(layers=layers, start="interpolation").first(1, FAMILIES)
    for angles, found in zip(np.split(np.array(known), 2), np.split(start, 2), strict=True):
        expected = angles.tolist()
        while len(expected) < layers:
            p, x = len(expected), [0.0, *expected, 0.0]
            expected = [(i - 1) / p * x[i - 1] + (p - i + 1) / p * x[i] for i in range(1, p + 2)]
        np.testing.assert_allclose(found, expected, rtol=1e-14)
        np.testing.assert_allclose(found[[0, -1]], angles[[0, -1]], rtol=1e-14)
        assert (np.diff(found) * np.sign(angles[-1] - angles[0]) >= -1e-15).all()


@pytest.mark.parametrize("start", ["small", "fixed", "interpolation"])
def test_multi_angle_starts_at_the_plain_schedule(start: Any) -> None:
    """Each gate of a layer starts at the layer's angle, so that version 0 is worth what the plain one is."""
    plain, wide = (Qaoa(layers=2, start=start, holdout=3, multi_angle=multi) for multi in (False, True))
    assert wide.first(1, FAMILIES).shape == (2 * multiangle.width(8, False),)
    for one, other in zip(plain.exam(1, FAMILIES).marks(plain.first(1, FAMILIES)).values(),
                          wide.exam(1, FAMILIES).marks(wide.first(1, FAMILIES)).values(), strict=True):  # fmt: skip
        np.testing.assert_allclose(one, other, atol=1e-13)


# --- symmetries


def test_updates_are_aligned_by_the_symmetries_of_their_costs() -> None:
    """beta + pi/2 is an image of cuts, and of spins without fields; of sets and of fields only beta + pi is.

    Of a mixture with graphs from files the stricter rule holds, as any of them may have fields.
    """
    update, turned, base = np.array([[1.0, 0.2 + np.pi / 2], [1.0, 0.2 + np.pi], [1.0, 0.25]])
    file = FileGraphs(files=("g.txt",))
    for task, families in [(Qaoa(layers=1), FAMILIES), (Qaoa(layers=1, problem=IsingProblem()), FAMILIES)]:
        np.testing.assert_allclose(task.aligned(update, base, families), [1.0, 0.2], atol=1e-15)
    ising = Qaoa(layers=1, problem=IsingProblem())
    for task, families in [(Qaoa(layers=1, problem=IndependentSet()), FAMILIES), (ising, (*FAMILIES, file))]:
        np.testing.assert_array_equal(task.aligned(update, base, families), update)
        np.testing.assert_allclose(task.aligned(turned, base, families), [1.0, 0.2], atol=1e-15)


def test_aligned_updates_are_worth_the_same() -> None:
    """The image that is taken in place of an update has its marks, plain and multi-angle; a warm one is left alone."""
    rng = np.random.default_rng(3)
    for task, last in ((Qaoa(layers=2, holdout=3), 1), (Qaoa(layers=2, holdout=3, multi_angle=True), 8)):
        base = task.first(1, FAMILIES)
        update = -(base + 0.1 * rng.standard_normal(len(base)))
        update[-last:] += np.pi  # the mixers of the last layer
        image = task.aligned(update, base, FAMILIES)
        assert np.linalg.norm(image - base) < np.linalg.norm(update - base) / 2
        exam = task.exam(1, FAMILIES)
        for one, other in zip(exam.marks(update).values(), exam.marks(image).values(), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)
    warm = Qaoa(layers=2, warm_start=0.25)
    np.testing.assert_array_equal(warm.aligned(-update[:4], base[:4], FAMILIES), -update[:4])


def test_a_mirrored_update_does_no_harm_once_aligned() -> None:
    """The mean of an optimum and its image is no optimum; the mean of aligned ones is."""
    optimum, base = np.array([0.6155, 0.3927]), np.array([0.5, 0.3])
    image = -optimum + np.array([0, np.pi / 2])
    assert np.linalg.norm((optimum + image) / 2 - optimum) > 0.5
    np.testing.assert_allclose((optimum + aligned(image, base)) / 2, optimum, atol=1e-15)


# --- what is run


def drawn(step: int, family: GraphFamily = FAMILIES[0]) -> list[Instance]:
    """The graphs that a step of the participation draws, by the law of holdings."""
    graphs = local_graphs(1, "cars", 2, family)
    return [graphs[i] for i in batches(1, "cars", 2, 5, len(graphs), 4, 3)[step]]


def runs(task: Qaoa, step: int, processor: Any = None) -> list[Run]:
    """What the participation runs at a step."""
    apparatus = Apparatus(processor or Simulator())
    return task.objective(WHO, FAMILIES[0], 4, 3, apparatus, Gathered()).runs(step)


def test_a_circuit_is_a_circuit() -> None:
    """The graph's size, edges and colours, and the task's layers."""
    graph = CompleteGraphs(nodes=6).draw(np.random.default_rng(0))
    assert Qaoa(layers=2).circuit(graph, Apparatus(Simulator())) == Circuit(6, 1, 2, zz_gates=30, zz_layers=10)


@pytest.mark.parametrize("step", [0, 1, 2])
def test_the_circuits_are_those_of_the_graphs_drawn(step: int) -> None:
    """One circuit a graph, of its own edges and colours; graphs of one shape stand together."""
    expected = sorted(qaoa_circuit(8, graph.edges, graph.colour_layers, 3) for graph in drawn(step))
    found = runs(Qaoa(), step)
    assert sorted(run.circuit for run in found for _ in range(run.copies)) == expected
    assert len({run.circuit for run in found}) == len(found)


def test_a_shift_is_charged_for_every_gate() -> None:
    """2p (edges + nodes) circuits of a cut, and as many more as sets have fields: here one a node."""
    assert {run.shifts() / run.copies for run in runs(Qaoa(layers=3), 0)} == {2 * 3 * (12 + 8)}
    assert {run.shifts() / run.copies for run in runs(Qaoa(layers=3, problem=IndependentSet()), 0)} == {
        2 * 3 * (12 + 8 + 8)
    }


PAW = np.array([[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 0.0]])
"""A triangle with a node that hangs on it."""


@pytest.mark.parametrize(
    ("problem", "linear", "gates"),
    [
        (MaxCut(), [0, 0, 0, 0], 4),
        (IsingProblem(), [0, 0, 0, 0], 4),
        (IsingProblem(), [0.5, 0, -1, 0], 4 + 2),
        (IsingProblem(variables="bits"), [0, 0, 0, 0], 4 + 4),
        (IsingProblem(variables="bits"), [-1, -1, -1.5, 0], 4 + 1),  # of bits joined to d others, -d / 2 has no field
        (IndependentSet(penalty=3.0), [0, 0, 0, 0], 4 + 4),
        (IndependentSet(penalty=2.0), [0, 0, 0, 0], 4 + 3),  # a node with one neighbour has none
    ],
)
def test_shifts_are_counted_from_the_cost_that_is_posed(problem: Any, linear: list[float], gates: int) -> None:
    """2p (couplings + fields + n), zero ones left out, as many as the shift rule really measures."""
    task, graph = Qaoa(layers=2, problem=problem), instance(PAW, np.array(linear, dtype=float), "x")
    ising = GraphBatch(task, [graph]).ising
    asked: list[int] = []

    def measure(graph: int, distributions: Floats) -> Floats:
        asked.append(len(distributions))
        return np.zeros(len(distributions))

    shifted_gradients(ising, np.full(4, 0.1), measure)
    assert task.shifts(graph) == sum(asked) == 2 * 2 * (gates + 4)
    assert shifted_circuits(ising, 2).tolist() == [task.shifts(graph)]


def test_a_warm_circuit_turns_every_qubit_once_more() -> None:
    """Its first pulses are rotations of any angle; gates between qubits stay as they are."""
    plain, warm = (task.circuit(drawn(0)[0], Apparatus(Simulator())) for task in (Qaoa(), Qaoa(warm_start=0.25)))
    assert (plain.preparations, plain.rotations) == (1, 3)
    assert warm == plain._replace(preparations=0, rotations=4)


def test_remote_gates_are_the_edges_between_parts() -> None:
    """On two QPUs of four qubits, two complete graphs of four joined by one edge have one remote gate a layer."""
    weights = np.kron(np.eye(2), 1 - np.eye(4))
    weights[3, 4] = weights[4, 3] = 1
    graph = instance(weights, np.zeros(8), "x")
    split = SplitProcessor(of=Superconducting(), qubits=4)
    circuit = Qaoa(layers=2).circuit(graph, Apparatus(split))
    assert (circuit.zz_gates, circuit.remote_zz) == (26, 2)
    assert Qaoa(layers=2).circuit(graph, Apparatus(Superconducting())).remote_zz == 0


# --- exams


def test_exam_counts_classes_alike() -> None:
    """At angles 0 a class gets half its weight over its best cut; the mean is over classes, however many graphs."""
    task, nothing = Qaoa(holdout=5), np.zeros(6)
    marks = task.exam(3, (*FAMILIES, FAMILIES[0])).marks(nothing)
    assert {name: len(values) for name, values in marks.items()} == {"3-regular": 5, "complete": 5}
    grades = graded(marks, shares=task.marks_shares)
    assert list(grades) == ["3-regular", "complete", "mean"]
    assert grades["mean"].mean == pytest.approx((grades["3-regular"].mean + grades["complete"].mean) / 2, abs=1e-15)
    rng = Streams(3).named("holdout", "complete")
    cuts = [MaxCut().pose(FAMILIES[1].draw(rng)) for _ in range(5)]
    expected = [posed.bound / 2 / costs(posed.ising).values.max() for posed in cuts]
    np.testing.assert_allclose(marks["complete"], expected, atol=1e-14)
    assert grades["complete"] == interval(marks["complete"])


def test_nobody_trains_on_the_exam() -> None:
    """No held-out graph is one that a device holds."""
    held_out = {
        b.ising.couplings[k].tobytes() for b in Qaoa().exam(1, FAMILIES).batches["3-regular"] for k in range(24)
    }
    held = {GraphBatch(Qaoa(), [g]).ising.couplings[0].tobytes() for i in range(20)
            for g in local_graphs(1, "cars", i, FAMILIES[0])}  # fmt: skip
    assert len(held_out) == 24
    assert not held_out & held


def test_a_mixture_is_graded_by_its_components() -> None:
    """Each family of a mixture is a class of its own, with the very graphs that it has alone."""
    task, mixed = Qaoa(layers=1, holdout=4), MixedGraphs(of=FAMILIES)
    alone, together = (task.exam(3, data).marks(np.array([0.4, 0.3])) for data in (FAMILIES, (mixed,)))
    assert list(alone) == list(together)
    for name in alone:
        np.testing.assert_array_equal(alone[name], together[name])
    assert (task.samples(mixed), task.qubits(mixed), task.data_class(mixed)) == (16, 8, "mixture")


def test_a_device_measures_the_classes_that_it_holds() -> None:
    """Its measured grades are of the held-out graphs of its own families: one, or all of a mixture."""
    task, angles, rng = Qaoa(layers=1, holdout=4), np.array([0.4, 0.3]), np.random.default_rng(0)
    exam, apparatus = task.exam(3, FAMILIES), Apparatus(Superconducting(), noisy=True)
    for data, size in [(FAMILIES[0], 4), (MixedGraphs(of=FAMILIES), 8)]:
        values = exam.measured(data, apparatus, angles, 10**7, rng)
        assert values.shape == (size,)
    noise = apparatus.noise(task.circuit(FAMILIES[1].draw(rng), apparatus))
    assert isinstance(noise, Noise)
    ideal = exam.marks(angles)["complete"]
    random = exam.marks(np.zeros(2))["complete"]
    measured = exam.measured(FAMILIES[1], apparatus, angles, 10**7, rng)
    # Every <Z_u Z_v> shrinks by one factor, and so does the distance to a random cut.
    np.testing.assert_allclose(measured - random, noise.pair * (ideal - random), atol=5 * 0.2 / 10**3.5)


def test_degree_scaling_multiplies_gamma() -> None:
    """On regular graphs the scaled problem at gamma is the plain one at gamma times the factor of the degree."""
    family = (RegularGraphs(degree=5, nodes=8),)
    factor = degree_factor(family[0].draw(np.random.default_rng(0)))
    assert factor == pytest.approx(math.atan(1 / 2) / math.atan(1 / math.sqrt(2)), rel=1e-15)
    plain, scaled = (Qaoa(layers=2, holdout=3, problem=MaxCut(degree_scaling=s)).exam(1, family) for s in (False, True))
    angles = np.array([0.4, 0.7, 0.5, 0.2])
    np.testing.assert_allclose(
        scaled.marks(angles)["5-regular"], plain.marks(angles * [factor, factor, 1, 1])["5-regular"], atol=1e-13
    )


# --- what is refused


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"layers": 0}, "greater than or equal to 1"),
        ({"start_angle": 0.0}, "stationary"),
        ({"layers": 12, "start": "fixed"}, "1 to 11 layers, not 12"),
        ({"multi_angle": True, "warm_start": 0.25}, "without a warm start"),
        ({"multi_angle": True, "problem": IndependentSet()}, "max-cut"),
        ({"warm_start": 0.5}, "less than 0.5"),
        ({"tail": 0.0}, "tail"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], told: str) -> None:
    """No layers, a start that never moves or is not known, variants that do not go together."""
    with pytest.raises(ValidationError, match=told):
        Qaoa(**fields)


def test_start_angle_zero_would_never_move() -> None:
    """At 0 the gradient vanishes."""
    batch = GraphBatch(Qaoa(), [FAMILIES[0].draw(np.random.default_rng(0)) for _ in range(2)])
    np.testing.assert_allclose(batch.objective(np.zeros(6))[1], 0, atol=1e-14)


def test_multi_angle_needs_graphs_of_one_size() -> None:
    """Angles belong to pairs of vertices, so that all groups must have as many."""
    with pytest.raises(InputError, match=r"task\.multi_angle"):
        Qaoa(multi_angle=True).check(1, (RegularGraphs(nodes=8), CompleteGraphs(nodes=6)), Exact())
    Qaoa(multi_angle=True).check(1, FAMILIES, Exact())


@pytest.mark.parametrize("task", [Qaoa(multi_angle=True), Qaoa(warm_start=0.2), Qaoa(tail=0.5)],
                         ids=["multi-angle", "warm", "tail"])  # fmt: skip
def test_the_shift_rule_is_that_of_plain_circuits(task: Qaoa) -> None:
    """With angles of their own, a warm start or a tail it is refused; all other estimators serve, and its price too."""
    with pytest.raises(InputError, match=r'training\.gradient: got parameter-shift with .*; want "spsa" or "exact"'):
        task.check(1, FAMILIES, ParameterShift())
    for estimator in (Exact(), Exact(charged_as="parameter-shift"), Spsa()):
        task.check(1, FAMILIES, estimator)
    Qaoa(problem=IsingProblem()).check(1, FAMILIES, ParameterShift())


@pytest.mark.parametrize("wrapped", [False, True])
def test_signed_weights_are_no_cut(wrapped: bool) -> None:
    """Negative weights are told before anything starts, in a mixture too; the problem "ising" takes them."""
    signed: GraphFamily = RegularGraphs(nodes=8, weights="gaussian")
    if wrapped:
        signed = MixedGraphs(of=(RegularGraphs(nodes=8), signed))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="negative"):
        Qaoa().check(1, (signed,), Exact())
    Qaoa(problem=IsingProblem()).check(1, (signed,), Exact())


def test_graphs_that_are_seen_later_cannot_be_checked_before() -> None:
    """Interference graphs are there only while the run goes on."""
    Qaoa().check(1, (SightedGraphs(InterferenceGraphs()),), Exact())
