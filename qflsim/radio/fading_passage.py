"""Passages through fading: the moments of a rate under a law of power, and a transfer block by block."""

import math
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from qflsim.radio.rate import RateMap
from qflsim.units import Floats, from_db

LOWEST_DB, HIGHEST_DB, STEPS_PER_DB = -60, 100, 4
BLOCKS_PER_DRAW = 4096
"""Bounds the memory of a block-by-block transfer; the result does not depend on it."""

_PANELS = np.linspace(np.arcsinh(-65.0), np.arcsinh(4.2), 37)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)


class PowerLaw(Protocol):
    """The distribution of the power |h|^2 of a fading link, of unit mean."""

    def __hash__(self) -> int: ...

    def density(self, power: Floats) -> Floats:
        """Probability density at each power."""
        ...

    def powers(self, count: int, rng: np.random.Generator) -> Floats:
        """So many independent powers."""
        ...


class EfficiencyTable(NamedTuple):
    """Mean and variance of the spectral efficiency (bit/s/Hz) for mean SNRs from -60 to 100 dB in steps of 0.25 dB."""

    rows: list[tuple[float, float]]
    snr_db: Floats
    mean: Floats
    peak: float
    """efficiency without any noise; may be infinite"""

    def at(self, snr_db: float) -> tuple[float, float]:
        """Mean and variance by linear interpolation, without the price of an array; the ends' values beyond them."""
        if not LOWEST_DB <= snr_db < HIGHEST_DB:
            assert not math.isnan(snr_db)
            return self.rows[0] if snr_db < LOWEST_DB else self.rows[-1]
        place = (snr_db - LOWEST_DB) * STEPS_PER_DB
        row = min(int(place), len(self.rows) - 2)
        (mean, variance), (next_mean, next_variance) = self.rows[row], self.rows[row + 1]
        part = place - row
        return mean + part * (next_mean - mean), variance + part * (next_variance - variance)


_TABLES = 64
_LATEST: dict[tuple[int, int], tuple[PowerLaw, RateMap, EfficiencyTable]] = {}
"""Tables by the identity of their laws, which are kept alive here."""


def efficiency_table(law: PowerLaw, rate: RateMap) -> EfficiencyTable:
    """The moments of a rate map under a law of power; made once for laws that are equal."""
    known = _LATEST.get((id(law), id(rate)))  # hashing what the laws are would take longer than all that a table does
    if known is None:
        if len(_LATEST) > _TABLES:
            _LATEST.clear()
        known = _LATEST[id(law), id(rate)] = law, rate, _integrated(law, rate)
    return known[2]


@lru_cache(maxsize=_TABLES)
def _integrated(law: PowerLaw, rate: RateMap) -> EfficiencyTable:
    """By Gauss-Legendre quadrature between the map's corners.

    Panels are equal in asinh(ln power): fine where the power is near its mean, wide in the deep fades, where the
    density is a power law and hence smooth. No corner lies inside a panel, so that jumps of the map cost nothing:
    at the grid points the error is below 1e-9 bit/s/Hz.
    """
    grid_db = np.linspace(LOWEST_DB, HIGHEST_DB, (HIGHEST_DB - LOWEST_DB) * STEPS_PER_DB + 1)
    rows = [_moments(law, rate, snr) for snr in from_db(grid_db).tolist()]
    means = np.array([mean for mean, _ in rows])
    return EfficiencyTable(rows, grid_db, means, float(rate.efficiency(np.array(np.inf))))


def _moments(law: PowerLaw, rate: RateMap, mean_snr: float) -> tuple[float, float]:
    corners = np.arcsinh(np.log(np.array(rate.corners_snr) / mean_snr))
    edges = np.sort(np.concatenate((_PANELS, np.clip(corners, _PANELS[0], _PANELS[-1]))))
    half = 0.5 * np.diff(edges)[:, np.newaxis]
    place = edges[:-1, np.newaxis] + half * (1.0 + _NODES)
    power = np.exp(np.sinh(place))
    weight = half * _WEIGHTS * np.cosh(place) * power * law.density(power)
    efficiency = rate.efficiency(mean_snr * power)
    mean = float(np.sum(weight * efficiency))
    return mean, float(np.sum(weight * (efficiency - mean) ** 2))


def rows_crossed(
    rows: float, strips: float, law: PowerLaw, rate: RateMap, snr: float, mean: float, rng: np.random.Generator
) -> float:
    """How many rows of blocks a transfer crosses, drawn block by block, the last row in part.

    `rows` is their number at the `mean` efficiency (bit/s/Hz). The blocks of a row lie abreast in frequency, `strips`
    of them, the last one in part if that is no whole number; each has an efficiency of its own, at the linear mean
    SNR `snr` times one power. The time of a row is the coherence time.
    """
    columns = int(np.ceil(strips))
    widths = np.ones(columns)
    widths[-1] = strips - (columns - 1)
    done, left = 0.0, rows
    while True:
        draws = min(int(1.2 * left) + 1 + 7 // columns, max(BLOCKS_PER_DRAW // columns, 1))
        efficiency = rate.efficiency(snr * law.powers(draws * columns, rng)).reshape(draws, columns)
        share = (efficiency * widths).sum(axis=1) / (strips * mean)
        carried = np.cumsum(share)
        last = int(np.searchsorted(carried, left))
        if last < draws:
            before = float(carried[last - 1]) if last else 0.0
            return done + last + float((left - before) / share[last])
        done, left = done + draws, left - float(carried[-1])


def rows_drawn(rows: float, spread: float, rng: np.random.Generator) -> float:
    """How many rows a transfer crosses whose blocks are too many to draw: each a log-normal share of the mean.

    `rows` is their number at the mean efficiency, `spread` the relative variance of a row's. One draw a row.
    """
    log_variance = math.log1p(spread)
    deviation, centre = math.sqrt(log_variance), -0.5 * log_variance
    done, left = 0, rows
    while True:
        share = math.exp(deviation * rng.standard_normal() + centre)
        if share >= left:
            return done + left / share
        done, left = done + 1, left - share
