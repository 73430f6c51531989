"""Draws that laws of motion share: numbers in blocks, and what somebody who looks at t = 0 finds going on."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

BLOCK = 32
"""A call of a generator costs as much as the drawing of so many numbers."""


def uniforms(rng: np.random.Generator) -> Iterator[float]:
    """Numbers uniform in [0, 1), for ever, drawn in blocks."""
    while True:
        yield from rng.random(BLOCK).tolist()


def normals(rng: np.random.Generator) -> Iterator[float]:
    """Standard normal numbers, for ever, drawn in blocks."""
    while True:
        yield from rng.standard_normal(BLOCK).tolist()


def between(bounds: tuple[float, float], uniform: float) -> float:
    """The place of a uniform number between two bounds."""
    low, high = bounds
    return low + uniform * (high - low)


def chosen(weights: Sequence[float], uniform: float) -> int:
    """An index, drawn in proportion to its weight by a uniform number."""
    *bounds, total = accumulate(weights)
    return bisect_right(bounds, uniform * total)


def mean_slowness_s_per_m(speed_m_per_s: tuple[float, float]) -> float:
    """Mean of 1 / v for speeds drawn uniformly between two bounds."""
    low, high = speed_m_per_s
    return math.log(high / low) / (high - low) if high > low else 1 / low


def observed_speed_m_per_s(speed_m_per_s: tuple[float, float], uniform: float) -> float:
    """A speed in proportion to the time that it lasts, if a way's speed is drawn uniformly between two bounds.

    Its density is proportional to 1 / v: it is log-uniform.
    """
    low, high = speed_m_per_s
    return low * math.pow(high / low, uniform)


def residual_pause_s(pause_s: tuple[float, float], length: float, done: float) -> float:
    """What is left of the pause that an observer falls into, by two uniform numbers, of pauses drawn uniformly.

    That pause is drawn in proportion to its length, and what is left of it is uniform.
    """
    least_s, longest_s = pause_s
    return math.sqrt(least_s**2 + length * (longest_s**2 - least_s**2)) * done
