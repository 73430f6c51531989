"""The aggregator's policies, held against schedules worked out by hand: who is applied when, how stale, who is not."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from qflsim import records
from qflsim.terms import Fate, Happening

Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]
ROUNDS_OF_THREE = {"a": 1.0, "b": 2.0, "c": 3.5}


def until(end_s: float, **when: Any) -> dict[str, Any]:
    """Sections for a run of so many seconds under a policy; the rest of the aggregation goes by `rules`."""
    rules = when.pop("rules", {})
    return {"stop": {"duration_s": end_s}, "aggregation": {"when": when, **rules}}


def versions(run: Any) -> list[tuple[float, int, int]]:
    """(second, contributors, stand-ins) of every version but the first; a millisecond is the finest told apart."""
    return [(round(v.t_ns / 1e9, 3), v.contributors, v.stand_ins) for v in run.of(records.Version)[1:]]


def life(run: Any, device: str) -> list[tuple[str, float, int]]:
    """(fate, second, staleness) of a device's participations in their order."""
    number = [d.group for d in run.of(records.Device)].index(device)
    updates = sorted((u.participation, u) for u in run.of(records.Update) if u.device == number)
    return [(u.fate.label, round(u.ended_ns / 1e9, 3), u.staleness) for _, u in updates]


def test_wait_all_waits_for_the_slowest(small: Small, simulate: Simulate) -> None:
    """Rounds of 1, 2 and 4 s last 4 s; at the end of the run nobody's work is applied early."""
    run = simulate(small({"a": 1.0, "b": 2.0, "c": 4.0}, **until(9.5, kind="wait-all", clients=3)))
    assert versions(run) == [(4.0, 3, 0), (8.0, 3, 0)]
    assert life(run, "a") == [("applied", 4.0, 0), ("applied", 8.0, 0), ("in-flight", 9.5, -1)]
    assert life(run, "c") == life(run, "a")


@pytest.mark.parametrize("late", ["drop", "recall", "next-round"])
@pytest.mark.parametrize("when", ["wait-all", "quorum", "deadline"])
def test_the_end_of_a_run_makes_no_version(small: Small, simulate: Simulate, when: str, late: str) -> None:
    """A round that is open when the time is over stays so: what is in its buffer is in flight as well."""
    both = {"wait-all": {"clients": 2}, "quorum": {"clients": 2, "quorum": 2}, "deadline": {"clients": 2}}[when]
    run = simulate(small({"a": 1.0, "b": 7.0}, **until(5.0, kind=when, late=late, **both)))
    assert versions(run) == []
    assert [fate for _, _, fate in run.fates()] == ["in-flight", "in-flight"]
    assert sorted((u.device, u.arrived_ns >= 0) for u in run.of(records.Update)) == [(0, True), (1, False)]


def test_wait_all_counts_every_fate(small: Small, simulate: Simulate) -> None:
    """A device that gives up has answered: the round closes at its time-out with the others."""
    run = simulate(small({"a": 1.0, "c": 9.0}, **until(7.0, kind="wait-all", clients=2, rules={"timeout_s": 3.0})))
    assert versions(run) == [(3.0, 1, 0), (6.0, 1, 0)]
    assert life(run, "c") == [("abandoned", 3.0, -1), ("abandoned", 6.0, -1), ("in-flight", 7.0, -1)]


def test_wait_all_with_a_time_limit_closes_without_the_last(small: Small, simulate: Simulate) -> None:
    """At its limit a round closes with who is there; who comes later is late."""
    run = simulate(small({"a": 1.0, "c": 5.0}, **until(5.5, kind="wait-all", clients=2, timeout_s=3.0)))
    assert versions(run) == [(3.0, 1, 0), (4.0, 1, 0), (5.0, 1, 0)]
    assert life(run, "c") == [("late", 5.0, -1), ("in-flight", 5.5, -1)]


def test_a_quorum_drops_who_is_late(small: Small, simulate: Simulate) -> None:
    """The third of three goes on, arrives after its round, and is invited again in the round after the next."""
    run = simulate(small(ROUNDS_OF_THREE, **until(9.0, kind="quorum", clients=3, quorum=2)))
    assert versions(run) == [(2.0, 2, 0), (4.0, 2, 0), (6.0, 2, 0), (8.0, 2, 0)]
    assert life(run, "c") == [("late", 3.5, -1), ("late", 7.5, -1), ("in-flight", 9.0, -1)]
    assert [fate for fate, _, _ in life(run, "a")] == ["applied"] * 4 + ["in-flight"]


def test_a_quorum_recalls_the_others(small: Small, simulate: Simulate) -> None:
    """Called off at each closing, the slow device is free for the next round at once."""
    run = simulate(small(ROUNDS_OF_THREE, **until(5.0, kind="quorum", clients=3, quorum=2, late="recall")))
    assert versions(run) == [(2.0, 2, 0), (4.0, 2, 0)]
    assert life(run, "c") == [("recalled", 2.0, -1), ("recalled", 4.0, -1), ("in-flight", 5.0, -1)]


def test_a_quorum_carries_over_to_the_next_round(small: Small, simulate: Simulate) -> None:
    """A late update enters the next version, one version stale."""
    run = simulate(small(ROUNDS_OF_THREE, **until(9.0, kind="quorum", clients=3, quorum=2, late="next-round")))
    assert versions(run) == [(2.0, 2, 0), (4.0, 3, 0), (6.0, 2, 0), (8.0, 3, 0)]
    assert life(run, "c") == [("applied", 4.0, 1), ("applied", 8.0, 1), ("in-flight", 9.0, -1)]


def test_a_quorum_that_cannot_come_closes_with_who_is_there(small: Small, simulate: Simulate) -> None:
    """When the last one gives up, one of the two wanted is all there will be."""
    run = simulate(small({"a": 1.0, "b": 8.0}, **until(
        4.5, kind="quorum", clients=2, quorum=2, rules={"timeout_s": 4.0})))  # fmt: skip
    assert versions(run) == [(4.0, 1, 0)]


def test_a_deadline_closes_on_time(small: Small, simulate: Simulate) -> None:
    """With one of three there at 3 s the round closes to the nanosecond; over-selection has invited three for two."""
    run = simulate(small({"a": 1.0, "b": 5.0, "c": 8.0}, **until(
        3.5, kind="deadline", clients=2, deadline_s=3.0, over_selection=0.5)))  # fmt: skip
    assert run.of(records.Version)[1].t_ns == 3_000_000_000
    assert run.of(records.Version)[1].contributors == 1
    assert [u.round for _, u in sorted(run.updates().items())] == [0, 0, 0, 1]


def test_a_deadline_closes_early_when_enough_are_there(small: Small, simulate: Simulate) -> None:
    """Two of the three invited suffice; the third is late at 8 s."""
    run = simulate(small({"a": 1.0, "b": 2.0, "c": 8.0}, **until(
        8.5, kind="deadline", clients=2, deadline_s=20.0, over_selection=0.5)))  # fmt: skip
    assert versions(run) == [(2.0, 2, 0), (4.0, 2, 0), (6.0, 2, 0), (8.0, 2, 0)]
    assert life(run, "c")[0] == ("late", 8.0, -1)


def test_an_empty_round_makes_no_version(small: Small, simulate: Simulate) -> None:
    """At a deadline with nobody there the round counts and the version does not."""
    run = simulate(small({"a": 3.0}, **until(3.5, kind="deadline", clients=1, deadline_s=1.0, late="recall")))
    assert versions(run) == []
    opened = [e for e in run.of(records.Event) if e.happening is Happening.ROUND_OPEN]
    assert [(e.t_ns, e.value) for e in opened] == [(k * 1_000_000_000, k) for k in range(4)]
    assert [fate for fate, _, _ in life(run, "a")] == ["recalled"] * 3 + ["in-flight"]


def test_what_arrives_at_the_deadline_is_in_time(small: Small, simulate: Simulate) -> None:
    """Completion comes before policy within one nanosecond; a deadline one nanosecond earlier makes it late."""
    arrival_ns = simulate(small({"a": 1.0}, **until(2.0, kind="wait-all"))).updates()[0].arrived_ns
    for deadline_ns, fate in [(arrival_ns, "applied"), (arrival_ns - 1, "late")]:
        run = simulate(small({"a": 1.0}, **until(1.5, kind="deadline", clients=1, deadline_s=deadline_ns / 1e9)))
        assert life(run, "a")[0][0] == fate


def test_async_counts_staleness_by_hand(small: Small, simulate: Simulate) -> None:
    """Each arrival is a version; a device of 2.5 s beside one of 1 s is two versions stale, then that one is one."""
    run = simulate(small({"a": 1.0, "b": 2.5}, **until(5.2, kind="async", max_in_flight=2)))
    assert [t_s for t_s, _, _ in versions(run)] == [1.0, 2.0, 2.5, 3.0, 4.0, 5.0, 5.0]
    assert [s for f, _, s in life(run, "a") if f == "applied"][:4] == [0, 0, 1, 0]
    assert life(run, "b")[0] == ("applied", 2.5, 2)


def test_staleness_counts_from_the_start_of_the_download(small: Small, simulate: Simulate) -> None:
    """A device invited at 0 that hears the site from 1.52 s on downloads version 1 and is stale by what comes after."""
    data = small({"a": 1.0, "b": 0.1}, **until(1.8, kind="async", max_in_flight=2))
    data["devices"][1]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 1.52], "x_m": [9e6, 10.0]}
    update = simulate(data).updates()
    late = next(u for u in update.values() if u.device == 1)
    assert (late.invited_ns, late.download_start_ns) == (0, 1_520_000_000)
    assert (late.base_version, late.staleness, late.applied_version) == (1, 0, 2)


def test_an_update_beyond_the_bound_is_stale(small: Small, simulate: Simulate) -> None:
    """The bound is tested at application: two versions after its download an update is not applied, and makes none."""
    rules = {"max_staleness": 1}
    run = simulate(small({"a": 1.0, "b": 2.5}, **until(2.8, kind="async", max_in_flight=2, rules=rules)))
    assert life(run, "b")[0] == ("stale", 2.5, 2)
    assert [t_s for t_s, _, _ in versions(run)] == [1.0, 2.0]


def test_an_update_at_the_bound_is_applied(small: Small, simulate: Simulate) -> None:
    """Two versions late is not beyond two."""
    run = simulate(small({"a": 1.0, "b": 2.5}, **until(2.8, kind="async", max_in_flight=2, rules={"max_staleness": 2})))
    assert life(run, "b")[0] == ("applied", 2.5, 2)


def test_a_buffer_makes_a_version_of_every_so_many(small: Small, simulate: Simulate) -> None:
    """Arrivals at 1, 2, 2.5, 3, 4, 5, 5: pairs of them make the versions; the odd one at the end is in flight."""
    run = simulate(small({"a": 1.0, "b": 2.5}, **until(5.2, kind="buffered", max_in_flight=2, buffer_size=2)))
    assert versions(run) == [(2.0, 2, 0), (3.0, 2, 0), (5.0, 2, 0)]
    assert run.simulation.server.fates == {Fate.APPLIED: 6, Fate.IN_FLIGHT: 3}
    waiting = [u for u in run.updates().values() if u.fate is Fate.IN_FLIGHT and u.arrived_ns >= 0]
    assert len(waiting) == 1


@pytest.mark.parametrize("x_m", [10.0, 9e6])
def test_a_device_gives_up_at_its_time_out(small: Small, simulate: Simulate, x_m: float) -> None:
    """Before the download (no coverage) as after it (a long training): abandoned at invitation + time-out, exactly."""
    data = small({"a": 50.0}, **until(70.0, kind="async", rules={"timeout_s": 20.0}))
    data["devices"][0]["mobility"]["at_m"] = [x_m, 0.0]
    run = simulate(data)
    assert [u.ended_ns for _, u in sorted(run.updates().items())] == [20 * 10**9, 40 * 10**9, 60 * 10**9, 70 * 10**9]
    assert [fate for _, _, fate in run.fates()] == ["abandoned"] * 3 + ["in-flight"]
    assert (run.updates()[0].download_start_ns >= 0) is (x_m == 10.0)
    assert run.outcome.failed is (x_m != 10.0)


def test_the_run_ends_at_its_last_version(small: Small, simulate: Simulate) -> None:
    """`stop.versions`: the run ends at the instant at which that version is made, and succeeds."""
    data = small(
        {"a": 1.0, "b": 2.0}, stop={"duration_s": 100.0, "versions": 3}, aggregation={"when": {"kind": "async"}}
    )
    run = simulate(data)
    assert [t_s for t_s, _, _ in versions(run)] == [1.0, 2.0, 2.0]
    assert run.outcome == ("version 3 was reached", False)
    assert run.simulation.server.version == 3


def test_last_known_updates_stand_in(small: Small, simulate: Simulate) -> None:
    """Who answered in vain is replaced by its last applied update; who never was applied is not."""
    data = small({"a": 1.0, "b": 1.0, "never": 9.0}, **until(
        7.0, kind="wait-all", clients=3, rules={"missing": "last-known", "timeout_s": 3.0}))  # fmt: skip
    data["devices"][1]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 2.0], "x_m": [10.0, 9e6]}
    assert versions(simulate(data)) == [(3.0, 2, 0), (6.0, 1, 1)]


def test_who_answers_after_all_needs_no_stand_in(small: Small, simulate: Simulate) -> None:
    """A device that gave up and then arrived twice before the next version counts with what arrived."""
    rules = {"missing": "last-known", "timeout_s": 3.0}
    data = small({"b": 1.0}, **until(8.5, kind="buffered", max_in_flight=1, buffer_size=2, rules=rules))
    data["devices"][0]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 2.4, 6.0], "x_m": [10.0, 9e6, 10.0]}
    run = simulate(data)
    assert [fate for fate, _, _ in life(run, "b")] == [
        "applied",
        "applied",
        "abandoned",
        "applied",
        "applied",
        "in-flight",
    ]
    assert [(contributors, stand_ins) for _, contributors, stand_ins in versions(run)] == [(2, 0), (2, 0)]


def test_missing_updates_are_ignored_unless_asked_for(small: Small, simulate: Simulate) -> None:
    """`missing = "ignore"`, which is the default: nobody stands in."""
    data = small({"a": 1.0, "b": 1.0}, **until(5.0, kind="wait-all", clients=2, rules={"timeout_s": 3.0}))
    data["devices"][1]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 2.0], "x_m": [10.0, 9e6]}
    assert versions(simulate(data)) == [(1.0, 2, 0), (4.0, 1, 0)]


def test_last_known_updates_age(small: Small, simulate: Simulate) -> None:
    """A remembered update beyond the bound of staleness no longer stands in."""
    rules = {"missing": "last-known", "timeout_s": 3.0, "max_staleness": 2}
    data = small({"a": 1.0, "b": 1.0}, **until(15.0, kind="wait-all", clients=2, rules=rules))
    data["devices"][1]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 2.0], "x_m": [10.0, 9e6]}
    assert versions(simulate(data)) == [(1.0, 2, 0), (4.0, 1, 1), (7.0, 1, 1), (10.0, 1, 0), (13.0, 1, 0)]


@pytest.mark.parametrize("name", ["quickstart", "wait-for-all", "ingolstadt"])
def test_every_participation_has_exactly_one_fate(shipped_runs: dict[str, Any], name: str) -> None:
    """invited = sum over fates, one record each, numbered from 0; the instants of the phases are in order."""
    run = shipped_runs[name]
    updates = run.of(records.Update)
    assert sorted(u.participation for u in updates) == list(range(run.simulation.server.invited))
    assert sum(run.simulation.server.fates.values()) == len(updates)
    for u in updates:
        phases_ns = [u.invited_ns, u.download_start_ns, u.download_end_ns, u.training_start_ns, u.training_end_ns,
                     u.upload_start_ns, u.arrived_ns]  # fmt: skip
        reached_ns = [t_ns for t_ns in phases_ns if t_ns >= 0]
        assert phases_ns[: len(reached_ns)] == reached_ns
        assert sorted(reached_ns) == reached_ns
        assert reached_ns[-1] <= u.ended_ns
        assert (u.fate is Fate.APPLIED) == (u.applied_version > 0) == (u.weight > 0)


@pytest.mark.parametrize(("name", "limit"), [("quickstart", 4), ("ingolstadt", 24)])
def test_no_more_than_max_in_flight(shipped_runs: dict[str, Any], name: str, limit: int) -> None:
    """At no instant have more been invited than have arrived or ended, by more than the limit; no device twice."""
    flying: set[int] = set()
    devices: set[int] = set()
    most = 0
    for e in shipped_runs[name].of(records.Event):
        if e.happening is Happening.INVITED:
            assert e.device not in devices
            flying.add(e.participation)
            devices.add(e.device)
        elif e.happening in (Happening.ARRIVED, Happening.ENDED) and e.participation in flying:
            flying.discard(e.participation)
            devices.discard(e.device)
        most = max(most, len(flying))
    assert most == limit


def test_contributors_are_those_applied(shipped_runs: dict[str, Any]) -> None:
    """Each version counts the updates applied to it, and its last participation is the last of them to arrive."""
    run = shipped_runs["ingolstadt"]
    for version in run.of(records.Version)[1:]:
        parts = [u for u in run.of(records.Update) if u.applied_version == version.version]
        assert len(parts) == version.contributors
        assert version.last_participation == max(parts, key=lambda u: (u.arrived_ns, u.participation)).participation
        assert version.mean_staleness == pytest.approx(np.mean([u.staleness for u in parts]), rel=1e-12)
    assert all(a.t_ns <= b.t_ns for a, b in pairwise(run.of(records.Version)))


@pytest.mark.parametrize("late", ["drop", "recall", "next-round"])
def test_what_ends_in_one_nanosecond_has_ended(small: Small, simulate: Simulate, late: str) -> None:
    """Four equal devices arrive at once: a quorum of three takes the fourth along, since it was there as well."""
    devices = dict.fromkeys("abcd", 1.0)
    run = simulate(small(devices, **until(1.5, kind="quorum", clients=4, quorum=3, late=late)))
    assert versions(run) == [(1.0, 4, 0)]
    fates = {u.participation: u.fate for u in run.of(records.Update)}
    uploaded = [t.participation for t in run.of(records.Transfer) if t.complete and t.direction]
    assert uploaded == [0, 1, 2, 3]
    assert all(fates[p] is Fate.APPLIED for p in uploaded)
