"""Where the time of a participation went: phases that add up to the whole, to the nanosecond."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from qflsim.errors import InputError
from qflsim.records import Direction
from qflsim.trace.reader import Trace
from qflsim.trace.tables import Rows
from qflsim.units import NEVER_NS, NS_PER_S

Instants: TypeAlias = npt.NDArray[np.int64]

PHASES = (
    "waiting for invitation",
    "waiting for coverage",
    "site outage",
    "handover",
    "backhaul",
    "download",
    "waiting for a processor",
    "compile",
    "compute",
    "upload",
    "waiting in the buffer",
)
BUFFER = PHASES[-1]
STAGES = {
    "download": ("waiting for coverage", "site outage", "handover", "backhaul", "download"),
    "queue": ("waiting for a processor",),
    "training": ("compile", "compute"),
    "upload": ("waiting for coverage", "site outage", "handover", "backhaul", "upload"),
}
"""The stages of a participation, one after the other, and the phases that each is made of."""
_WAITS = {"waiting for coverage": "uncovered_ns", "site outage": "outage_ns", "handover": "handover_ns",
          "backhaul": "backhaul_ns"}  # fmt: skip


_SPENT = ("sharing_ns", *_WAITS.values())
_JOB = ("queued_ns", "start_ns", "end_ns", "compile_ns")


class Delays:
    """The phases of all participations of a trace, in the order of `Trace.updates`.

    *Download* and *upload* are the time in which a cell served the transfer, among others; what it waited for is told
    apart: coverage, the repair of a site, a handover or re-establishment, the way between site and server. *Compute*
    includes what a processor at a site waited for power. Who was invited to a round waited for it since the version
    before; without rounds a device is invited as soon as it is wanted. A participation that was cut off has spent time
    in what it came through; what it spent nothing on is 0.

    `updates` are the rows; `answered_ns` is when the server knew: the arrival, or the end of what did not arrive.
    `InputError` if the trace has no transfers or trainings.
    """

    def __init__(self, trace: Trace) -> None:
        left_out = trace.left_out
        for name in ("updates", "transfers", "trainings", "versions"):
            if name in left_out:
                raise InputError(f"{trace.path}: {name}", "a trace that leaves them out", "one that has them")
        self.updates = trace.table("updates")
        self.made_ns: Instants = trace.table("versions")["t_ns"]
        """when each version was made"""
        arrived = self.updates["arrived_ns"] != NEVER_NS
        self.answered_ns: Instants = np.where(arrived, self.updates["arrived_ns"], self.updates["ended_ns"])
        self._row_of = np.full(self.updates["participation"].max(initial=-1) + 1, -1)
        self._row_of[self.updates["participation"]] = np.arange(len(self.updates))
        transfers = trace.table("transfers")
        way = transfers["direction"]
        self._transfers = {direction: self._by_update(transfers, way == direction, _SPENT) for direction in Direction}
        del transfers, way
        jobs = trace.table("trainings")
        self._trainings = self._by_update(jobs, np.ones(len(jobs), dtype=bool), _JOB)

    def stage_ns(self, stage: str) -> dict[str, Instants]:
        """What a stage's time went into, for each participation: nanoseconds by phase."""
        if stage in ("download", "upload"):
            found = self._transfers[Direction[stage.upper()]]
            return {phase: found[column] for phase, column in _WAITS.items()} | {stage: found["sharing_ns"]}
        jobs = self._trainings
        began = (jobs["start_ns"] != NEVER_NS) & (jobs["end_ns"] > 0)
        turn_ns = np.where(began, jobs["start_ns"], jobs["end_ns"])
        if stage == "queue":
            return {"waiting for a processor": turn_ns - jobs["queued_ns"]}
        compile_ns = np.where(began, np.minimum(jobs["compile_ns"], jobs["end_ns"] - turn_ns), 0)
        return {"compile": compile_ns, "compute": jobs["end_ns"] - turn_ns - compile_ns}

    @property
    def called_ns(self) -> Instants:
        """Since when each participation waited for its invitation."""
        invited_ns = self.updates["invited_ns"]
        made_ns = np.sort(self.made_ns)
        before = np.maximum(np.searchsorted(made_ns, invited_ns, side="right") - 1, 0)
        since_ns = made_ns[before] if len(made_ns) else invited_ns
        return np.where(self.updates["round"] >= 0, np.minimum(since_ns, invited_ns), invited_ns)

    @property
    def whole_ns(self) -> Instants:
        """From the beginning of the wait for an invitation to the end, when the fate was known."""
        return np.asarray(self.updates["ended_ns"] - self.called_ns)

    def phases_ns(self) -> dict[str, Instants]:
        """Nanoseconds of each phase of each participation. Their sum over the phases is `whole_ns`."""
        found = {phase: np.zeros(len(self.updates), dtype=np.int64) for phase in PHASES}
        found["waiting for invitation"] += self.updates["invited_ns"] - self.called_ns
        for stage in STAGES:
            for phase, spent_ns in self.stage_ns(stage).items():
                found[phase] += spent_ns
        found[BUFFER] += self.updates["ended_ns"] - self.answered_ns
        return found

    def frame(self) -> pd.DataFrame:
        """Seconds of each phase (columns, in the order of `PHASES`) of each participation (rows as `Trace.updates`)."""
        return pd.DataFrame({phase: spent_ns / NS_PER_S for phase, spent_ns in self.phases_ns().items()})

    def _by_update(self, rows: Rows, of_these: npt.NDArray[np.bool_], columns: Iterable[str]) -> dict[str, Instants]:
        """Columns of these rows in the order of the updates; zeros for those who have none. A later row counts."""
        there = rows["participation"]
        known = np.flatnonzero(of_these & (there >= 0) & (there < len(self._row_of)))
        at = self._row_of[there[known]]
        known, at = known[at >= 0], at[at >= 0]
        found = {}
        for column in columns:
            found[column] = np.zeros(len(self.updates), dtype=np.int64)
            found[column][at] = rows[column][known]
        return found
