"""When sites are down: at random, by a calendar, or several by one cause; and the union of it all as a schedule."""

import heapq
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import count, pairwise
from typing import Annotated, Literal, Protocol, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from qflsim.model import Model, Name, Patience
from qflsim.units import FOREVER_NS, to_ns
from qflsim.world.mobility import Coordinate
from qflsim.world.renewal import EXPONENTIAL, Distribution, Life, Lifetime, Shapes, alternating, check_shape
from qflsim.world.sites import SiteAt

Interval: TypeAlias = tuple[int, int]
"""A down time [down, up), in nanoseconds."""
Names = Annotated[tuple[Name, ...], Field(min_length=1)]
InstantS = Annotated[float, Field(ge=0, le=1e9)]


class OutageSource(Protocol):
    """A law of failure for some sites."""

    @property
    def kind(self) -> str:
        """Its name in a scenario."""

    @property
    def sites(self) -> tuple[str, ...] | None:
        """Names of sites, which must exist; None where it does not name them."""

    @property
    def shared(self) -> bool:
        """Whether one cause strikes all its sites at once; otherwise each has its own intervals."""

    def strikes(self, site: SiteAt) -> bool:
        """Whether this site is one of those that it strikes."""

    def intervals(self, rng: np.random.Generator) -> Iterator[Interval]:
        """Down times, in order of their start. The generator belongs to this source and, unless shared, to one site."""


class RenewalOutage(Model):
    """A site that fails and is repaired for ever: up for `mtbf_s` on average, then down for `mttr_s`.

    Its state at t = 0 is stationary: up with probability A = mtbf / (mtbf + mttr), for the residual of an up time.
    Hence it is up with probability A at every instant, whatever the distribution. Exponential times are memoryless:
    given up at 0, it is up at t with probability A + (1 - A) exp(-(1/mtbf + 1/mttr) t). Fixed times are periodic,
    with a uniform phase. Weibull times take a `shape` for up and one for down times. Each of `sites` (all, where they
    are not named) fails independently.

    Source: Cox, Renewal Theory, 1962, chapters 5 and 7.
    """

    kind: Literal["renewal"] = "renewal"
    sites: Names | None = None
    mtbf_s: Lifetime
    mttr_s: Lifetime
    distribution: Distribution = "exponential"
    shape: Shapes = EXPONENTIAL

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check_unique(self.sites)
        check_shape(self.distribution, self.shape)
        return self

    @property
    def shared(self) -> bool:
        """Each of its sites has its own intervals."""
        return False

    def strikes(self, site: SiteAt) -> bool:
        """Whether it names this site, or none."""
        return _named(self.sites, site)

    @property
    def availability(self) -> float:
        """Probability of being up at any instant."""
        return self.mtbf_s / (self.mtbf_s + self.mttr_s)

    def intervals(self, rng: np.random.Generator) -> Iterator[Interval]:
        """Down times [down, up) in nanoseconds, in order, until `FOREVER_NS`; one that holds t = 0 starts there."""
        up, down = (Life(mean_s, self.distribution, shape)
                    for mean_s, shape in zip((self.mtbf_s, self.mttr_s), self.shape, strict=True))  # fmt: skip
        return alternating(up, down, rng)


class CalendarOutage(Model):
    """Sites that are down at stated times: over each of `intervals_s`, [down, up) in seconds; nothing is drawn.

    With `every_s` the intervals recur with that period, as they always have: one that reaches beyond its period
    therefore also holds the first instants. Intervals may overlap; they come in the order of their starts.
    """

    kind: Literal["calendar"] = "calendar"
    sites: Names | None = None
    intervals_s: Annotated[tuple[tuple[InstantS, InstantS], ...], Field(min_length=1)]
    every_s: Patience | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check_unique(self.sites)
        if any(to_ns(down_s) >= to_ns(up_s) for down_s, up_s in self.intervals_s):
            raise ValueError("intervals_s: pairs (down, up) whose second instant is the later one")
        if any(before[0] > after[0] for before, after in pairwise(self.intervals_s)):
            raise ValueError("intervals_s: in the order of their starts")
        if self.every_s is not None:
            down_s, longest_s = self.intervals_s[-1][0], max(up_s - down_s for down_s, up_s in self.intervals_s)
            if down_s >= self.every_s or longest_s > self.every_s:
                raise ValueError("every_s: a period in which every interval starts, and that is not shorter than one")
        return self

    @property
    def shared(self) -> bool:
        """Each of its sites has its own intervals."""
        return False

    def strikes(self, site: SiteAt) -> bool:
        """Whether it names this site, or none."""
        return _named(self.sites, site)

    def intervals(self, rng: np.random.Generator) -> Iterator[Interval]:
        """Down times [down, up) in nanoseconds, in the order of their starts, until `FOREVER_NS`."""
        spans_ns = [(to_ns(down_s), to_ns(up_s)) for down_s, up_s in self.intervals_s]
        period_ns = FOREVER_NS if self.every_s is None else to_ns(self.every_s)
        for cycle in [0] if self.every_s is None else count(-1):
            for down_ns, up_ns in spans_ns:
                if down_ns + cycle * period_ns >= FOREVER_NS:
                    return
                if (end_ns := up_ns + cycle * period_ns) > 0:
                    yield max(down_ns + cycle * period_ns, 0), min(end_ns, FOREVER_NS)


class RegionalOutage(Model):
    """One cause that takes several sites down at once: those named, those within `radius_m` of a place, or all.

    `cause` is a renewal or a calendar that names no sites. Where its availability is A and each of n sites has others
    A_i of its own, all of them are up together with probability A A_1 ... A_n.
    """

    kind: Literal["regional"] = "regional"
    sites: Names | None = None
    at_m: tuple[Coordinate, Coordinate] | None = None
    radius_m: Annotated[float, Field(gt=0, le=1e7)] | None = None
    cause: Annotated[RenewalOutage | CalendarOutage, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check_unique(self.sites)
        if (self.at_m is None) != (self.radius_m is None) or (self.sites is not None and self.at_m is not None):
            raise ValueError("give sites, or at_m with radius_m, or neither for all sites")
        if self.cause.sites is not None:
            raise ValueError("cause.sites: none, for the region says which sites there are")
        return self

    @property
    def shared(self) -> bool:
        """All its sites have the same intervals."""
        return True

    def strikes(self, site: SiteAt) -> bool:
        """Whether this site lies in the region."""
        if self.at_m is None or self.radius_m is None:
            return _named(self.sites, site)
        return math.dist(self.at_m, (site.x_m, site.y_m)) <= self.radius_m

    def intervals(self, rng: np.random.Generator) -> Iterator[Interval]:
        """Those of the cause."""
        return self.cause.intervals(rng)


def _named(sites: tuple[str, ...] | None, site: SiteAt) -> bool:
    return sites is None or site.name in sites


def _check_unique(sites: tuple[str, ...] | None) -> None:
    if sites is not None and len(set(sites)) < len(sites):
        raise ValueError("sites: a name stands twice")


class Downtime:
    """One site's down times: the union of the intervals of all that strikes it, drawn as far as they are asked for.

    Each source yields intervals [down, up) in order of their start. What overlaps or touches is one interval here.
    """

    __slots__ = ("_coming", "_intervals")

    def __init__(self, sources: Iterable[Iterator[Interval]]) -> None:
        self._coming: Iterator[Interval] | None = _union(heapq.merge(*sources))
        self._intervals: list[Interval] = []

    def is_up(self, t_ns: int) -> bool:
        """Whether the site works at this instant."""
        return self.interval(t_ns) is None

    def interval(self, t_ns: int) -> Interval | None:
        """The down time that holds this instant, if one does."""
        index = self._next(t_ns) - 1
        return self._intervals[index] if index >= 0 and t_ns < self._intervals[index][1] else None

    def next_change_ns(self, t_ns: int) -> int:
        """The first instant after this one at which the site fails or is repaired; `FOREVER_NS` if there is none."""
        index = self._next(t_ns)
        if index and t_ns < self._intervals[index - 1][1]:
            return self._intervals[index - 1][1]
        return self._intervals[index][0] if index < len(self._intervals) else FOREVER_NS

    def intervals(self, start_ns: int, end_ns: int) -> list[Interval]:
        """The down times that begin up to the second instant and end after the first, whole."""
        first, past = max(self._next(start_ns) - 1, 0), self._next(end_ns)
        return [interval for interval in self._intervals[first:past] if interval[1] > start_ns]

    def _next(self, t_ns: int) -> int:
        """Index of the first interval that starts after this instant, once all up to it are known."""
        while self._coming is not None and (not self._intervals or self._intervals[-1][0] <= t_ns):
            interval = next(self._coming, None)
            if interval is None:
                self._coming = None
            else:
                self._intervals.append(interval)
        return bisect_right(self._intervals, t_ns, key=lambda interval: interval[0])


def _union(intervals: Iterator[Interval]) -> Iterator[Interval]:
    """Disjoint intervals that cover the same instants as these, which come in order of their start."""
    current = next(intervals, None)
    if current is None:
        return
    for down_ns, up_ns in intervals:
        if down_ns <= current[1]:
            current = current[0], max(current[1], up_ns)
        else:
            yield current
            current = down_ns, up_ns
    yield current
