"""Two runs of different length up to the instant at which both can be seen: the end of the one that ends first."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from qflsim.study.outcomes import Outcome, summed
from qflsim.terms import Fate


class Horizon(NamedTuple):
    """How far two runs are compared.

    `whole` says whether all of the instant `until_s` counts; of the last instant of a run that was cut off it is not
    known. Grades are known until `graded_s`.
    """

    until_s: float
    whole: bool
    graded_s: float


def common(a: Outcome, b: Outcome) -> Horizon | None:
    """How far two runs are to be compared; None if that is all of both."""
    if a.path == b.path or (a.complete and b.complete and a.until_s == b.until_s):
        return None
    until_s = min(a.until_s, b.until_s)
    graded_s = [run.graded_s for run in (a, b) if not np.isnan(run.graded_s)]
    whole = all(run.complete for run in (a, b) if run.until_s == until_s)
    return Horizon(until_s, whole, min(graded_s, default=np.nan))


def cut(run: Outcome, horizon: Horizon) -> Outcome:
    """What was known of a run at an instant.

    A participation that had not ended is in flight, whatever became of it. A transfer or a training that was under way
    adds nothing to the sums, nor does a device's energy for a participation that had not ended: a trace tells the whole
    of these only. Invitations of that very instant come after it.
    """
    updates = run.updates[run.updates["invited_s"] < horizon.until_s]
    under_way = ~_by(updates["ended_s"], horizon) | (updates["fate"] == Fate.IN_FLIGHT.label)
    unknown = {"ended_s": np.nan, "staleness": -1, "fate": Fate.IN_FLIGHT.label, "energy_j": 0.0}
    seen = updates.assign(**{name: updates[name].mask(under_way, value) for name, value in unknown.items()})
    return summed(run._replace(
        grades=run.grades[_by(run.grades["t_s"], horizon) & (run.grades["t_s"] <= horizon.graded_s)],
        versions_s=run.versions_s[_by(run.versions_s, horizon)],
        updates=seen,
        transfers=_over(run.transfers, horizon),
        trainings=_over(run.trainings, horizon),
    ))  # fmt: skip


def _by(times_s: pd.Series, horizon: Horizon) -> pd.Series:
    """Which instants have been; those that did not come have not."""
    return times_s <= horizon.until_s if horizon.whole else times_s < horizon.until_s


def _over(frame: pd.DataFrame, horizon: Horizon) -> pd.DataFrame:
    """What had ended by itself; at the very end of a run the rest is broken off."""
    return frame[_by(frame["t_s"], horizon) & ((frame["t_s"] < horizon.until_s) | frame["complete"])]
