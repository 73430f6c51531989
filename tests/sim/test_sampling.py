"""Link samples: what an independent look at the same world hears, of those on their way; the run does not feel it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qflsim.records import Leg, LinkSample, Record, Update
from qflsim.scenario.build import build
from qflsim.scenario.load import load
from qflsim.scenario.sources import read
from qflsim.sim.world import World
from qflsim.study.replay import replay
from qflsim.study.run import run
from qflsim.terms import Direction
from qflsim.trace.fingerprint import Fingerprint
from qflsim.units import NEVER_NS, NS_PER_S, to_ns

Simulate = Callable[..., Any]
Sampled = tuple[list[Record], World, list[Record], str, str]
PERIOD_S = 7.5
RUN = ["stop.duration_s=150.0"]


def told_by(name: str, *overrides: str) -> tuple[list[Record], World, str]:
    """What a run tells, the world it was in, and its fingerprint."""
    scenario, told, fingerprint = load(name, overrides=[*RUN, *overrides]), list[Record](), Fingerprint()
    simulation = build(scenario, read(scenario), (told.append, fingerprint))
    simulation.run()
    return told, simulation.server._world, fingerprint.hexdigest()


def until_ns(update: Update) -> int:
    """When a participation is over for its device."""
    return update.ended_ns if update.arrived_ns == NEVER_NS else update.arrived_ns


@pytest.fixture(scope="module", params=["blackout", "city-handover"])
def sampled(request: pytest.FixtureRequest) -> Sampled:
    """A run with samples and its world, the same run without, and the fingerprints of both."""
    told, world, its = told_by(request.param, f"trace.link_sample_s={PERIOD_S}")
    plain, _, others = told_by(request.param)
    return told, world, plain, its, others


def test_a_run_that_is_looked_at_is_the_same_run(sampled: Sampled) -> None:
    """All that it tells but the samples is the same, and so is its fingerprint: legs too, drawn when the run asks."""
    told, _, plain, its, others = sampled
    assert [record for record in told if not isinstance(record, LinkSample)] == plain
    assert its == others
    assert any(isinstance(record, Leg) for record in plain)


def test_whoever_is_on_his_way_is_looked_at_every_so_often(
    sampled: Sampled,
) -> None:
    """At each multiple of the period before the end: exactly those invited by then who are neither there nor lost."""
    told, *_ = sampled
    updates = [record for record in told if isinstance(record, Update)]
    found = {(r.t_ns, r.participation) for r in told if isinstance(r, LinkSample)}
    instants_ns = range(0, 150 * NS_PER_S, to_ns(PERIOD_S))
    assert found == {(t, u.participation) for t in instants_ns for u in updates if u.invited_ns <= t < until_ns(u)}
    assert len(found) > 100
    assert [r.t_ns for r in told if not isinstance(r, Leg)] == sorted(r.t_ns for r in told if not isinstance(r, Leg))


def test_a_sample_is_what_the_devices_own_link_says(
    sampled: Sampled,
) -> None:
    """Cells that cover in either direction, or the strongest; gain, SINR, margin and rate as transfers use them."""
    told, world, *_ = sampled
    rows: dict[tuple[int, int], list[LinkSample]] = {}
    for record in told:
        if isinstance(record, LinkSample):
            rows.setdefault((record.t_ns, record.device), []).append(record)
    cut_db, down_sites = world.radio.rate_map.cut_db, 0
    for (t_ns, device), samples in list(rows.items())[::5]:
        link = world.link(device)
        sinr_db, margin_db = link.quality(Direction.DOWNLOAD, t_ns)[1], link.quality(Direction.UPLOAD, t_ns)[1]
        covers = np.flatnonzero(np.maximum(sinr_db, margin_db) >= cut_db).tolist()
        assert [r.cell for r in samples] == (covers or [int(link.gain_db(t_ns).argmax())])
        x_m, y_m = world.fleet.track(device).positions_m(np.array([t_ns]))
        for r in samples:
            assert (r.x_m, r.y_m, r.gain_db) == (x_m[0], y_m[0], link.gain_db(t_ns)[r.cell])
            assert (r.downlink_sinr_db, r.uplink_margin_db) == (sinr_db[r.cell], margin_db[r.cell])
            assert (r.downlink_bit_per_s > 0.0) == (r.downlink_sinr_db >= cut_db)
            assert (r.uplink_bit_per_s > 0.0) == (r.uplink_margin_db >= cut_db)
            if r.downlink_bit_per_s:
                power = link.budget.power(Direction.DOWNLOAD, r.downlink_sinr_db)
                assert r.downlink_bit_per_s == link.budget.carried(Direction.DOWNLOAD, power).rate_bit_per_s
            down_sites += r.downlink_sinr_db == -np.inf
    assert down_sites or not world.failing


def test_looking_beyond_a_strict_range_fails_nobody(small: Callable[..., dict[str, Any]], simulate: Simulate) -> None:
    """Who trains beyond the range of a strict path loss is looked at there, though the run itself may not go so far."""
    data = small({"car": 20.0}, trace={"link_sample_s": 1.0})
    data["sites"]["height_m"] = 25.0
    data["radio"] = {"path_loss": {"kind": "uma"}, "strict_ranges": True}
    data["devices"][0]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 5.0, 15.0], "x_m": [10.0, 9e3, 10.0]}
    ran = simulate(data)
    assert not ran.outcome.failed
    assert {sample.t_ns // NS_PER_S for sample in ran.of(LinkSample) if sample.x_m == 9e3} == set(range(5, 15))


def test_samples_are_replayed_from_the_trace_alone(tmp_path: Path) -> None:
    """They are rows like others: committed, counted, compared to the last bit; a period that goes is no other run."""
    scenario = load("blackout", overrides=[*RUN, "trace.link_sample_s=5.0"])
    trace = run(scenario, tmp_path / "t.h5", timing_only=True)
    verdict = replay(trace)
    assert (verdict.equal, verdict.held) == (True, "exact")
    frame = trace.link_samples
    assert verdict.compared == sum(trace.rows.values())
    assert (frame["t_s"] % 5.0 == 0.0).all()
    assert set(frame["participation"]) <= set(trace.updates["participation"])
    bare = run(load("blackout", overrides=RUN), tmp_path / "bare.h5", timing_only=True)
    assert (bare.fingerprint, bare.header["digest"]) == (trace.fingerprint, trace.header["digest"])
    assert bare.rows["link_samples"] == 0 < trace.rows["link_samples"]
