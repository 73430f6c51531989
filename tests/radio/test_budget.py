"""The link budget: published numbers, the part of power and of band, and who disturbs whom."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qflsim.radio.budget import Budget, Radio
from qflsim.radio.equipment import Hardware
from qflsim.radio.fading import NoFading, Rayleigh
from qflsim.radio.handover import A3
from qflsim.radio.harq import Harq
from qflsim.radio.pathloss import PathLoss
from qflsim.radio.pathloss_city import Uma, UmiStreetCanyon
from qflsim.radio.rate import GapRate, Shannon
from qflsim.radio.uplink import Uplink
from qflsim.radio.weather import Weather
from qflsim.streams import Streams
from qflsim.terms import Direction
from qflsim.units import from_db
from qflsim.world.sites import SiteAt, Sites

DOWN, UP = Direction.DOWNLOAD, Direction.UPLOAD
PHONE = Hardware(23.0, 9.0, 1.5, 0.0)
MACRO = {"carrier_hz": 3.5e9, "power_dbm": 46.0, "antenna_gain_dbi": 8.0, "bandwidth_hz": 20e6, "height_m": 25.0,
         "airtime_share": 1.0}  # fmt: skip
SHANNON = Shannon()


def radio(sites: dict[str, Any] = MACRO, uplink: Uplink | None = None, **laws: Any) -> Radio:
    """A radio without fading at Shannon's limit, unless laws say otherwise."""
    at = (SiteAt(name="a", x_m=0.0, y_m=0.0),)
    weather = Weather(Sites.model_validate(sites | {"at": at}), Uma(), 0.5, False, Streams(1))
    told: dict[str, Any] = {
            "weather": weather, "fading": NoFading(), "rate_map": SHANNON, "handover": A3(), "harq": None,
            "short_messages": None, "activity": 0.0, "step_db": 0.5}  # fmt: skip
    return Radio(uplink=uplink or Uplink(), **(told | laws))


def lost_db(law: PathLoss, distance_m: float, height_m: float, carrier_hz: float) -> float:
    """Path loss out of sight."""
    return float(law.loss_db(np.array(distance_m), height_m, 1.5, carrier_hz)[1])


def rate(budget: Budget, direction: Direction, level_db: float, share: float = 1.0) -> float:
    """The rate of a flow of this level that has this share of its cell."""
    return budget.carried(direction, budget.power(direction, level_db), share).rate_bit_per_s


def test_published_downlinks() -> None:
    """A macro cell at 500 m and a street cell at 100 m, both out of sight: 16.0739 dB (107.4964 Mbit/s), 21.1204 dB."""
    gain_db = np.array([[8.0 - lost_db(Uma(), 500.0, 25.0, 3.5e9)]])
    budget = Budget(radio(), PHONE)
    level_db, margin_db = budget.quality(DOWN, gain_db)
    assert level_db[0, 0] == margin_db[0, 0] == pytest.approx(16.0739, abs=1e-4)
    assert rate(budget, DOWN, float(level_db[0, 0])) == pytest.approx(107.4964e6, rel=1e-5)
    street = MACRO | {"carrier_hz": 28e9, "power_dbm": 40.0, "antenna_gain_dbi": 20.0, "bandwidth_hz": 100e6}
    gain_db = np.array([[20.0 - lost_db(UmiStreetCanyon(), 100.0, 10.0, 28e9)]])
    assert Budget(radio(street), PHONE).quality(DOWN, gain_db)[0][0, 0] == pytest.approx(21.1204, abs=1e-4)


def test_a_published_uplink() -> None:
    """The same macro cell, heard over ten resource blocks of 180 kHz at full power: 7.5314 dB."""
    gain_db = np.array([8.0 - lost_db(Uma(), 500.0, 25.0, 3.5e9)])
    assert Budget(radio(), PHONE).uplink_snr_db(gain_db, 1.8e6)[0] == pytest.approx(7.5314, abs=1e-4)
    narrow = Budget(radio(uplink=Uplink(resource_block_hz=1.8e6)), PHONE)
    level_db, margin_db = narrow.quality(UP, gain_db[:, None])
    assert (level_db[0, 0], margin_db[0, 0]) == (gain_db[0], pytest.approx(7.5314, abs=1e-4))


def test_what_hardware_moves() -> None:
    """Each decibel counts where it acts: +3 dB of power is +3 dB of SNR, of noise figure -3, of walls -3 both ways."""
    gain_db = np.array([[-100.0]])

    def levels_db(hardware: Hardware, **sites: float) -> tuple[float, float]:
        budget = Budget(radio(MACRO | sites), hardware)
        return (float(budget.quality(DOWN, gain_db)[0][0, 0]), float(budget.uplink_snr_db(gain_db[0], 1e6)[0]))

    down_db, up_db = levels_db(PHONE)
    for (now_down_db, now_up_db), (more_down_db, more_up_db) in (
        (levels_db(PHONE, power_dbm=49.0), (3.0, 0.0)),
        (levels_db(PHONE._replace(eirp_dbm=26.0)), (0.0, 3.0)),
        (levels_db(PHONE._replace(noise_figure_db=12.0)), (-3.0, 0.0)),
        (levels_db(PHONE, noise_figure_db=8.0), (0.0, -3.0)),
        (levels_db(PHONE._replace(penetration_loss_db=3.0)), (-3.0, -3.0)),
        (levels_db(PHONE, bandwidth_hz=10e6), (10.0 * math.log10(2.0), 0.0)),
    ):
        assert now_down_db - down_db == pytest.approx(more_down_db, abs=1e-9)
        assert now_up_db - up_db == pytest.approx(more_up_db, abs=1e-9)


def test_half_a_band_takes_twice_as_long() -> None:
    """At one SNR a rate is in proportion to the bandwidth, to the service's part of it and to a flow's share."""
    whole = rate(Budget(radio(), PHONE), DOWN, 10.0)
    assert whole == pytest.approx(20e6 * math.log2(11.0), rel=1e-12)
    assert rate(Budget(radio(MACRO | {"bandwidth_hz": 10e6}), PHONE), DOWN, 10.0) == pytest.approx(whole / 2)
    assert rate(Budget(radio(MACRO | {"airtime_share": 0.02}), PHONE), DOWN, 10.0) == pytest.approx(whole / 50)
    assert rate(Budget(radio(), PHONE), DOWN, 10.0, 0.25) == pytest.approx(whole / 4)


@pytest.mark.parametrize("flows", [1, 2, 7])
@pytest.mark.parametrize("gain_db", [-90.0, -110.0, -125.0])
def test_shares_of_time_and_of_band_where_power_limits(flows: int, gain_db: float) -> None:
    """Each of n flows has B/n lg2(1 + SNR) in its turns, and B/n lg2(1 + n SNR) in its part of the band."""
    snr = float(from_db(23.0 + gain_db - (-174.0 + 10.0 * math.log10(20e6) + 5.0)))
    turns, part = (Budget(radio(uplink=Uplink(access=access)), PHONE) for access in ("tdma", "ofdma"))
    assert rate(turns, UP, gain_db, 1 / flows) == pytest.approx(20e6 / flows * math.log2(1 + snr), rel=1e-9)
    assert rate(part, UP, gain_db, 1 / flows) == pytest.approx(20e6 / flows * math.log2(1 + flows * snr), rel=1e-9)


@given(gain_db=st.floats(-120.0, -60.0), share=st.floats(0.05, 1.0))
def test_shares_of_time_and_of_band_where_power_does_not_limit(gain_db: float, share: float) -> None:
    """Downlinks, whose power fills the band, and uplinks whose power control aims at a level: both ways the same."""
    controlled = {"p0_dbm": -110.0, "path_loss_share": 1.0}
    aim_db = -110.0 - (-174.0 + 10.0 * math.log10(360e3) + 5.0)
    budgets = [Budget(radio(uplink=Uplink.model_validate({"access": access} | controlled)), PHONE._replace(eirp_dbm=60))
               for access in ("tdma", "ofdma")]  # fmt: skip
    for budget in budgets:
        expected = 20e6 * share * math.log2(1.0 + float(from_db(aim_db)))
        assert rate(budget, UP, gain_db, share) == pytest.approx(expected, rel=1e-9)
    assert rate(budgets[0], DOWN, 7.0, share) == rate(budgets[1], DOWN, 7.0, share)


def test_a_weak_device_sends_in_fewer_blocks() -> None:
    """Below the lowest SNR of the rate map it keeps that SNR in less of the band: its rate is in proportion to what is
    received, and continuous where that begins."""
    budget = Budget(radio(rate_map=GapRate()), PHONE)
    noise_dbm = -174.0 + 10.0 * math.log10(20e6) + 5.0
    edge_db = -7.0 + noise_dbm - 23.0  # where the SNR over the whole band is the cut of -7 dB
    at_edge = rate(budget, UP, edge_db)
    assert rate(budget, UP, edge_db + 1e-9) == pytest.approx(at_edge, rel=1e-8)
    for less_db in (1.0, 3.0, 15.0):
        carried = budget.carried(UP, budget.power(UP, edge_db - less_db))
        part = 10.0 ** (-less_db / 10.0)
        assert carried.snr_db == pytest.approx(-7.0, abs=1e-9)
        assert carried.bandwidth_hz == pytest.approx(20e6 * part, rel=1e-9)
        assert carried.rate_bit_per_s == pytest.approx(at_edge * part, rel=1e-9)
    # a turn of the whole band cannot be made narrower
    turns = Budget(radio(rate_map=GapRate(), uplink=Uplink(access="tdma")), PHONE)
    assert turns.carried(UP, turns.power(UP, edge_db - 15.0)).bandwidth_hz == 20e6


def test_the_books_of_a_cell_see_the_same_efficiency() -> None:
    """`Radio.efficiency`, by which a cell shares its band, is the rate of a flow over its part of the band."""
    laws = radio(rate_map=GapRate(), fading=Rayleigh())
    budget = Budget(laws, PHONE)
    for gain_db in (-80.0, -110.0, -130.0):
        for share in (1.0, 0.3):
            power = budget.power(UP, gain_db)
            snr_db = np.array([min(power.full_db - 10.0 * math.log10(share), power.most_db)])
            expected = 20e6 * share * laws.efficiency(snr_db)[0]
            assert budget.carried(UP, power, share).rate_bit_per_s == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("p0_dbm", "alpha", "loss_db", "expected_dbm"), [(-90.0, 1.0, 100.0, 20.0), (-75.0, 0.8, 120.0, 31.0)]
)
def test_published_power_control(p0_dbm: float, alpha: float, loss_db: float, expected_dbm: float) -> None:
    """P0 + alpha PL + 10 lg 10 over ten resource blocks, and never more than there is."""
    law, band_hz = Uplink(p0_dbm=p0_dbm, path_loss_share=alpha), 3.6e6
    assert law.power_dbm(np.array([loss_db]), band_hz, 40.0)[0] == pytest.approx(expected_dbm, abs=1e-9)
    assert law.power_dbm(np.array([loss_db]), band_hz, 23.0)[0] == pytest.approx(min(expected_dbm, 23.0), abs=1e-9)
    assert Uplink().power_dbm(np.array([loss_db]), band_hz, 23.0)[0] == 23.0


def test_power_control_makes_near_and_far_alike() -> None:
    """With alpha = 1 all who have the power arrive at one level, with 0 they keep their whole difference, with 0.8 a
    fifth of it; what it aims at does not depend on the band."""
    near_db, far_db = np.array([70.0]), np.array([90.0])
    for alpha, apart_db in ((1.0, 0.0), (0.8, 4.0), (0.0, 20.0)):
        law = Uplink(p0_dbm=-90.0, path_loss_share=alpha)
        levels_db = [float(law.snr_db(loss_db, 3.6e6, 60.0, 5.0)[0]) for loss_db in (near_db, far_db)]
        assert levels_db[0] - levels_db[1] == pytest.approx(apart_db, abs=1e-9)
        assert levels_db[1] == pytest.approx(law.aim_db(90.0, 5.0), abs=1e-9)
        assert float(law.snr_db(far_db, 36e6, 90.0, 5.0)[0]) == pytest.approx(law.aim_db(90.0, 5.0), abs=1e-9)
    assert Uplink().aim_db(90.0, 5.0) == math.inf


@pytest.mark.parametrize("share", [0.75, 0.2])
def test_time_division_splits_the_time(share: float) -> None:
    """TDD gives the downlink its share of the time and the uplink the rest; FDD gives both all of it."""
    fdd = Budget(radio(), PHONE)
    tdd = Budget(radio(MACRO | {"duplex": "tdd", "downlink_share": share}), PHONE)
    assert rate(tdd, DOWN, 10.0) == pytest.approx(share * rate(fdd, DOWN, 10.0), rel=1e-12)
    assert rate(tdd, UP, -100.0) == pytest.approx((1.0 - share) * rate(fdd, UP, -100.0), rel=1e-12)


def test_retransmissions_take_their_part_of_the_rate() -> None:
    """With one block in ten lost a rate is nine tenths, both ways."""
    plain, again = Budget(radio(), PHONE), Budget(radio(harq=Harq(block_error=0.1)), PHONE)
    for direction, level_db in ((DOWN, 10.0), (UP, -100.0)):
        assert rate(again, direction, level_db) == pytest.approx(0.9 * rate(plain, direction, level_db), rel=1e-12)


def test_the_rise_of_noise_counts_upwards_only() -> None:
    """3 dB of other cells' devices over the noise are 3 dB less at the site, in margin, turn and part of the band."""
    gain_db = np.array([[-110.0]])
    for access in ("tdma", "ofdma"):
        quiet, loud = (Budget(radio(uplink=Uplink.model_validate({"access": access, "noise_rise_db": rise_db})), PHONE)
                       for rise_db in (0.0, 3.0))  # fmt: skip
        assert (loud.quality(DOWN, gain_db)[0] == quiet.quality(DOWN, gain_db)[0]).all()
        assert quiet.uplink_snr_db(gain_db, 1e6) - loud.uplink_snr_db(gain_db, 1e6) == pytest.approx(3.0, abs=1e-9)
        assert quiet.power(UP, -110.0).snr_db() - loud.power(UP, -110.0).snr_db() == pytest.approx(3.0, abs=1e-9)
        assert rate(loud, UP, -110.0) == pytest.approx(rate(quiet, UP, -113.0), rel=1e-9)


def test_an_uplink_needs_its_downlink() -> None:
    """The margin of an uplink is at most that of the downlink, and below it where the device is the weaker one."""
    gains_db = np.array([[-60.0], [-100.0], [-140.0]])
    for hardware in (PHONE, PHONE._replace(eirp_dbm=-20.0), PHONE._replace(eirp_dbm=60.0, noise_figure_db=30.0)):
        budget = Budget(radio(), hardware)
        down_db, (_, margin_db) = budget.quality(DOWN, gains_db)[1], budget.quality(UP, gains_db)
        block_db = budget.uplink_snr_db(gains_db, 360e3)
        np.testing.assert_array_equal(margin_db, np.minimum(block_db, down_db))
    assert (margin_db == down_db).all()


def gains_for(budget: Budget, snr_db: list[float]) -> np.ndarray:
    """The gains at which cells have these downlink SNRs, in one column."""
    none_db = float(Budget(radio(), PHONE).quality(DOWN, np.zeros((1, 1)))[0][0, 0])
    return np.array(snr_db)[:, None] - none_db


@pytest.mark.parametrize("activity", [0.0, 0.5, 1.0])
def test_other_cells_disturb_for_their_share_of_the_time(activity: float) -> None:
    """Cells at 20, 10 and 0 dB: 100/(1 + a 11), 10/(1 + a 101) and 1/(1 + a 110)."""
    budget = Budget(radio(activity=activity), PHONE)
    level_db, margin_db = budget.quality(DOWN, gains_for(budget, [20.0, 10.0, 0.0]))
    expected = [100.0 / (1.0 + 11.0 * activity), 10.0 / (1.0 + 101.0 * activity), 1.0 / (1.0 + 110.0 * activity)]
    np.testing.assert_allclose(from_db(level_db[:, 0]), expected, rtol=1e-9)
    np.testing.assert_array_equal(level_db, margin_db)


def test_a_cell_that_is_down_disturbs_nobody() -> None:
    """With the strongest cell down the others are as if it were not there; alone a cell is limited by noise."""
    budget = Budget(radio(activity=1.0), PHONE)
    gain_db = gains_for(budget, [20.0, 10.0, 0.0])
    gain_db[0] = -np.inf
    level_db = budget.quality(DOWN, gain_db)[0][:, 0]
    assert level_db[0] == -np.inf
    np.testing.assert_allclose(from_db(level_db[1:]), [10.0 / 2.0, 1.0 / 11.0], rtol=1e-9)
    gain_db[1] = -np.inf
    assert budget.quality(DOWN, gain_db)[0][2, 0] == pytest.approx(0.0, abs=1e-9)


def test_more_power_everywhere_does_not_help_against_interference() -> None:
    """Where interference counts, SINR of n equal cells tends to 1/(a (n - 1)), however strong they are."""
    budget = Budget(radio(activity=0.4), PHONE)
    level_db = budget.quality(DOWN, gains_for(budget, [120.0] * 4))[0]
    np.testing.assert_allclose(from_db(level_db), 1.0 / (0.4 * 3), rtol=1e-9)


@pytest.mark.parametrize("activity", [0.0, 0.3])
@pytest.mark.parametrize("direction", Direction)
def test_one_cell_at_one_instant_is_as_in_company(direction: Direction, activity: float) -> None:
    """To the last bit: of one cell alone and of all, at one instant and at many."""
    budget, gains_db = Budget(radio(activity=activity), PHONE), np.random.default_rng(4).uniform(-140, -60, (37, 20))
    both = np.array(budget.quality(direction, gains_db))
    for cell in (0, 17, 36):
        np.testing.assert_array_equal(budget.quality(direction, gains_db, cell), both[:, cell])
    for instant in (0, 19):
        here = budget.quality(direction, gains_db[:, instant : instant + 1])
        np.testing.assert_array_equal(here, both[:, :, instant : instant + 1])
