"""The radio weather: how much of what a cell sends arrives where, a pure function of (seed, cell, place)."""

import math
import warnings

import numpy as np

from qflsim.errors import InputWarning
from qflsim.radio.absorption import specific_attenuation_db_per_km
from qflsim.radio.antenna import sector_attenuation_db
from qflsim.radio.fields import GaussianFields, Numbers, soft_los
from qflsim.radio.pathloss import PathLoss
from qflsim.streams import Streams
from qflsim.units import Floats
from qflsim.world.sites import Sites


class Weather:
    """Large-scale gain of every cell at every place.

    Loss = s L_LOS + (1 - s) L_NLOS + s S_LOS + (1 - s) S_NLOS in dB, where s in [0, 1] is the soft LOS state of
    TR 38.901 7.6.3.3 and S are shadowing fields, independent of one another, with the deviation and correlation
    distance of their state; on top of it the absorption of air (P.676), at all carriers. In a building the shadow is
    that of the state O2I, where the path loss knows it. LOS is a random field, not the map's geometry. The field behind
    s is smooth, exp(-(r/d)^2): s steepens it so much that one of exponential autocorrelation, as shadows have, would
    flip several times a metre. The fields belong to a site: its sectors share them.

    Shadows of two sites are correlated by `site_correlation` r: each is sqrt(r) x a field common to all sites +
    sqrt(1 - r) x a field of its own, so that its own law does not depend on r. r = 0.5 is the customary choice of
    system-level simulations (TR 36.814 A.2.1.1, for links of one device to different sites).

    Beyond the distance of the path loss's range its formulas are continued: the first such link warns, or is an
    `InputError` if `strict`.
    """

    def __init__(self, sites: Sites, path_loss: PathLoss, site_correlation: float, strict: bool,
                 streams: Streams) -> None:  # fmt: skip
        self.sites, self.strict, self._path_loss = sites, strict, path_loss
        places, law = sites.places, path_loss
        shadows = {"shadow-los": law.los_correlation_m, "shadow-nlos": law.nlos_correlation_m}
        if law.o2i_correlation_m is not None:
            shadows["shadow-o2i"] = law.o2i_correlation_m
        own = {"los": law.state_correlation_m, **shadows}
        self._fields = GaussianFields(
            [streams.named("site", site.name, kind) for kind in own for site in places]
            + [streams.named("all sites", kind) for kind in shadows],
            [distance_m for distance_m in own.values() for _ in places] + list(shadows.values()),
            smooth=[kind == "los" for kind in own for _ in places] + [False for _ in shadows],
        )
        self._kinds = tuple(own)
        self._common, self._own = math.sqrt(site_correlation), math.sqrt(1.0 - site_correlation)
        self._x_m = np.array([[site.x_m] for site in places])
        self._y_m = np.array([[site.y_m] for site in places])
        self._azimuth_deg = np.array([[cell.azimuth_deg] for cell in sites.cells])
        self.site_of = [cell.site for cell in sites.cells]
        """the site of each cell"""
        self._site_rows = np.array(self.site_of)
        self.offset_db = np.array([places[cell.site].offset_db for cell in sites.cells])
        """the offset of each cell, by which whoever compares cells favours it"""
        self._air_db_per_m = float(specific_attenuation_db_per_km(sites.carrier_hz)) / 1000.0
        self._everywhere: dict[tuple[str, ...], Numbers] = {}
        self._farthest_m = law.limits.farthest_m

    def rows_of(self, site: int) -> slice:
        """The cells of a site."""
        return slice(site * self.sites.sectors, (site + 1) * self.sites.sectors)

    def gain_db(
        self, x_m: Floats, y_m: Floats, device_height_m: float, indoor: bool = False, cells: Numbers | None = None
    ) -> Floats:
        """Gain [dB] of each cell (rows) at each place (columns), site antennas counted, devices' not.

        With `cells`, one for each place, there is one row: of that cell there.
        """
        sites = None if cells is None else self._site_rows[cells]
        site_x_m, site_y_m = (self._x_m, self._y_m) if sites is None else (self._x_m[sites, 0], self._y_m[sites, 0])
        dx_m, dy_m = np.atleast_2d(x_m - site_x_m), np.atleast_2d(y_m - site_y_m)
        distance_m = np.hypot(dx_m, dy_m)
        if distance_m.max() > self._farthest_m:
            self._tell(distance_m.min(axis=0))
        gain_db = self.sites.antenna_gain_dbi - self._loss_db(x_m, y_m, distance_m, device_height_m, indoor, sites)
        if self.sites.sectors == 1:
            return gain_db
        rows, azimuth_of_deg = (
            (self._site_rows, self._azimuth_deg) if cells is None else (slice(None), self._azimuth_deg[cells].T)
        )
        azimuth_deg = np.degrees(np.arctan2(dy_m, dx_m))[rows] - azimuth_of_deg
        below_deg = np.degrees(np.arctan2(self.sites.height_m - device_height_m, distance_m))[rows]
        off_deg = below_deg - self.sites.tilt_deg
        return np.asarray(gain_db[rows] - sector_attenuation_db(azimuth_deg, off_deg, self.sites.beamwidth_deg))

    def _tell(self, nearest_m: Floats) -> None:
        outside = self._path_loss.limits.too_far(self._path_loss.kind, nearest_m)
        if outside is None:
            return
        self._farthest_m = math.inf
        if self.strict:
            raise outside
        warnings.warn(str(outside), InputWarning, stacklevel=2)

    def _loss_db(
        self, x_m: Floats, y_m: Floats, distance_m: Floats, device_height_m: float, indoor: bool, sites: Numbers | None
    ) -> Floats:
        law, height_m, carrier_hz = self._path_loss, self.sites.height_m, self.sites.carrier_hz
        los_db, nlos_db = law.loss_db(distance_m, height_m, device_height_m, carrier_hz)
        air_db = self._air_db_per_m * np.hypot(distance_m, height_m - device_height_m)
        los_probability = law.los_probability(distance_m, height_m, device_height_m)
        if indoor and law.o2i_sigma_db is not None:
            state, shadow = self._shadows(x_m, y_m, ("shadow-o2i",), sites)
            los = soft_los(state, los_probability, carrier_hz)
            return np.asarray(air_db + los * los_db + (1.0 - los) * nlos_db + law.o2i_sigma_db * shadow)
        state, shadow_los, shadow_nlos = self._shadows(x_m, y_m, ("shadow-los", "shadow-nlos"), sites)
        los_sigma_db, nlos_sigma_db = law.sigma_db(distance_m, height_m, device_height_m, carrier_hz)
        los = soft_los(state, los_probability, carrier_hz)
        return np.asarray(air_db + los * (los_db + los_sigma_db * shadow_los)
                          + (1.0 - los) * (nlos_db + nlos_sigma_db * shadow_nlos))  # fmt: skip

    def _shadows(self, x_m: Floats, y_m: Floats, kinds: tuple[str, ...], sites: Numbers | None) -> list[Floats]:
        """The LOS state's field and those of shadows, for all sites (rows), or in one row for that at each place."""
        if sites is None:
            rows, numbers = len(self._x_m), self._numbers_everywhere(kinds)
        else:
            rows, numbers = 1, self._numbers(kinds, sites)
        values = self._fields(x_m, y_m, numbers)
        own = [values[k * rows : (k + 1) * rows] for k in range(1 + len(kinds))]
        common = values[len(own) * rows :]
        return [own[0], *(self._common * both + self._own * one for both, one in zip(common, own[1:], strict=True))]

    def _numbers(self, kinds: tuple[str, ...], sites: Numbers) -> Numbers:
        """Numbers of fields, a column a site: the LOS state's, those of shadows, then those common to all sites."""
        count, numbers = len(self._x_m), [0, *map(self._kinds.index, kinds)]
        common = [np.full(len(sites), len(self._kinds) * count + number - 1) for number in numbers[1:]]
        return np.array([*(number * count + sites for number in numbers), *common])

    def _numbers_everywhere(self, kinds: tuple[str, ...]) -> Numbers:
        """Numbers of the fields of all sites, one after the other, and once the common ones."""
        if kinds not in self._everywhere:
            numbers, own = self._numbers(kinds, np.arange(len(self._x_m))), 1 + len(kinds)
            self._everywhere[kinds] = np.concatenate([numbers[:own].ravel(), numbers[own:, 0]])
        return self._everywhere[kinds]
