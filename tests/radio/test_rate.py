"""Rates: noise, the gap map, and its mean over Rayleigh fading against quadrature."""

from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.integrate import quad

from qflsim.radio.rate import GapRate, noise_dbm
from qflsim.units import from_db

SHANNON = GapRate(gap_db=0.0, peak_bit_per_s_hz=60.0)


def test_noise_of_usual_bandwidths() -> None:
    """-174 dBm/Hz plus the bandwidth, plus the receiver's own."""
    for bandwidth_hz, expected_dbm in ((180e3, -121.447), (20e6, -100.990), (100e6, -94.0), (400e6, -87.979)):
        assert noise_dbm(bandwidth_hz, 0.0) == pytest.approx(expected_dbm, abs=1e-3)
        assert noise_dbm(bandwidth_hz, 9.0) == pytest.approx(expected_dbm + 9.0, abs=1e-3)


def test_gap_shifts_and_peak_caps() -> None:
    """At SNR = gap the efficiency is 1; it is Shannon's at an SNR lower by the gap; it never passes the peak."""
    rate = GapRate()
    snr = from_db(np.linspace(-20.0, 15.0, 36))
    assert rate.efficiency(from_db(2.5)) == pytest.approx(1.0, abs=1e-12)
    assert rate.efficiency(snr * from_db(2.5)) == pytest.approx(SHANNON.efficiency(snr), abs=1e-12)
    assert rate.efficiency(from_db(60.0)) == 5.5547
    assert rate.efficiency(np.array(0.0)) == 0.0


def test_gap_map_is_close_to_simulated_codes() -> None:
    """Within 1.3 dB of the SNR of 10 % block errors for rows of the 64QAM table simulated with Sionna."""
    for efficiency, snr_db in ((0.4902, -1.62), (1.1758, 3.47), (1.9141, 7.20), (3.0293, 10.90), (4.5234, 16.25)):
        assert GapRate().efficiency(from_db(snr_db - 1.3)) < efficiency < GapRate().efficiency(from_db(snr_db + 1.3))


def test_ergodic_rates() -> None:
    """Without gap and peak the mean over Rayleigh fading is the ergodic capacity, seven published values."""
    snr_db = np.array([-10.0, 0.0, 5.0, 10.0, 15.0, 20.0, 30.0])
    expected = [0.132098, 0.860347, 1.715974, 2.906515, 4.330200, 5.884048, 9.143619]
    assert SHANNON.rayleigh_mean(from_db(snr_db)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("rate", [GapRate(), GapRate(gap_db=0.0, peak_bit_per_s_hz=2.0), SHANNON])
def test_closed_form_equals_quadrature(rate: GapRate) -> None:
    """The mean is the integral of the map over the exponential law of power; below -26 dB the series is at work."""
    for snr_db in (-30.0, -23.0, -7.0, 0.0, 11.3, 25.0, 50.0):
        snr = float(from_db(snr_db))
        kink = (2.0**rate.peak_bit_per_s_hz - 1.0) * float(from_db(rate.gap_db)) / snr
        parts = [0.0, *sorted({min(kink, 40.0), 1.0, 5.0, 15.0, 40.0})]
        total = sum(
            quad(lambda x, snr=snr: np.exp(-x) * rate.efficiency(snr * x), a, b, epsabs=1e-13)[0]
            for a, b in pairwise(parts)
        )
        assert rate.rayleigh_mean(np.array(snr)) == pytest.approx(total, rel=1e-8, abs=1e-12)


def test_weak_links_are_linear() -> None:
    """Far below the noise the mean is SNR/(gap ln 2): the overflow of e^{1/g} is not met."""
    snr = from_db(np.array([-40.0, -60.0, -90.0]))
    expected = snr / from_db(2.5) / np.log(2.0)
    assert GapRate().rayleigh_mean(snr) == pytest.approx(expected, rel=1e-4)


def test_a_link_cannot_return_below_its_cut() -> None:
    """Equal levels are fine, a lower return is refused, and so are booleans for numbers."""
    GapRate(cut_db=-5.0, return_db=-5.0)
    with pytest.raises(ValidationError, match="return_db must not lie below cut_db"):
        GapRate(cut_db=-5.0, return_db=-6.0)
    with pytest.raises(ValidationError):
        GapRate(gap_db=True)
