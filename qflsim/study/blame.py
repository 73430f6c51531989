"""Blame: how much earlier a version would have come had the one it waited for been as fast as the median."""

from math import nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from qflsim import records
from qflsim.records import Record
from qflsim.scenario.build import build
from qflsim.sim.transfer import StandIn
from qflsim.sim.world import WhatIf
from qflsim.study.findings import Source, findings
from qflsim.study.phases import WAYS
from qflsim.study.replay import header_of_this_version, recorded_scenario, recorded_sources
from qflsim.study.stragglers import Paths, Wait
from qflsim.trace.reader import Trace
from qflsim.units import NEVER_NS, NS_PER_S

REPLACED = {"download": "download_end_ns", "queue": "training_start_ns", "training": "training_end_ns",
            "upload": "arrived_ns"}  # fmt: skip
"""The stages that a counterfactual can replace, and the instant of an update at which each is over."""
WHOLE = "all phases"


class Cause(NamedTuple):
    """What a counterfactual replaced for a version, by how much, and how much earlier the version came."""

    version: int
    phase: str
    excess_s: float
    earlier_s: float


def blame(source: Source, most: int = 5, plugins: bool = False) -> pd.DataFrame:
    """The stragglers of the `most` versions that were held up longest, and what their slowness cost each version.

    For each, the run is simulated again, up to that version and without learning, with one thing changed: a phase of
    the straggler, where it took longer than the median of all participations that came through it, takes the median.
    `earlier_s` is how much sooner the version then comes; `excess_s` by how much the phase was above the median. The
    row "all phases" replaces all of them at once: what the device cost. A transfer so replaced waits first, and then
    has its part of the cell that it had last for as long as it is served. A stage that was broken off is replaced as a
    whole, by the medians of such stages.

    Columns: those of `stragglers`, `remainder_s`, and one row a cause: cause, excess_s, earlier_s (nan if the version
    then never comes). The remainder is held_up_s less the sum over single causes: what their slowness does not
    explain, or, below 0, what more than one of them would have saved by itself.

    Errors: `InputError` for a trace of another version of qflsim, or one without transfers, pauses or trainings.
    """
    known = findings(source)
    header_of_this_version(known.trace)
    paths, table = known.paths, known.stragglers.nlargest(most, "held_up_s").set_index("version")
    again, of_version = _Again(known.trace, paths, plugins), {wait.version: wait for wait in known.waits}
    causes = [cause for version in table.index for cause in _causes(paths, of_version[version], again)]
    found = pd.DataFrame(causes, columns=Cause._fields).rename(columns={"phase": "cause"})
    single = found[found["cause"] != WHOLE].groupby("version")["earlier_s"].sum()
    table["remainder_s"] = table["held_up_s"] - single.reindex(table.index, fill_value=0.0)
    return table.reset_index().merge(found, on="version", how="left")


def _causes(paths: Paths, wait: Wait, again: "_Again") -> list[Cause]:
    slower = _excesses(paths, wait.row)
    asked = {phase: {key: ns for key, ns in slower.items() if key.phase == phase} for _, phase in slower}
    return [
        Cause(wait.version, name, sum(excess.values()) / NS_PER_S,
              (wait.t_ns - again.made_ns(wait.version, wait.row, excess)) / NS_PER_S)
        for name, excess in (asked | ({WHOLE: slower} if slower else {})).items()
    ]  # fmt: skip


class _Part(NamedTuple):
    """A phase of a stage."""

    stage: str
    phase: str


def _excesses(paths: Paths, row: int) -> dict[_Part, int]:
    """By how much parts of a participation took longer than the median, in nanoseconds: those that did."""
    delays, found = paths.delays, {}
    for stage, instant in REPLACED.items():
        through = delays.updates[instant] != NEVER_NS
        for phase, spent_ns in delays.stages[stage].items():
            excess_ns = int(spent_ns[row]) - int(np.median(spent_ns[through])) if through.any() else 0
            if excess_ns > 0:
                found[_Part(stage, phase)] = excess_ns
    return found


class _Again:
    """The run of a trace, simulated again up to a version with stages of one participation replaced."""

    def __init__(self, trace: Trace, paths: Paths, plugins: bool) -> None:
        self._paths = paths
        self._scenario = recorded_scenario(trace, plugins)
        self._sources = recorded_sources(trace, self._scenario)
        self._transfers = trace.table("transfers")

    def made_ns(self, version: int, row: int, slower_ns: dict[_Part, int]) -> float:
        """When the version is made if each of these parts takes so much less; nan if it never is."""
        updates, instead = self._paths.delays.updates, dict[str, Any]()
        for stage in dict.fromkeys(stage for stage, _ in slower_ns):
            through = updates[REPLACED[stage]] != NEVER_NS
            taken_ns = {
                phase: int(of[row]) - slower_ns.get(_Part(stage, phase), 0)
                if through[row]
                else int(np.median(of[through]))
                for phase, of in self._paths.delays.stages[stage].items()
            }
            whole_ns = sum(taken_ns.values())
            if stage in WAYS:
                instead[stage] = StandIn(self._cell(row, stage), whole_ns - taken_ns[stage], taken_ns[stage])
            else:
                instead[f"{stage}_ns"] = whole_ns
        who = int(updates["device"][row]), int(updates["device_participation"][row])
        made: list[int] = []

        def hear(record: Record) -> None:
            if isinstance(record, records.Version) and record.version == version:
                made.append(record.t_ns)

        stop = self._scenario.stop.model_copy(update={"versions": version})
        scenario = self._scenario.model_copy(update={"stop": stop})
        build(scenario, self._sources, (hear,), what_if={who: WhatIf(**instead)}).run()
        return made[0] if made else nan

    def _cell(self, row: int, stage: str) -> int:
        """The cell that served a transfer last; the first of all where none did."""
        rows, own = self._transfers, self._paths.delays.updates["participation"][row]
        mine = rows[(rows["participation"] == own) & (rows["direction"] == WAYS[stage])]
        return int(mine["last_cell"].max(initial=0))
