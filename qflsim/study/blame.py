"""Blame: how much earlier a version would have come had the one it waited for been as fast as the median."""

from math import nan
from typing import NamedTuple

import numpy as np
import pandas as pd

from qflsim import records
from qflsim.records import Record
from qflsim.scenario.build import build
from qflsim.sim.world import WhatIf
from qflsim.study.findings import Source, findings
from qflsim.study.phases import PHASES
from qflsim.study.replay import header_of_this_version, recorded_scenario, recorded_sources
from qflsim.study.stragglers import Paths, Wait
from qflsim.terms import Direction
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
    row "all phases" replaces all of them at once: what the device cost. A transfer so replaced takes nothing from its
    cell, so the others in it get faster, which can be worth more than the excess itself: blame on a transfer is its
    delay and its load. A stage that was broken off is replaced as a whole, by the median of such stages.

    Columns: those of `stragglers`, `remainder_s`, and one row a cause: cause, excess_s, earlier_s (nan if the version
    then never comes). The remainder is held_up_s less the sum over single causes: what their slowness does not
    explain, or, below 0, what more than one of them would have saved by itself.

    Errors: `InputError` for a trace of another version of qflsim, or one that leaves transfers or trainings out.
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
    whole = {phase: ns for phase, ns in slower.items() if ns > 0}
    asked = {phase: {phase: ns} for phase, ns in whole.items()} | ({WHOLE: whole} if whole else {})
    return [
        Cause(wait.version, name, sum(excess.values()) / NS_PER_S,
              (wait.t_ns - again.made_ns(wait.version, wait.row, excess)) / NS_PER_S)
        for name, excess in asked.items()
    ]  # fmt: skip


def _excesses(paths: Paths, row: int) -> dict[str, int]:
    """By how much each phase of a participation took longer than the median, in nanoseconds."""
    delays, found = paths.delays, dict.fromkeys(PHASES, 0)
    for stage, instant in REPLACED.items():
        through = delays.updates[instant] != NEVER_NS
        for phase, spent_ns in paths.delays.stages[stage].items():
            if through.any():
                found[phase] += max(0, int(spent_ns[row]) - int(np.median(spent_ns[through])))
    return found


class _Again:
    """The run of a trace, simulated again up to a version with stages of one participation replaced."""

    def __init__(self, trace: Trace, paths: Paths, plugins: bool) -> None:
        self._paths = paths
        self._scenario = recorded_scenario(trace, plugins)
        self._sources = recorded_sources(trace, self._scenario)
        transfers = trace.table("transfers")
        cells = trace.table("cells")["site"]
        down = transfers[transfers["direction"] == Direction.DOWNLOAD]
        self._sites = dict(zip(down["participation"].tolist(), np.maximum(cells[down["last_cell"]], 0), strict=True))

    def made_ns(self, version: int, row: int, slower_ns: dict[str, int]) -> float:
        """When the version is made if each of these phases takes so much less; nan if it never is."""
        updates, stages = self._paths.delays.updates, {}
        for stage, instant in REPLACED.items():
            spent_ns = self._paths.delays.stages[stage]
            excess_ns = sum(slower_ns.get(phase, 0) for phase in spent_ns if spent_ns[phase][row] > 0)
            if not excess_ns:
                continue
            through = updates[instant] != NEVER_NS
            total_ns = np.sum(list(spent_ns.values()), axis=0)
            taken_ns = int(total_ns[row]) - excess_ns if through[row] else int(np.median(total_ns[through]))
            stages[f"{stage}_ns"] = max(taken_ns, 0)
        site = int(self._sites.get(int(updates["participation"][row]), 0))
        who = int(updates["device"][row]), int(updates["device_participation"][row])
        made: list[int] = []

        def hear(record: Record) -> None:
            if isinstance(record, records.Version) and record.version == version:
                made.append(record.t_ns)

        stop = self._scenario.stop.model_copy(update={"versions": version})
        scenario = self._scenario.model_copy(update={"stop": stop})
        build(scenario, self._sources, (hear,), what_if={who: WhatIf(**stages, site=site)}).run()
        return made[0] if made else nan
