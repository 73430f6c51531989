"""Warm starts: against the plain circuit, and their limits."""

import numpy as np
import pytest

from qflsim.quantum.circuits import reference_energy, reference_gradient
from qflsim.quantum.ising import Ising, costs, maxcut
from qflsim.quantum.qaoa import distributions, energies, energies_and_gradients
from qflsim.quantum.warmstart import warm_tilts


def stack(nodes: int, fields: bool) -> Ising:
    """Three dense random costs."""
    rng = np.random.default_rng(nodes)
    upper = np.triu(rng.normal(size=(3, nodes, nodes)), 1)
    return Ising(upper + upper.swapaxes(1, 2), rng.normal(size=(3, nodes)) * fields, rng.normal(size=3))


@pytest.mark.parametrize("fields", [False, True])
def test_equals_the_plain_circuit(fields: bool) -> None:
    """Energy and gradient equal those of a QNode on lightning.qubit to 1e-9, every graph with tilts of its own."""
    ising, rng = stack(5, fields), np.random.default_rng(1)
    tilts, angles = rng.uniform(0, np.pi, (3, 5)), rng.uniform(-2, 2, 6)
    values, gradients = energies_and_gradients(costs(ising, whole=True), angles, tilts=tilts)
    for number in range(3):
        graph = Ising(*(part[number] for part in ising))
        assert values[number] == pytest.approx(reference_energy(graph, angles, tilts[number]), abs=1e-9)
        np.testing.assert_allclose(gradients[number], reference_gradient(graph, angles, tilts[number]), atol=1e-9)


def test_a_right_angle_is_the_plain_start() -> None:
    """Tilts of pi / 2, which chances of one half ask for, are plain QAOA."""
    table, angles = costs(stack(6, fields=False), whole=True), np.array([0.4, 0.6, 0.5, 0.2])
    tilts = warm_tilts(np.full((3, 6), 0.5))
    np.testing.assert_allclose(tilts, np.pi / 2, atol=1e-15)
    np.testing.assert_allclose(energies(table, angles, tilts=tilts), energies(table, angles), atol=1e-12)


def test_at_rest_it_is_the_assignment_it_was_given() -> None:
    """With all angles 0 each bit is 1 with the chance asked for, kept a distance from certainty."""
    chances = np.array([[0.1, 0.9, 0.4]])
    table = costs(maxcut(np.ones((1, 3, 3)) - np.eye(3)), whole=True)
    rest = distributions(table, np.zeros(2), tilts=warm_tilts(chances, distance=0.05))[0]
    for vertex, chance in enumerate(chances[0]):
        assert rest[(np.arange(8) >> vertex) & 1 == 1].sum() == pytest.approx(chance, abs=1e-14)
    np.testing.assert_allclose(np.sin(warm_tilts(np.array([0.0, 1.0])) / 2) ** 2, [0.25, 0.75], atol=1e-15)


def test_mixing_alone_moves_no_product_state_of_its_own() -> None:
    """The start is the mixer's own state: without a cost gate no beta changes anything."""
    table, tilts = costs(stack(4, fields=True)), np.array([[0.3, 1.0, 2.0, 2.9]] * 3)
    rest = distributions(table, np.zeros(2), tilts=tilts)
    np.testing.assert_allclose(distributions(table, np.array([0.0, 0.8]), tilts=tilts), rest, atol=1e-14)
