"""Jobs: queues at the processors of sites, failures of power, what is kept through them, and energy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qflsim import records
from qflsim.units import NS_PER_S, to_ns, to_s

Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]
MODEL_NS = to_ns(128 / (0.02 * 400e6 * 5.5547))
"""A bare model of 2 x 64 bits at the peak rate."""


def failing(down_s: list[list[float]], *sites: str) -> list[dict[str, Any]]:
    """Outages of sites at given seconds."""
    return [{"kind": "scripted:Outages", "sites": sites or ["mast"], "down_s": down_s}]


def at_sites(small: Small, steps: int, step_s: float, down_s: list[list[float]], **training: Any) -> dict[str, Any]:
    """One device whose jobs of so many equal steps run at its site."""
    rules = {"when": {"kind": "wait-all", "clients": 1}}
    data = small({"a": step_s}, outages=failing(down_s), aggregation=rules)
    data["devices"][0]["processor_at"] = "site"
    data["training"] |= {"steps": steps, **training}
    return data


def first_job(run: Any) -> records.Training:
    """The first of a run."""
    return run.of(records.Training)[0]  # type: ignore[no-any-return]


# --- power


@pytest.mark.parametrize(
    ("mode", "end_s", "busy_s"),
    [("resume", 2.25 + 2, 1.5 + 2), ("restart", 2.25 + 3, 1.5 + 3)],
)
def test_an_outage_stops_a_job(small: Small, simulate: Simulate, mode: str, end_s: float, busy_s: float) -> None:
    """Three steps of 1 s; no power from 1.5 to 2.25 s. One finished step is kept or lost, the step at hand is lost."""
    job = first_job(simulate(at_sites(small, 3, 1.0, [[1.5, 2.25]], on_interruption=mode)))
    assert (job.start_ns, job.end_ns) == (MODEL_NS, to_ns(end_s))
    assert (job.outages, job.complete, job.site) == (1, True, 0)
    assert job.energy_j == pytest.approx(15.0 * (busy_s - to_s(MODEL_NS)), rel=1e-12)


@pytest.mark.parametrize(("after_ns", "end_s", "outages"), [(0, 4.0, 1), (-1, 5.0, 1), (1, 4.0, 1)])
def test_what_is_finished_is_finished(
    small: Small, simulate: Simulate, after_ns: int, end_s: float, outages: int
) -> None:
    """A step that ends in the nanosecond in which power fails is kept; one nanosecond earlier it would be lost."""
    fails_s = to_s(MODEL_NS + NS_PER_S + after_ns)
    job = first_job(simulate(at_sites(small, 3, 1.0, [[fails_s, 2.0]])))
    assert (job.end_ns, job.outages) == (to_ns(end_s), outages)


@pytest.mark.parametrize(("after_ns", "end_ns"), [(0, MODEL_NS + 2 * NS_PER_S), (-1, 6 * NS_PER_S)])
def test_the_last_step_may_end_as_power_fails(small: Small, simulate: Simulate, after_ns: int, end_ns: int) -> None:
    """The job is over then, and no outage is its own."""
    fails_s = to_s(MODEL_NS + 2 * NS_PER_S + after_ns)
    job = first_job(simulate(at_sites(small, 2, 1.0, [[fails_s, 5.0]])))
    assert (job.end_ns, job.outages) == (end_ns, int(after_ns < 0))


@pytest.mark.parametrize("mode", ["resume", "restart"])
@pytest.mark.parametrize("seed", range(6))
def test_any_outages(small: Small, simulate: Simulate, mode: str, seed: int) -> None:
    """Resumed, each stretch with power finishes as many whole steps as fit; anew, the first that holds all does.

    To the nanosecond, whatever the outages.
    """
    rng = np.random.default_rng(seed)
    edges_s = np.round(1.0 + np.cumsum(rng.uniform(0.2, 2.5, 12)), 6)
    down_s = edges_s.reshape(-1, 2).tolist()
    job = first_job(simulate(at_sites(small, 4, 0.75, down_s, on_interruption=mode)))
    starts_ns = [MODEL_NS, *(to_ns(up_s) for _, up_s in down_s)]
    ends_ns = [*(to_ns(fails_s) for fails_s, _ in down_s), 10**15]
    left, step_ns, outages = 4, to_ns(0.75), 0
    for start_ns, end_ns in zip(starts_ns, ends_ns, strict=True):
        fit = (end_ns - start_ns) // step_ns
        if fit >= left:
            expected_ns = start_ns + left * step_ns
            break
        left, outages = (left - fit if mode == "resume" else 4), outages + 1
    assert (job.end_ns, job.outages, job.complete) == (expected_ns, outages, True)


def test_a_restarted_job_is_compiled_again(small: Small, simulate: Simulate) -> None:
    """Compilation is part of the first step: begun anew it is paid again, resumed after it, it is not."""
    ends_ns = []
    for mode in ("resume", "restart"):
        data = at_sites(small, 2, 1.0, [[1.75, 2.0]], on_interruption=mode)
        data["devices"][0]["processor"]["compile_s"] = 0.5
        job = first_job(simulate(data))
        assert job.compile_ns == to_ns(0.5)
        ends_ns.append(job.end_ns)
    assert ends_ns == [to_ns(2.0 + 1.0), to_ns(2.0 + 2.5)]


def test_a_devices_own_processor_has_its_own_power(small: Small, simulate: Simulate) -> None:
    """While its site is down a device trains on, and stands at no site."""
    data = at_sites(small, 3, 1.0, [[1.5, 2.25]])
    data["devices"][0]["processor_at"] = "device"
    job = first_job(simulate(data))
    assert (job.end_ns, job.outages, job.site) == (MODEL_NS + 3 * NS_PER_S, 0, -1)


def test_other_sites_do_not_matter(small: Small, simulate: Simulate) -> None:
    """A job stands at the site that served its download; an outage elsewhere is none of its own."""
    data = at_sites(small, 3, 1.0, [])
    data["sites"]["at"].append({"name": "far", "x_m": 5000.0, "y_m": 0.0})
    data["outages"] = failing([[1.5, 2.25]], "far")
    assert first_job(simulate(data)).end_ns == MODEL_NS + 3 * NS_PER_S


def test_who_is_called_off_in_the_dark_leaves(small: Small, simulate: Simulate) -> None:
    """A time-out while the processor has no power ends the job there; it drew nothing in the dark."""
    data = at_sites(small, 3, 1.0, [[1.5, 50.0]])
    data["aggregation"]["timeout_s"] = 4.0
    job = first_job(simulate(data))
    assert (job.end_ns, job.complete, job.outages) == (4 * NS_PER_S, False, 1)
    assert job.energy_j == pytest.approx(15.0 * (1.5 - to_s(MODEL_NS)), rel=1e-12)


# --- queues


def test_a_sites_processor_serves_its_devices_in_order(small: Small, simulate: Simulate) -> None:
    """Five arrive one after the other at one processor: each begins as the one before it ends, first come first."""
    data = small({f"d{k}": 1.0 for k in range(5)}, aggregation={"when": {"kind": "wait-all", "clients": 5}})
    data["stop"] = {"duration_s": 8.0}
    data["devices"] = [{**data["devices"][0], "name": "crowd", "count": 5}]
    data["devices"][0] |= {"processor_at": "site", "shared_processors": 1}
    jobs = simulate(data).of(records.Training)[:5]
    assert [job.queued_ns for job in jobs] == sorted(job.queued_ns for job in jobs)
    assert [job.start_ns for job in jobs] == [jobs[0].start_ns, *(job.end_ns for job in jobs[:-1])]
    assert all(job.end_ns - job.start_ns == NS_PER_S and job.site == 0 for job in jobs)


@pytest.mark.parametrize(("processors", "queue_mean_s"), [(1, 10.0), (3, 3.0)])
def test_the_owners_queue_comes_before_the_turn_at_a_shared_processor(
    small: Small, simulate: Simulate, processors: int, queue_mean_s: float
) -> None:
    """Nobody holds a processor while waiting in a queue of others: turns go to those whose wait there is over first.

    The waits are those of devices with a processor each: a job begins when its own wait is over, or as one of the
    processors that are shared becomes free.
    """
    data = small({"d": 2.0}, aggregation={"when": {"kind": "wait-all", "clients": 8}})
    data["devices"][0] |= {"count": 8}
    data["devices"][0]["processor"]["queue_mean_s"] = queue_mean_s
    alone = {job.device: job.start_ns for job in simulate(data).of(records.Training)[:8]}
    data["devices"][0]["shared_processors"] = processors
    jobs = sorted(simulate(data).of(records.Training)[:8], key=lambda job: job.start_ns)
    assert [job.device for job in jobs] == sorted(alone, key=lambda device: alone[device])
    free_ns = [0] * processors
    for job in jobs:
        assert job.start_ns == max(alone[job.device], min(free_ns))
        free_ns[free_ns.index(min(free_ns))] = job.end_ns
    assert any(job.start_ns > alone[job.device] for job in jobs)
    assert any(job.start_ns == alone[job.device] for job in jobs[1:])


def test_who_is_called_off_in_the_owners_queue_leaves_it(small: Small, simulate: Simulate) -> None:
    """It had asked for no processor yet, and blocks none: the other's job is neither delayed nor cut."""
    data = small({"a": 1.0, "b": 1.0}, stop={"duration_s": 30.0})
    data["aggregation"] = {"when": {"kind": "async"}, "timeout_s": 4.0}
    data["devices"] = [{**data["devices"][0], "name": "d", "count": 2, "shared_processors": 1}]
    data["devices"][0]["processor"]["queue_mean_s"] = 4.0
    jobs = simulate(data).of(records.Training)
    waited = [job for job in jobs if job.start_ns < 0]
    done = [job for job in jobs if job.complete]
    assert waited
    assert len(done) > 3
    assert all(job.end_ns - job.start_ns == NS_PER_S for job in done)
    assert all(job.circuits == 0 and job.energy_j == 0 for job in waited)


def test_each_site_has_its_own_queue(small: Small, simulate: Simulate) -> None:
    """Devices between two sites: at each the next job begins when it is asked for and the one before has ended.

    Jobs at different sites overlap, though their devices are of one group.
    """
    data = small({"d": 2.0}, aggregation={"when": {"kind": "wait-all", "clients": 10}})
    data["sites"]["at"] = [{"name": name, "x_m": x_m, "y_m": 0.0} for name, x_m in (("w", 0.0), ("e", 1000.0))]
    shared = {"count": 10, "processor_at": "site", "shared_processors": 1}
    data["devices"][0] |= {**shared, "mobility": {"kind": "static", "area_m": [1000.0, 10.0]}}
    jobs = simulate(data).of(records.Training)[:10]
    spans = []
    for site in (0, 1):
        free_ns = 0
        for job in sorted((job for job in jobs if job.site == site), key=lambda job: job.queued_ns):
            assert job.start_ns == max(job.queued_ns, free_ns)
            assert job.end_ns - job.start_ns == 2 * NS_PER_S
            free_ns = job.end_ns
        spans.append(free_ns)
    assert min(spans) > 3 * NS_PER_S
    assert sum(spans) < 21 * NS_PER_S


def test_processors_at_sites_need_not_be_shared(small: Small, simulate: Simulate) -> None:
    """Where they are not, each device has one of its own there: all train at once, and all stand still in an outage."""
    data = small({f"d{k}": 1.0 for k in range(3)}, outages=failing([[0.5, 2.0]]))
    data["aggregation"] = {"when": {"kind": "wait-all", "clients": 3}}
    for group in data["devices"]:
        group["processor_at"] = "site"
    jobs = simulate(data).of(records.Training)[:3]
    assert {(job.end_ns, job.outages) for job in jobs} == {(to_ns(3.0), 1)}


def test_the_queue_waits_through_an_outage(small: Small, simulate: Simulate) -> None:
    """Power fails under the first of two: it ends 0.5 s of outage and 0.5 s of lost work later, the second after it."""
    data = small({"d": 1.0}, outages=failing([[0.5, 1.0]]))
    data["aggregation"] = {"when": {"kind": "wait-all", "clients": 2}}
    data["devices"][0] |= {"count": 2, "processor_at": "site", "shared_processors": 1}
    jobs = simulate(data).of(records.Training)[:2]
    assert [job.end_ns for job in jobs] == [to_ns(2.0), to_ns(3.0)]
    assert [job.outages for job in jobs] == [1, 0]


# --- energy


def test_a_job_draws_power_while_it_holds_the_processor(small: Small, simulate: Simulate) -> None:
    """Power x time from the first step to the last, waiting for the processor not counted."""
    data = small({"d": 2.0}, aggregation={"when": {"kind": "wait-all", "clients": 2}})
    data["devices"][0] |= {"count": 2, "shared_processors": 1}
    data["devices"][0]["processor"] |= {"power_w": 40.0, "queue_mean_s": 3.0, "compile_s": 0.5}
    jobs = simulate(data).of(records.Training)[:2]
    assert [job.energy_j for job in jobs] == pytest.approx([40.0 * 2.5] * 2, rel=1e-12)
    assert min(job.start_ns - job.queued_ns for job in jobs) > 0


def test_several_qpus_draw_several_times_the_power(small: Small, simulate: Simulate) -> None:
    """A circuit of three qubits on QPUs of two takes two of them, pairs cost time, and both draw power meanwhile."""
    data = small({"d": 2.0}, aggregation={"when": {"kind": "wait-all", "clients": 1}})
    inner = data["devices"][0]["processor"]
    split = {"kind": "split", "of": {**inner, "power_w": 40.0}, "qubits": 2, "pairs_per_s": 1e3, "latency_s": 0.0}
    data["devices"][0] |= {"processor": split, "shots": 10}
    data["training"]["steps"] = 1
    job = first_job(simulate(data))
    # Two circuits of 10 shots; two of a triangle's three edges are cut, one layer: two pairs a shot.
    assert to_s(job.end_ns - job.start_ns) == pytest.approx(2.0 + 2 * 10 * 2 / 1e3, abs=1e-9)
    assert job.energy_j == pytest.approx(2 * 40.0 * to_s(job.end_ns - job.start_ns), rel=1e-12)


def test_a_job_cut_short_pays_for_what_it_ran(small: Small, simulate: Simulate) -> None:
    """Called off after 1 s of 5: a second's energy. Called off in the queue: none, and no circuits."""
    data = small({"d": 5.0}, stop={"duration_s": 1.5})
    data["aggregation"] = {"when": {"kind": "deadline", "clients": 2, "deadline_s": 1.0, "late": "recall"}}
    data["devices"][0] |= {"count": 2, "shared_processors": 1}
    ran, waited = sorted(simulate(data).of(records.Training)[:2], key=lambda job: -job.energy_j)
    assert ran.energy_j == pytest.approx(15.0 * to_s(ran.end_ns - ran.start_ns), rel=1e-12)
    assert (waited.energy_j, waited.circuits, waited.shots) == (0.0, 0, 0)


def test_of_jobs_that_come_at_one_instant_the_lowest_devices_is_first(simulate: Simulate) -> None:
    """Whoever was invited first: six equal devices at one place get their models at once, and queue by number."""
    run = simulate({
        "name": "queue", "seed": 3, "stop": {"duration_s": 10.0}, "radio": {"fading": {"kind": "none"}},
        "devices": [{"name": "d", "count": 6, "mobility": {"kind": "static", "at_m": [30.0, 0.0]},
                     "processor": {"kind": "simulator"}, "shared_processors": 1}],
        "aggregation": {"when": {"kind": "wait-all", "clients": 6}},
    })  # fmt: skip
    jobs = run.of(records.Training)[:6]
    assert [job.device for job in jobs] == [0, 1, 2, 3, 4, 5]
    assert [job.participation for job in jobs] != [0, 1, 2, 3, 4, 5]
    assert len({job.queued_ns for job in jobs}) == 1
