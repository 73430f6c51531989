"""Survival: how long things last, where some were no longer watched when they ended (Kaplan and Meier)."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qflsim.units import Floats

Numbers = npt.NDArray[np.int64]

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal law."""


class Survival(NamedTuple):
    """An estimated survival function: one entry an instant at which something ended or went out of sight.

    `share` is S(t), the share that lasts longer than t; before the first instant it is 1. Between two instants it is
    constant.
    """

    t_s: Floats
    at_risk: Numbers
    """how many were still watched just before the instant"""
    ended: Numbers
    censored: Numbers
    """how many went out of sight at the instant; those who ended at the same instant ended before"""
    share: Floats
    variance: Floats
    """of the share, by Greenwood's formula"""
    low: Floats
    high: Floats
    """the pointwise 95 % interval of the share; nan once the share is 0"""

    def at(self, t_s: float) -> float:
        """The share that lasts longer than this."""
        before = int(np.searchsorted(self.t_s, t_s, side="right"))
        return float(self.share[before - 1]) if before else 1.0

    @property
    def median_s(self) -> float:
        """The first instant at which at most half are left; infinite if more than half were left at the end."""
        there = np.flatnonzero(self.share <= 0.5 + 1e-12)  # binary fractions of 1/2
        return float(self.t_s[there[0]]) if len(there) else float("inf")

    def mean_s(self, until_s: float) -> float:
        """The mean time, counted up to a limit: the area under the share from 0 to there (restricted mean).

        nan if the share is not known as far as that: the limit lies beyond the last instant, and some are left.
        """
        if len(self.t_s) == 0 or (until_s > self.t_s[-1] and self.share[-1] > 0.0):
            return float("nan")
        edges_s = np.clip(np.concatenate(([0.0], self.t_s, [until_s])), 0.0, until_s)
        return float(np.diff(edges_s) @ np.concatenate(([1.0], self.share)))


def kaplan_meier(durations_s: Floats, ended: npt.NDArray[np.bool_]) -> Survival:
    """The Kaplan-Meier estimate from durations in seconds; where `ended` is false, it lasted longer than that.

    S(t) = Π (1 - d_i / n_i) over the instants up to t, with d_i ends among n_i watched (Kaplan and Meier, J. Am. Stat.
    Assoc. 53, 1958). Its variance is S² Σ d_i / (n_i (n_i - d_i)) (Greenwood 1926), and the interval is symmetric in
    log(-log S), so it stays within 0 and 1 (Kalbfleisch and Prentice 1980). All of it assumes that going out of sight
    says nothing about how long something would have lasted. Of no durations all is empty.
    """
    durations_s, ended = np.asarray(durations_s, dtype=float), np.asarray(ended, dtype=bool)
    assert durations_s.shape == ended.shape
    assert not np.isnan(durations_s).any()
    t_s, which = np.unique(durations_s, return_inverse=True)
    d = np.bincount(which[ended], minlength=len(t_s))
    c = np.bincount(which[~ended], minlength=len(t_s))
    n = len(durations_s) - np.concatenate(([0], np.cumsum(d + c)[:-1])).astype(np.int64) if len(t_s) else d
    share: Floats = np.asarray(np.cumprod(1.0 - d / n), dtype=np.float64)
    left = n > d
    summed: Floats = np.cumsum(np.divide(d, n * (n - d), out=np.zeros(len(t_s)), where=left))
    variance = np.where(share > 0.0, share**2 * summed, 0.0)
    low, high = _interval(share, summed)
    return Survival(t_s, n, d, c, share, variance, low, high)


def at_risk(found: Survival, times_s: Floats) -> Numbers:
    """How many were still watched just before these times: the numbers at risk that stand beneath a curve.

    Who ended or went out of sight at such a time itself is among them. At 0 it is everybody.
    """
    later = np.searchsorted(found.t_s, times_s, side="left")
    return np.concatenate((found.at_risk, [0]))[later]


def _interval(share: Floats, summed: Floats) -> tuple[Floats, Floats]:
    """S^exp(±z e), where e is the standard error of log(-log S): the root of Greenwood's sum over |log S|."""
    low, high = np.full((2, len(share)), np.nan)
    low[share == 1.0] = high[share == 1.0] = 1.0
    inside = (share > 0.0) & (share < 1.0)
    spread = np.exp(Z_95 * np.sqrt(summed[inside]) / -np.log(share[inside]))
    low[inside], high[inside] = share[inside] ** spread, share[inside] ** (1.0 / spread)
    return low, high
