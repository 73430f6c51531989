"""What a run came to, in numbers that can stand beside another run's: the grade over time, and sums by group."""

import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from qflsim.errors import InputError
from qflsim.records import BASELINE
from qflsim.study.report import MEASURED
from qflsim.study.summary import reach_s, recorded_header
from qflsim.study.under_way import participations
from qflsim.terms import Direction, Fate
from qflsim.trace.reader import Trace
from qflsim.units import NS_PER_S

SHARE = 0.99
"""The default target, as a share of what centralised training reaches."""
CENTRALISED = re.compile(r"centralised \(\d+ devices\)/mean")
"""The baseline of the task's own model; those of classical models have a longer name."""
SOURCES = {
    "downloaded_bit": "transfers",
    "uploaded_bit": "transfers",
    "processor_energy_j": "trainings",
}
"""Sums that need a table which a trace may lack."""
PAIR = ["device", "device_participation"]
_TOLD = ["invited_s", "ended_s", "staleness", "fate", "energy_j"]


class Outcome(NamedTuple):
    """One run, as far as its trace tells.

    `until_s` is how far the trace reaches, `graded_s` until when a version that reached a target would be known to have
    done so, nan if none is graded. `grades` are the mean noise-free grades of its versions (`t_s`, `value`) of the
    metric `kind`, None where there are none; `centralised` is the grade of training on all data at once, nan where it
    is not known.
    `groups` has a row of sums a group of devices, and `total` is the same of all; nan of what the trace lacks.
    `updates` has the participations, also those that were under way when a trace was cut off, as far as it has events.
    """

    path: str
    header: dict[str, Any]
    scenario: dict[str, Any]
    complete: bool
    reason: str
    until_s: float
    graded_s: float
    kind: str | None
    grades: pd.DataFrame
    centralised: float
    versions_s: pd.Series
    """when each version was made, but for version 0"""
    devices: pd.DataFrame
    updates: pd.DataFrame
    transfers: pd.DataFrame
    trainings: pd.DataFrame
    left_out: list[str]
    """the tables that the run did not write"""
    groups: pd.DataFrame = pd.DataFrame()
    total: pd.Series = pd.Series()

    def reached_s(self, target: float | None) -> float | None:
        """When the first version as good as the target was made; None if none was, or there is no target."""
        there = self.grades["t_s"][self.grades["value"] >= (np.inf if target is None else target)]
        return float(there.iloc[0]) if len(there) else None

    def grade(self, which: str) -> float:
        """The last or the best grade, nan if there is none."""
        values = self.grades["value"]
        if not len(values):
            return np.nan
        return float(values.max() if which == "best" else values.iloc[-1])


def outcome(trace: Trace) -> Outcome:
    """Reads what a comparison needs; an `InputError` for what no run writes."""
    header, scenario, status, devices = recorded_header(trace), trace.scenario, trace.status, trace.devices
    updates = trace.updates[["t_s", *PAIR, *_TOLD]]
    if updates["device"].max() >= len(devices) or updates.duplicated(PAIR).any():
        got = "an unknown device, or two participations of one number"
        raise InputError(f"{trace.path}: updates", got, "a trace as a run writes it")
    kind, grades, centralised = _grades(trace.evaluations)
    until_s = reach_s(trace)
    graded_s = np.nan if not len(grades) else until_s if status.complete else float(grades["t_s"].iloc[-1])
    if not status.complete:
        updates = pd.concat([updates, _under_way(trace, updates)], ignore_index=True)
    made = trace.versions
    return summed(Outcome(
        str(trace.path), header, scenario, status.complete, status.reason, until_s, graded_s, kind, grades, centralised,
        made["t_s"][made["version"] > 0], devices[["name", "group"]], updates,
        _columns(trace, "transfers", ["device", "direction", "sent_bit"]),
        _columns(trace, "trainings", ["device", "energy_j"]), trace.left_out,
    ))  # fmt: skip


def summed(run: Outcome) -> Outcome:
    """The run with the sums of what it has."""
    codes, names = pd.factorize(run.devices["group"])
    groups = _sums(run, codes, len(names)).set_axis(names, axis="index")
    total = _sums(run, np.zeros_like(codes), 1)
    for column, table in SOURCES.items():
        if table in run.left_out:
            groups[column] = total[column] = np.nan
    return run._replace(groups=groups, total=total.iloc[0])


def _under_way(trace: Trace, known: pd.DataFrame) -> pd.DataFrame:
    """The participations of a trace that was cut off whose fate it does not tell."""
    found = participations(trace)
    found["device_participation"] = found.groupby("device").cumcount()
    found = found.merge(known[PAIR], on=PAIR, how="left", indicator=True)
    found = found[found["_merge"] == "left_only"]
    fate = pd.Categorical([Fate.IN_FLIGHT.label] * len(found), known["fate"].cat.categories)
    return found.assign(t_s=np.nan, ended_s=np.nan, staleness=-1, fate=fate, energy_j=0.0)[[*known]]


def _columns(trace: Trace, table: str, names: list[str]) -> pd.DataFrame:
    """A few columns as they were recorded: frames of all of the largest tables take longer than the comparison."""
    rows = trace.table(table)
    return pd.DataFrame({"t_s": rows["t_ns"] / NS_PER_S, **{name: rows[name] for name in [*names, "complete"]}})


def _grades(evaluations: pd.DataFrame) -> tuple[str | None, pd.DataFrame, float]:
    """The metric by which versions are graded, its mean over time, and what centralised training reaches."""
    _, centralised = centralised_of(evaluations)
    learned = evaluations[evaluations["version"] != BASELINE]
    names = [name.partition("/") for name in learned["metric"]]
    kind = next((kind for kind, _, _ in names if kind != MEASURED), None)
    mean = learned[np.array([name == (kind, "/", "mean") for name in names], dtype=bool)]
    return kind, mean[["t_s", "value"]].sort_values("t_s", kind="stable", ignore_index=True), centralised


def centralised_of(evaluations: pd.DataFrame) -> tuple[str, float]:
    """The metric of the centralised baseline's mean, and its value; empty and nan of a run that has none."""
    graded = zip(evaluations["metric"], evaluations["value"], strict=True)
    return next(((str(name), float(value)) for name, value in graded if CENTRALISED.fullmatch(name)), ("", np.nan))


def _sums(run: Outcome, codes: np.ndarray, groups: int) -> pd.DataFrame:
    """A row a group, where `codes` numbers the group of each device."""
    updates, transfers, trainings = run.updates, run.transfers, run.trainings
    applied = updates[updates["fate"] == "applied"]
    invited, heard = (frame.groupby(codes[frame["device"]]) for frame in (updates, applied))
    sent = [transfers[transfers["direction"] == way] for way in Direction]
    down_bit, up_bit = (way["sent_bit"].groupby(codes[way["device"]]).sum() for way in sent)
    sums = {
        "invited": invited.size(),
        "applied": heard.size(),
        "mean_staleness": heard["staleness"].mean(),
        "max_staleness": heard["staleness"].max(),
        "downloaded_bit": down_bit,
        "uploaded_bit": up_bit,
        "device_energy_j": invited["energy_j"].sum(),
        "processor_energy_j": trainings["energy_j"].groupby(codes[trainings["device"]]).sum(),
    }
    found = pd.DataFrame(sums, index=range(groups), dtype=float)
    added = [column for column in found if not column.endswith("staleness")]
    return found.fillna(dict.fromkeys(added, 0.0))
