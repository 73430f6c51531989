"""Whole runs compared: who changes what for whom, and what is learned in the end."""

from collections.abc import Callable
from math import atan, pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qflsim import records
from qflsim.records import LEARNED
from qflsim.scenario.build import build
from qflsim.scenario.load import parse
from qflsim.scenario.sources import read
from qflsim.study.executors import Inline, executor_of
from qflsim.terms import Direction

Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]
TOWN = {
    "name": "town",
    "seed": 5,
    "stop": {"duration_s": 40.0},
    "sites": {"at": [{"name": "west", "x_m": 0.0, "y_m": 0.0}, {"name": "east", "x_m": 160.0, "y_m": 0.0}]},
    "outages": [{"kind": "renewal", "sites": ["east"], "mtbf_s": 12.0, "mttr_s": 4.0}],
    "devices": [
        {"name": "walkers", "count": 8, "processor": {"kind": "simulator"},
         "penetration": {"kind": "car", "mean_db": 0.0},
         "graphs": {"kind": "regular", "nodes": 4, "count": 2},
         "mobility": {"kind": "random-waypoint", "area_m": [200.0, 80.0], "speed_m_per_s": [5.0, 15.0]}},
        {"name": "sitters", "count": 4, "penetration": {"kind": "fixed", "loss_db": 20.0},
         "shots": 300, "shared_processors": 2,
         "graphs": {"kind": "complete", "nodes": 4, "count": 2},
         "mobility": {"kind": "static", "area_m": [200.0, 80.0]}},
    ],
    "task": {"kind": "qaoa", "layers": 1, "holdout": 2},
    "training": {"co_model_parameters": 400000},
    "aggregation": {"when": {"kind": "buffered", "max_in_flight": 8, "buffer_size": 3}, "timeout_s": 20.0},
}  # fmt: skip
POLICIES: list[dict[str, Any]] = [
    TOWN["aggregation"],  # type: ignore[list-item]
    {"when": {"kind": "async", "max_in_flight": 3}, "weight": {"kind": "polynomial"}},
    {"when": {"kind": "deadline", "clients": 5, "deadline_s": 8.0, "late": "recall"}, "missing": "last-known"},
]


def by_kind(run: Any, *without: type) -> dict[str, list[records.Record]]:
    """A run's records by kind."""
    kinds = [kind for kind in records.Record.__args__ if kind not in without]
    return {kind.__name__: run.of(kind) for kind in kinds}


@pytest.mark.parametrize("policy", POLICIES, ids=["buffered", "async", "deadline"])
def test_a_group_that_is_never_eligible_changes_nothing(simulate: Simulate, tmp_path: Path, policy: Any) -> None:
    """An appended group whose vehicles come after the end: every record of the others is the same, to the last bit."""
    late = "".join(f'<timestep time="{t}"><vehicle id="v" x="9" y="9"/></timestep>' for t in (500, 501, 502))
    (tmp_path / "late.xml").write_text(f"<fcd-export>{late}</fcd-export>")
    group = {"name": "late", "graphs": {"kind": "regular", "nodes": 4, "count": 2},
             "mobility": {"kind": "sumo-fcd", "file": str(tmp_path / "late.xml")}}  # fmt: skip
    town = {**TOWN, "aggregation": policy}
    alone = simulate(town, Inline())
    together = simulate({**town, "devices": [*TOWN["devices"], group]}, Inline())  # type: ignore[misc]
    assert len(alone.of(records.Update)) > 20
    introduced = (records.Device, records.Presence, records.Leg)
    assert by_kind(alone, *introduced) == by_kind(together, *introduced)
    for kind in introduced:
        assert [r for r in together.of(kind) if r.device < 12] == alone.of(kind)


def test_policies_meet_the_same_weather(simulate: Simulate) -> None:
    """Outages, hardware, and each device's legs as far as both have them, agree between any two policies."""
    runs = [simulate({**TOWN, "aggregation": policy}) for policy in POLICIES]
    updates = [run.of(records.Update) for run in runs]
    assert updates[0] != updates[1] != updates[2]
    for other in runs[1:]:
        for kind in (records.Outage, records.Site, records.Device):
            assert other.of(kind) == runs[0].of(kind)
        for device in range(12):
            ours, theirs = (
                {leg.start_ns: leg[1:] for leg in run.of(records.Leg) if leg.device == device}
                for run in (runs[0], other)
            )
            since_ns, until_ns = max(min(ours), min(theirs)), min(max(ours), max(theirs))  # asked for by then
            spans = [[leg for t, leg in legs.items() if since_ns <= t <= until_ns] for legs in (ours, theirs)]
            assert spans[0] == spans[1] != []
        assert {leg.device for leg in other.of(records.Leg)} & {leg.device for leg in runs[0].of(records.Leg)}


def test_a_radio_does_not_know_the_policy(simulate: Simulate) -> None:
    """Gains at any place, and levels along any device's way, are identical under two policies."""
    worlds = [simulate({**TOWN, "aggregation": policy}).simulation.server._world for policy in POLICIES[:2]]
    x_m, y_m = np.random.default_rng(1).uniform(0, 200, (2, 50))
    np.testing.assert_array_equal(*(world.radio.weather.gain_db(x_m, y_m, 1.5) for world in worlds))
    for device in range(12):
        for t_ns in range(0, 10**12, 10**11):
            levels_db = [world.link(device).quality(Direction.UPLOAD, t_ns) for world in worlds]
            np.testing.assert_array_equal(*levels_db)


def test_learning_does_not_move_the_clock(simulate: Simulate) -> None:
    """Where no policy reads values, a run on time alone has the same records but for what is learned."""
    learned, timed = simulate(TOWN, Inline()), simulate(TOWN)
    assert by_kind(learned, *LEARNED) == by_kind(timed, *LEARNED)
    assert not any(isinstance(record, LEARNED) for record in timed.records)


def test_observers_change_nothing(simulate: Simulate) -> None:
    """A run that nobody watches ends like one that is watched, to the last bit of its parameters."""
    scenario = parse(TOWN, Path())
    unwatched = build(scenario, read(scenario), (), Inline())
    watched = simulate(TOWN, Inline()).simulation
    assert unwatched.run().reason == "the simulated time is over"
    assert unwatched.server.fates == watched.server.fates
    np.testing.assert_array_equal(unwatched.server._learner.versions, watched.server._learner.versions)  # type: ignore[union-attr]


def test_any_number_of_workers_learns_the_same_bits(simulate: Simulate) -> None:
    """Versions, updates and grades of a pool of two processes are those of this process, bit for bit, in order."""
    inline = simulate(TOWN, Inline())
    with executor_of(2) as pool:
        pooled = simulate(TOWN, pool)
    assert len(inline.of(records.VersionAngles)) > 5
    assert by_kind(inline) == by_kind(pooled)


def test_one_seed_is_one_run_and_another_is_another(simulate: Simulate) -> None:
    """Twice the same seed gives the same records; another seed gives other ones."""
    assert simulate(TOWN).records == simulate(TOWN).records
    assert simulate({**TOWN, "seed": 6}).of(records.Update) != simulate(TOWN).of(records.Update)


def test_federation_reaches_the_optimum_of_triangle_free_cubic_graphs(small: Small, simulate: Simulate) -> None:
    """Eight devices, p = 1, exact gradients, no radio loss: the angles become (atan(1/sqrt 2), pi/8) to 1e-3.

    That optimum is the same for every cubic graph without triangles (Wang, Hadfield, Jiang, Rieffel 2018).
    """
    data = small({"a": 1.0}, stop={"duration_s": 500.0, "versions": 12})
    data["devices"][0] |= {"count": 8, "graphs": {"kind": "scripted:TriangleFree"}, "batch": 2}
    data["training"] = {"steps": 5, "optimizer": {"kind": "gradient-steps", "learning_rate": 0.5}}
    data["aggregation"] = {"when": {"kind": "wait-all", "clients": 8}}
    run = simulate(data, Inline())
    versions = run.of(records.VersionAngles)
    assert len(versions) == 13
    assert all(v.contributors == 8 for v in run.of(records.Version)[1:])
    assert versions[-1].angles == pytest.approx((atan(1 / sqrt(2)), pi / 8), abs=1e-3)
