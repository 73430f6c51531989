"""When sites are down: alternating renewal intervals from a site's own stream, and their union as a schedule."""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Protocol, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from qflsim.model import Model, Name
from qflsim.units import FOREVER_NS, to_ns

Lifetime = Annotated[float, Field(ge=1e-3, le=1e9)]
"""Mean length of an up or down time, in seconds."""
Interval: TypeAlias = tuple[int, int]
"""A down time [down, up), in nanoseconds."""


class OutageSource(Protocol):
    """A law of failure for some sites."""

    @property
    def kind(self) -> str:
        """Its name in a scenario."""

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the sites that it strikes, each by its own intervals."""

    def intervals(self, rng: np.random.Generator) -> Iterator[Interval]:
        """Down times of one site, in order and apart. The generator belongs to this site and source alone."""


class RenewalOutage(Model):
    """A site that fails and is repaired for ever: up for `mtbf_s` on average, then down for `mttr_s`.

    Its state at t = 0 is stationary: up with probability A = mtbf / (mtbf + mttr), for the residual of an up time.
    Hence it is up with probability A at every instant, whatever the distribution. Exponential times are memoryless:
    given up at 0, it is up at t with probability A + (1 - A) exp(-(1/mtbf + 1/mttr) t). Fixed times are periodic,
    with a uniform phase. Each of `sites` fails independently.

    Source: Cox, Renewal Theory, 1962, chapters 5 and 7.
    """

    kind: Literal["renewal"] = "renewal"
    sites: Annotated[tuple[Name, ...], Field(min_length=1)]
    mtbf_s: Lifetime
    mttr_s: Lifetime
    distribution: Literal["exponential", "fixed"] = "exponential"

    @model_validator(mode="after")
    def _unique_names(self) -> Self:
        if len(set(self.sites)) < len(self.sites):
            raise ValueError("sites: a name stands twice")
        return self

    @property
    def availability(self) -> float:
        """Probability of being up at any instant."""
        return self.mtbf_s / (self.mtbf_s + self.mttr_s)

    def intervals(self, rng: np.random.Generator) -> Iterator[Interval]:
        """Down times [down, up) in nanoseconds, in order, until `FOREVER_NS`; one that holds t = 0 starts there."""
        up = rng.random() < self.availability
        now_ns = 0
        life_s = self._residual_s(self.mtbf_s if up else self.mttr_s, rng)
        while now_ns < FOREVER_NS:
            end_ns = min(now_ns + max(1, to_ns(life_s)), FOREVER_NS)
            if not up:
                yield now_ns, end_ns
            up, now_ns = not up, end_ns
            life_s = self._life_s(self.mtbf_s if up else self.mttr_s, rng)

    def _life_s(self, mean_s: float, rng: np.random.Generator) -> float:
        return rng.exponential(mean_s) if self.distribution == "exponential" else mean_s

    def _residual_s(self, mean_s: float, rng: np.random.Generator) -> float:
        return rng.exponential(mean_s) if self.distribution == "exponential" else mean_s * rng.random()


class Downtime:
    """One site's down times: the union of the intervals of all that strikes it, drawn as far as they are asked for.

    Each source yields intervals [down, up) in order of their start. What overlaps or touches is one interval here.
    """

    __slots__ = ("_coming", "_intervals")

    def __init__(self, sources: Iterable[Iterator[Interval]]) -> None:
        self._coming = _union(heapq.merge(*sources))
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
        while not self._intervals or self._intervals[-1][0] <= t_ns:
            interval = next(self._coming, None)
            if interval is None:
                break
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
