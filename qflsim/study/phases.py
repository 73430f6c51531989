"""Where the time of a participation went: phases that add up to the whole, to the nanosecond."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from qflsim.terms import Cause, Direction
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
_WAITS = {"waiting for coverage": "uncovered_ns", "site outage": "outage_ns", "handover": "handover_ns",
          "backhaul": "backhaul_ns"}  # fmt: skip
WAYS = {direction.name.lower(): direction for direction in Direction}
"""The stages that are transfers, and which way each goes."""
_CAUSES = {Cause.COVERAGE: "waiting for coverage", Cause.OUTAGE: "site outage", Cause.HANDOVER: "handover"}
_JOB = ("queued_ns", "start_ns", "end_ns", "compile_ns")


class Stretch(NamedTuple):
    """A stretch of time that a participation spent in one phase."""

    phase: str
    start_ns: int
    end_ns: int


class Delays:
    """The phases of all participations of a trace, in the order of `Trace.updates`.

    *Download* and *upload* are the time in which a cell served the transfer, among others; what it waited for is told
    apart: coverage, the repair of a site, a handover or re-establishment, the way between site and server. *Compute*
    includes what a processor at a site waited for power. Who was invited to a round waited for it since the version
    before; without rounds a device is invited as soon as it is wanted. A participation that was cut off has spent time
    in what it came through; what it spent nothing on is 0.

    `updates` are the rows; `answered_ns` is when the server knew: the arrival, or the end of what did not arrive;
    `stages` are the nanoseconds of each stage by phase.
    `InputError` if the trace has no transfers or trainings.
    """

    def __init__(self, trace: Trace) -> None:
        trace.demand("transfers", "trainings")
        transfers, jobs = trace.table("transfers"), trace.table("trainings")
        self.updates = trace.table("updates")
        self.made_ns: Instants = trace.table("versions")["t_ns"]
        """when each version was made"""
        arrived = self.updates["arrived_ns"] != NEVER_NS
        self.answered_ns: Instants = np.where(arrived, self.updates["arrived_ns"], self.updates["ended_ns"])
        self._row_of = np.full(self.updates["participation"].max(initial=-1) + 1, -1)
        self._row_of[self.updates["participation"]] = np.arange(len(self.updates))
        self.stages: dict[str, dict[str, Instants]] = {
            "download": self._transfer_ns(transfers, "download"),
            **self._job_ns(jobs),
            "upload": self._transfer_ns(transfers, "upload"),
        }
        self._trace = trace

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

    def stretches(self, row: int) -> list[Stretch]:
        """What the participation of a row did from its invitation until the server knew, one after the other.

        `InputError` if the trace leaves out the pauses of transfers.
        """
        found: list[Stretch] = []
        at_ns = int(self.updates["invited_ns"][row])
        for stage, parts in self.stages.items():
            spent_ns = {phase: int(of[row]) for phase, of in parts.items()}
            if stage in WAYS:
                end_ns = at_ns + sum(spent_ns.values())
                found += self._transfer(row, stage, at_ns, end_ns, spent_ns["backhaul"])
                at_ns = end_ns
            else:
                for phase, ns in spent_ns.items():
                    found.append(Stretch(phase, at_ns, at_ns + ns))
                    at_ns += ns
        return [stretch for stretch in found if stretch.start_ns < stretch.end_ns]

    def _transfer(self, row: int, stage: str, at_ns: int, end_ns: int, backhaul_ns: int) -> Iterator[Stretch]:
        """Pauses, the way between site and server, and what lies between them.

        That way is the last part of an upload, and of a download the first once there is a cell.
        """
        pauses = self._pauses(row, WAYS[stage])
        behind_ns = at_ns if stage == "download" else end_ns - backhaul_ns
        for pause in pauses if stage == "download" else ():
            behind_ns = pause.end_ns if pause.start_ns == behind_ns else behind_ns
        for part in sorted([*pauses, Stretch("backhaul", behind_ns, behind_ns + backhaul_ns)], key=itemgetter(1, 2)):
            yield Stretch(stage, at_ns, part.start_ns)
            yield part
            at_ns = part.end_ns
        yield Stretch(stage, at_ns, end_ns)

    def _pauses(self, row: int, direction: Direction) -> list[Stretch]:
        rows, whose = self._paused
        start, end = np.searchsorted(whose, 2 * int(self.updates["participation"][row]) + direction + np.array([0, 1]))
        return [Stretch(_CAUSES[Cause(pause["cause"])], int(pause["start_ns"]), int(pause["t_ns"]))
                for pause in rows[start:end]]  # fmt: skip

    @cached_property
    def _paused(self) -> tuple[Rows, Instants]:
        """All pauses by transfer, and the number of the transfer of each."""
        self._trace.demand("pauses")
        rows = self._trace.table("pauses")
        whose = 2 * rows["participation"].astype(np.int64) + rows["direction"]
        order = np.argsort(whose, kind="stable")
        return rows[order], whose[order]

    def phases_ns(self) -> dict[str, Instants]:
        """Nanoseconds of each phase of each participation. Their sum over the phases is `whole_ns`."""
        found = {phase: np.zeros(len(self.updates), dtype=np.int64) for phase in PHASES}
        found["waiting for invitation"] += self.updates["invited_ns"] - self.called_ns
        for stage in self.stages.values():
            for phase, spent_ns in stage.items():
                found[phase] += spent_ns
        found[BUFFER] += self.updates["ended_ns"] - self.answered_ns
        return found

    def frame(self) -> pd.DataFrame:
        """Seconds of each phase (columns, in the order of `PHASES`) of each participation (rows as `Trace.updates`)."""
        return pd.DataFrame({phase: spent_ns / NS_PER_S for phase, spent_ns in self.phases_ns().items()})

    def _transfer_ns(self, rows: Rows, stage: str) -> dict[str, Instants]:
        columns = _WAITS | {stage: "sharing_ns"}
        found = self._by_update(rows, rows["direction"] == WAYS[stage], columns.values())
        return {phase: found[column] for phase, column in columns.items()}

    def _job_ns(self, rows: Rows) -> dict[str, dict[str, Instants]]:
        jobs = self._by_update(rows, np.ones(len(rows), dtype=bool), _JOB)
        began = (jobs["start_ns"] != NEVER_NS) & (jobs["end_ns"] > 0)
        turn_ns = np.where(began, jobs["start_ns"], jobs["end_ns"])
        compile_ns = np.where(began, np.minimum(jobs["compile_ns"], jobs["end_ns"] - turn_ns), 0)
        return {
            "queue": {"waiting for a processor": turn_ns - jobs["queued_ns"]},
            "training": {"compile": compile_ns, "compute": jobs["end_ns"] - turn_ns - compile_ns},
        }

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
