"""Fading: closed forms and quadrature, transfers block by block against one draw, and the law of the sampled gain."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import j0

from qflsim.radio import fading
from qflsim.radio.fading import FadingLaw, NoFading, Rayleigh, RayleighProcess
from qflsim.radio.rate import GapRate
from qflsim.streams import Streams
from qflsim.units import Floats, from_db

SHANNON = GapRate(gap_db=0.0, peak_bit_per_s_hz=60.0)
RAYLEIGH, BLOCK, MEAN = Rayleigh(), Rayleigh(mode="block"), Rayleigh(mode="mean")
STREAMS = Streams(11)


def assert_mean(sample: npt.NDArray[np.floating], expected: float, allowed: float = 0.0) -> None:
    """The sample mean lies within five of its own standard errors (and a known bias) of the law."""
    error = np.std(sample, ddof=1) / np.sqrt(len(sample))
    assert abs(np.mean(sample) - expected) < 5.0 * error + allowed, f"{np.mean(sample)}, not {expected} +- {error}"


def test_moments_without_gap_and_peak() -> None:
    """Ergodic capacity and the variance of lg2(1 + g X), published values at points of the grid."""
    mean, variance = RAYLEIGH.moments(SHANNON, np.array([-10.0, 0.0, 5.0, 10.0, 15.0, 20.0, 30.0]))
    expected = [0.132098, 0.860347, 1.715974, 2.906515, 4.330200, 5.884048, 9.143619]
    assert mean == pytest.approx(expected, abs=1e-6)
    assert variance[[1, 3, 5]] == pytest.approx([0.366947, 1.729243, 2.902490], abs=1e-6)


def test_moments_of_the_gap_map_equal_quadrature_between_grid_points() -> None:
    """Interpolated, the mean is within 2e-4 and the variance within 1e-3 of the integrals over Exp(1)."""
    rate = GapRate()
    for snr_db in np.random.default_rng(1).uniform(-20.0, 50.0, 60).tolist():
        snr = float(from_db(snr_db))
        kink = min((2.0**rate.peak_bit_per_s_hz - 1.0) * float(from_db(rate.gap_db)) / snr, 40.0)
        first, second = (
            sum(
                quad(lambda x, k=k, snr=snr: np.exp(-x) * rate.efficiency(snr * x) ** k, low, high, epsabs=1e-12)[0]
                for low, high in ((0.0, kink / 2), (kink / 2, kink), (kink, kink + 5.0), (kink + 5.0, kink + 40.0))
            )
            for k in (1, 2)
        )
        mean, variance = RAYLEIGH.moments(rate, snr_db)
        assert mean == pytest.approx(first, abs=2e-4)
        assert variance == pytest.approx(second - first**2, abs=1e-3)


def test_one_point_equals_many() -> None:
    """The quick path for a single number and the array path agree, beyond the ends of the table too."""
    snr_db = np.r_[-1e4, -60.0, np.random.default_rng(2).uniform(-70.0, 110.0, 200), 100.0, 1e4]
    mean, variance = RAYLEIGH.moments(GapRate(), snr_db)
    single = [RAYLEIGH.moments(GapRate(), float(one_db)) for one_db in snr_db]
    assert [m for m, _ in single] == pytest.approx(mean, abs=1e-12)
    assert [v for _, v in single] == pytest.approx(variance, abs=1e-12)
    assert single[-1] == pytest.approx((5.5547, 0.0), abs=1e-4)


def test_fading_costs_rate_and_more_power_pays() -> None:
    """Jensen: the mean lies below the rate without fading; it grows with the SNR."""
    snr_db = np.linspace(-30.0, 60.0, 361)
    faded, variance = RAYLEIGH.moments(GapRate(), snr_db)
    steady, none = NoFading().moments(GapRate(), snr_db)
    assert (faded < steady).all()
    assert (np.diff(faded) > 0.0).all()
    assert (variance > 0.0).all()
    assert not none.any()


def test_without_fading_nothing_is_drawn() -> None:
    """The work is the size, the state lasts for ever, and the generator is left alone; so in mode "mean"."""
    laws: tuple[FadingLaw, ...] = (NoFading(), MEAN)
    for law in laws:
        rng = STREAMS.named("untouched")
        assert law.work_bit(384.0, GapRate(), 3.0, 4e6, 1e-3, rng) == 384.0
        assert rng.random() == STREAMS.named("untouched").random()
    assert NoFading().coherence_s(10.0, 28e9) == np.inf
    assert NoFading().moments(SHANNON, 0.0) == (1.0, 0.0)


def test_coherence_time() -> None:
    """Published values, which take sqrt(9/(16 pi)) = 0.42314 for 0.423; never longer than at the floor speed."""
    for speed_km_per_h, carrier_hz, expected_s in ((30, 3.5e9, 4.349e-3), (30, 28e9, 0.5436e-3), (3, 3.5e9, 43.493e-3)):
        assert RAYLEIGH.coherence_s(speed_km_per_h / 3.6, carrier_hz) == pytest.approx(expected_s, rel=4e-4)
    assert RAYLEIGH.coherence_s(0.0, 3.5e9) == RAYLEIGH.coherence_s(0.8333, 3.5e9)


def works_bit(law: Rayleigh, count: int, size_bit: float, snr_db: float, rate: GapRate = SHANNON) -> Floats:
    """Independent draws over 1 MHz and 10 ms blocks."""
    rng = STREAMS.named("works", law.mode, int(size_bit), int(snr_db))
    return np.array([law.work_bit(size_bit, rate, snr_db, 1e6, 0.01, rng) for _ in range(count)])


@pytest.mark.parametrize(
    ("snr_db", "size_bit", "mean_s", "sd_s"),
    [(10.0, 1e6, 0.345078, 0.026538), (10.0, 1e7, 3.441570, 0.083921), (0.0, 1e6, 1.164800, 0.075909)],
)
@pytest.mark.parametrize("law", [RAYLEIGH, BLOCK], ids=lambda law: law.mode)
def test_time_of_a_transfer(law: Rayleigh, snr_db: float, size_bit: float, mean_s: float, sd_s: float) -> None:
    """Published E[T] and sd[T]: block by block, and by one draw, mean within 1 % and deviation within 5 %."""
    mean_rate, _ = RAYLEIGH.moments(SHANNON, snr_db)
    times_s = works_bit(law, 6000, size_bit, snr_db) / (1e6 * mean_rate)
    assert_mean(times_s, mean_s, allowed=2e-4 * mean_s)
    assert times_s.mean() == pytest.approx(mean_s, rel=0.01)
    assert times_s.std(ddof=1) == pytest.approx(sd_s, rel=0.05)


@pytest.mark.parametrize("snr_db", [-7.0, 20.0])
def test_both_laws_meet_where_one_takes_over(snr_db: float) -> None:
    """At 33 blocks of the capped gap map one draw has the blocks' mean to 1 % and their deviation to 5 %."""
    rate = GapRate()
    mean, variance = RAYLEIGH.moments(rate, snr_db)
    size_bit = 33.0 * 1e4 * mean
    drawn, carried = (works_bit(law, 16_000, size_bit, snr_db, rate) for law in (RAYLEIGH, BLOCK))
    # The renewal theorem is exact in the limit only: by 33 blocks its remainder is below a thousandth.
    assert_mean(drawn, size_bit + 1e4 * variance / (2.0 * mean))
    assert_mean(carried, size_bit + 1e4 * variance / (2.0 * mean), allowed=1e-3 * size_bit)
    assert drawn.mean() == pytest.approx(carried.mean(), rel=0.01)
    assert drawn.std() == pytest.approx(carried.std(), rel=0.05)


def test_a_short_message_sees_one_state() -> None:
    """384 bits over 100 MHz end within one block: work/size = mean/efficiency, with the median of Exp(1)."""
    mean, _ = RAYLEIGH.moments(GapRate(), 0.0)
    rng = STREAMS.named("short")
    works = np.array([RAYLEIGH.work_bit(384.0, GapRate(), 0.0, 100e6, 0.01, rng) for _ in range(5000)])
    median = 384.0 * mean / float(GapRate().efficiency(np.log(2.0)))
    assert works.min() > 0.0
    assert_mean(1.0 * (works > median), 0.5)


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(["clt", "block"]),
    size_bit=st.floats(1.0, 1e6),
    snr_db=st.floats(-10.0, 60.0),
    bandwidth_hz=st.floats(1e5, 1e9),
    coherence_s=st.floats(1e-3, 0.1),
    seed=st.integers(0, 1000),
)
def test_work_is_positive_and_the_peak_bounds_it(
    mode: str, size_bit: float, snr_db: float, bandwidth_hz: float, coherence_s: float, seed: int
) -> None:
    """No transfer takes no time, and block by block none is faster than at the peak rate throughout."""
    rate = GapRate()
    law = Rayleigh.model_validate({"mode": mode})
    work_bit = law.work_bit(size_bit, rate, snr_db, bandwidth_hz, coherence_s, np.random.default_rng(seed))
    assert 0.0 < work_bit < np.inf
    if mode == "block":
        mean, _ = law.moments(rate, snr_db)
        assert work_bit >= size_bit * mean / rate.peak_bit_per_s_hz * (1.0 - 1e-9)


def test_bandwidth_beyond_coherence_changes_nothing() -> None:
    """Blocks are as wide as the coherence bandwidth: a wider share carries them faster, not differently."""
    for law in (RAYLEIGH, BLOCK):
        narrow, wide = (law.work_bit(1e6, GapRate(), 5.0, b, 1e-3, STREAMS.named("wide")) for b in (4e6, 400e6))
        assert narrow == wide


def test_blocks_do_not_depend_on_how_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven powers at a time or thousands: the same passage."""
    at_once = BLOCK.work_bit(1e6, GapRate(), 5.0, 1e6, 1e-3, STREAMS.named("pieces"))
    monkeypatch.setattr(fading, "BLOCKS_PER_DRAW", 7)
    assert BLOCK.work_bit(1e6, GapRate(), 5.0, 1e6, 1e-3, STREAMS.named("pieces")) == pytest.approx(at_once, rel=1e-12)


def processes(count: int) -> list[RayleighProcess]:
    """Independent links."""
    return [RayleighProcess(STREAMS.named("process", i)) for i in range(count)]


def test_autocorrelation_of_the_gain() -> None:
    """E[h(s) h*(s + r)] = J0(2 pi r/lambda), real, over 5,000 links, far along the way too."""
    turns = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.38273987, 0.5, 1.0, 4.0])
    gains = np.array([process.gain(0.1 * (1000.0 + turns), 0.0 * turns, 0.1, 0.8333) for process in processes(5000)])
    assert j0(2.0 * np.pi * turns[5]) == pytest.approx(0.0, abs=1e-7)
    for k, turn in enumerate(turns):
        product = gains[:, 0] * gains[:, k].conj()
        assert_mean(product.real, float(j0(2.0 * np.pi * turn)))
        assert abs(product.imag.mean()) <= 5.0 * product.imag.std() / np.sqrt(len(product)) + 1e-15


def test_power_of_the_gain() -> None:
    """E|h|^2 = 1, E|h|^4 = 2 - 1/N, and outage as of Exp(1) with the known correction for N = 16 waves."""
    power = np.array([np.abs(p.gain(np.zeros(1), np.zeros(1), 0.1, 0.8333)[0]) ** 2 for p in processes(20_000)])
    assert_mean(power, 1.0)
    assert_mean(power**2, 2.0 - 1.0 / 16.0)
    for t in (0.01, 0.1, 1.0):
        # First term of the Laguerre series of a sum of N unit phasors; the next is of order 1/N^2.
        correction = -t * np.exp(-t) * (1.0 - 0.5 * t) / 32.0
        assert_mean(1.0 * (power < t), 1.0 - np.exp(-t) + correction, allowed=t * np.exp(-t) / 16.0**2)


def test_time_acts_as_way_at_the_floor_speed() -> None:
    """The gain depends on way + floor speed x time alone: a device at rest still fades, slowly."""
    process = RayleighProcess(STREAMS.named("rest"))
    time_s = np.linspace(0.0, 5.0, 40)
    at_rest = process.gain(np.zeros(40), time_s, 0.0857, 0.8333)
    assert at_rest == pytest.approx(process.gain(0.8333 * time_s, np.zeros(40), 0.0857, 0.8333), abs=1e-9)
    assert np.abs(np.diff(at_rest)).min() > 0.0
    assert len(set(process.gain(np.full(40, 7.0), time_s, 0.0857, 0.0).tolist())) == 1


def test_gain_is_a_function_of_its_instant_alone() -> None:
    """One call and a thousand, forwards and backwards: the same bits; and the shape is that of the arguments."""
    process = RayleighProcess(STREAMS.named("pure"))
    way_m, time_s = np.random.default_rng(3).uniform(0.0, 1e4, (2, 1000))
    at_once = process.gain(way_m, time_s, 0.0107, 0.8333)
    singly = np.concatenate([process.gain(way_m[k : k + 1], time_s[k : k + 1], 0.0107, 0.8333) for k in range(1000)])
    assert (at_once == singly).all()
    assert (at_once[::-1] == process.gain(way_m[::-1], time_s[::-1], 0.0107, 0.8333)).all()
    assert process.gain(way_m.reshape(10, 100), time_s[:100], 0.0107, 0.8333).shape == (10, 100)
