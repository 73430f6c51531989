"""Who held each version up: the one for whose answer the server waited last, and where that one's time went."""

from typing import Any

import pandas as pd

from qflsim.study.foreign import as_recorded
from qflsim.study.phases import PHASES, phase_times
from qflsim.trace.reader import Trace

OWN_PHASES = [phase for phase in PHASES if phase != "waiting in the buffer"]
COLUMNS = ["version", "t_s", "device", "group", "phase", "held_up_s"]


def stragglers(trace: Trace) -> pd.DataFrame:
    """One row a version that was made of updates: version, t_s, device, group, phase, held_up_s.

    A round waits for the answers of all whom it invited, an arrival or the news that none will come: its last answer
    held it up, since the answer before. If it closed at its limit instead, the first of those who had not answered
    did. Without rounds, the arrival that filled the buffer did, since the arrival before (if it is the only one,
    since the version before). The phase is that in which it had spent most of its time by then, the buffer aside.
    """
    with as_recorded(trace):
        return _stragglers(trace)


def _stragglers(trace: Trace) -> pd.DataFrame:
    updates, devices = trace.updates, trace.devices
    made_s = trace.versions.set_index("version")["t_s"]
    answered_s = updates["arrived_s"].fillna(updates["ended_s"])
    opened_s = updates.groupby("round")["invited_s"].min()
    rounds = updates.groupby("round").groups
    applied = updates[updates["applied_version"].isin(made_s.index)]  # a killed run's last version may be missing
    rows = []
    for version, contributors in applied.groupby("applied_version", sort=True).groups.items():
        t_s = made_s[version]
        round_ = opened_s.index[opened_s < t_s].max()
        asked, since_s = (rounds[round_], opened_s[round_]) if round_ >= 0 else (contributors, made_s[version - 1])
        last, before_s = _last(answered_s[asked], t_s, since_s)
        phases = phase_times(updates.loc[[last]], until_s=t_s)[OWN_PHASES]
        device = devices.loc[updates.at[last, "device"]]
        held_up_s = min(answered_s[last], t_s) - before_s
        rows.append([int(version), t_s, device["name"], device["group"], phases.iloc[0].idxmax(), held_up_s])
    return pd.DataFrame(rows, columns=COLUMNS)


def _last(answered_s: pd.Series, t_s: float, since_s: float) -> tuple[int, float]:
    """The row of the one waited for last, and when the server had the answer before."""
    there_s = answered_s[answered_s <= t_s].sort_values(kind="stable")
    if not len(there_s) or (there_s.iloc[-1] < t_s and len(there_s) < len(answered_s)):
        missing = answered_s.index.difference(there_s.index)
        return missing[0], there_s.iloc[-1] if len(there_s) else since_s
    return there_s.index[-1], there_s.iloc[-2] if len(there_s) > 1 else since_s


def as_json(table: pd.DataFrame) -> dict[str, Any]:
    """The table, and the seconds that versions were held up by phase and by group of devices."""
    phases, groups = (table.groupby(column)["held_up_s"].sum() for column in ("phase", "group"))
    return {
        "versions": table.to_dict("records"),
        "phases": {phase: float(phases.get(phase, 0.0)) for phase in OWN_PHASES},
        "groups": {str(group): float(seconds) for group, seconds in groups.items()},
    }
