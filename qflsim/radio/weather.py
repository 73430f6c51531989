"""The radio weather: how much of what a cell sends arrives where, a pure function of (seed, cell, place)."""

import math

import numpy as np

from qflsim.radio.antenna import sector_attenuation_db
from qflsim.radio.fields import GaussianFields, soft_los
from qflsim.radio.pathloss import PathLoss
from qflsim.streams import Streams
from qflsim.units import Floats
from qflsim.world.sites import Sites


class Weather:
    """Large-scale gain of every cell at every place.

    Loss = s L_LOS + (1 - s) L_NLOS + s S_LOS + (1 - s) S_NLOS in dB, where s in [0, 1] is the soft LOS state of
    TR 38.901 7.6.3.3 and S are shadowing fields with the deviation and correlation distance of their state. LOS is a
    random field, not the map's geometry. The fields belong to a site: its sectors share them.

    Shadows of two sites are correlated by `site_correlation` r: each is sqrt(r) x a field common to all sites +
    sqrt(1 - r) x a field of its own, so that its own law does not depend on r. r = 0.5 is the customary choice of
    system-level simulations (TR 36.814 A.2.1.1, for links of one device to different sites).
    """

    def __init__(self, sites: Sites, path_loss: PathLoss, site_correlation: float, streams: Streams) -> None:
        self.sites, self._path_loss = sites, path_loss
        places, shadows = sites.places, {"shadow-los": path_loss.los_correlation_m,
                                         "shadow-nlos": path_loss.nlos_correlation_m}  # fmt: skip
        own = {"los": path_loss.state_correlation_m, **shadows}
        self._fields = GaussianFields(
            [streams.named("site", site.name, kind) for kind in own for site in places]
            + [streams.named("all sites", kind) for kind in shadows],
            [distance_m for distance_m in own.values() for _ in places] + list(shadows.values()),
        )
        self._common, self._own = math.sqrt(site_correlation), math.sqrt(1.0 - site_correlation)
        self._x_m = np.array([[site.x_m] for site in places])
        self._y_m = np.array([[site.y_m] for site in places])
        self._azimuth_deg = np.array([[cell.azimuth_deg] for cell in sites.cells])
        self.site_of = [cell.site for cell in sites.cells]
        """the site of each cell"""
        self._site_rows = np.array(self.site_of)
        count = len(places)
        both = (3 * count, 3 * count + 1)
        # The fields that a call needs: those of one site, or of all, and the common ones.
        self._rows: dict[int | None, tuple[int, ...]] = {
            site: (site, count + site, 2 * count + site, *both) for site in range(count)
        }
        self._rows[None] = (*range(3 * count), *both)
        self.offset_db = np.array([places[cell.site].offset_db for cell in sites.cells])
        """the offset of each cell, by which whoever compares cells favours it"""

    def rows_of(self, site: int) -> slice:
        """The cells of a site."""
        return slice(site * self.sites.sectors, (site + 1) * self.sites.sectors)

    def gain_db(self, x_m: Floats, y_m: Floats, device_height_m: float, cell: int | None = None) -> Floats:
        """Gain [dB] of each cell (rows), or of one, at each place (columns), site antennas counted, devices' not."""
        sites = slice(None) if cell is None else slice(self.site_of[cell], self.site_of[cell] + 1)
        dx_m, dy_m = x_m - self._x_m[sites], y_m - self._y_m[sites]
        distance_m = np.hypot(dx_m, dy_m)
        gain_db = self.sites.antenna_gain_dbi - self._loss_db(x_m, y_m, distance_m, device_height_m, sites)
        if self.sites.sectors == 1:
            return gain_db
        cells = slice(None) if cell is None else slice(cell, cell + 1)
        rows = self._site_rows[cells] - (0 if cell is None else self.site_of[cell])
        azimuth_deg = np.degrees(np.arctan2(dy_m, dx_m))[rows] - self._azimuth_deg[cells]
        below_deg = np.degrees(np.arctan2(self.sites.height_m - device_height_m, distance_m))[rows]
        off_deg = below_deg - self.sites.tilt_deg
        return np.asarray(gain_db[rows] - sector_attenuation_db(azimuth_deg, off_deg, self.sites.beamwidth_deg))

    def _loss_db(self, x_m: Floats, y_m: Floats, distance_m: Floats, device_height_m: float, sites: slice) -> Floats:
        law, height_m, carrier_hz = self._path_loss, self.sites.height_m, self.sites.carrier_hz
        los_db, nlos_db = law.loss_db(distance_m, height_m, device_height_m, carrier_hz)
        state, shadow_los, shadow_nlos = self._shadows(x_m, y_m, sites)
        los = soft_los(state, law.los_probability(distance_m), carrier_hz)
        los_db = los_db + law.los_sigma_db * shadow_los
        nlos_db = nlos_db + law.nlos_sigma_db * shadow_nlos
        return np.asarray(los * los_db + (1.0 - los) * nlos_db)

    def _shadows(self, x_m: Floats, y_m: Floats, sites: slice) -> tuple[Floats, Floats, Floats]:
        """Fields of the LOS state and of both shadows, for sites (rows) and places (columns)."""
        values = self._fields(x_m, y_m, self._rows[sites.start])
        count = len(values) // 3
        state, los, nlos = values[:count], values[count : 2 * count], values[2 * count : 3 * count]
        return state, self._common * values[-2] + self._own * los, self._common * values[-1] + self._own * nlos
