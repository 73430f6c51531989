"""Holdings: a device's graphs, and the batches of a participation, are functions of their names alone."""

import numpy as np

from qflsim.learning.graphs import CompleteGraphs, RegularGraphs
from qflsim.learning.holdings import batches, local_graphs

FAMILY = RegularGraphs(nodes=6, count=5)


def test_a_device_holds_the_same_graphs_always() -> None:
    """Equal arguments give equal graphs, freshly drawn too; each of seed, group and index gives others."""
    ours = local_graphs(1, "cars", 4, FAMILY)
    local_graphs.cache_clear()
    again = local_graphs(1, "cars", 4, RegularGraphs(nodes=6, count=5))
    assert len(ours) == 5
    for one, other in zip(ours, again, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
    for key in [(2, "cars", 4), (1, "vans", 4), (1, "cars", 5)]:
        assert (local_graphs(*key, FAMILY)[0].weights != ours[0].weights).any()


def test_holding_more_graphs_keeps_the_first() -> None:
    """Graphs are drawn one after the other: a larger holding begins with the smaller."""
    few, many = (local_graphs(1, "cars", 0, CompleteGraphs(nodes=4, count=count)) for count in (3, 8))
    for one, other in zip(few, many, strict=False):
        np.testing.assert_array_equal(one.weights, other.weights)


def test_batches_are_distinct_graphs_of_the_holding() -> None:
    """Each step draws so many different ones, in order; all of them if it has no more."""
    for step in batches(1, "cars", 0, 0, 16, 4, 50):
        assert len(set(step.tolist())) == 4
        assert sorted(step) == step.tolist()
        assert min(step) >= 0
        assert max(step) < 16
    assert [step.tolist() for step in batches(1, "cars", 0, 0, 3, 8, 2)] == [[0, 1, 2]] * 2


def test_batches_are_named_by_the_devices_own_participation() -> None:
    """The same again when asked again, others for another participation, device or seed; more steps keep the first."""
    ours = np.array(batches(1, "cars", 0, 2, 16, 4, 6))
    np.testing.assert_array_equal(ours, batches(1, "cars", 0, 2, 16, 4, 6))
    np.testing.assert_array_equal(ours[:3], batches(1, "cars", 0, 2, 16, 4, 3))
    for key in [(2, "cars", 0, 2), (1, "vans", 0, 2), (1, "cars", 1, 2), (1, "cars", 0, 3)]:
        assert (ours != np.array(batches(*key, 16, 4, 6))).any()


def test_every_graph_is_drawn_as_often() -> None:
    """Over 4000 steps each of 16 graphs is in a quarter of the batches of 4, within five standard errors."""
    counts = np.bincount(np.concatenate(batches(1, "cars", 0, 0, 16, 4, 4000)), minlength=16)
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(4000 * 0.25 * 0.75)
