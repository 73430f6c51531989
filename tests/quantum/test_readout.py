"""Readout errors: against flipping bits one by one."""

import numpy as np
import pytest

from qflsim.quantum.ising import Ising, costs
from qflsim.quantum.qaoa import distributions, energies, tail_observable
from qflsim.quantum.readout import readout
from qflsim.units import Floats


def one_by_one(values: Floats, flip: float, flip_symmetric: bool) -> Floats:
    """The definition: each bit in turn keeps its value or turns. A turned vertex 0 turns all others of its mirror."""
    size = values.shape[1]
    masks = [1 << bit for bit in range(size.bit_length() - 1)] + [size - 1] * flip_symmetric
    for mask in masks:
        values = (1 - flip) * values + flip * values[:, np.arange(size) ^ mask]
    return values


@pytest.mark.parametrize("flip_symmetric", [True, False])
@pytest.mark.parametrize("bits", [1, 4, 7])
def test_is_every_bit_turned_by_itself(bits: int, flip_symmetric: bool) -> None:
    """On any rows, whatever they mean, to rounding."""
    values = np.random.default_rng(bits).normal(size=(5, 1 << bits))
    np.testing.assert_allclose(
        readout(values, 0.07, flip_symmetric), one_by_one(values, 0.07, flip_symmetric), atol=1e-13
    )


def test_limits() -> None:
    """No errors change nothing, fair coins forget everything, and distributions stay distributions."""
    chances = np.random.default_rng(0).dirichlet(np.ones(16), size=3)
    np.testing.assert_allclose(readout(chances, 0.0, True), chances, atol=1e-15)
    np.testing.assert_allclose(readout(chances, 0.5, True), 1 / 16, atol=1e-15)
    np.testing.assert_allclose(readout(chances, 0.1, False).sum(axis=1), 1, atol=1e-14)


def test_correlations_shrink_by_their_order() -> None:
    """<z_u z_v> x (1 - 2 eps)^2 and <z_u> x (1 - 2 eps), so couplings and fields of the observable do."""
    rng = np.random.default_rng(1)
    upper, fields, flip = np.triu(rng.normal(size=(2, 5, 5)), 1), rng.normal(size=(2, 5)), 0.03
    couplings, constant = upper + upper.swapaxes(1, 2), rng.normal(size=2)
    kept = 1 - 2 * flip
    for h in (fields, 0 * fields):
        values, symmetric = costs(Ising(couplings, h, constant))
        expected = costs(Ising(kept**2 * couplings, kept * h, constant)).values
        np.testing.assert_allclose(readout(values, flip, symmetric), expected, atol=1e-13)


def test_observable_and_distribution_see_the_same() -> None:
    """The map is its own adjoint: reading C of a disturbed state is observing the disturbed C; tails too."""
    rng = np.random.default_rng(2)
    upper = np.triu(rng.normal(size=(3, 6, 6)), 1)
    table = costs(Ising(upper + upper.swapaxes(1, 2), np.zeros((3, 6)), np.zeros(3)))
    angles = np.array([0.3, 0.5, 0.4, 0.2])
    read = readout(distributions(table, angles), 0.05, True)
    observed = energies(table, angles, readout(table.values, 0.05, True))
    np.testing.assert_allclose((read * table.values).sum(axis=1), observed, atol=1e-12)
    best = tail_observable(table.values, read, 0.3)
    np.testing.assert_allclose(
        energies(table, angles, readout(best, 0.05, True)), (read * best).sum(axis=1), atol=1e-12
    )
