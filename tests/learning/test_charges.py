"""Charges: the clock pays for SPSA's circuits, on the graphs that the steps draw."""

import pytest

from qflsim.learning.charges import Training
from qflsim.learning.graphs import CompleteGraphs, RegularGraphs
from qflsim.learning.holdings import batches, local_graphs
from qflsim.world.compute import IonTrap, Simulator, Superconducting

CUBIC = Training(seed=1, layers=3, steps=2, family=RegularGraphs(), batch=4, shots=1000)


def test_two_circuits_a_graph_and_step() -> None:
    """2 x batch x steps circuits of `shots` shots each; a device with fewer graphs than the batch has fewer."""
    charge = CUBIC.charge(Superconducting(), "cars", 0, 0)
    assert (charge.circuits, charge.shots) == (16, 1000)
    few = Training(seed=1, layers=3, steps=2, family=RegularGraphs(count=3), batch=4, shots=10)
    assert few.charge(Superconducting(), "cars", 0, 0).circuits == 12


def test_equal_graphs_cost_circuits_times_shots_times_time() -> None:
    """Complete graphs all cost the same: the job is that of the processor's law, in one."""
    training = Training(seed=1, layers=3, steps=2, family=CompleteGraphs(), batch=2, shots=30)
    charge = training.charge(IonTrap(), "ions", 5, 7)
    assert charge.compute_s == pytest.approx(IonTrap().job_s(8, 30, 10, 45, 9, 3), rel=1e-12)
    assert charge.circuit_s == pytest.approx(IonTrap().circuit_s(10, 45, 9, 3), rel=1e-12)


def test_each_drawn_graph_is_charged_its_own_depth() -> None:
    """Cubic graphs need 3 to 5 layers of gates: the job is the sum over those that the participation draws."""
    charges = set()
    for number in range(40):
        graphs = local_graphs(1, "cars", 3, RegularGraphs())
        drawn = [graphs[i] for step in batches(1, "cars", 3, number, 16, 4, 2) for i in step]
        charge = CUBIC.charge(Superconducting(), "cars", 3, number)
        expected_s = sum(Superconducting().job_s(2, 1000, 10, graph.edges, graph.colour_layers, 3) for graph in drawn)
        assert charge.compute_s == pytest.approx(expected_s, rel=1e-12)
        charges.add(charge.compute_s)
    assert len(charges) > 1


def test_presets_take_the_times_they_stand_for() -> None:
    """16 circuits of 1000 shots take about 4 s on a superconductor and 0.8 s on a simulator; 8 of 30, 30 s on ions."""
    assert CUBIC.charge(Superconducting(), "a", 0, 0).compute_s == pytest.approx(4.1, abs=0.1)
    assert CUBIC.charge(Simulator(), "a", 0, 0).compute_s == pytest.approx(0.8, abs=0.02)
    ions = Training(seed=1, layers=3, steps=2, family=CompleteGraphs(), batch=2, shots=30)
    assert ions.charge(IonTrap(), "a", 0, 0).compute_s == pytest.approx(30.0, abs=3.0)


def test_weight_and_class_are_those_of_the_family() -> None:
    """A device weighs as many samples as it holds graphs."""
    assert (CUBIC.samples, CUBIC.data_class) == (16, "3-regular")
