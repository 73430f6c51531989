"""Absorption: what oxygen and water vapour take from a wave in a standard atmosphere."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from qflsim.errors import InputError
from qflsim.units import Floats


def specific_attenuation_db_per_km(carrier_hz: Floats | float) -> Floats:
    """Loss in dB a kilometre at 1013.25 hPa, 15 degrees C and 7.5 g of water vapour a cubic metre; same shape.

    Source: ITU-R P.676-12, annex 1, summed line by line on a grid of 1 GHz, finer near 1, 60 and 119 GHz, and
    interpolated by a cubic spline of its logarithm: within 1e-6 of the sums on the grid and 1e-3 between its points.
    The recommendation begins at 1 GHz, and below it the value there (0.005 dB) is returned.
    Errors: `InputError` for a carrier outside 0.5 to 350 GHz, as one given in GHz is.
    """
    f_ghz = np.asarray(carrier_hz, dtype=float) / 1e9
    if not ((f_ghz >= 0.5) & (f_ghz <= 350.0)).all():
        got = float(np.asarray(carrier_hz).flat[np.argmax(~((f_ghz >= 0.5) & (f_ghz <= 350.0)))])
        raise InputError("carrier_hz", f"{got:g}", "0.5e9 to 350e9, in Hz")
    return np.asarray(np.exp(_logarithm()(np.maximum(f_ghz, 1.0))))


@cache
def _logarithm() -> Callable[[Floats], Floats]:
    from scipy.interpolate import CubicSpline  # takes a third of a second

    table = np.loadtxt(Path(__file__).with_name("absorption.csv"), delimiter=",", skiprows=1)
    spline: Callable[[Floats], Floats] = CubicSpline(table[:, 0], np.log(table[:, 1]))
    return spline
