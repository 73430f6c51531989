"""Where the time of a participation went: phases that follow one another from invitation to application."""

import pandas as pd

PHASES = {
    "waiting for coverage": ("invited_s", "download_start_s"),
    "download": ("download_start_s", "download_end_s"),
    "waiting for a processor": ("download_end_s", "training_start_s"),
    "training": ("training_start_s", "training_end_s"),
    "waiting to upload": ("training_end_s", "upload_start_s"),
    "upload": ("upload_start_s", "arrived_s"),
    "waiting in the buffer": ("arrived_s", "ended_s"),
}
"""Each phase, and the columns of `Trace.updates` at which it begins and ends."""


def phase_times(updates: pd.DataFrame, until_s: float | None = None) -> pd.DataFrame:
    """Seconds of each phase of each participation; NaN for a phase that it did not come through.

    With `until_s`, a phase that was under way at that instant counts up to it, or to the participation's end before.
    """
    times = {}
    for phase, (start, end) in PHASES.items():
        ends_s = updates[end]
        if until_s is not None:
            ends_s = ends_s.fillna(updates["ended_s"]).clip(upper=until_s)
        times[phase] = ends_s - updates[start]
    found = pd.DataFrame(times)
    return found if until_s is None else found.where(found >= 0)
