"""Antennas of sectors: how much weaker they are away from where they look."""

import numpy as np

from qflsim.units import Floats

MOST_DB = 30.0
"""Greatest attenuation, to the side and behind."""


def sector_attenuation_db(
    azimuth_off_deg: Floats | float, elevation_off_deg: Floats | float, beamwidth_deg: float = 65.0
) -> Floats:
    """Attenuation in dB, relative to the greatest gain, at angles off the direction of that; arguments broadcast.

    min(A_h + A_v, 30) with A = min(12 (angle/beamwidth)^2, 30) horizontally and vertically, so that half the beamwidth
    off it is 3 dB. Azimuths may be any number of turns apart. `beamwidth_deg` is the horizontal one; the vertical one
    is 65 degrees, or as narrow as the horizontal one.

    Source: TR 38.901 v19.4.0, Table 7.3-1 (element pattern; 65 degrees, 30 dB), here that of the whole sector.
    """
    azimuth_off_deg = (np.asarray(azimuth_off_deg) + 180.0) % 360.0 - 180.0
    across_db = np.minimum(12.0 * (azimuth_off_deg / beamwidth_deg) ** 2, MOST_DB)
    up_db = np.minimum(12.0 * (np.asarray(elevation_off_deg) / min(65.0, beamwidth_deg)) ** 2, MOST_DB)
    return np.asarray(np.minimum(across_db + up_db, MOST_DB))
