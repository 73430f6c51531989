"""Trainings: the clock pays for the circuits of an estimator, on the graphs that the steps draw, which are learned."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from qflsim.learning.apparatus import Apparatus
from qflsim.learning.classification import Classification
from qflsim.learning.classification_models import PerceptronModel, RegressionModel, VariationalModel
from qflsim.learning.data import Images
from qflsim.learning.estimators import Exact, ParameterShift, Spsa
from qflsim.learning.graph_batch import GraphBatch
from qflsim.learning.graphs import CompleteGraphs, RegularGraphs
from qflsim.learning.holdings import batches, local_graphs
from qflsim.learning.optimizers import Adam, GradientSteps
from qflsim.learning.qaoa_task import Qaoa
from qflsim.learning.tasks import Gathered, Participant
from qflsim.learning.training import Training
from qflsim.quantum.noise import NOMINAL
from qflsim.world.compute import IonTrap, Simulator, Superconducting, qaoa_circuit

NOTHING = Gathered()
CUBIC = Training(
    seed=1,
    group="cars",
    task=Qaoa(layers=3, holdout=2),
    data=RegularGraphs(),
    processor=Superconducting(),
    estimator=Exact(),
    optimizer=GradientSteps(),
    steps=2,
    batch=4,
    shots=1000,
    noisy=False,
)
SMALL = replace(CUBIC, task=Qaoa(layers=2, holdout=2), data=RegularGraphs(nodes=8))
IONS = replace(CUBIC, group="ions", data=CompleteGraphs(), processor=IonTrap(), batch=2, shots=30)


def test_two_circuits_a_graph_and_step() -> None:
    """2 x batch x steps circuits of `shots` shots each; a device with fewer graphs than the batch has fewer."""
    charge = CUBIC.charge(0, 0, NOTHING)
    assert (charge.circuits, charge.shots) == (16, 1000)
    few = replace(CUBIC, data=RegularGraphs(count=3), shots=10)
    assert few.charge(0, 0, NOTHING).circuits == 12


def test_equal_graphs_cost_circuits_times_shots_times_time() -> None:
    """Complete graphs all cost the same: the job is that of the processor's law, in one."""
    charge, circuit = IONS.charge(5, 7, NOTHING), qaoa_circuit(10, 45, 9, 3)
    assert sum(charge.steps_s) == pytest.approx(IonTrap().job_s(8, 30, circuit), rel=1e-12)
    assert charge.circuit_s == pytest.approx(IonTrap().circuit_s(circuit), rel=1e-12)


@pytest.mark.parametrize("estimator", [Exact(), Spsa(), Exact(charged_as="parameter-shift"), ParameterShift()])
def test_each_drawn_graph_is_charged_its_own_depth(estimator: Exact | Spsa | ParameterShift) -> None:
    """Cubic graphs need 3 to 5 layers of gates: each step's job is the sum over those that it draws."""
    shifts = estimator in (Exact(charged_as="parameter-shift"), ParameterShift())
    training, charges = replace(CUBIC, estimator=estimator), set()
    for number in range(20):
        graphs = local_graphs(1, "cars", 3, RegularGraphs())
        charge = training.charge(3, number, NOTHING)
        for step_s, rows in zip(charge.steps_s, batches(1, "cars", 3, number, 16, 4, 2), strict=True):
            expected_s = sum(
                Superconducting().job_s(
                    2 * 3 * (15 + 10) if shifts else 2, 1000, qaoa_circuit(10, g.edges, g.colour_layers, 3)
                )
                for g in (graphs[i] for i in rows)
            )
            assert step_s == pytest.approx(expected_s, rel=1e-12)
        assert charge.circuits == (150 if shifts else 2) * 8
        charges.add(sum(charge.steps_s))
    assert len(charges) > 1


def test_presets_take_the_times_they_stand_for() -> None:
    """16 circuits of 1000 shots take about 4 s on a superconductor and 0.8 s on a simulator; 8 of 30, 30 s on ions."""
    assert sum(CUBIC.charge(0, 0, NOTHING).steps_s) == pytest.approx(4.1, abs=0.1)
    simulated = replace(CUBIC, processor=Simulator())
    assert sum(simulated.charge(0, 0, NOTHING).steps_s) == pytest.approx(0.8, abs=0.02)
    assert sum(IONS.charge(0, 0, NOTHING).steps_s) == pytest.approx(30.0, abs=3.0)


@pytest.mark.parametrize("processor", [Superconducting(), Simulator()])
@pytest.mark.parametrize("model", [RegressionModel(sample_s=0.25), PerceptronModel(sample_s=0.25)])
def test_a_classical_model_takes_its_time_a_sample_and_step(model: Any, processor: Any) -> None:
    """It runs no circuit, whatever the processor: a step takes `sample_s` for each of its images, 1 ms unless told."""
    task = Classification(data=Images(classes=(0, 1), samples=8), model=model)
    charge = replace(CUBIC, task=task, processor=processor).charge(0, 0, NOTHING)
    assert (charge.circuits, charge.circuit_s, charge.steps_s) == (0, 0.0, (1.0, 1.0))
    few = replace(CUBIC, task=task, batch=99, steps=1).charge(0, 0, NOTHING)
    assert few.steps_s == (2.0,)
    assert type(model)().sample_s == 1e-3


def test_circuits_are_all_that_a_quantum_step_takes() -> None:
    """Of graphs and of a quantum classifier: no other time is charged."""
    images = Classification(data=Images(classes=(0, 1), features=2, samples=8), model=VariationalModel(layers=1))
    for training in (SMALL, replace(CUBIC, task=images)):
        objective = training.task.objective(
            Participant(1, "cars", 0, 0), training.data, 4, 2, Apparatus(Simulator()), NOTHING
        )
        assert [objective.other_s(step) for step in range(2)] == [0.0, 0.0]


def test_weight_and_class_are_those_of_the_family() -> None:
    """A device weighs as many samples as it holds graphs; its circuits have a qubit for each node."""
    assert (CUBIC.samples, CUBIC.data_class, CUBIC.qubits) == (16, "3-regular", 10)


def test_training_on_all_graphs_is_gradient_ascent() -> None:
    """With a batch of all its graphs or more, a device climbs the mean of <C> / (sum of weights)."""
    batch = GraphBatch(SMALL.task, local_graphs(1, "cars", 0, SMALL.data))  # type: ignore[arg-type]
    angles = np.full(4, 0.1)
    for _ in range(2):
        angles = angles + 0.3 * batch.objective(angles)[1]
    whole = replace(SMALL, batch=16).run(0, 0, (0.1,) * 4, NOTHING)
    np.testing.assert_allclose(whole, angles, atol=1e-14)
    assert replace(SMALL, batch=99).run(0, 0, (0.1,) * 4, NOTHING) == whole


@pytest.mark.parametrize("training", [SMALL, replace(SMALL, estimator=Spsa(), noisy=True)], ids=["exact", "measured"])
def test_training_depends_on_its_arguments_alone(training: Training) -> None:
    """Again, and in a fresh process: the same bits. Another participation or device: other graphs, other shots."""
    start = (0.1,) * 4
    here = [training.run(0, k, start, NOTHING) for k in range(3)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(training.run, 0, k, start, NOTHING) for k in range(3)]
        there = [job.result() for job in jobs]
    assert here == there
    assert len({*here, training.run(1, 0, start, NOTHING)}) == 4
    assert pickle.loads(pickle.dumps(training)) == training


def test_the_graphs_gathered_are_what_is_trained_and_charged() -> None:
    """A device that gathers a graph as it starts trains on that alone: the ions' eight circuits become two a step."""
    graph = CompleteGraphs(nodes=5, weights="unit").draw(np.random.default_rng(0))
    training = replace(IONS, task=SMALL.task)
    gathered = Gathered("", (graph,))
    assert training.charge(0, 0, gathered).circuits == 4
    one_step = replace(training, steps=1).run(0, 0, (0.1,) * 4, gathered)
    slope = GraphBatch(SMALL.task, [graph]).objective(np.full(4, 0.1))[1]  # type: ignore[arg-type]
    np.testing.assert_allclose(one_step, 0.1 + 0.3 * slope, atol=1e-14)


def test_without_noise_a_device_is_its_preset() -> None:
    """No quality is drawn; with noise it is the device's own, and the same at every participation."""
    spread = Superconducting(error_spread=0.5, angle_spread=0.1)
    ideal = replace(CUBIC, processor=spread)
    assert ideal.apparatus(4) == Apparatus(spread, NOMINAL, noisy=False)
    noisy = replace(ideal, noisy=True)
    assert noisy.apparatus(4) == noisy.apparatus(4) != noisy.apparatus(5)
    assert noisy.apparatus(4).quality.error_factor > 0


def test_a_shadow_is_the_same_training_of_another_model() -> None:
    """It learns from exact gradients without noise at a rate of its own; steps, batch and device stay."""
    task = Classification()
    noisy = replace(CUBIC, estimator=Spsa(), noisy=True, optimizer=Adam(learning_rate=0.2))
    shadow = noisy.of(task, 3.0)
    assert shadow.optimizer.learning_rate == pytest.approx(0.6)
    assert shadow == replace(CUBIC, task=task, optimizer=shadow.optimizer)


@pytest.mark.parametrize(
    ("estimator", "noisy", "measures"),
    [(Exact(), False, False), (Exact(), True, True), (Spsa(), False, True), (ParameterShift(), False, True)],
)
def test_who_measures(estimator: Exact | Spsa | ParameterShift, noisy: bool, measures: bool) -> None:
    """Devices see something else than the noise-free expectation where there is noise, or where there are shots."""
    assert replace(CUBIC, estimator=estimator, noisy=noisy).measures is measures
