"""Fading laws: published distributions, crossings and ergodic rates; coherence; what a law must keep."""

from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.integrate import quad
from scipy.special import exp1

from qflsim.radio.fading import Echoes, Nakagami, NoFading, Rayleigh, Rician
from qflsim.radio.rate import GapRate, RateMap, Shannon, TruncatedShannon
from qflsim.radio.rate_schemes import McsRate
from qflsim.streams import Streams
from qflsim.units import from_db

K_1, K_5, K_10 = (Rician(k_db=float(10.0 * np.log10(k))) for k in (1.0, 5.0, 10.0))
LAWS: tuple[Echoes, ...] = (Rayleigh(), K_1, K_5, K_10, Nakagami(), Nakagami(m=4.0), Nakagami(m=0.5), Nakagami(m=1.7))
STREAMS = Streams(11)


def of(law: Echoes) -> str:
    """A name for a law in a test's name."""
    return f"{law.kind}{getattr(law, 'k_db', '')}{getattr(law, 'm', '')}"


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (Rayleigh(), (9.950166e-3, 9.516258e-2, 6.321206e-1)),
        (Nakagami(m=2.0), (1.973532e-4, 1.752310e-2, 5.939942e-1)),
        (Nakagami(m=4.0), (1.033096e-7, 7.762514e-4, 5.665299e-1)),
        (K_1, (7.357345e-3, 7.334639e-2, 6.057031e-1)),
        (K_5, (4.536293e-4, 9.641709e-3, 5.589921e-1)),
        (K_10, (7.790937e-6, 7.387041e-4, 5.430950e-1)),
    ],
    ids=lambda value: of(value) if isinstance(value, Echoes) else "",
)
def test_outage(law: Echoes, expected: tuple[float, ...]) -> None:
    """Probability of a power below 0.01, 0.1 and 1: published values to all their digits."""
    assert law.outage(np.array([0.01, 0.1, 1.0])) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("law", LAWS, ids=of)
def test_density_is_the_slope_of_outage_and_has_mean_one(law: Echoes) -> None:
    """The integral of the density between two powers is the difference of their outages; that of x p(x) is 1."""
    edges = (0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 40.0)
    for low, high in pairwise(edges):
        inside, _ = quad(law.density, low, high, epsabs=1e-13)
        assert inside == pytest.approx(float(law.outage(high) - law.outage(low)), abs=1e-10)
    # x = e^t, so that the density of m = 1/2 is no trouble at 0
    mean, _ = quad(lambda t: np.exp(2.0 * t) * law.density(np.exp(t)), -30.0, 4.5, limit=200)
    assert mean == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("law", LAWS, ids=of)
def test_powers_have_the_law(law: Echoes) -> None:
    """Mean and outage of 100,000 drawn powers within five standard errors."""
    powers = law.powers(100_000, STREAMS.named("powers", of(law)))
    assert abs(powers.mean() - 1.0) < 5.0 * powers.std() / np.sqrt(len(powers))
    for level in (0.1, 0.5, 1.0, 2.0):
        below = float(law.outage(level))
        assert abs((powers < level).mean() - below) < 5.0 * np.sqrt(below * (1.0 - below) / len(powers))


@pytest.mark.parametrize("same", [Nakagami(m=1.0), Rician(k_db=-100.0)], ids=of)
def test_three_laws_meet(same: Echoes) -> None:
    """Nakagami of m = 1, and Rice without a direct path, are Rayleigh: distribution, crossings, mean rate."""
    power = np.geomspace(1e-3, 10.0, 30)
    assert same.density(power) == pytest.approx(Rayleigh().density(power), rel=1e-7)
    assert same.outage(power) == pytest.approx(Rayleigh().outage(power), rel=1e-7)
    assert same.crossings_per_s(power, 3.0) == pytest.approx(Rayleigh().crossings_per_s(power, 3.0), rel=1e-7)
    assert same.moments(GapRate(), 7.0) == pytest.approx(Rayleigh().moments(GapRate(), 7.0), rel=1e-7)


@pytest.mark.parametrize(
    ("law", "level_db", "crossings"),
    [
        (Rayleigh(), (-20.0, -10.0, -3.01029996, 0.0), (0.248169, 0.717233, 1.075048, 0.922137)),
        (K_1, (-20.0, -10.0, 0.0), (0.130397, 0.408618, 0.750500)),
        (K_5, (-20.0, -10.0, 0.0), (0.005156, 0.051401, 0.715659)),
        (Nakagami(m=2.0), (-10.0, 0.0), (0.183559, 0.959502)),
    ],
    ids=lambda value: of(value) if isinstance(value, Echoes) else "",
)
def test_crossings(law: Echoes, level_db: tuple[float, ...], crossings: tuple[float, ...]) -> None:
    """How often a level is crossed per Doppler period: published values."""
    level = np.sqrt(from_db(np.array(level_db)))
    assert law.crossings_per_s(level, 1.0) == pytest.approx(crossings, abs=1e-6)


def test_duration_of_fades() -> None:
    """Published values of Rayleigh fading; and it scales with the Doppler period, as crossings do with its inverse."""
    level = np.sqrt(from_db(np.array([-20.0, -10.0, -3.01029996, 0.0])))
    durations_s = Rayleigh().fade_s(level, 1.0)
    assert durations_s == pytest.approx([0.040094, 0.132680, 0.366002, 0.685495], abs=1e-6)
    assert Rayleigh().fade_s(level, 50.0) == pytest.approx(durations_s / 50.0, rel=1e-12)
    assert Rayleigh().crossings_per_s(level, 50.0) == pytest.approx(50.0 * Rayleigh().crossings_per_s(level, 1.0))


@pytest.mark.parametrize("law", LAWS, ids=of)
def test_crossings_times_duration_is_outage(law: Echoes) -> None:
    """The share of time below a level, whatever the law."""
    level = np.geomspace(0.05, 2.0, 20)
    share = law.crossings_per_s(level, 97.29) * law.fade_s(level, 97.29)
    assert share == pytest.approx(law.outage(level**2), rel=1e-12)


def test_ergodic_rates() -> None:
    """Without gap and peak the mean over fading is the ergodic capacity: 22 published values at points of the grid."""
    for law, expected in (
        (Rayleigh(), {-10.0: 0.132098, 0.0: 0.860347, 5.0: 1.715974, 10.0: 2.906515, 15.0: 4.330200, 20.0: 5.884048,
                      30.0: 9.143619}),
        (K_1, {0.0: 0.885671, 10.0: 3.000794, 20.0: 6.020437}),
        (K_5, {0.0: 0.947687, 10.0: 3.262349, 20.0: 6.406103}),
        (K_10, {0.0: 0.969513, 10.0: 3.350338, 20.0: 6.524151}),
        (Nakagami(m=2.0), {0.0: 0.921408, 10.0: 3.166253, 20.0: 6.281534}),
        (Nakagami(m=4.0), {0.0: 0.958009, 10.0: 3.310523, 20.0: 6.475099}),
    ):  # fmt: skip
        assert [law.moments(Shannon(), snr_db)[0] for snr_db in expected] == pytest.approx(
            [*expected.values()], abs=1e-6
        )
    variances = [Rayleigh().moments(Shannon(), snr_db)[1] for snr_db in (0.0, 10.0, 20.0)]
    assert variances == pytest.approx([0.366947, 1.729243, 2.902490], abs=1e-6)


def test_outage_capacity() -> None:
    """The rate lg2(1 - g ln(1 - eps)) is that which fails with probability eps: published values."""
    for snr_db, one, ten in ((-10.0, 0.001449, 0.015121), (10.0, 0.138164, 1.038159), (30.0, 3.466018, 6.732819)):
        for rate, chance in ((one, 0.01), (ten, 0.1)):
            assert Rayleigh().outage((2.0**rate - 1.0) / from_db(snr_db)) == pytest.approx(chance, rel=1e-3)


def test_truncated_shannon_over_rayleigh() -> None:
    """Published means of the downlink's map, and the closed form for both presets at every sixth point of the grid."""
    expected = [0.057050, 0.512286, 1.028287, 1.743493, 2.597013, 3.454360, 4.262770]
    snrs_db = (-10.0, 0.0, 5.0, 10.0, 15.0, 20.0, 30.0)
    assert [Rayleigh().moments(TruncatedShannon(), s)[0] for s in snrs_db] == pytest.approx(expected, abs=1e-6)
    for rate in (TruncatedShannon(), TruncatedShannon(attenuation=0.4, max_db=15.0)):
        low, high = (float(from_db(level_db)) for level_db in (rate.min_db, rate.max_db))
        for snr_db in np.arange(-24.0, 60.0, 1.5).tolist():
            g = float(from_db(snr_db))
            smooth = np.exp(1.0 / g) * (exp1((1.0 + low) / g) - exp1((1.0 + high) / g))
            mean = rate.attenuation * (smooth / np.log(2.0) + np.log2(1.0 + low) * np.exp(-low / g))
            assert Rayleigh().moments(rate, snr_db)[0] == pytest.approx(mean, rel=1e-9)


def test_gap_map_over_rayleigh() -> None:
    """The closed form e^{1/g} [E1(1/g) - E1((1 + s)/g)]/ln 2 at points of the grid; linear in the SNR far below it."""
    rate = GapRate()
    for snr_db in np.arange(-24.0, 60.0, 1.5).tolist():
        g, start = float(from_db(snr_db - rate.gap_db)), 2.0**rate.peak_bit_per_s_hz - 1.0
        mean = np.exp(1.0 / g) * (exp1(1.0 / g) - exp1((1.0 + start) / g)) / np.log(2.0)
        assert Rayleigh().moments(rate, snr_db)[0] == pytest.approx(mean, rel=1e-9)
    assert Rayleigh().moments(rate, -60.0)[0] == pytest.approx(from_db(-62.5) / np.log(2.0), rel=1e-4)


@pytest.mark.parametrize("law", LAWS, ids=of)
def test_schemes_over_fading(law: Echoes) -> None:
    """A staircase has the mean sum of (step x probability to stand on it), exact at the grid; variance alike."""
    rate = McsRate()
    thresholds = np.array(rate.corners_snr)
    stairs = rate.efficiency(thresholds)
    for snr_db in (-1.5, 4.0, 12.25, 30.0):
        above = 1.0 - law.outage(thresholds / from_db(snr_db))
        mean = float(np.diff(stairs, prepend=0.0) @ above)
        second = float(np.diff(stairs**2, prepend=0.0) @ above)
        assert law.moments(rate, snr_db) == pytest.approx((mean, second - mean**2), abs=1e-9)


@pytest.mark.parametrize("rate", [GapRate(), TruncatedShannon(), Shannon(), McsRate()], ids=lambda rate: rate.kind)
@pytest.mark.parametrize("law", [Rayleigh(), K_5, Nakagami()], ids=of)
def test_between_the_points_of_the_grid(law: Echoes, rate: RateMap) -> None:
    """Interpolated, the mean is within 1e-3 and the variance within 3e-3 of the integrals; 2e-4 and 1e-3 by default."""
    within = (2e-4, 1e-3) if isinstance(law, Rayleigh) and isinstance(rate, GapRate) else (1e-3, 3e-3)
    for snr_db in np.random.default_rng(1).uniform(-10.0, 40.0, 12).tolist():
        snr, corners = float(from_db(snr_db)), sorted(np.log(rate.corners_snr))
        edges = [-25.0, *(c - np.log(snr) for c in corners if -25.0 < c - np.log(snr) < 4.0), 4.0]
        first, second = (
            sum(
                quad(lambda t, k=k, snr=snr: np.exp(t) * law.density(np.exp(t)) * rate.efficiency(snr * np.exp(t)) ** k,
                     low, high, epsabs=1e-9, limit=80)[0]
                for low, high in pairwise(edges)
            )
            for k in (1, 2)
        )  # fmt: skip
        mean, variance = law.moments(rate, snr_db)
        assert mean == pytest.approx(first, abs=within[0])
        assert variance == pytest.approx(second - first**2, abs=within[1])


@pytest.mark.parametrize("law", LAWS, ids=of)
def test_fading_costs_rate_and_more_power_pays(law: Echoes) -> None:
    """Jensen: the mean lies below the rate without fading; it grows with the SNR, and ends are not passed."""
    grid_db = np.arange(-60.0, 20.0, 0.25).tolist()
    faded = [law.moments(GapRate(), snr_db) for snr_db in grid_db]
    steady = [NoFading().moments(GapRate(), snr_db) for snr_db in grid_db]
    assert all(f[0] < s[0] and f[1] > 0.0 and s[1] == 0.0 for f, s in zip(faded, steady, strict=True))
    assert (np.diff([mean for mean, _ in faded]) > 0.0).all()
    assert law.moments(GapRate(), -1e4) == faded[0]
    assert law.moments(GapRate(), 1e4) == law.moments(GapRate(), 100.0) == pytest.approx((5.5547, 0.0), abs=1e-3)


def test_coherence_time() -> None:
    """Published values of three conventions, 9/(16 pi), sqrt(9/(16 pi)) and 1 periods; floor speed below it."""
    for speed_km_per_h, carrier_hz, expected_s in ((30, 3.5e9, 4.349e-3), (30, 28e9, 0.5436e-3), (3, 3.5e9, 43.493e-3)):
        assert Rayleigh().coherence_s(speed_km_per_h / 3.6, carrier_hz) == pytest.approx(expected_s, rel=4e-4)
    half, rule = Nakagami(coherence_periods=9.0 / (16.0 * np.pi)), Rician(coherence_periods=1.0)
    assert half.coherence_s(30.0 / 3.6, 3.5e9) == pytest.approx(1.840e-3, rel=4e-4)
    assert 1.0 / rule.coherence_s(1000.0 / 3.6, 7e9) == pytest.approx(6485.969, rel=1e-6)
    assert Rayleigh().coherence_s(0.0, 3.5e9) == Rayleigh().coherence_s(0.8333, 3.5e9)
    assert NoFading().coherence_s(10.0, 28e9) == np.inf


def test_laws_have_bounds() -> None:
    """A shape below 1/2, a direct path stronger than 20 dB, and a law of no law are refused."""
    with pytest.raises(ValidationError):
        Nakagami(m=0.49)
    with pytest.raises(ValidationError):
        Rician(k_db=21.0)
    with pytest.raises(TypeError):
        Echoes()  # type: ignore[abstract]
