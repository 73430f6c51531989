"""The bench of the quantum engine."""

import math

import pytest

from qflsim.study.bench_quantum import engine


def test_every_size_has_three_references() -> None:
    """The plain circuit is slower, both floors are figures too, and floor A lies below floor B or near it."""
    plain, gates, both = engine(nodes=(6,))
    assert [figure.peer_name for figure in (plain, gates, both)] == ["plain QNode", "RX calls", "RX calls and phases"]
    for figure in (plain, gates, both):
        assert figure.peer is not None
        assert 0 < figure.value < math.inf
        assert figure.ratio == pytest.approx(figure.peer / figure.value)
    assert plain.ratio is not None
    assert plain.ratio > 1


def test_other_costs_stand_beside_the_weighted_ones() -> None:
    """Unit weights, dense graphs, fields and single precision, each beside the plain case of its size."""
    figures = engine(nodes=(10,))
    kinds = ["unit weights", "dense", "with fields", "single precision"]
    assert [figure.name for figure in figures[3:]] == [f"10 qubits, {kind}" for kind in kinds]
    assert {figure.peer for figure in figures[3:]} == {figures[0].value}
