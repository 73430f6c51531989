"""Phases: they add up to the whole delay, to the nanosecond."""

from pathlib import Path

import numpy as np
import pytest

from qflsim.errors import InputError
from qflsim.scenario.load import load, shipped
from qflsim.study.phases import BUFFER, PHASES, Delays
from qflsim.study.run import run
from qflsim.trace.reader import Trace
from qflsim.units import NEVER_NS

SHORTER_S = {"city-100k": 30.0, "rural-gaps": 9_000.0, "ingolstadt": 100.0, "interference-channels": 30.0,
             "city-handover": 60.0, "highway-500kmh": 60.0, "factory-inf": 100.0}  # fmt: skip


@pytest.mark.parametrize("name", shipped())
def test_phases_of_every_participation_add_up(name: str, tmp_path: Path) -> None:
    """Whatever its fate, its nanoseconds belong to one phase each, in every shipped scenario, and to one stretch."""
    overrides = [f"stop.duration_s={SHORTER_S[name]}"] if name in SHORTER_S else []
    delays = Delays(run(load(name, overrides=overrides), tmp_path / "t.h5", timing_only=True))
    phases_ns = delays.phases_ns()
    assert list(phases_ns) == list(PHASES)
    assert all((spent_ns >= 0).all() for spent_ns in phases_ns.values())
    np.testing.assert_array_equal(sum(phases_ns.values()), delays.whole_ns)
    assert len(delays.whole_ns) > 10
    check_stretches(delays)


def check_stretches(delays: Delays) -> None:
    """They go from an invitation until the server knew, without a gap, each as long as it lasts; those of a phase add
    up to its nanoseconds."""
    found = {phase: np.zeros(len(delays.updates), dtype=np.int64) for phase in PHASES}
    found[PHASES[0]] += delays.updates["invited_ns"] - delays.called_ns
    found[BUFFER] += delays.updates["ended_ns"] - delays.answered_ns
    for row, update in enumerate(delays.updates):
        at_ns, before = update["invited_ns"], ""
        for phase, start_ns, end_ns in delays.stretches(row):
            assert at_ns == start_ns < end_ns
            assert phase != before
            before = phase
            found[phase][row] += end_ns - start_ns
            at_ns = end_ns
        assert at_ns == delays.answered_ns[row]
    for phase, spent_ns in delays.phases_ns().items():
        np.testing.assert_array_equal(found[phase], spent_ns)


def test_stages_end_when_the_updates_say_so(finished: Trace) -> None:
    """Each stage's phases take the time from one instant of the update to the next."""
    delays, instants = Delays(finished), ("invited", "download_end", "training_start", "training_end", "arrived")
    for stage, begin, end in zip(delays.stages.values(), instants[:-1], instants[1:], strict=True):
        through = delays.updates[f"{end}_ns"] != NEVER_NS
        spent_ns = sum(stage.values())
        expected_ns = delays.updates[f"{end}_ns"] - delays.updates[f"{begin}_ns"]
        np.testing.assert_array_equal(spent_ns[through], expected_ns[through])
        assert through.sum() > 5


def test_an_update_that_did_not_arrive_waits_in_no_buffer(finished: Trace) -> None:
    """Seconds of a phase that did not come are 0, and the frame has the rows of the updates."""
    updates, frame = finished.updates, Delays(finished).frame()
    lost = updates["arrived_s"].isna()
    assert lost.any()
    assert (frame[BUFFER][lost] == 0.0).all()
    assert len(frame) == len(updates)
    assert frame.columns.tolist() == list(PHASES)


def test_a_trace_without_transfers_is_told(tmp_path: Path) -> None:
    """What was left out cannot be split."""
    scenario = load("quickstart", overrides=["trace.leave_out=['transfers']"])
    with pytest.raises(InputError, match="transfers: got a trace that leaves them out"):
        Delays(run(scenario, tmp_path / "t.h5", timing_only=True))
