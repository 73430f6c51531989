"""Path loss between antennas at the height of vehicles: roadside units and who drives by, TR 37.885."""

from typing import ClassVar, Literal

import numpy as np

from qflsim.model import Model
from qflsim.radio.pathloss import Deviation, Distance, Limits, Number
from qflsim.units import Floats


class Roadside(Model):
    """Links of roadside units to vehicles, along the streets of a city ("urban") or a motorway ("highway").

    LOS:  urban 38.77 + 16.7 lg d + 18.2 lg f, highway 32.4 + 20 lg d + 20 lg f.
    NLOS: urban max(LOS, 36.85 + 30 lg d + 18.9 lg f), which is around a corner; highway LOS + 5 + max(0, 15 lg d - 41),
          which is the mean of what a vehicle of the antennas' height in between takes.
    LOS probability: urban min(1, 1.05 exp(-0.0114 d)); highway 2.1013e-6 d^2 - 0.002 d + 1.0193 up to 475 m, at most 1,
    then 0.54 - 0.001 (d - 475), at least 0. d is the slant distance in m, at least 1 m (along the ground for the
    probability), f the carrier in GHz. Shadows: 3 dB in sight and 4 dB around corners; behind a vehicle 5 dB, which are
    3 dB of shadow and 4 dB of that vehicle's spread.

    Source: 3GPP TR 37.885 v15.3.0, Tables 6.2.1-1 (loss, sigma, vehicles in between) and 6.2-1 (sight); correlation
    distances 10 m and 25 m of TR 36.885 A.1.4. The standard counts places behind vehicles and around corners apart and
    takes corners from the map: here, in a city, whoever is out of sight is around a corner. How far the state of view
    remembers is borrowed from street canyons. Specified at 6, 30 and 63 GHz, units at 5 m or on vehicles.
    """

    kind: Literal["roadside"] = "roadside"
    road: Literal["urban", "highway"] = "urban"
    los_sigma_db: Deviation = 3.0
    nlos_sigma_db: Deviation | None = None
    correlation_m: Distance | None = None
    state_correlation_m: Distance = 50.0
    o2i_sigma_db: ClassVar[None] = None
    o2i_correlation_m: ClassVar[None] = None
    limits: ClassVar[Limits] = Limits(site_height_m=(0.5, 5.0), device_height_m=(0.5, 5.0))

    @property
    def los_correlation_m(self) -> float:
        """How far shadows remember."""
        return self.correlation_m or (10.0 if self.road == "urban" else 25.0)

    @property
    def nlos_correlation_m(self) -> float:
        """The same out of sight."""
        return self.los_correlation_m

    def loss_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                carrier_hz: Number) -> tuple[Floats, Floats]:  # fmt: skip
        """Path loss in dB with and without line of sight, without shadowing. All arguments broadcast."""
        slant_m = np.hypot(distance_2d_m, np.subtract(site_height_m, device_height_m))
        lg_d, lg_f = np.log10(np.maximum(slant_m, 1.0)), np.log10(carrier_hz) - 9.0
        if self.road == "highway":
            los_db = 32.4 + 20.0 * lg_d + 20.0 * lg_f
            return los_db, los_db + 5.0 + np.maximum(0.0, 15.0 * lg_d - 41.0)
        los_db = 38.77 + 16.7 * lg_d + 18.2 * lg_f
        return los_db, np.maximum(los_db, 36.85 + 30.0 * lg_d + 18.9 * lg_f)

    def sigma_db(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number,
                 carrier_hz: Number) -> tuple[Number, Number]:  # fmt: skip
        """Standard deviation of the shadowing in dB with and without line of sight: the same everywhere."""
        usual_db = 4.0 if self.road == "urban" else 5.0
        return self.los_sigma_db, usual_db if self.nlos_sigma_db is None else self.nlos_sigma_db

    def los_probability(self, distance_2d_m: Floats, site_height_m: Number, device_height_m: Number) -> Floats:
        """Share of places at this ground distance that see the unit, at any height."""
        if self.road == "urban":
            return np.minimum(1.0, 1.05 * np.exp(-0.0114 * distance_2d_m))
        near = np.minimum(1.0, 2.1013e-6 * distance_2d_m**2 - 0.002 * distance_2d_m + 1.0193)
        return np.where(distance_2d_m <= 475.0, near, np.maximum(0.0, 0.54 - 0.001 * (distance_2d_m - 475.0)))
