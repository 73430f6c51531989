"""The world's own stories: sites that fail, devices that come and go, and the end of a run in which nothing moves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qflsim import records
from qflsim.scenario.build import build
from qflsim.scenario.load import parse
from qflsim.scenario.sources import read
from qflsim.terms import Fate, Happening
from qflsim.units import NS_PER_S, to_ns

Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]
ASYNC = {"when": {"kind": "async"}}


def from_file(tmp_path: Path, data: dict[str, Any], stays_s: dict[str, tuple[int, int]]) -> list[records.Record]:
    """The records of a run whose devices stand at (10, 0) over the given seconds."""
    steps = ""
    for t_s in range(1 + max(off_s for _, off_s in stays_s.values())):
        here = [f'<vehicle id="{v}" x="10" y="0"/>' for v, (on_s, off_s) in stays_s.items() if on_s <= t_s < off_s]
        steps += f'<timestep time="{t_s}">{"".join(here)}</timestep>\n'
    (tmp_path / "stays.xml").write_text(f"<fcd-export>\n{steps}</fcd-export>")
    data["devices"][0].pop("count")
    data["devices"][0]["mobility"] = {"kind": "sumo-fcd", "file": "stays.xml"}
    scenario = parse(data, tmp_path)
    told: list[records.Record] = []
    build(scenario, read(scenario), (told.append,)).run()
    return told


def test_outages_are_told_when_they_begin_and_end(small: Small, simulate: Simulate) -> None:
    """One `Outage` record an interval, at its start, with its end; a down and an up event; touching ones are one."""
    down_s = [[0.0, 2.0], [5.0, 6.0], [6.0, 7.5], [90.0, 200.0]]
    section = {"kind": "scripted:Outages", "sites": ["mast"], "down_s": down_s}
    run = simulate(small({"a": 1.0}, outages=[section], aggregation=ASYNC))
    intervals = [(o.t_ns, o.start_ns, o.end_ns) for o in run.of(records.Outage)]
    expected_s = [(0, 2), (5, 7.5), (90, 200)]
    assert intervals == [(to_ns(a), to_ns(a), to_ns(b)) for a, b in expected_s]
    events = [(e.t_ns, e.happening) for e in run.of(records.Event) if e.site == 0 and e.device == -1]
    assert events == [(0, Happening.SITE_DOWN), (to_ns(2.0), Happening.SITE_UP), (to_ns(5.0), Happening.SITE_DOWN),
                      (to_ns(7.5), Happening.SITE_UP), (to_ns(90.0), Happening.SITE_DOWN)]  # fmt: skip


def test_a_site_that_never_fails_tells_nothing(small: Small, simulate: Simulate) -> None:
    """Without outages there is no record and no event of a site."""
    run = simulate(small({"a": 1.0}, aggregation=ASYNC))
    assert run.of(records.Outage) == []
    assert not {e.happening for e in run.of(records.Event)} & {Happening.SITE_DOWN, Happening.SITE_UP}


def test_who_leaves_is_off_and_who_comes_is_invited(small: Small, tmp_path: Path) -> None:
    """Vehicles there from 0 to 5 s and from 3 s on: the first is cut off in its training at 5 s, the second goes on."""
    data = small({"a": 4.0}, stop={"duration_s": 9.0}, aggregation=ASYNC)
    told = from_file(tmp_path, data, {"early": (0, 5), "late": (3, 30)})
    updates = sorted((u.invited_ns, u.device, u.fate, u.ended_ns) for u in told if isinstance(u, records.Update))
    expected = [(0, 0, Fate.APPLIED, 4), (3, 1, Fate.APPLIED, 7), (4, 0, Fate.DEVICE_OFF, 5), (7, 1, Fate.IN_FLIGHT, 9)]
    assert [(t // NS_PER_S, d, f, e // NS_PER_S) for t, d, f, e in updates] == expected
    moves = (Happening.DEVICE_ON, Happening.DEVICE_OFF)
    events = [e for e in told if isinstance(e, records.Event) and e.happening in moves]
    changes = [(e.t_ns // NS_PER_S, e.happening, e.device) for e in events]
    assert changes == [(0, Happening.DEVICE_ON, 0), (3, Happening.DEVICE_ON, 1), (5, Happening.DEVICE_OFF, 0)]


def test_the_world_comes_before_policy(small: Small, tmp_path: Path) -> None:
    """A device that leaves in the nanosecond in which its round is closed is off, not recalled."""
    rules = {"when": {"kind": "deadline", "clients": 1, "deadline_s": 3.0, "late": "recall"}}
    data = small({"a": 9.0}, stop={"duration_s": 9.0}, aggregation=rules)
    told = from_file(tmp_path, data, {"v": (0, 3), "w": (7, 30)})
    assert next((u.ended_ns, u.fate) for u in told if isinstance(u, records.Update)) == (3 * NS_PER_S, Fate.DEVICE_OFF)


def test_a_crowd_that_leaves_at_once_frees_its_processor(small: Small, tmp_path: Path) -> None:
    """One trains, two wait for the one processor, all leave in the same instant: those who come next can train."""
    data = small({"a": 9.0}, stop={"duration_s": 20.0}, aggregation=ASYNC)
    data["devices"][0]["shared_processors"] = 1
    told = from_file(tmp_path, data, {"a": (0, 5), "b": (0, 5), "c": (0, 5), "d": (8, 30)})
    started = [e for e in told if isinstance(e, records.Event) and e.happening is Happening.TRAINING_START]
    assert [(e.t_ns // NS_PER_S, e.device) for e in started][-2:] == [(8, 3), (17, 3)]


def test_what_has_arrived_outlives_its_device(small: Small, tmp_path: Path) -> None:
    """An update in the buffer is applied though its device has left."""
    data = small({"a": 2.0}, stop={"duration_s": 9.0}, aggregation={"when": {"kind": "buffered", "buffer_size": 2}})
    told = from_file(tmp_path, data, {"early": (0, 3), "late": (4, 30)})
    applied = [(u.device, u.ended_ns // NS_PER_S) for u in told
               if isinstance(u, records.Update) and u.fate is Fate.APPLIED]  # fmt: skip
    assert (0, 6) in applied


def test_a_common_cause_takes_its_sites_together(small: Small, simulate: Simulate) -> None:
    """Sites within the radius fail and are repaired in the same instants; the one outside goes on; all are there."""
    region = {"kind": "regional", "at_m": [0.0, 0.0], "radius_m": 60.0,
              "cause": {"kind": "renewal", "mtbf_s": 10.0, "mttr_s": 5.0}}  # fmt: skip
    masts = [{"name": name, "x_m": x_m, "y_m": 0.0} for name, x_m in (("near", 0.0), ("close", 50.0), ("far", 100.0))]
    run = simulate(small({"a": 1.0}, sites={"at": masts}, outages=[region], aggregation=ASYNC))
    intervals = [[(o.start_ns, o.end_ns) for o in run.of(records.Outage) if o.site == site] for site in range(3)]
    assert len(intervals[0]) > 2
    assert intervals[0] == intervals[1]
    assert intervals[2] == []


def test_a_stalled_run_says_what_it_waits_for(small: Small, simulate: Simulate) -> None:
    """No arrival for `stall_s`: the run fails at that instant, in words; arrivals put it off."""
    data = small({"near": 1.0, "far": 1.0}, stop={"duration_s": 5000.0, "stall_s": 100.0})
    data["aggregation"] = {"when": {"kind": "wait-all", "clients": 2}}
    data["devices"][1]["mobility"]["at_m"] = [9e6, 0.0]
    run = simulate(data)
    assert run.outcome == ("stalled: nothing arrived for 100 s; waiting for 1 for coverage for the download", True)
    assert run.simulation.engine.now_ns == 200 * NS_PER_S
    assert [fate for _, _, fate in run.fates()].count("in-flight") == 2


def test_nobody_can_reach_a_site(small: Small, simulate: Simulate) -> None:
    """A run in which nobody was ever served failed, whatever ended it."""
    data = small({"far": 1.0}, aggregation=ASYNC)
    data["devices"][0]["mobility"]["at_m"] = [9e6, 0.0]
    assert simulate(data).outcome == ("nobody can reach a site (the simulated time is over)", True)


def test_nobody_was_there(small: Small, tmp_path: Path) -> None:
    """A run that ends before the first device comes invited nobody, and says so."""
    data = small({"a": 1.0}, stop={"duration_s": 2.0}, aggregation=ASYNC)
    told = from_file(tmp_path, data, {"late": (5, 30)})
    assert not [u for u in told if isinstance(u, records.Update)]


@pytest.mark.parametrize("name", ["quickstart", "ingolstadt"])
def test_the_last_record_says_stopped(shipped_runs: dict[str, Any], name: str) -> None:
    """Records are emitted in the order of time, but for what is introduced, and the end is told last."""
    run = shipped_runs[name]
    assert run.records[-1].happening is Happening.STOPPED
    times_ns = [record.t_ns for record in run.records]
    assert times_ns == sorted(times_ns)
