"""Units: the engine counts integer nanoseconds, laws use seconds, decibels stay at the edge."""

import math

import numpy as np
import numpy.typing as npt

NS_PER_S = 1_000_000_000
FOREVER_NS = 1 << 62
"""An instant that no run reaches (146 years)."""
_FOREVER_S = FOREVER_NS / NS_PER_S
NEVER_NS = -1
"""Stands in a table for an instant that did not come."""
SPEED_OF_LIGHT_M_PER_S = 299_792_458.0

Floats = npt.NDArray[np.float64]


def to_ns(seconds: float) -> int:
    """Nanoseconds of a duration or instant in seconds, rounded up to a whole one.

    Half a thousandth of a nanosecond is taken for the noise of binary fractions, so that 4.03 s is 4 030 000 000 ns.
    Infinity, and all that lies beyond `FOREVER_NS`, is `FOREVER_NS`.
    """
    if seconds < _FOREVER_S:
        return math.ceil(seconds * NS_PER_S - 0.0005)
    assert not math.isnan(seconds)
    return FOREVER_NS


def to_s(time_ns: int) -> float:
    """Seconds of a time in nanoseconds."""
    return time_ns / NS_PER_S


def from_db(value_db: Floats | float) -> Floats:
    """Linear ratio of a level in decibels."""
    return np.asarray(10.0 ** (np.asarray(value_db, dtype=float) / 10.0))
