"""Multi-angle QAOA: against the plain circuit, plain QAOA, and its own symmetries."""

import numpy as np
import pytest

from qflsim.quantum import multiangle, qaoa
from qflsim.quantum.circuits import reference_energy, reference_gradient
from qflsim.quantum.ising import Ising, costs
from qflsim.quantum.multiangle import aligned, distributions, energies, energies_and_gradients, expanded, folded


def stack(nodes: int, graphs: int, fields: bool, seed: int = 0) -> Ising:
    """Dense random costs."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.normal(size=(graphs, nodes, nodes)), 1)
    return Ising(upper + upper.swapaxes(1, 2), rng.normal(size=(graphs, nodes)) * fields, rng.normal(size=graphs))


def graph(ising: Ising, number: int) -> Ising:
    """One graph of a stack."""
    return Ising(*(part[number] for part in ising))


@pytest.mark.parametrize("fields", [False, True])
@pytest.mark.parametrize(("nodes", "layers"), [(2, 2), (5, 3), (7, 1)])
def test_equals_the_plain_circuit(nodes: int, layers: int, fields: bool) -> None:
    """Energy and every gate's derivative equal those of a QNode on lightning.qubit to 1e-9."""
    ising = stack(nodes, 3, fields)
    angles = np.random.default_rng(5).uniform(-2, 2, (layers, multiangle.width(nodes, fields)))
    values, gradients = energies_and_gradients(ising, angles)
    for number in range(3):
        assert values[number] == pytest.approx(reference_energy(graph(ising, number), angles), abs=1e-9)
        np.testing.assert_allclose(gradients[number], reference_gradient(graph(ising, number), angles), atol=1e-9)


@pytest.mark.parametrize("fields", [False, True])
def test_equal_angles_are_plain_qaoa(fields: bool) -> None:
    """Energies agree, and the derivatives of all gates of a layer sum to that of their shared angle."""
    ising, angles = stack(6, 5, fields, seed=2), np.array([0.4, 0.7, -0.5, 0.3])
    values, gradients = energies_and_gradients(ising, expanded(angles, 6, fields))
    expected_values, expected_gradients = qaoa.energies_and_gradients(costs(ising), angles)
    np.testing.assert_allclose(values, expected_values, atol=1e-12)
    np.testing.assert_allclose(folded(gradients, 6), expected_gradients, atol=1e-11)
    np.testing.assert_allclose(
        distributions(ising, expanded(angles, 6, fields)), qaoa.distributions(costs(ising), angles), atol=1e-14
    )


def test_the_gradient_of_a_tail_is_that_of_its_energies() -> None:
    """Central differences of the mean of the best fifth agree with the derivatives."""
    ising = stack(5, 2, fields=True, seed=3)
    angles = np.random.default_rng(1).uniform(-1, 1, (2, multiangle.width(5, True)))
    gradients = energies_and_gradients(ising, angles, tail=0.2)[1]
    step = 1e-5
    for layer, column in ((0, 0), (0, 12), (1, 7), (1, -1)):
        shift = np.zeros(angles.shape)
        shift[layer, column] = step
        slope = energies(ising, angles + shift, tail=0.2) - energies(ising, angles - shift, tail=0.2)
        np.testing.assert_allclose(gradients[:, layer, column], slope / (2 * step), atol=1e-7)


def test_any_number_of_graphs() -> None:
    """Several registers, the last one not full, give what each graph gives alone."""
    ising = stack(12, 7, fields=False, seed=4)
    angles = np.random.default_rng(2).uniform(-1, 1, (1, multiangle.width(12, False)))
    values, gradients = energies_and_gradients(ising, angles)
    np.testing.assert_array_equal(values, energies(ising, angles))
    for number in (0, 4, 6):
        alone = Ising(*(part[number : number + 1] for part in ising))
        value, gradient = energies_and_gradients(alone, angles)
        assert value[0] == pytest.approx(values[number], abs=1e-11)
        np.testing.assert_allclose(gradient[0], gradients[number], atol=1e-10)


@pytest.mark.parametrize("fields", [False, True])
def test_alignment(fields: bool) -> None:
    """An image of equal energy comes back to the vector it was made from; a base stays."""
    rng = np.random.default_rng(7)
    ising, base = stack(4, 1, fields, seed=5), rng.uniform(-0.5, 0.5, (2, multiangle.width(4, fields)))
    other = -base
    other[:, -4:] += np.pi * rng.integers(-2, 3, (2, 4))
    if not fields:
        other[1, -4:] += np.pi / 2
    np.testing.assert_allclose(energies(ising, other), energies(ising, base), atol=1e-12)
    np.testing.assert_allclose(aligned(other, base, 4, flip_symmetric=not fields), base, atol=1e-12)
    np.testing.assert_array_equal(aligned(base, base, 4, flip_symmetric=not fields), base)
