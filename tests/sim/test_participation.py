"""A participation: its phases on the clock, the processor that it holds, and what calling it off leaves behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qflsim import records
from qflsim.scenario.build import build
from qflsim.scenario.load import parse
from qflsim.scenario.sources import read
from qflsim.sim.engine import Order
from qflsim.terms import Happening
from qflsim.units import NEVER_NS, NS_PER_S, to_ns

Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]
MODEL_S = 128 / (0.02 * 400e6 * 5.5547)
MODEL_NS = to_ns(MODEL_S)
"""A bare model of 2 x 64 bits at the peak rate."""


def crowd(small: Small, count: int, training_s: float, processors: int | None, **sections: Any) -> dict[str, Any]:
    """One group of so many devices that share processors."""
    data = small({"crowd": training_s}, **sections)
    data["devices"][0]["count"] = count
    if processors is not None:
        data["devices"][0]["shared_processors"] = processors
    return data


def test_the_phases_follow_one_another_exactly(small: Small, simulate: Simulate) -> None:
    """Download, training (with compilation) and upload fill the time from invitation to arrival, to the nanosecond."""
    data = small({"a": 3.0}, stop={"duration_s": 5.0}, aggregation={"when": {"kind": "async"}})
    data["devices"][0]["processor"]["compile_s"] = 0.25
    run = simulate(data)
    update, training = run.updates()[0], run.of(records.Training)[0]
    downloaded_ns, trained_ns = MODEL_NS, MODEL_NS + to_ns(3.25)
    assert update.invited_ns == update.download_start_ns == 0
    assert update.download_end_ns == update.training_start_ns == downloaded_ns
    assert update.training_end_ns == update.upload_start_ns == trained_ns
    assert update.arrived_ns == trained_ns + MODEL_NS
    assert (training.queued_ns, training.start_ns, training.end_ns) == (downloaded_ns, downloaded_ns, trained_ns)
    assert (training.compile_ns, training.circuits, training.complete) == (to_ns(0.25), 2, True)


def test_a_shared_processor_does_one_job_at_a_time(small: Small, simulate: Simulate) -> None:
    """Five devices on two processors train in order of arrival: two at once, and no processor idles meanwhile."""
    run = simulate(crowd(small, 5, 2.0, 2, stop={"duration_s": 6.5}, aggregation={"when": {"kind": "wait-all"}}))
    trainings = sorted((t.start_ns, t.end_ns) for t in run.of(records.Training) if t.complete)[:5]
    begin_ns = trainings[0][0]
    assert [(start_ns - begin_ns) // NS_PER_S for start_ns, _ in trainings] == [0, 0, 2, 2, 4]
    assert all(end_ns - start_ns == 2 * NS_PER_S for start_ns, end_ns in trainings)


@pytest.mark.parametrize("late", ["recall", "drop"])
def test_called_off_devices_give_their_processor_back(small: Small, simulate: Simulate, late: str) -> None:
    """One trains and two wait for the processor when all are called off at once: the next round finds it free."""
    rules = {"recall": {"when": {"kind": "deadline", "clients": 3, "deadline_s": 1.0, "late": "recall"}},
             "drop": {"when": {"kind": "wait-all", "clients": 3}, "timeout_s": 1.0}}[late]  # fmt: skip
    run = simulate(crowd(small, 3, 5.0, 1, stop={"duration_s": 4.5}, aggregation=rules))
    started_ns = [e.t_ns for e in run.of(records.Event) if e.happening is Happening.TRAINING_START]
    assert sorted({t_ns // NS_PER_S for t_ns in started_ns}) == [0, 1, 2, 3, 4]


def test_the_next_in_line_gets_the_processor_of_one_who_leaves(small: Small, simulate: Simulate) -> None:
    """A time-out in the middle of a job frees the processor at that instant; the job is recorded as incomplete.

    The first job lasts 5 s, the second is called off after 3 s of its own, when the first device queues again.
    """
    data = crowd(small, 2, 5.0, 1, stop={"duration_s": 12.0}, aggregation={"when": {"kind": "async"}, "timeout_s": 8.0})
    first, second, third, *_ = sorted(simulate(data).of(records.Training), key=lambda job: job.end_ns)
    begin_ns = to_ns(2 * MODEL_S)
    assert (first.start_ns, first.end_ns, first.complete) == (begin_ns, begin_ns + 5 * NS_PER_S, True)
    assert (second.start_ns, second.end_ns, second.complete) == (first.end_ns, 8 * NS_PER_S, False)
    assert (third.device, third.start_ns) == (first.device, second.end_ns)
    assert third.queued_ns < second.end_ns


def test_called_off_while_queueing_is_recorded(small: Small, simulate: Simulate) -> None:
    """A job that never began has no start and ends when it is called off."""
    rules = {"when": {"kind": "deadline", "clients": 2, "deadline_s": 1.0, "late": "recall"}}
    run = simulate(crowd(small, 2, 5.0, 1, stop={"duration_s": 0.5}, aggregation=rules))
    waited = [t for t in run.of(records.Training) if t.start_ns == NEVER_NS]
    assert len(waited) == 1
    assert (waited[0].end_ns, waited[0].complete) == (NS_PER_S // 2, False)


@pytest.mark.parametrize(("order", "fate"), [(Order.WORLD, "applied"), (Order.COMPLETION, "device-off")])
def test_what_arrives_as_the_device_leaves_has_arrived(small: Small, order: Order, fate: str) -> None:
    """Completion comes before the world; something that came still earlier would have stopped it."""
    scenario = parse(small({"a": 1.0}, stop={"duration_s": 2.0}, aggregation={"when": {"kind": "async"}}), Path())
    told: list[records.Record] = []
    simulation = build(scenario, read(scenario), (told.append,))
    arrival_ns = 2 * MODEL_NS + NS_PER_S
    simulation.engine.call_at(arrival_ns, order, -1, lambda: simulation.server.device_off(0))
    simulation.run()
    assert next(u.fate.label for u in told if isinstance(u, records.Update)) == fate


def test_a_processor_can_have_a_queue_of_others(small: Small, simulate: Simulate) -> None:
    """The mean wait for a processor in a cloud is its law's, within five standard errors, and none is the same."""
    data = crowd(small, 200, 1.0, None, stop={"duration_s": 100.0}, aggregation={
        "when": {"kind": "wait-all", "clients": 200}})  # fmt: skip
    data["devices"][0]["processor"]["queue_mean_s"] = 4.0
    trainings = [t for t in simulate(data).of(records.Training) if t.start_ns != NEVER_NS][:200]
    waits_s = [(t.start_ns - t.queued_ns) / NS_PER_S for t in trainings]
    assert abs(sum(waits_s) / 200 - 4.0) < 5 * 4.0 / 200**0.5
    assert len(set(waits_s)) == 200
