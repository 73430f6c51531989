"""Phases: they follow one another without gap or overlap."""

import numpy as np
import pytest

from qflsim.study.phases import PHASES, phase_times
from qflsim.trace.reader import Trace


def test_phases_of_an_applied_update_add_up(finished: Trace) -> None:
    """From invitation to application every nanosecond belongs to one phase."""
    applied = finished.updates[finished.updates["fate"] == "applied"]
    times = phase_times(applied)
    assert len(times) > 10
    assert (times >= 0).all(axis=None)
    assert times.sum(axis=1).to_numpy() == pytest.approx((applied["ended_s"] - applied["invited_s"]).to_numpy())


def test_each_phase_begins_where_the_one_before_ends() -> None:
    """The table of phases is a chain."""
    steps = list(PHASES.values())
    assert [end for _, end in steps[:-1]] == [start for start, _ in steps[1:]]


def test_phases_that_did_not_come_are_nan(finished: Trace) -> None:
    """An unfinished participation has no time in the phases that it did not come through."""
    in_flight = finished.updates[finished.updates["fate"] == "in-flight"]
    times = phase_times(in_flight)
    assert len(times) > 0
    assert np.isnan(times["upload"][in_flight["arrived_s"].isna()]).all()


def test_what_is_under_way_counts_up_to_an_instant(finished: Trace) -> None:
    """Up to any instant, the phases of whoever was invited by then add up to the time since, or until the end."""
    updates = finished.updates
    until_s = float(updates["invited_s"].median()) + 0.5
    there = updates[updates["invited_s"] <= until_s]
    times = phase_times(there, until_s=until_s).sum(axis=1)
    assert times.to_numpy() == pytest.approx((there["ended_s"].clip(upper=until_s) - there["invited_s"]).to_numpy())
