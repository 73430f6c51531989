"""Handover: when a neighbour has been better for long enough, and what the change costs."""

import math
from functools import lru_cache
from typing import Annotated, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from qflsim.model import Model
from qflsim.units import Floats

Wait = Annotated[float, Field(ge=0, le=60)]
"""How long a device does without its link, in seconds."""
_Scalar = TypeVar("_Scalar", bound=np.generic)
FORGOTTEN = 1e-6
"""Weight of the past at which a filter's memory is cut off."""


class A3(Model):
    """Handover to a neighbour whose filtered level exceeds the serving one's by a margin for a time to trigger.

    Measurements M have an error, normal and independent from one to the next, of `measurement_error_db`; within 2 dB in
    90 % of all cases by default (TR 36.839 5.2.1.3): what is left of fading and of the receiver's own inaccuracy.

    Filter: F_n = (1 - a) F_{n-1} + a M_n with a = 2^(-k/4), in dB, one sample a measurement period (layer-3 filter,
    TS 38.331 5.5.3.2; any k from 0 to 19, of which the standard signals fifteen). Event A3 (5.5.4.4, entering
    condition): F_target + O_target > F_serving + O_serving + offset + hysteresis, with O each cell's own offset; it
    must hold for the time to trigger. The change then interrupts the link for `interruption_s` (49.5 ms is typical of
    break-before-make, TR 36.881; 0 is the target of IMT-2020).

    A link whose margin falls below the rate map's cut, or whose site fails, carries nothing until it is good again. A
    handover may still save it if the site works, its command taken to have come with a condition while the link was
    good (conditional handover, Release 16). If neither happens within `failure_timer_s` the link has failed (0.2 s
    until it counts as out of synchrony, and T310 of 1 s; TS 38.331 5.3.10); the device comes back, to whichever cell is
    strongest, `reestablishment_s` after it hears one.
    """

    kind: Literal["a3"] = "a3"
    hysteresis_db: Annotated[float, Field(ge=0, le=15)] = 3.0
    offset_db: Annotated[float, Field(ge=-15, le=15)] = 0.0
    time_to_trigger_s: Annotated[float, Field(ge=0, le=10)] = 0.32
    measurement_period_s: Annotated[float, Field(ge=0.01, le=10)] = 0.08
    filter_coefficient: Annotated[int, Field(ge=0, le=19)] = 4
    measurement_error_db: Annotated[float, Field(ge=0, le=20)] = 1.216
    interruption_s: Wait = 0.0495
    failure_timer_s: Wait = 1.2
    reestablishment_s: Wait = 0.5

    @property
    def memory(self) -> int:
        """Number of past samples after which less than 1e-6 of the filter's weight remains."""
        return len(_filter_weights(self.filter_coefficient)) - 1

    @property
    def trigger_samples(self) -> int:
        """Number of consecutive samples, the entry included, at which the entering condition must hold."""
        return _whole_periods(self.time_to_trigger_s, self.measurement_period_s) + 1

    def filtered_dbm(self, rsrp_dbm: Floats) -> Floats:
        """Filtered levels (C, N) of C cells, from samples (C, memory + N), one a measurement period.

        The filter runs over the last `memory` samples and the present one, its weights normalised, so that a level
        depends on the world alone and not on when somebody began to look: it differs from the endless filter by less
        than 1e-6 of the signal's span. Bitwise the same for any way of cutting the samples into calls.
        """
        window = self.memory + 1
        assert rsrp_dbm.shape[1] >= window
        recent = _windows(rsrp_dbm, window)
        # C order puts the window last and contiguous: every sum then runs in the same order.
        return np.asarray(np.multiply(recent, _filter_weights(self.filter_coefficient), order="C").sum(axis=-1))

    def may_trigger(self, rsrp_dbm: Floats, serving: int, cell_offset_db: Floats) -> bool:
        """Whether a handover can be due at all by samples (C, N), whatever the filter makes of them.

        It cannot where no other cell's strongest sample beats the serving cell's weakest by the margin.
        """
        strongest_dbm = np.maximum.reduce(rsrp_dbm, axis=1) + cell_offset_db
        strongest_dbm[serving] = -np.inf
        weakest_dbm = np.minimum.reduce(rsrp_dbm[serving]) + cell_offset_db[serving]
        rounding_db = 1e-9
        return bool(np.maximum.reduce(strongest_dbm) > weakest_dbm + self.offset_db + self.hysteresis_db - rounding_db)

    def first_trigger(self, filtered_dbm: Floats, serving: int, cell_offset_db: Floats) -> tuple[int, int] | None:
        """The first sample at which a handover is due, and its target: the strongest of those due; None if none is.

        `filtered_dbm` (C, N) holds consecutive samples since the serving cell took over, `cell_offset_db` (C,) what
        each cell is favoured by. The entering condition must hold at `trigger_samples` samples in a row, so a caller
        who goes on with a later call repeats the last `trigger_samples - 1` samples. Of equal targets the first counts.
        """
        if filtered_dbm.shape[1] < self.trigger_samples:
            return None
        margin_db = self.offset_db + self.hysteresis_db
        compared_db = filtered_dbm + cell_offset_db[:, None]
        better = compared_db > compared_db[serving] + margin_db
        better[serving] = False
        due = np.asarray(_windows(better, self.trigger_samples).all(axis=-1))
        anyone = due.any(axis=0)
        if not anyone.any():
            return None
        start = int(anyone.argmax())
        sample = start + self.trigger_samples - 1
        return sample, int(np.where(due[:, start], compared_db[:, sample], -np.inf).argmax())


def _windows(values: npt.NDArray[_Scalar], length: int) -> npt.NDArray[_Scalar]:
    """All windows of consecutive columns, as views: (rows, columns - length + 1, length).

    What numpy's `sliding_window_view` gives, without the checks that take it longer than most calls here.
    """
    rows, columns = values.shape
    values = np.ascontiguousarray(values)
    across, along = values.strides
    return np.ndarray((rows, columns - length + 1, length), values.dtype, values, strides=(across, along, along))


@lru_cache
def _filter_weights(coefficient: int) -> Floats:
    """What the filter gives each remembered sample and, last, the present one."""
    keep = 1.0 - 2.0 ** (-coefficient / 4.0)
    memory = math.ceil(math.log(FORGOTTEN) / math.log(keep)) if keep > 0.0 else 0
    weights = keep ** np.arange(memory, -1, -1)
    return np.asarray(weights / weights.sum())


@lru_cache
def _whole_periods(duration_s: float, period_s: float) -> int:
    """Periods that a duration takes, the last in part."""
    # Nine decimals absorb binary fractions: 0.56 s / 0.08 s must be 7, not 7.000000000000001.
    return math.ceil(round(duration_s / period_s, 9))
