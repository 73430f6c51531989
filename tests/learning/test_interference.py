"""Interference: what two vehicles lose by sharing a channel."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.learning.interference import InterferenceGraphs, interference_weights
from qflsim.learning.problems import MaxCut
from qflsim.units import Floats

NOISE_W = 1e-13


def scene(vehicles: int, sites: int, seed: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Received powers over nine decades, and for each vehicle the loudest site."""
    power_w = 10 ** np.random.default_rng(seed).uniform(-16, -7, (vehicles, sites))
    return power_w, power_w.argmax(axis=1)


def test_two_vehicles_by_hand() -> None:
    """Two sites: signals 3 and 7 times the noise, interference 1 and 3: log2(4 / 2.5) + log2(8 / 2.75)."""
    power_w = NOISE_W * np.array([[3.0, 3.0], [1.0, 7.0]])
    weights = interference_weights(power_w, np.array([0, 1]), NOISE_W)
    want = np.log2(4 / 2.5) + np.log2(8 / 2.75)
    np.testing.assert_allclose(weights, [[0, want], [want, 0]], rtol=1e-14)


@given(st.integers(1, 8), st.integers(1, 4), st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_weights_are_the_losses_of_shannon_rates(vehicles: int, sites: int, seed: int) -> None:
    """Pair by pair from the two rates; symmetric, at least 0; named anew, the same."""
    power_w, serving = scene(vehicles, sites, seed)
    weights = interference_weights(power_w, serving, NOISE_W)
    for u in range(vehicles):
        for v in range(vehicles):
            want = 0.0
            for a, b in ((u, v), (v, u)) if u != v else ():
                signal, other = power_w[a, serving[a]], power_w[b, serving[a]]
                want += np.log2(1 + signal / NOISE_W) - np.log2(1 + signal / (NOISE_W + other))
            assert weights[u, v] == pytest.approx(want, rel=1e-6, abs=1e-13)
    np.testing.assert_array_equal(weights, weights.T)
    order = np.random.default_rng(seed).permutation(vehicles)
    again = interference_weights(power_w[order], serving[order], NOISE_W)
    np.testing.assert_array_equal(again, weights[np.ix_(order, order)])


def test_weights_rise_with_interference_and_vanish_with_it() -> None:
    """One interferer at a second site, ever louder: from 0, to the whole rate of the one that it drowns."""
    serving = np.array([0, 1])
    heard_w = [0.0, *10.0 ** np.arange(-30, 1)]
    weights = [interference_weights(np.array([[1e-9, 0.0], [h, 1e-9]]), serving, NOISE_W)[0, 1] for h in heard_w]
    assert weights[0] == 0
    assert (np.diff(weights) > 0).all()
    assert weights[1] == pytest.approx(1e-30 * 1e-9 / NOISE_W / (1e-9 + NOISE_W) / np.log(2), rel=1e-9)
    assert weights[-1] == pytest.approx(np.log2(1 + 1e-9 / NOISE_W), rel=1e-9)


def test_without_a_site_there_is_no_rate_to_lose() -> None:
    """A vehicle out of coverage still disturbs the other; two of them do not notice each other."""
    power_w = NOISE_W * np.array([[3.0], [1.0], [5.0]])
    weights = interference_weights(power_w, np.array([0, -1, -1]), NOISE_W)
    assert weights[0, 1] == pytest.approx(np.log2(4 / 2.5), rel=1e-14)
    assert weights[1, 2] == 0


def test_the_best_cut_puts_neighbours_on_two_channels() -> None:
    """Two pairs of vehicles, each pair at its own site and out of earshot of the other: the cut parts both pairs."""
    power_w = 1e-9 * np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    graph = InterferenceGraphs(nodes=6).instance(power_w, np.array([0, 0, 1, 1]), NOISE_W)
    assert graph.pairs == [(0, 1), (2, 3)]
    assert (graph.edges, graph.colour_layers, graph.weights.shape) == (2, 1, (6, 6))
    assert not graph.weights[4:].any()
    assert np.sqrt((graph.weights**2).sum() / 4) == pytest.approx(1)
    _, bound = MaxCut().pose(graph)
    assert bound == pytest.approx(graph.weights[0, 1] + graph.weights[2, 3])


def test_a_vehicle_alone_has_an_empty_graph() -> None:
    """And so have two that hear nothing of each other."""
    for power_w in (np.array([[1e-9, 0.0]]), np.array([[1e-9, 1e-25], [1e-25, 1e-9]])):
        graph = InterferenceGraphs(nodes=4).instance(power_w, power_w.argmax(axis=1), NOISE_W)
        assert (graph.edges, graph.weights.any()) == (0, False)
