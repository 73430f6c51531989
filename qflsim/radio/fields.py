"""Random fields over the plane: the same shadow for everyone who stands at the same place."""

from collections.abc import Sequence
from math import pi

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from qflsim.units import SPEED_OF_LIGHT_M_PER_S, Floats

Floats32 = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
WAVES_PER_PASS = 32_768
"""Keeps a pass within the processor's cache; the values do not depend on it."""


class GaussianFields:
    """Stationary Gaussian random fields with unit variance, one per generator, as functions of the place alone.

    S(x) = sqrt(2/M) sum_m cos(k_m . x + phi_m): directions of k_m and phases uniform, |k_m| = sqrt(u^-2 - 1)/d with u
    uniform on (0, 1]. That radial law is the spectral law of an isotropic field in the plane with autocorrelation
    exp(-r/d), so the ensemble has exactly this autocorrelation (Gudmundson's; TR 38.901 v19.4.0, 7.4.4). A field is
    Gaussian up to M: the ensemble's kurtosis is 3 - 1.5/M, and no field exceeds sqrt(2 M) (11.3 for 64 waves). Cosines
    are added in single precision, which leaves an error of 1e-6 standard deviations.

    Such a field is continuous, but nowhere smooth. For those marked `smooth`, |k_m| = 2 sqrt(-ln u)/d, whose field has
    the autocorrelation exp(-(r/d)^2) and a slope everywhere.

    The value at a place does not depend on the other places of the call, to the last bit.
    """

    def __init__(
        self,
        rngs: Sequence[np.random.Generator],
        correlation_m: Sequence[float],
        waves: int = 64,
        smooth: Sequence[bool] | None = None,
    ) -> None:
        assert len(rngs) == len(correlation_m)
        turn, phase, u = np.array([rng.random((3, waves)) for rng in rngs]).swapaxes(0, 1)
        # 1 - u lies in (0, 1] where u lies in [0, 1)
        radius = np.sqrt((1.0 - u) ** -2.0 - 1.0)
        if smooth is not None:
            radius = np.where(np.asarray(smooth)[:, None], 2.0 * np.sqrt(-np.log(1.0 - u)), radius)
        radius /= np.asarray(correlation_m)[:, None] * (2.0 * pi)
        self._waves = waves
        self._scale = np.sqrt(2.0 / waves)
        self._of_wave = np.array([radius * np.cos(2.0 * pi * turn), radius * np.sin(2.0 * pi * turn), phase])
        """turns per metre of x and of y, and phase in turns, (3, F, waves)"""
        self._often: dict[bytes, Floats] = {}

    def __call__(self, x_m: Floats, y_m: Floats, fields: Numbers) -> Floats:
        """Values (F, N) of fields at N places (x_m, y_m), each of shape (N,).

        `fields` has the numbers of the fields: of shape (F,), or (F, N) where each place has fields of its own.
        """
        values = np.empty((len(fields), len(x_m)))
        step = max(1, min(WAVES_PER_PASS // (len(fields) * self._waves), len(x_m)))
        everywhere = self._chosen(fields) if fields.ndim == 1 else None
        scratch = np.empty((2, step, len(fields), self._waves)), np.empty((step, len(fields), self._waves), np.float32)
        for start in range(0, len(x_m), step):
            here = slice(start, start + step)
            of_wave = self._of_wave[:, fields.T[here]] if everywhere is None else everywhere
            cosines = _cosines(x_m[here, None, None], y_m[here, None, None], of_wave, *scratch)
            # Waves last and contiguous: every sum then runs in the same order, for one place as for a thousand.
            values[:, here] = np.add.reduce(cosines, axis=-1).T
        values *= self._scale
        return values

    def _chosen(self, fields: Numbers) -> Floats:
        """The waves of fields that are asked for again and again, (3, F, waves)."""
        key = fields.tobytes()
        if key not in self._often:
            self._often[key] = self._of_wave[:, fields]
        return self._often[key]


def _cosines(x_m: Floats, y_m: Floats, of_wave: Floats, scratch: Floats, angles: Floats32) -> Floats32:
    """cos(2 pi (k . x + phase)) of waves at places within 3e-7, in the first rows of `angles`.

    In single precision, which is several times as fast; whole turns are taken off before anything is rounded to it.
    """
    turns, other = scratch[:, : len(x_m)]
    angles = angles[: len(x_m)]
    np.multiply(x_m, of_wave[0], out=turns)
    np.multiply(y_m, of_wave[1], out=other)
    turns += other
    turns += of_wave[2]
    np.subtract(turns, np.rint(turns, out=other), out=angles, casting="same_kind")
    angles *= np.float32(2.0 * pi)
    return np.cos(angles, out=angles)


def soft_los(field_value: Floats, los_probability: Floats, carrier_hz: Floats | float) -> Floats:
    """How far a place is in line of sight: from 0, none, to 1, full, with a steep step between; arguments broadcast.

    1/2 + atan(sqrt(20/lambda) (G + F))/pi with G the unit Gaussian field of the site and F = Phi^-1(P_LOS), so that
    it exceeds 1/2 at a share P_LOS of all places. lambda in m. Source: TR 38.901 v19.4.0, 7.6.3.3, eq. 7.6-18.
    P_LOS = 1 gives exactly 1 and P_LOS = 0 exactly 0.
    """
    steepness = np.sqrt(20.0 * np.asarray(carrier_hz) / SPEED_OF_LIGHT_M_PER_S)
    return np.asarray(0.5 + np.arctan(steepness * (field_value + ndtri(los_probability))) / pi)
