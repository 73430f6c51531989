"""Surroundings: the interference graphs that devices see, as functions of who looks and when."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qflsim import records
from qflsim.errors import InputError
from qflsim.learning.interference import InterferenceGraphs, interference_weights
from qflsim.radio.link import Link
from qflsim.scenario.build import build
from qflsim.scenario.load import parse
from qflsim.scenario.schema import Scenario
from qflsim.scenario.sources import read
from qflsim.sim.surroundings import Surroundings
from qflsim.study.executors import Inline
from qflsim.study.replay import replay
from qflsim.study.run import run
from qflsim.terms import Direction, Happening
from qflsim.units import NS_PER_S, from_db
from qflsim.world.fleet import Fleet

Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]
FAMILY = InterferenceGraphs(nodes=4)
TOWN: dict[str, Any] = {
    "name": "town",
    "seed": 9,
    "stop": {"duration_s": 3.0},
    "sites": {"at": [{"name": "west", "x_m": 0.0, "y_m": 0.0}, {"name": "east", "x_m": 160.0, "y_m": 0.0}]},
    "devices": [
        {"name": "walkers", "count": 7, "processor": {"kind": "simulator"},
         "penetration": {"kind": "car", "mean_db": 0.0},
         "graphs": {"kind": "interference", "nodes": 4}, "batch": 1,
         "mobility": {"kind": "random-waypoint", "area_m": [200.0, 80.0], "speed_m_per_s": [5.0, 15.0]}},
    ],
    "task": {"kind": "qaoa", "layers": 1, "holdout": 3},
    "aggregation": {"when": {"kind": "buffered", "max_in_flight": 4, "buffer_size": 2}},
}  # fmt: skip
INSTANTS_NS = [0, 3 * NS_PER_S + 1, 11 * NS_PER_S]


def around(data: dict[str, Any] = TOWN, folder: Path = Path()) -> Surroundings:
    """Those of a world in which nothing has happened yet."""
    scenario: Scenario = parse(data, folder)
    world = build(scenario, read(scenario)).server._world
    return Surroundings(world.fleet, world.hardware, world.radio)


def places_m(fleet: Fleet, t_ns: int) -> np.ndarray:
    """Where everyone is, (D, 2)."""
    return np.array([np.ravel(fleet.track(d).positions_m(np.array([t_ns]))) for d in range(len(fleet))])


@pytest.mark.parametrize("t_ns", INSTANTS_NS)
@pytest.mark.parametrize("device", [0, 3, 6])
def test_a_graph_is_the_interference_of_those_nearest(device: int, t_ns: int) -> None:
    """The device itself, then its three nearest in the order of distance, weighted by the law of lost rates.

    Levels are those of the uplink at every site, over the whole band, in units of the noise; each is served where it
    is strongest.
    """
    world = around()
    here = places_m(world.fleet, t_ns)
    order = np.argsort(np.linalg.norm(here - here[device], axis=1))[:4]
    assert order[0] == device
    noise_dbm = -174.0 + 10.0 * np.log10(400e6) + 5.0
    links = [Link(world.radio, world.fleet.track(d), world.hardware[d], {}) for d in order]
    gains_db = np.array([link.quality(Direction.UPLOAD, t_ns)[0] for link in links])  # the level of an uplink
    losses_db = np.array([[world.hardware[d].penetration_loss_db] for d in order])
    power = from_db(23.0 + gains_db - losses_db - noise_dbm)
    expected = interference_weights(power, power.argmax(axis=1), 1.0)
    weights = world.graph(device, t_ns, FAMILY).weights
    np.testing.assert_array_equal(weights, weights.T)
    assert not weights.diagonal().any()
    shown = weights != 0
    np.testing.assert_allclose(weights[shown] / weights[shown][0], (expected / expected[shown][0])[shown], rtol=1e-12)
    assert (expected[~shown] < 1e-6).all()
    assert shown.sum() >= 6


def test_a_graph_is_a_function_of_who_and_when() -> None:
    """Whatever was asked before, in whatever order, in a world of its own: the same graph; another instant: another."""
    asked = [(device, t_ns) for device in range(7) for t_ns in INSTANTS_NS]
    one, other = around(), around()
    ours = {key: one.graph(*key, FAMILY).weights for key in asked}
    for key in reversed(asked):
        np.testing.assert_array_equal(other.graph(*key, FAMILY).weights, ours[key])
    assert (ours[0, 0] != ours[0, INSTANTS_NS[1]]).any()
    assert (ours[0, 0] != ours[1, 0]).any()


def test_two_neighbours_see_the_same_coupling() -> None:
    """In graphs that hold all devices, who looks changes the order of vertices and nothing else."""
    world, everyone = around(), InterferenceGraphs(nodes=7)
    here = places_m(world.fleet, NS_PER_S)
    matrices = []
    for device in (2, 5):
        order = np.argsort(np.linalg.norm(here - here[device], axis=1))
        back = np.argsort(order)
        matrices.append(world.graph(device, NS_PER_S, everyone).weights[np.ix_(back, back)])
    np.testing.assert_allclose(*matrices, rtol=1e-12)


def test_where_few_are_around_vertices_stay_alone() -> None:
    """Two devices in a graph of four: one edge, and two rows of zeros; alone there is no edge at all."""
    walkers = TOWN["devices"][0]
    for count, edges in [(2, 1), (1, 0)]:
        graph = around({**TOWN, "devices": [{**walkers, "count": count}]}).graph(0, 0, FAMILY)
        assert graph.edges == edges
        assert not graph.weights[count:].any()
        assert graph.weights.shape == (4, 4)
    np.testing.assert_allclose(graph.weights, 0)


def test_those_in_one_place_do_not_hide_the_device() -> None:
    """Among equally near ones the device itself is first, then the others by number."""
    still = {"kind": "static", "at_m": [30.0, 20.0]}
    loud = {**TOWN["devices"][0], "mobility": still, "count": 1, "name": "loud", "eirp_dbm": 30.0}
    quiet = {**loud, "name": "quiet", "count": 4, "eirp_dbm": 0.0, "penetration": {"kind": "none"}}
    world = around({**TOWN, "devices": [loud | {"penetration": {"kind": "none"}}, quiet]})
    seen_by_loud, seen_by_quiet = (world.graph(device, 0, FAMILY).weights for device in (0, 3))
    # Two of unequal power lose more than two weak ones: the loud one stands where its couplings are.
    assert seen_by_loud[0, 1] == seen_by_loud[0, 2] != seen_by_loud[1, 2]
    assert seen_by_quiet[1, 0] == seen_by_quiet[1, 2] != seen_by_quiet[0, 2]


def traffic(folder: Path) -> dict[str, Any]:
    """Three vehicles, of which one comes at 5 s and one goes at 10 s."""
    stays = {"a": (0, 30), "b": (5, 30), "c": (0, 10)}
    steps = "".join(
        f'<timestep time="{t}">'
        + "".join(
            f'<vehicle id="{v}" x="{20 * "abc".index(v) + t}" y="0"/>'
            for v, (on, off) in stays.items()
            if on <= t < off
        )
        + "</timestep>"
        for t in range(30)
    )
    (folder / "few.xml").write_text(f"<fcd-export>{steps}</fcd-export>")
    walkers = {k: v for k, v in TOWN["devices"][0].items() if k != "count"}
    return {**TOWN, "devices": [{**walkers, "mobility": {"kind": "sumo-fcd", "file": "few.xml"}}]}


def test_who_is_not_there_does_not_interfere(tmp_path: Path) -> None:
    """Of three vehicles the graph has those that are present at the instant, and the one that looks."""
    world = around(traffic(tmp_path), tmp_path)
    a = next(d for d in range(3) if world.fleet.name(d) == "a")
    edges = [world.graph(a, t_s * NS_PER_S, FAMILY).edges for t_s in (2, 7, 12)]
    assert edges == [1, 3, 1]


def test_a_device_trains_on_what_it_sees_as_it_starts(simulate: Simulate) -> None:
    """The graph handed to a training is that of the device and the instant of its start, in an untouched world."""

    class Noting(Inline):
        """Runs everything here, and keeps what trainings were given."""

        def __init__(self) -> None:
            self.given: list[tuple[int, int, Any]] = []

        def submit(self, task: Any, /, *arguments: Any, **named: Any) -> Any:
            """As ever."""
            if getattr(task, "__name__", "") == "run":
                device, number, _, gathered = arguments
                self.given.append((device, number, gathered))
            return super().submit(task, *arguments, **named)

    executor, untouched = Noting(), around()
    ran = simulate(TOWN, executor)
    started = {(u.device, u.device_participation): u.training_start_ns for u in ran.of(records.Update)}
    assert len(executor.given) > 10
    for device, number, gathered in executor.given:
        (graph,) = gathered.graphs
        expected = untouched.graph(device, started[device, number], FAMILY)
        np.testing.assert_array_equal(graph.weights, expected.weights)
        assert gathered.region == ""


def test_legs_are_recorded_as_far_as_anyone_looked(simulate: Simulate) -> None:
    """To see who is near, everyone's way is asked for: all legs up to the last training's start are in the records."""
    ran = simulate(TOWN)
    last_ns = max(e.t_ns for e in ran.of(records.Event) if e.happening is Happening.TRAINING_START)
    for device in range(7):
        legs = [leg for leg in ran.of(records.Leg) if leg.device == device]
        assert max(leg.end_ns for leg in legs) >= last_ns
        assert all(one.end_ns == next_.start_ns for one, next_ in pairwise(legs))


def test_what_is_graded_leaves_no_trace_of_its_own(simulate: Simulate) -> None:
    """Graphs for the exam are seen in a world that tells nobody: a run that learns records no other leg for them."""
    learned, timed = simulate(TOWN, Inline()), simulate(TOWN)
    assert learned.of(records.Leg) == timed.of(records.Leg)
    assert learned.of(records.Training) == timed.of(records.Training)


def test_sightings_have_edges_and_are_of_present_devices(tmp_path: Path) -> None:
    """As many as asked for, each with an edge, each a graph of some device of the group at a moment before the end."""
    world = around()
    seen = world.sightings("a", [1, 4], 20 * NS_PER_S, FAMILY, 12, np.random.default_rng(1))
    assert len(seen) == 12
    assert all(graph.edges > 0 for graph in seen)
    again = around().sightings("a", [1, 4], 20 * NS_PER_S, FAMILY, 12, np.random.default_rng(1))
    for one, other in zip(seen, again, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
    few = around(traffic(tmp_path), tmp_path)
    for graph in few.sightings("a", [0, 1, 2], 30 * NS_PER_S, FAMILY, 20, np.random.default_rng(2)):
        assert graph.edges in (1, 3)


def test_a_lonely_device_cannot_be_graded() -> None:
    """Where no moment shows two devices near there is nothing to learn: an error, after a thousand looks, at once."""
    data = {**TOWN, "devices": [{**TOWN["devices"][0], "count": 1}]}
    world = around(data)
    with pytest.raises(InputError, match="devices that interfere"):
        world.sightings("a", [0], NS_PER_S, FAMILY, 10**6, np.random.default_rng(1))
    with pytest.raises(InputError, match="devices that interfere"):
        build(parse(data, Path()), read(parse(data, Path())), (), Inline())


def test_a_trace_with_interference_replays(tmp_path: Path) -> None:
    """What devices saw follows from the legs in the trace, bit by bit, whoever saw it."""
    trace = run(parse(TOWN, Path()), tmp_path / "t.h5")
    assert "ratio/interference" in set(trace.evaluations["metric"])
    assert replay(trace).held == "exact"
