"""Classical solvers: identities of the exact one, what the others guarantee, published values of the relaxation."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.errors import InputError
from qflsim.learning.solvers import (
    LARGEST_EXACT,
    Rounded,
    annealed,
    energy,
    exact,
    goemans_williamson,
    greedy,
    local_search,
    random_assignment,
    relaxation,
)
from qflsim.units import Floats

GUARANTEE = 0.87856


def problems(count: int, n: int, seed: int) -> tuple[Floats, Floats]:
    """Dense couplings and fields of normal numbers, (count, n, n) and (count, n)."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.normal(size=(count, n, n)), 1)
    return upper + upper.swapaxes(-1, -2), rng.normal(size=(count, n))


def max_cut(graph: nx.Graph) -> tuple[Floats, Floats, float]:
    """Couplings, fields and constant of a graph's MaxCut; edges without a weight weigh 1."""
    weights = nx.to_numpy_array(graph)
    return -weights / 2, np.zeros(len(weights)), float(weights.sum() / 4)


def every_assignment(n: int) -> Floats:
    return np.array(list(product([1.0, -1.0], repeat=n)))


def sdp_cut(graph: nx.Graph) -> tuple[float, float]:
    """Value and bound of the relaxed MaxCut."""
    couplings, fields, constant = max_cut(graph)
    relaxed = relaxation(couplings, fields, np.random.default_rng(0))
    return constant + float(relaxed.value), constant + float(relaxed.bound)


def test_the_cost_is_its_definition() -> None:
    """Coupling by coupling and field by field, C is the sum that defines it; of MaxCut, the edges cut."""
    (couplings,), (fields,) = problems(1, 5, 1)
    for z in every_assignment(5):
        pairs = sum(couplings[u, v] * z[u] * z[v] for u in range(5) for v in range(u + 1, 5))
        assert energy(couplings, fields, z) == pytest.approx(pairs + fields @ z, abs=1e-13)
    couplings, fields, constant = max_cut(nx.path_graph(5))
    assert constant + energy(couplings, fields, np.array([1, 1, -1, 1, 1])) == 2


@pytest.mark.parametrize("n", range(1, 10))
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_exact_is_the_best_of_all_assignments(n: int, scale: float) -> None:
    """The doubled tables give the maximum over a plain enumeration, with fields and without."""
    couplings, fields = problems(5, n, n)
    fields *= scale
    best = [energy(j, h, every_assignment(n)).max() for j, h in zip(couplings, fields, strict=True)]
    spins = exact(couplings, fields)
    assert (spins.shape, spins.dtype) == ((5, n), np.int8)
    np.testing.assert_allclose(energy(couplings, fields, spins), best, rtol=1e-12, atol=1e-12)


def test_exact_refuses_more_vertices_than_memory_holds() -> None:
    """One vertex too many is refused before any table is made."""
    n = LARGEST_EXACT + 1
    with pytest.raises(InputError, match=f"{n} vertices"):
        exact(np.zeros((n, n)), np.zeros(n))


@pytest.mark.parametrize("solver", [exact, greedy])
def test_renaming_the_sides_of_vertices_renames_the_answer(solver: object) -> None:
    """Under z -> s z, with J_uv s_u s_v and h_u s_u, the assignment found becomes s z, bit for bit."""
    assert callable(solver)
    couplings, fields = problems(10, 9, 2)
    s = random_assignment((10, 9), np.random.default_rng(3))
    turned = solver(couplings * s[:, :, None] * s[:, None, :], fields * s)
    np.testing.assert_array_equal(turned, s * solver(couplings, fields))


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_nothing_beats_exact_and_nothing_passes_the_bound(scale: float) -> None:
    """Greedy, annealing and rounding stay at or below the optimum, the mean of roundings below too, the bound above."""
    couplings, fields = problems(30, 9, 4)
    fields *= scale
    rng = np.random.default_rng(5)
    best = energy(couplings, fields, exact(couplings, fields)) + 1e-12
    rounded = goemans_williamson(couplings, fields, rng)
    for spins in (greedy(couplings, fields), annealed(couplings, fields, rng), rounded.spins):
        assert (spins.shape, spins.dtype) == ((30, 9), np.int8)
        assert (energy(couplings, fields, spins) <= best).all()
    assert (rounded.expected <= best).all()
    assert (rounded.bound >= best - 2e-12).all()


def test_problems_side_by_side_do_not_touch() -> None:
    """Solved alone, a problem gets the assignment it got beside others, by every solver that draws nothing."""
    couplings, fields = problems(6, 8, 6)
    starts = random_assignment((6, 8), np.random.default_rng(7))
    together = exact(couplings, fields), greedy(couplings, fields), local_search(couplings, fields, starts)
    for g, (j, h) in enumerate(zip(couplings, fields, strict=True)):
        alone = exact(j, h), greedy(j, h), local_search(j, h, starts[g])
        for one, all_of_them in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, all_of_them[g])


def test_the_same_generator_gives_the_same_answers() -> None:
    """Annealing and rounding are functions of the problem and the generator's state."""
    couplings, fields = problems(4, 10, 8)
    for seed in (1, 2):
        one, other = np.random.default_rng(seed), np.random.default_rng(seed)
        np.testing.assert_array_equal(annealed(couplings, fields, one), annealed(couplings, fields, other))
        first, second = goemans_williamson(couplings, fields, one), goemans_williamson(couplings, fields, other)
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a, b)


def test_guessing_earns_the_constant() -> None:
    """The costs of all assignments sum to 0, and the mean over random ones is 0 within five standard errors."""
    (couplings,), (fields,) = problems(1, 8, 9)
    assert energy(couplings, fields, every_assignment(8)).mean() == pytest.approx(0, abs=1e-13)
    drawn = energy(couplings, fields, random_assignment((20_000, 8), np.random.default_rng(10)))
    assert abs(drawn.mean()) < 5 * drawn.std() / np.sqrt(len(drawn))


@given(st.integers(1, 12), st.integers(0, 10**6), st.sampled_from([0.0, 1.0]), st.sampled_from([0, 9]))
@settings(max_examples=80, deadline=None)
def test_local_search_climbs_to_where_no_flip_gains(n: int, seed: int, scale: float, digits: int) -> None:
    """It ends no lower than it began, and no single flip gains; with whole numbers, ties do not cycle."""
    couplings, fields = (np.round(part, digits) for part in problems(3, n, seed))
    fields *= scale
    start = random_assignment((3, n), np.random.default_rng(seed))
    spins = local_search(couplings, fields, start)
    reached = energy(couplings, fields, spins)
    assert (reached >= energy(couplings, fields, start)).all()
    for u in range(n):
        flipped = spins * np.where(np.arange(n) == u, -1, 1)
        assert (energy(couplings, fields, flipped) <= reached + 1e-11).all()


def test_greedy_cuts_at_least_half_of_the_weight() -> None:
    """With weights of at least 0 the cut is at least half of the total, and any Ising cost is at least its constant."""
    couplings, fields = problems(200, 9, 11)
    assert (energy(couplings, fields, greedy(couplings, fields)) >= 0).all()
    positive = -np.abs(couplings) / 2
    total = -positive.sum(axis=(1, 2))
    cut = total / 2 + energy(positive, 0 * fields, greedy(positive, 0 * fields))
    assert (cut >= total / 2).all()


def test_greedy_is_exact_where_nothing_is_frustrated() -> None:
    """A connected problem in which one assignment pleases every coupling and field: each vertex set agrees with it."""
    rng = np.random.default_rng(12)
    for seed in range(20):
        graph = nx.gnp_random_graph(10, 0.2, seed=seed)
        nx.add_path(graph, rng.permutation(10).tolist())
        s = random_assignment((10,), rng)
        strengths = rng.random((10, 10)) + 0.1
        couplings = nx.to_numpy_array(graph) * (strengths + strengths.T) * np.outer(s, s)
        fields = np.where(np.arange(10) == 7, s, 0.0)
        np.testing.assert_array_equal(greedy(couplings, fields), s)


@pytest.mark.parametrize("n", [6, 12])
def test_annealing_finds_the_optimum(n: int) -> None:
    """In at least 97 % of 200 random dense problems, and single annealings find it in at least half."""
    couplings, fields = problems(200, n, 13)
    best = energy(couplings, fields, exact(couplings, fields)) - 1e-9
    rng = np.random.default_rng(14)
    found = energy(couplings, fields, annealed(couplings, fields, rng)) >= best
    assert found.mean() >= 0.97
    once = energy(couplings, fields, annealed(couplings, fields, rng, restarts=1)) >= best
    assert once.mean() >= 0.5


@pytest.mark.parametrize(
    ("name", "graph", "value"),
    [
        ("C5", nx.cycle_graph(5), 2.5 * (1 + np.cos(np.pi / 5))),
        ("C11", nx.cycle_graph(11), 5.5 * (1 + np.cos(np.pi / 11))),
        ("Petersen", nx.petersen_graph(), 12.5),
        ("K4", nx.complete_graph(4), 4.0),
        ("K7", nx.complete_graph(7), 12.25),
        ("K3,4", nx.complete_bipartite_graph(3, 4), 12.0),
        ("4 x 4 grid", nx.grid_2d_graph(4, 4), 24.0),
    ],
)
def test_the_relaxation_of_known_graphs(name: str, graph: nx.Graph, value: float) -> None:
    """Odd rings: (n / 2)(1 + cos(pi / n)). K_n: n^2 / 4. Petersen: n (d - least eigenvalue) / 4. Bipartite: all."""
    reached, bound = sdp_cut(graph)
    width = 1e-8 * graph.number_of_edges() / 2
    assert reached <= value + 1e-12, name
    assert bound >= value - 1e-12, name
    assert bound - reached <= width, name


def test_roundings_of_a_bipartite_graph_cut_every_edge() -> None:
    """Its vectors lie on one line, so that every hyperplane finds the two sides."""
    couplings, fields, constant = max_cut(nx.complete_bipartite_graph(4, 5))
    rng = np.random.default_rng(15)
    spins = relaxation(couplings, fields, rng).roundings(50, rng)
    assert (constant + energy(couplings, fields, spins) == 20).all()


def test_the_bound_holds_before_the_search_has_converged() -> None:
    """After a single sweep it is far from the value, and yet no assignment passes it; every sweep raises the value."""
    couplings, fields = problems(50, 10, 16)
    best = energy(couplings, fields, exact(couplings, fields)) - 1e-12
    runs = [relaxation(couplings, fields, np.random.default_rng(17), sweeps=sweeps) for sweeps in (1, 2, 3, 4, 1000)]
    assert (runs[0].bound > 1.02 * runs[0].value).all()
    assert all((run.bound >= best).all() for run in runs)
    assert (np.diff([run.value for run in runs], axis=0) > 0).all()
    assert (runs[-1].value <= runs[0].bound).all()


def test_the_mean_over_roundings_is_the_law_of_angles() -> None:
    """The mean of sampled roundings is the closed form within five standard errors, for vectors far from optimal."""
    couplings, fields = problems(6, 8, 18)
    rng = np.random.default_rng(19)
    relaxed = relaxation(couplings, fields, rng, sweeps=1)
    costs = energy(couplings[:, None], fields[:, None], relaxed.roundings(20_000, rng))
    error = costs.std(axis=1) / np.sqrt(costs.shape[1])
    assert (np.abs(costs.mean(axis=1) - relaxed.expected(couplings, fields)) < 5 * error).all()


def test_the_mean_rounding_keeps_goemans_and_williamsons_guarantee() -> None:
    """For weights of at least 0 it is at least 0.87856 of the relaxed cut; the ring of five gives 4 of 4.52."""
    couplings, fields = problems(100, 8, 20)
    couplings, fields = -np.abs(couplings), 0 * fields
    half = -couplings.sum(axis=(1, 2)) / 2
    relaxed = relaxation(couplings, fields, np.random.default_rng(21))
    assert (half + relaxed.expected(couplings, fields) >= GUARANTEE * (half + relaxed.value)).all()
    couplings, fields, constant = max_cut(nx.cycle_graph(5))
    ring = goemans_williamson(couplings, fields, np.random.default_rng(22))
    assert constant + ring.expected == pytest.approx(4, abs=1e-4)  # five edges, each at an angle of 4 pi / 5


def test_fields_are_couplings_to_one_more_vertex() -> None:
    """Fields alone are relaxed without loss, and a field in place of a vertex leaves the relaxation's value."""
    fields = np.array([1.5, -2.0, 0.25])
    alone = goemans_williamson(np.zeros((3, 3)), fields, np.random.default_rng(23))
    np.testing.assert_array_equal(alone.spins, [1, -1, 1])
    np.testing.assert_allclose(alone.bound, 3.75, atol=1e-7)
    np.testing.assert_allclose(alone.expected, 3.75, atol=1e-3)  # angles are as the root of the gap in value
    couplings, none = problems(5, 7, 24)[0], np.zeros((5, 7))
    rng = np.random.default_rng(25)
    whole = relaxation(couplings, none, rng).value
    fixed = relaxation(couplings[:, 1:, 1:], couplings[:, 0, 1:], rng).value
    np.testing.assert_allclose(whole, fixed, atol=2e-8 * np.abs(couplings).sum(axis=(1, 2)).max() / 2)


def test_a_problem_of_nothing_has_cost_nothing() -> None:
    """No couplings and no fields: every solver answers with spins, and value, mean and bound are 0."""
    couplings, fields, rng = np.zeros((2, 3, 3)), np.zeros((2, 3)), np.random.default_rng(26)
    rounded = goemans_williamson(couplings, fields, rng)
    assert isinstance(rounded, Rounded)
    for spins in (exact(couplings, fields), greedy(couplings, fields), annealed(couplings, fields, rng), rounded.spins):
        np.testing.assert_array_equal(np.abs(spins), np.ones((2, 3)))
    np.testing.assert_array_equal([rounded.expected, rounded.bound], np.zeros((2, 2)))
