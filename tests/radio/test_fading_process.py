"""The sampled gain: its correlation, its powers, its crossings and fades against the laws; the two Markov maps."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import j0

from qflsim.radio.fading import Echoes, FadingLaw, Nakagami, NoFading, Rayleigh, Rician
from qflsim.radio.fading_process import SINUSOIDS, gauss_markov, two_states
from qflsim.streams import Streams
from qflsim.units import Floats

STREAMS = Streams(11)
TURNS = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.38273987, 0.5, 1.0, 4.0])


def assert_mean(sample: Floats, expected: float, allowed: float = 0.0) -> None:
    """The sample mean lies within five of its own standard errors (and a known bias) of the law."""
    error = np.std(sample, ddof=1) / np.sqrt(len(sample))
    assert abs(np.mean(sample) - expected) < 5.0 * error + allowed + 1e-15, f"{np.mean(sample)}, not {expected}"


def gains(law: FadingLaw, turns: Floats, count: int) -> npt.NDArray[np.complex128]:
    """The gains of independent links (rows) after ways in wavelengths (columns)."""
    links = (STREAMS.named("link", law.kind, i) for i in range(count))
    return np.array([law.gain(0.1 * turns, 0.0 * turns, 0.1, link) for link in links])


def test_autocorrelation() -> None:
    """E[h(s) h*(s + r)] = J0(2 pi r), real, at published points over 5,000 links, far along the way too."""
    expected = [1.0, 0.975478, 0.903713, 0.642512, 0.290564, 0.0, -0.304242, 0.220277, float(j0(8.0 * np.pi))]
    sampled = gains(Rayleigh(), 1000.0 + TURNS, 5000)
    for k, correlation in enumerate(expected):
        product = sampled[:, 0] * sampled[:, k].conj()
        assert_mean(product.real, correlation, allowed=1e-6)
        assert_mean(product.imag, 0.0)


def test_autocorrelation_with_a_direct_path() -> None:
    """A constant of random phase beside the echoes: (K + J0)/(K + 1)."""
    law = Rician(k_db=3.0)
    sampled = gains(law, TURNS, 2500)
    for k, turn in enumerate(TURNS):
        assert_mean(
            (sampled[:, 0] * sampled[:, k].conj()).real, (law.k + float(j0(2.0 * np.pi * turn))) / (law.k + 1.0)
        )
    assert abs(sampled[:, 0].mean()) < 5.0 / np.sqrt(2500)


@pytest.mark.parametrize("law", [Nakagami(m=1.0), Nakagami(m=2.5), Nakagami(m=1.7)], ids=lambda law: str(law.m))
def test_autocorrelation_of_power(law: Nakagami) -> None:
    """Powers are correlated by J0^2, up to 1/N; for an m between the whole and half numbers too."""
    power = np.abs(gains(law, TURNS, 2500)) ** 2 - 1.0
    for k, turn in enumerate(TURNS):
        product = power[:, 0] * power[:, k] * law.m
        error = product.std() / np.sqrt(len(product))
        assert abs(product.mean() - j0(2.0 * np.pi * turn) ** 2) < 5.0 * error + 1.0 / SINUSOIDS


def test_nakagami_of_one_is_rayleigh() -> None:
    """The same link, the same gain."""
    way_m = np.linspace(0.0, 3.0, 50)
    first, second = (law.gain(way_m, way_m, 0.1, STREAMS.named("one")) for law in (Nakagami(m=1.0), Rayleigh()))
    assert first == pytest.approx(second, abs=1e-12)


def test_fourth_moment() -> None:
    """E|h|^2 = 1, E|h|^4 = 2 - 1/N, and outage as of Exp(1) with the known correction for N = 16 waves."""
    power = np.abs(gains(Rayleigh(), np.zeros(1), 10_000)[:, 0]) ** 2
    assert_mean(power, 1.0)
    assert_mean(power**2, 2.0 - 1.0 / 16.0)
    for t in (0.01, 0.1, 1.0):
        # First term of the Laguerre series of a sum of N unit phasors; the next is of order 1/N^2.
        correction = -t * np.exp(-t) * (1.0 - 0.5 * t) / 32.0
        assert_mean(1.0 * (power < t), 1.0 - np.exp(-t) + correction, allowed=t * np.exp(-t) / 16.0**2)


@pytest.mark.parametrize(
    "law",
    [Rician(k_db=0.0), Rician(k_db=7.0), Nakagami(m=0.5), Nakagami(m=2.0), Nakagami(m=1.7)],
    ids=lambda law: f"{law.kind}{getattr(law, 'k_db', '')}{getattr(law, 'm', '')}",
)
def test_outage_of_the_samples(law: Echoes) -> None:
    """Mean power 1, and the share of samples below a level is the law's, up to the 1/N of the sum of sinusoids."""
    power = np.abs(gains(law, np.zeros(1), 5000)[:, 0]) ** 2
    assert_mean(power, 1.0, allowed=0.005 if law == Nakagami(m=1.7) else 0.0)
    for level in (0.1, 0.5, 1.0, 2.0):
        below = float(law.outage(level))
        assert_mean(1.0 * (power < level), below, allowed=min(below, 1.0 - below) / SINUSOIDS)


@pytest.mark.parametrize(
    "law",
    [Rayleigh(), Rician(k_db=0.0), Rician(k_db=7.0), Nakagami(m=2.0), Nakagami(m=1.7)],
    ids=lambda law: f"{law.kind}{getattr(law, 'k_db', '')}{getattr(law, 'm', '')}",
)
def test_crossings_and_fades_of_the_samples(law: Echoes) -> None:
    """Counted along 200 links of 20 wavelengths: the laws within 1/N and five standard errors; N x AFD = P."""
    turns = np.arange(0.0, 20.0, 0.01)
    amplitude = np.abs(gains(law, turns, 200))
    for level in (10.0**-0.5, 10.0**-0.15, 1.0):
        below = amplitude < level
        falls = (~below[:, :-1] & below[:, 1:]).sum(axis=1) / (turns[-1] - turns[0])
        crossings = float(law.crossings_per_s(level, 1.0))
        assert_mean(falls, crossings, allowed=crossings / SINUSOIDS)
        fade = below.mean() / falls.mean()
        spread = 5.0 * falls.std() / np.sqrt(200) / falls.mean()
        assert fade == pytest.approx(float(law.fade_s(level, 1.0)), rel=1.0 / SINUSOIDS + spread)


def test_time_acts_as_way_at_the_floor_speed() -> None:
    """The gain depends on way + floor speed x time alone: a device at rest still fades, slowly."""
    for law in (Rayleigh(), Rician(), Nakagami()):
        time_s, link = np.linspace(0.0, 5.0, 40), ("rest", law.kind)
        at_rest = law.gain(np.zeros(40), time_s, 0.0857, STREAMS.named(*link))
        moving = law.gain(law.floor_speed_m_per_s * time_s, np.zeros(40), 0.0857, STREAMS.named(*link))
        assert at_rest == pytest.approx(moving, abs=1e-9)
        assert np.abs(np.diff(at_rest)).min() > 0.0


def test_gain_is_a_function_of_its_instant_alone() -> None:
    """One call and many, forwards and backwards: the same bits; and the shape is that of the arguments."""
    way_m, time_s = np.random.default_rng(3).uniform(0.0, 1e4, (2, 200))
    for law in (NoFading(), Rayleigh(), Rician(), Nakagami(m=1.7)):
        at_once = law.gain(way_m, time_s, 0.0107, STREAMS.named("pure"))
        singly = [law.gain(way_m[k : k + 1], time_s[k : k + 1], 0.0107, STREAMS.named("pure")) for k in range(200)]
        assert (at_once == np.concatenate(singly)).all()
        assert (at_once[::-1] == law.gain(way_m[::-1], time_s[::-1], 0.0107, STREAMS.named("pure"))).all()
        assert law.gain(way_m.reshape(10, 20), time_s[:20], 0.0107, STREAMS.named("pure")).shape == (10, 20)
    assert (NoFading().gain(way_m, time_s, 0.01, STREAMS.named("pure")) == 1.0).all()


def test_gauss_markov_composes() -> None:
    """Five uneven steps have the law of one of their length: correlation e^{-t/T}, power 1, whatever the cut."""
    rng = STREAMS.named("markov")
    start = (rng.standard_normal(200_000) + 1j * rng.standard_normal(200_000)) / np.sqrt(2.0)
    for steps_s in ((0.5,), (0.01, 0.19, 0.2, 0.07, 0.03)):
        gain = start
        for step_s in steps_s:
            gain = gauss_markov(gain, step_s, 0.7, rng)
        assert_mean(np.abs(gain) ** 2, 1.0)
        assert_mean((gain * start.conj()).real, np.exp(-0.5 / 0.7))
    assert (gauss_markov(start, 0.0, 0.7, rng) == start).all()


def test_two_states() -> None:
    """Published transition probabilities and mean burst; the share of bad slots is that of the fades."""
    for margin, turn, bad, good in ((10.0, 0.01, 0.007918, 0.075284), (10.0, 0.1, 0.067510, 0.641905),
                                    (100.0, 0.02, 0.004741, 0.471758)):  # fmt: skip
        to_bad, to_good = two_states(margin, 50.0, turn / 50.0)
        assert (to_bad, to_good) == pytest.approx((bad, good), abs=1e-6)
        assert to_bad / (to_bad + to_good) == pytest.approx(float(Rayleigh().outage(1.0 / margin)), rel=1e-12)
    assert 1.0 / two_states(10.0, 1.0, 0.01)[1] == pytest.approx(13.283, abs=1e-3)


def test_slow_two_states_last_as_long_as_fades() -> None:
    """Slot by slot a burst of many slots lasts as long as the fade duration says: within 1 % at f_d slot = 0.001."""
    _, to_good = two_states(10.0, 1.0, 0.001)
    assert 0.001 / to_good == pytest.approx(float(Rayleigh().fade_s(np.sqrt(0.1), 1.0)), rel=0.01)
