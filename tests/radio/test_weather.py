"""The radio weather: the law of shadows and of line of sight, and that a place sounds the same to whoever asks."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from qflsim.errors import InputError, InputWarning
from qflsim.radio.antenna import sector_attenuation_db
from qflsim.radio.pathloss import Limits, Number, PathLoss
from qflsim.radio.pathloss_city import UmiStreetCanyon
from qflsim.radio.pathloss_power_law import FreeSpace, LogDistance
from qflsim.radio.weather import Weather
from qflsim.streams import Streams
from qflsim.units import Floats
from qflsim.world.sites import Hexagons, SiteAt, Sites


@dataclass(frozen=True)
class Flat:
    """A path loss of 100 and 120 dB with and without line of sight, everywhere in sight with one probability."""

    sight: float = 1.0
    kind: str = "flat"
    los_correlation_m: float = 10.0
    nlos_correlation_m: float = 13.0
    state_correlation_m: float = 50.0
    o2i_sigma_db: float = 7.0
    o2i_correlation_m: float = 5.0
    shadows_db: tuple[float, float] = (3.0, 8.0)

    @property
    def limits(self) -> Limits:
        """None."""
        return Limits()

    def loss_db(self, distance_2d_m: Floats, *_: Number) -> tuple[Floats, Floats]:
        """Constants."""
        return np.full_like(distance_2d_m, 100.0), np.full_like(distance_2d_m, 120.0)

    def sigma_db(self, distance_2d_m: Floats, *_: Number) -> tuple[float, float]:
        """Constants."""
        return self.shadows_db

    def los_probability(self, distance_2d_m: Floats, *_: Number) -> Floats:
        """A constant."""
        return np.full_like(distance_2d_m, self.sight)


STATES = {"los": (Flat(1.0), False, 100.0, 3.0, 10.0), "nlos": (Flat(0.0), False, 120.0, 8.0, 13.0),
          "o2i": (Flat(0.0), True, 120.0, 7.0, 5.0)}  # fmt: skip
"""Path loss, whether indoors, and the mean, deviation and correlation distance that come of it."""


def weather(law: PathLoss, places: Any = ((0.0, 0.0),), correlation: float = 0.0, seed: int = 1, strict: bool = False,
            **fields: Any) -> Weather:  # fmt: skip
    """Sites of 0 dBi at these places, at a carrier that air lets pass."""
    at = tuple(SiteAt(name=f"s{k}", x_m=x_m, y_m=y_m) for k, (x_m, y_m) in enumerate(places))
    sites = Sites.model_validate({"antenna_gain_dbi": 0.0, "carrier_hz": 3.5e9, "at": at} | fields)
    return Weather(sites, law, correlation, strict, Streams(seed))


def assert_mean(sample: npt.NDArray[np.floating], expected: float) -> None:
    """The sample mean lies within five of its own standard errors."""
    error = np.std(sample, ddof=1) / np.sqrt(len(sample))
    assert abs(np.mean(sample) - expected) < 5.0 * error, f"{np.mean(sample)} against {expected} +- {error}"


def heard_db(sky: Weather, x_m: list[float] | Floats, indoor: bool = False) -> Floats:
    """Gains at places on the x axis, the absorption of air taken off."""
    x_m = np.asarray(x_m, dtype=float)
    return sky.gain_db(x_m, np.zeros_like(x_m), 1.5, indoor) + sky._air_db_per_m * np.hypot(x_m, 10.0 - 1.5)


@pytest.mark.parametrize("state", STATES)
def test_shadows_have_their_states_deviation_and_correlation(state: str) -> None:
    """Over 2,000 independent sites: mean -L, variance sigma^2, and covariance sigma^2 exp(-r/d) of that state."""
    law, indoor, mean_db, sigma_db, correlation_m = STATES[state]
    ways = np.array([0.0, 0.1, 0.5, 1.0, 2.0])
    shadow_db = heard_db(weather(law, [(0.0, 0.0)] * 2000), 300.0 + correlation_m * ways, indoor) + mean_db
    assert_mean(shadow_db[:, 0], 0.0)
    for k, way in enumerate(ways):
        assert_mean(shadow_db[:, 0] * shadow_db[:, k], sigma_db**2 * np.exp(-way))


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_shadows_of_two_sites_go_together_as_far_as_they_shall(correlation: float) -> None:
    """Over 4,000 places far apart: covariance r sigma^2 between sites, and each site's own law whatever r is."""
    sky = weather(Flat(), [(0.0, 0.0), (500.0, 0.0)], correlation)
    x_m, y_m = np.random.default_rng(1).uniform(-1e5, 1e5, (2, 4000))
    air_db = sky._air_db_per_m * np.hypot(np.hypot(x_m - np.array([[0.0], [500.0]]), y_m), 8.5)
    one, other = sky.gain_db(x_m, y_m, 1.5) + air_db + 100.0
    assert_mean(one * other, 9.0 * correlation)
    for shadow_db in (one, other):
        assert_mean(shadow_db, 0.0)
        assert_mean(shadow_db**2, 9.0)
    if correlation == 1.0:
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("distance_m", "probability"), [(10.0, 1.0), (50.0, 0.519585), (100.0, 0.230985),
                                                         (500.0, 0.036001)])  # fmt: skip
def test_share_of_links_in_sight(distance_m: float, probability: float) -> None:
    """Over 3,000 sites at one distance: a share P_LOS of them is nearer to the loss with line of sight."""
    law = UmiStreetCanyon(los_sigma_db=0.0, nlos_sigma_db=0.0)
    los_db, nlos_db = (float(loss) for loss in law.loss_db(np.array(distance_m), 10.0, 1.5, 3.5e9))
    loss_db = -heard_db(weather(law, [(0.0, 0.0)] * 3000), [distance_m])[:, 0]
    assert (loss_db >= los_db - 1e-9).all()
    assert (loss_db <= nlos_db + 1e-9).all()
    in_sight = 1.0 * (loss_db < (los_db + nlos_db) / 2.0)
    if probability == 1.0:
        assert in_sight.all()
    else:
        assert_mean(in_sight, probability)


def test_line_of_sight_goes_on_for_its_correlation_distance() -> None:
    """P(in sight here and r farther on) = 1/4 + asin(exp(-(r/d)^2))/(2 pi) at P_LOS = 1/2: that of a smooth field."""
    sky = weather(Flat(0.5, shadows_db=(0.0, 0.0)), [(0.0, 0.0)] * 3000)
    in_sight = heard_db(sky, [300.0, 310.0, 350.0, 400.0]) > -110.0
    for k, way in enumerate((0.2, 1.0, 2.0), 1):
        assert_mean(1.0 * (in_sight[:, 0] & in_sight[:, k]), 0.25 + np.arcsin(np.exp(-(way**2))) / (2.0 * np.pi))


def city(seed: int = 3, **fields: Any) -> Weather:
    """Three sites with sectors in a street canyon at 28 GHz."""
    fields = {"carrier_hz": 28e9, "sectors": 3, "tilt_deg": 6.0} | fields
    return weather(UmiStreetCanyon(), [(0.0, 0.0), (200.0, 0.0), (90.0, 170.0)], 0.5, seed, **fields)


def places(count: int) -> tuple[Floats, Floats]:
    """Random places in the midst of the city."""
    x_m, y_m = np.random.default_rng(2).uniform(-100.0, 300.0, (2, count))
    return x_m, y_m


def test_two_devices_at_one_place_hear_the_same() -> None:
    """Alone, among others and at another time of asking: the same bits; another seed is another city."""
    x_m, y_m = places(60)
    together = city().gain_db(x_m, y_m, 1.5)
    sky = city()
    singly = np.hstack([sky.gain_db(x_m[k : k + 1], y_m[k : k + 1], 1.5) for k in reversed(range(60))])[:, ::-1]
    np.testing.assert_array_equal(together, singly)
    assert (city(4).gain_db(x_m, y_m, 1.5) != together).all()


@pytest.mark.parametrize("sectors", [1, 3])
@pytest.mark.parametrize("indoor", [False, True])
def test_one_cell_is_its_row_of_all(sectors: int, indoor: bool) -> None:
    """Asked for one cell, or for another one at each place, the weather gives that of its row to the last bit."""
    sky, (x_m, y_m) = city(sectors=sectors), places(40)
    everything = sky.gain_db(x_m, y_m, 1.5, indoor)
    assert everything.shape == (3 * sectors, 40)
    for cell in range(3 * sectors):
        np.testing.assert_array_equal(sky.gain_db(x_m, y_m, 1.5, indoor, np.full(40, cell))[0], everything[cell])
    mixed = np.arange(40) % (3 * sectors)
    np.testing.assert_array_equal(sky.gain_db(x_m, y_m, 1.5, indoor, mixed)[0], everything[mixed, np.arange(40)])


def test_a_millimetre_is_hardly_heard() -> None:
    """No cell changes by more than 0.2 dB over a millimetre, at any of 2,000 places."""
    sky, (x_m, y_m) = city(), places(2000)
    assert np.abs(sky.gain_db(x_m + 1e-3, y_m, 1.5) - sky.gain_db(x_m, y_m, 1.5)).max() < 0.2


def test_sectors_share_the_field_of_their_site() -> None:
    """Two sectors of a site differ by their patterns alone, at any place; the angles are those of the geometry."""
    sky, (x_m, y_m) = city(), places(50)
    gain_db, alone_db = sky.gain_db(x_m, y_m, 1.5), city(sectors=1).gain_db(x_m, y_m, 1.5)
    for cell, (_, site, looks_deg) in enumerate(sky.sites.cells):
        dx_m, dy_m = x_m - sky.sites.places[site].x_m, y_m - sky.sites.places[site].y_m
        across_deg = np.degrees(np.angle((dx_m + 1j * dy_m) * np.exp(-1j * np.radians(looks_deg))))
        below_deg = 90.0 - np.degrees(np.arctan2(np.hypot(dx_m, dy_m), 8.5))
        expected_db = alone_db[site] - sector_attenuation_db(across_deg, below_deg - 6.0)
        np.testing.assert_allclose(gain_db[cell], expected_db, rtol=0, atol=1e-9)


def test_a_device_in_the_beam_of_a_tilted_sector_loses_nothing() -> None:
    """45 degrees down and in the azimuth of the second sector (150 degrees): the antenna's whole gain."""
    law = LogDistance(shadow_sigma_db=0.0)
    fields: dict[str, Any] = {"sectors": 3, "tilt_deg": 45.0, "height_m": 101.5, "antenna_gain_dbi": 17.0}
    x_m, y_m = np.array([100.0 * np.cos(np.radians(150.0))]), np.array([100.0 * np.sin(np.radians(150.0))])
    loss_db = law.loss_db(np.array([100.0]), 101.5, 1.5, 3.5e9)[0]
    gain_db = weather(law, **fields).gain_db(x_m, y_m, 1.5)[:, 0]
    assert gain_db[1] == pytest.approx(17.0 - loss_db[0] - 0.007810 * 0.1414, abs=1e-6)
    assert gain_db[0] == gain_db[2] == pytest.approx(gain_db[1] - 30.0, abs=1e-9)


def test_air_takes_its_part() -> None:
    """60 GHz over 1 km of slant loses 14.7783 dB of oxygen besides the spreading of the wave; 28 GHz 0.1018 dB."""
    for carrier_hz, expected_db in ((60e9, 14.778317), (28e9, 0.101756)):
        sky = weather(FreeSpace(), carrier_hz=carrier_hz, height_m=601.5)
        free_db = 20.0 * np.log10(4.0 * np.pi * 1000.0 * carrier_hz / 299_792_458.0)
        assert -sky.gain_db(np.array([800.0]), np.zeros(1), 1.5)[0, 0] - free_db == pytest.approx(expected_db, rel=1e-3)


def test_indoors_counts_where_the_law_knows_it() -> None:
    """A law without a shadow of its own for buildings gives the same inside and outside."""
    x_m, y_m = places(20)
    plain = weather(LogDistance())
    np.testing.assert_array_equal(plain.gain_db(x_m, y_m, 1.5, True), plain.gain_db(x_m, y_m, 1.5, False))
    assert (city().gain_db(x_m, y_m, 1.5, True) != city().gain_db(x_m, y_m, 1.5, False)).all()


def test_a_link_beyond_the_range_is_told_once() -> None:
    """5 km is the range of street canyons: farther from the nearest site warns the first time, or is refused."""
    near, far = (np.array([x_m]) for x_m in (4999.0, 5201.0))
    sky = weather(UmiStreetCanyon(), [(0.0, 0.0), (200.0, 0.0)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sky.gain_db(near, np.zeros(1), 1.5)
    with pytest.warns(InputWarning, match="a link over 5001 m; want at most 5000 m"):
        first_db = sky.gain_db(far, np.zeros(1), 1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(sky.gain_db(far, np.zeros(1), 1.5), first_db)
    with pytest.raises(InputError, match="umi-street-canyon"):
        weather(UmiStreetCanyon(), strict=True).gain_db(far, np.zeros(1), 1.5)


def test_the_strongest_of_equal_sites_is_the_nearest() -> None:
    """On a hexagonal grid of 200 m without shadows a straight way meets 6.3662 borders a kilometre: v L/(pi A)."""
    hexagons = Hexagons(rings=2, distance_m=200.0)
    sky = weather(LogDistance(shadow_sigma_db=0.0), at=(), hexagons=hexagons)
    rng, count = np.random.default_rng(5), 300
    across, up = rng.uniform(-0.5, 0.5, (2, count, 1))  # the middles, uniform over a period of the grid
    along_m, angle = np.arange(-100.0, 101.0, 2.0), rng.uniform(0.0, 2.0 * np.pi, (count, 1))
    x_m = (200.0 * (across + up / 2.0) + along_m * np.cos(angle)).ravel()
    y_m = (200.0 * np.sqrt(0.75) * up + along_m * np.sin(angle)).ravel()
    strongest = sky.gain_db(x_m, y_m, 1.5).argmax(axis=0)
    spots = np.array([[site.x_m, site.y_m] for site in sky.sites.places])
    nearest = np.hypot(x_m - spots[:, :1], y_m - spots[:, 1:]).argmin(axis=0)
    np.testing.assert_array_equal(strongest, nearest)
    borders = (np.diff(strongest.reshape(count, -1), axis=1) != 0).sum(axis=1)
    assert_mean(borders / 0.2, 6.3662)
