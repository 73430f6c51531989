"""Rates: noise, link budgets, Shannon's law with a gap, and with its ends cut off."""

import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.radio.rate import GapRate, RateMap, Shannon, TruncatedShannon, noise_dbm, peak_rate_bit_per_s
from qflsim.radio.rate_schemes import McsRate
from qflsim.units import from_db

MAPS: tuple[RateMap, ...] = (GapRate(), Shannon(), TruncatedShannon(), McsRate())
UPLINK = TruncatedShannon(attenuation=0.4, max_db=15.0)


def test_noise_of_usual_bandwidths() -> None:
    """-174 dBm/Hz plus the bandwidth, plus the receiver's own."""
    for bandwidth_hz, expected_dbm in (
        (180e3, -121.447), (10e6, -104.0), (20e6, -100.990), (100e6, -94.0), (400e6, -87.979)
    ):  # fmt: skip
        assert noise_dbm(bandwidth_hz, 0.0) == pytest.approx(expected_dbm, abs=1e-3)
        assert noise_dbm(bandwidth_hz, 9.0) == pytest.approx(expected_dbm + 9.0, abs=1e-3)


@pytest.mark.parametrize(
    ("eirp_dbm", "loss_db", "bandwidth_hz", "figure_db", "snr_db", "rate", "rate_bit_per_s"),
    [
        (54.0, 129.9158, 20e6, 9.0, 16.0739, Shannon(), 107.4964e6),
        (54.0, 129.9158, 20e6, 9.0, 16.0739, TruncatedShannon(), 64.4978e6),
        (60.0, 123.8796, 100e6, 9.0, 21.1204, TruncatedShannon(), 421.6280e6),
        (31.0, 129.9158, 1.8e6, 5.0, 7.5314, UPLINK, 1.9702e6),
    ],
    ids=["macro", "macro, truncated", "millimetre waves", "uplink"],
)
def test_link_budgets(
    eirp_dbm: float, loss_db: float, bandwidth_hz: float, figure_db: float, snr_db: float, rate: RateMap,
    rate_bit_per_s: float,
) -> None:  # fmt: skip
    """Power - loss - noise, and the rate of it: published budgets to the digits given."""
    found_db = eirp_dbm - loss_db - noise_dbm(bandwidth_hz, figure_db)
    assert found_db == pytest.approx(snr_db, abs=1e-4)
    assert bandwidth_hz * rate.efficiency(from_db(found_db)) == pytest.approx(rate_bit_per_s, rel=4e-5)


def test_peak_rate_of_a_carrier() -> None:
    """100 MHz at 30 kHz, 273 blocks, 256QAM, four layers: the published 2.337 Gbit/s."""
    assert peak_rate_bit_per_s(273, 1, 8, 4, 0.14) == pytest.approx(2_337_000_120.0, abs=1.0)


def test_gap_shifts_and_peak_caps() -> None:
    """At SNR = gap the efficiency is 1; it is Shannon's at an SNR lower by the gap; it never passes the peak."""
    rate = GapRate()
    snr = from_db(np.linspace(-20.0, 15.0, 36))
    assert rate.efficiency(from_db(2.5)) == pytest.approx(1.0, abs=1e-12)
    assert rate.efficiency(snr * from_db(2.5)) == pytest.approx(Shannon().efficiency(snr), abs=1e-12)
    assert rate.efficiency(from_db(60.0)) == 5.5547
    assert rate.efficiency(np.array(0.0)) == 0.0


def test_gap_map_is_close_to_simulated_codes() -> None:
    """Within 1.3 dB of the SNR of 10 % block errors for rows of the 64QAM table simulated with Sionna."""
    for efficiency, snr_db in ((0.4902, -1.62), (1.1758, 3.47), (1.9141, 7.20), (3.0293, 10.90), (4.5234, 16.25)):
        assert GapRate().efficiency(from_db(snr_db - 1.3)) < efficiency < GapRate().efficiency(from_db(snr_db + 1.3))


def test_shannon() -> None:
    """Published capacities."""
    expected = [0.137504, 1.0, 2.057373, 3.459432, 6.658211, 9.967226]
    snr = from_db(np.array([-10.0, 0.0, 5.0, 10.0, 20.0, 30.0]))
    assert Shannon().efficiency(snr) == pytest.approx(expected, abs=1e-6)


def test_truncated_shannon() -> None:
    """Published efficiencies of both presets; nothing below the lower end, constant above the upper."""
    snr = from_db(np.array([-10.0, 0.0, 10.0, 15.0, 22.0]))
    assert TruncatedShannon().efficiency(snr) == pytest.approx([0.082502, 0.6, 2.075659, 3.016685, 4.390390], abs=1e-6)
    assert UPLINK.efficiency(snr) == pytest.approx([0.055001, 0.4, 1.383773, 2.011123, 2.011123], abs=1e-6)
    assert TruncatedShannon().efficiency(from_db(np.array([-10.01, -60.0]))).tolist() == [0.0, 0.0]
    assert TruncatedShannon().efficiency(np.array(np.inf)) == TruncatedShannon().efficiency(from_db(22.0))


@pytest.mark.parametrize("rate", MAPS, ids=lambda rate: rate.kind)
def test_every_map_rises_and_bends_only_at_its_corners(rate: RateMap) -> None:
    """It never falls, stays below Shannon's, carries something at its cut, and is smooth between its corners."""
    snr = np.geomspace(1e-3, 1e6, 20_001)
    efficiency = rate.efficiency(snr)
    assert (np.diff(efficiency) >= 0.0).all()
    assert (efficiency <= Shannon().efficiency(snr)).all()
    assert rate.efficiency(from_db(rate.cut_db)) > 0.0
    bends = np.abs(np.diff(efficiency, 2)) > 2e-6
    corners = np.array([*rate.corners_snr, np.inf])
    for k in np.flatnonzero(bends):
        assert ((corners > snr[k] * 0.999) & (corners < snr[k + 2] * 1.001)).any()


def test_a_link_cannot_return_below_its_cut() -> None:
    """Equal levels are fine; a lower return, a cut where nothing is carried, and booleans for numbers are refused."""
    GapRate(cut_db=-5.0, return_db=-5.0)
    for kind in (GapRate, Shannon, TruncatedShannon):
        with pytest.raises(ValidationError, match="return_db must not lie below cut_db"):
            kind(cut_db=-5.0, return_db=-6.0)
    with pytest.raises(ValidationError, match="nothing is carried below"):
        TruncatedShannon(min_db=-6.0)
    with pytest.raises(ValidationError, match="nothing is carried below"):
        TruncatedShannon(cut_db=30.0, return_db=31.0)
    with pytest.raises(ValidationError, match="return_db must not lie below cut_db"):
        McsRate(cut_db=5.0)
    with pytest.raises(ValidationError):
        McsRate(cut_db=-1.7)
    with pytest.raises(ValidationError):
        GapRate(gap_db=True)
