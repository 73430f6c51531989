"""Transfers through fading: published times, one draw against block by block, wide bands and short messages."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.radio import fading_passage
from qflsim.radio.fading import Echoes, FadingLaw, Nakagami, NoFading, Rayleigh, Rician
from qflsim.radio.rate import GapRate, RateMap, Shannon, TruncatedShannon
from qflsim.radio.rate_schemes import McsRate
from qflsim.streams import Streams
from qflsim.units import Floats

KINDS: tuple[type[Echoes], ...] = (Rayleigh, Rician, Nakagami)
STREAMS = Streams(11)


def assert_mean(sample: npt.NDArray[np.floating], expected: float, allowed: float = 0.0) -> None:
    """The sample mean lies within five of its own standard errors (and a known bias) of the law."""
    error = np.std(sample, ddof=1) / np.sqrt(len(sample))
    assert abs(np.mean(sample) - expected) < 5.0 * error + allowed, f"{np.mean(sample)}, not {expected} +- {error}"


def works_bit(
    law: Echoes, count: int, size_bit: float, snr_db: float, rate: RateMap, bandwidth_hz: float = 1e6
) -> Floats:
    """Independent draws over 10 ms blocks."""
    rng = STREAMS.named("works", law.kind, law.mode, int(size_bit), int(snr_db))
    return np.array([law.work_bit(size_bit, rate, snr_db, bandwidth_hz, 0.01, rng) for _ in range(count)])


def test_without_fading_nothing_is_drawn() -> None:
    """The work is the size, and the generator is left alone; so in mode "mean"."""
    laws: tuple[FadingLaw, ...] = (NoFading(), *(kind(mode="mean") for kind in KINDS))
    for law in laws:
        rng = STREAMS.named("untouched")
        assert law.work_bit(384.0, GapRate(), 3.0, 4e6, 1e-3, rng) == 384.0
        assert rng.random() == STREAMS.named("untouched").random()
    assert NoFading().moments(Shannon(), 0.0) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("snr_db", "size_bit", "mean_s", "sd_s"),
    [(10.0, 1e6, 0.345078, 0.026538), (10.0, 1e7, 3.441570, 0.083921), (0.0, 1e6, 1.164800, 0.075909)],
)
@pytest.mark.parametrize("mode", ["clt", "block"])
def test_time_of_a_transfer(mode: str, snr_db: float, size_bit: float, mean_s: float, sd_s: float) -> None:
    """Published E[T] and sd[T]: block by block, and by one draw, mean within 1 % and deviation within 5 %."""
    law = Rayleigh.model_validate({"mode": mode})
    mean_rate, _ = law.moments(Shannon(), snr_db)
    times_s = works_bit(law, 6000, size_bit, snr_db, Shannon()) / (1e6 * mean_rate)
    assert_mean(times_s, mean_s, allowed=2e-4 * mean_s)
    assert times_s.mean() == pytest.approx(mean_s, rel=0.01)
    assert times_s.std(ddof=1) == pytest.approx(sd_s, rel=0.05)


def test_one_draw_has_the_moments_of_the_renewal_theorem() -> None:
    """E[W] = S + U s2/(2 mu) and Var[W] = U s2 S/mu, at 31 whole blocks of a weak link, where the excess is 1.6 %."""
    law, rate = Rayleigh(), GapRate()
    mean, variance = law.moments(rate, -7.0)
    size_bit = 31.0 * 1e4 * mean
    works = works_bit(law, 30_000, size_bit, -7.0, rate)
    assert_mean(works, size_bit + 1e4 * variance / (2.0 * mean))
    assert works.std() == pytest.approx(np.sqrt(1e4 * variance * size_bit / mean), rel=0.03)


CASES = [
    pytest.param(1.0, 31.0, id="one-block-abreast"),
    pytest.param(10.0, 3.2, id="ten-abreast"),
    pytest.param(200.0, 1.0, id="a-row"),
    pytest.param(200.5, 0.2, id="part-of-a-row"),
]


@pytest.mark.parametrize(("strips", "rows"), CASES)
@pytest.mark.parametrize(
    ("rate", "snr_db"), [(GapRate(), -7.0), (GapRate(), 20.0), (TruncatedShannon(), 5.0), (McsRate(), 2.0)]
)
@pytest.mark.parametrize("law", [Rayleigh(), Rician(k_db=7.0), Nakagami(m=0.6)], ids=lambda law: law.kind)
def test_one_draw_has_the_law_of_all_blocks(
    law: Echoes, rate: RateMap, snr_db: float, strips: float, rows: float
) -> None:
    """Where one takes over from the other, mean within 1 % and deviation within 5 % plus their sampling errors."""
    blocks = type(law).model_validate({**law.model_dump(), "mode": "block"})
    bandwidth_hz = strips * law.coherence_bandwidth_hz
    size_bit = rows * bandwidth_hz * 0.01 * law.moments(rate, snr_db)[0]
    drawn, carried = (works_bit(one, 2500, size_bit, snr_db, rate, bandwidth_hz) for one in (law, blocks))
    error = np.hypot(drawn.std(), carried.std()) / np.sqrt(2500)
    assert abs(drawn.mean() - carried.mean()) < 0.01 * carried.mean() + 5.0 * error
    assert drawn.std() == pytest.approx(carried.std(), rel=0.05 + 4.0 / np.sqrt(2500))


@pytest.mark.slow
@pytest.mark.parametrize("rate", [GapRate(), TruncatedShannon(), McsRate()], ids=lambda rate: rate.kind)
@pytest.mark.parametrize("law", [Rayleigh(), Rician(k_db=7.0), Nakagami(m=4.0)], ids=lambda law: law.kind)
def test_one_draw_has_the_law_of_all_blocks_closely(law: Echoes, rate: RateMap) -> None:
    """The same with 20,000 transfers each, at three SNRs and three sizes: 1 % and 5 %, next to nothing for chance."""
    blocks = type(law).model_validate({**law.model_dump(), "mode": "block"})
    for snr_db in (0.0, 8.0, 20.0):
        for rows in (8.0, 20.3, 100.0):
            size_bit = rows * 20e6 * 0.01 * law.moments(rate, snr_db)[0]
            drawn, carried = (works_bit(one, 20_000, size_bit, snr_db, rate, 20e6) for one in (law, blocks))
            assert drawn.mean() == pytest.approx(carried.mean(), rel=0.01)
            assert drawn.std() == pytest.approx(carried.std(), rel=0.05)


def test_a_short_message_sees_one_state() -> None:
    """384 bits over 1 MHz end within one block: work/size = mean/efficiency, with the median of Exp(1)."""
    law = Rayleigh()
    mean, _ = law.moments(GapRate(), 0.0)
    rng = STREAMS.named("short")
    works = np.array([law.work_bit(384.0, GapRate(), 0.0, 1e6, 0.01, rng) for _ in range(5000)])
    median = 384.0 * mean / float(GapRate().efficiency(np.log(2.0)))
    assert works.min() > 0.0
    assert_mean(1.0 * (works > median), 0.5)


def test_a_wide_band_evens_out_a_short_message() -> None:
    """384 bits over n coherence bandwidths: relative variance s2/(mu^2 n), for few abreast and for many."""
    law, rate = Rayleigh(), GapRate()
    mean, variance = law.moments(rate, 10.0)
    for strips in (25, 200, 4096):
        rng = STREAMS.named("even", strips)
        works = np.array([law.work_bit(384.0, rate, 10.0, strips * 4e6, 0.01, rng) for _ in range(6000)])
        assert (384.0 / works).var() == pytest.approx(variance / mean**2 / strips, rel=0.1)
        assert_mean(384.0 / works, 1.0, allowed=2.0 * variance / mean**2 / strips)


def test_a_longer_transfer_takes_the_variance_of_the_narrower_band() -> None:
    """Var[W] = U s2 S/mu with U = min(share, coherence bandwidth) x time, for a share of 1 and of 10 such bands."""
    law, rate = Rayleigh(), GapRate()
    mean, variance = law.moments(rate, 5.0)
    for bandwidth_hz in (4e6, 40e6):
        size_bit = 400.0 * 4e4 * mean
        works = works_bit(law, 4000, size_bit, 5.0, rate, bandwidth_hz)
        assert works.std() == pytest.approx(np.sqrt(4e4 * variance * size_bit / mean), rel=0.06)
        assert_mean(works, size_bit + 4e4 * variance / (2.0 * mean))


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    mode=st.sampled_from(["clt", "block"]),
    size_bit=st.floats(1.0, 1e6),
    snr_db=st.floats(-7.0, 60.0),
    bandwidth_hz=st.floats(1e5, 1e9),
    coherence_s=st.floats(1e-3, 0.1),
    seed=st.integers(0, 1000),
)
def test_work_is_positive_and_the_peak_bounds_it(
    kind: type[Echoes], mode: str, size_bit: float, snr_db: float, bandwidth_hz: float, coherence_s: float, seed: int
) -> None:
    """No transfer takes no time, and none is faster than at the peak rate throughout."""
    rate = GapRate()
    law = kind.model_validate({"mode": mode})
    work_bit = law.work_bit(size_bit, rate, snr_db, bandwidth_hz, coherence_s, np.random.default_rng(seed))
    mean, _ = law.moments(rate, snr_db)
    assert size_bit * mean / rate.peak_bit_per_s_hz * (1.0 - 1e-9) <= work_bit < np.inf


def test_blocks_do_not_depend_on_how_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven powers at a time or thousands: the same passage, for one block abreast and for five and a half."""
    for kind in KINDS:
        for bandwidth_hz in (1e6, 22e6):
            law = kind.model_validate({"mode": "block"})
            at_once = law.work_bit(1e6, GapRate(), 5.0, bandwidth_hz, 1e-3, STREAMS.named("pieces"))
            with monkeypatch.context() as patch:
                patch.setattr(fading_passage, "BLOCKS_PER_DRAW", 7)
                in_pieces = law.work_bit(1e6, GapRate(), 5.0, bandwidth_hz, 1e-3, STREAMS.named("pieces"))
            assert in_pieces == pytest.approx(at_once, rel=1e-12)


def test_a_map_that_carries_nothing_for_a_while() -> None:
    """At the lowest scheme's level most blocks carry nothing; the transfer waits for those that do."""
    law, rate = Nakagami(mode="block"), McsRate()
    mean, _ = law.moments(rate, rate.cut_db)
    works = works_bit(law, 2000, 50.0 * 1e4 * mean, rate.cut_db, rate)
    assert_mean(works / (50.0 * 1e4 * mean), 1.0, allowed=0.03)
    with pytest.raises(AssertionError):
        law.work_bit(1e6, rate, -61.0, 1e6, 1e-3, STREAMS.named("deep"))


def test_a_table_is_read_to_its_very_ends() -> None:
    """The last rows, and what lies just below, where binary fractions round up; beyond the ends the ends' values."""
    table = fading_passage.efficiency_table(Rayleigh(), Shannon())
    below = float(np.nextafter(100.0, 0.0))
    assert table.at(below) == pytest.approx(table.rows[-1], rel=1e-12)
    assert table.at(100.0) == table.at(1e9) == table.rows[-1]
    assert table.at(-60.0) == table.at(-1e9) == table.rows[0]
