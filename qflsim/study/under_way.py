"""The participations of a trace, also those that were under way when it was cut off."""

import numpy as np
import pandas as pd

from qflsim.terms import Happening
from qflsim.trace.reader import Trace
from qflsim.units import NS_PER_S

BEGINS = {
    Happening.INVITED: "invited_s",
    Happening.DOWNLOAD_START: "download_start_s",
    Happening.DOWNLOAD_END: "download_end_s",
    Happening.TRAINING_START: "training_start_s",
    Happening.TRAINING_END: "training_end_s",
    Happening.UPLOAD_START: "upload_start_s",
    Happening.ARRIVED: "arrived_s",
    Happening.ENDED: "ended_s",
}
"""The column of `Trace.updates` that holds the instant of an event."""


def participations(trace: Trace) -> pd.DataFrame:
    """The participations of a trace: device and instants as in `Trace.updates`, in the order of their numbers.

    Those whose fate was not known yet, when a trace ends without its run, are put together of their events.
    """
    columns = ["participation", "device", *BEGINS.values()]
    known = trace.updates[columns]
    return pd.concat([known, _of_events(trace, known["participation"])]).sort_values("participation", ignore_index=True)


def _of_events(trace: Trace, known: pd.Series) -> pd.DataFrame:
    """Participations that have events and are not known."""
    events = trace.table("events")
    begun = events[np.isin(events["happening"], list(BEGINS)) & ~np.isin(events["participation"], known)]
    found = pd.DataFrame({name: begun[name] for name in ("participation", "device")}).drop_duplicates("participation")
    for happening, column in BEGINS.items():
        of = begun[begun["happening"] == happening]
        times_s = pd.Series(of["t_ns"] / NS_PER_S, index=of["participation"], dtype=float)
        found[column] = found["participation"].map(times_s[~times_s.index.duplicated()])
    return found.reset_index(drop=True)
