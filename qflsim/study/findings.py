"""What the figures and tables of one trace share: each found once, when it is first asked for."""

from functools import cached_property
from typing import Any, TypeAlias

import pandas as pd

from qflsim.study.fairness import Shares, numbers, shares
from qflsim.study.foreign import as_recorded
from qflsim.study.stragglers import Paths, Wait, of_waits
from qflsim.trace.reader import Trace


class Findings:
    """What is found in a trace, of which a run that still writes it changes nothing any more.

    Errors: `InputError` where the trace lacks what is asked for, or contradicts itself.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    @cached_property
    def updates(self) -> pd.DataFrame:
        """The participations, as `Trace.updates`."""
        return self.trace.updates

    @cached_property
    def paths(self) -> Paths:
        """The phases of the participations, and the critical paths."""
        with as_recorded(self.trace):
            return Paths(self.trace)

    @cached_property
    def waits(self) -> list[Wait]:
        """What each version waited for."""
        with as_recorded(self.trace):
            return self.paths.waits()

    @cached_property
    def stragglers(self) -> pd.DataFrame:
        """Who held each version up, as `stragglers.stragglers`."""
        with as_recorded(self.trace):
            return of_waits(self.trace, self.paths, self.waits)

    @cached_property
    def shares(self) -> Shares:
        """What devices, groups and cells have."""
        return shares(self.trace)

    @cached_property
    def fairness(self) -> dict[str, Any]:
        """The numbers of fairness, as `fairness.fairness`."""
        return numbers(self.shares)


Source: TypeAlias = Trace | Findings
"""What a figure is drawn of: a trace, or what is found in it already."""


def findings(source: Source) -> Findings:
    """What is found in a trace: as it is if it is there, else to be found."""
    return source if isinstance(source, Findings) else Findings(source)
