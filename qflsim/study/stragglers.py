"""Who held each version up: the last contributor to arrive, and the phase in which it spent most of its time."""

from typing import Any

import pandas as pd

from qflsim.study.phases import PHASES, phase_times
from qflsim.trace.reader import Trace


def stragglers(trace: Trace) -> pd.DataFrame:
    """One row a version that was made of updates: version, t_s, device, phase, held_up_s.

    `held_up_s` is how much earlier the version's other contributors were all there; for a version of one update, how
    long it came after the version before. The phase is the longest of the last contributor's, the buffer aside.
    """
    updates, versions = trace.updates, trace.versions
    names = trace.devices["name"]
    applied = updates[updates["fate"] == "applied"].sort_values(["arrived_s", "participation"], kind="stable")
    made_s = versions.set_index("version")["t_s"]
    applied = applied[applied["applied_version"].isin(made_s.index)]  # a killed run's last version may be missing
    times = phase_times(applied).drop(columns="waiting in the buffer")
    rows = []
    for version, group in applied.groupby("applied_version", sort=True):
        last = group.iloc[-1]
        before_s = group["arrived_s"].iloc[-2] if len(group) > 1 else made_s[version - 1]
        rows.append(
            {
                "version": int(version),
                "t_s": float(made_s[version]),
                "device": str(names[last["device"]]),
                "phase": str(times.loc[last.name].idxmax()),
                "held_up_s": float(last["arrived_s"] - before_s),
            }
        )
    return pd.DataFrame(rows, columns=["version", "t_s", "device", "phase", "held_up_s"])


def as_json(table: pd.DataFrame) -> dict[str, Any]:
    """The table, and the seconds that versions were held up by phase."""
    phases = table.groupby("phase")["held_up_s"].sum()
    return {
        "versions": table.to_dict("records"),
        "phases": {phase: float(phases.get(phase, 0.0)) for phase in PHASES if phase != "waiting in the buffer"},
    }
