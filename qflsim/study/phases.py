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


def phase_times(updates: pd.DataFrame) -> pd.DataFrame:
    """Seconds of each phase of each participation; NaN for a phase that it did not come through."""
    return pd.DataFrame({phase: updates[end] - updates[start] for phase, (start, end) in PHASES.items()})
