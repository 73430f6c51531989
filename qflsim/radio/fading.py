"""Fading: what many echoes do to a rate, to the time that a transfer takes, and to the signal itself."""

import math
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, Protocol, overload

import numpy as np
import numpy.typing as npt
from pydantic import Field

from qflsim.model import Model
from qflsim.radio.rate import RateMap
from qflsim.units import SPEED_OF_LIGHT_M_PER_S, Floats, from_db

ENOUGH_BLOCKS = 30
"""From this many coherence blocks on, one draw stands for all of them."""
MANY_BLOCKS = 100_000
"""From this many on even where block by block is asked for: the difference is far below the draw itself."""
LOWEST_DB, HIGHEST_DB, STEPS_PER_DB = -60, 100, 4
BLOCKS_PER_DRAW = 4096
"""Bounds the memory of a block-by-block transfer; the result does not depend on it."""
SINUSOIDS = 16


class FadingLaw(Protocol):
    """What fading does to a link whose mean signal-to-noise ratio (SNR) is known."""

    @property
    def kind(self) -> str: ...

    @overload
    def moments(self, rate: RateMap, snr_db: float) -> tuple[float, float]: ...
    @overload
    def moments(self, rate: RateMap, snr_db: Floats) -> tuple[Floats, Floats]: ...
    def moments(self, rate: RateMap, snr_db: Floats | float) -> tuple[Floats | float, Floats | float]:
        """Mean (bit/s/Hz) and variance of the spectral efficiency around a mean SNR; both of the shape of `snr_db`."""
        ...

    def coherence_s(self, speed_m_per_s: float, carrier_hz: float) -> float:
        """How long a fading state lasts for a device of this speed, in seconds."""
        ...

    def work_bit(
        self,
        size_bit: float,
        rate: RateMap,
        snr_db: float,
        bandwidth_hz: float,
        coherence_s: float,
        rng: np.random.Generator,
    ) -> float:
        """The bits that the mean rate must carry for the time to have fading's law; always positive.

        `bandwidth_hz` is the share that the transfer uses itself (B/n among n equals), `coherence_s` as above.
        """
        ...


class NoFading(Model):
    """A link without echoes: its efficiency is that at the mean SNR, at all times."""

    kind: Literal["none"] = "none"

    @overload
    def moments(self, rate: RateMap, snr_db: float) -> tuple[float, float]: ...
    @overload
    def moments(self, rate: RateMap, snr_db: Floats) -> tuple[Floats, Floats]: ...
    def moments(self, rate: RateMap, snr_db: Floats | float) -> tuple[Floats | float, Floats | float]:
        """Mean (bit/s/Hz) and variance of the spectral efficiency around a mean SNR; both of the shape of `snr_db`."""
        mean = rate.efficiency(from_db(snr_db))
        return (float(mean), 0.0) if isinstance(snr_db, float) else (mean, np.zeros_like(mean))

    def coherence_s(self, speed_m_per_s: float, carrier_hz: float) -> float:
        """Infinity: nothing changes."""
        return math.inf

    def work_bit(
        self,
        size_bit: float,
        rate: RateMap,
        snr_db: float,
        bandwidth_hz: float,
        coherence_s: float,
        rng: np.random.Generator,
    ) -> float:
        """The size itself; draws nothing."""
        return size_bit


class Rayleigh(Model):
    """Fading by many echoes and no direct path: the power is exponential, |h|^2 ~ Exp(1).

    A transfer crosses *blocks*: units of coherence bandwidth (or the share used, if that is less) x coherence time,
    each with one power of its own, carried one after another at equal speed. Where the share is wider than the
    coherence bandwidth several blocks run abreast, which is the same up to the last of them; a message of less than
    a block then meets one state where in truth it is spread over several, and its spread is overstated. With
    U = bandwidth x time of a block, mu and s2 the mean and variance of the efficiency, a transfer of S bits takes as
    long as the mean rate takes for W bits:

    mode "clt":   E[W] = S + U s2/(2 mu), Var[W] = U s2 S/mu (renewal theorem, the last block counted in part), one
                  log-normal draw with these two moments: never negative, normal for long transfers, and cut where
                  the time would fall below that of the peak rate. Below 30 blocks (S < 30 U mu) block by block.
    mode "block": block by block, exactly, up to 100,000 blocks; beyond, no law of theirs could be told from "clt".
    mode "mean":  W = S, no draw.

    Coherence time 0.423/f_d with the Doppler frequency f_d = v f/c; a device at rest still has the echoes' own
    motion, so v is at least `floor_speed_m_per_s` (3 km/h). Powers of adjoining blocks are independent.
    """

    kind: Literal["rayleigh"] = "rayleigh"
    mode: Literal["clt", "mean", "block"] = "clt"
    coherence_bandwidth_hz: Annotated[float, Field(ge=1e3, le=1e12)] = 4e6
    floor_speed_m_per_s: Annotated[float, Field(ge=1e-3, le=1e4)] = 0.8333

    @overload
    def moments(self, rate: RateMap, snr_db: float) -> tuple[float, float]: ...
    @overload
    def moments(self, rate: RateMap, snr_db: Floats) -> tuple[Floats, Floats]: ...
    def moments(self, rate: RateMap, snr_db: Floats | float) -> tuple[Floats | float, Floats | float]:
        """Mean (bit/s/Hz) and variance of the spectral efficiency around a mean SNR; both of the shape of `snr_db`.

        Read linearly from a table in steps of 0.25 dB from -60 to 100 dB: the mean within 2e-4 bit/s/Hz, the variance
        within 1e-3. Beyond the ends the values at the ends.
        """
        table = _rayleigh_table(rate)
        if isinstance(snr_db, float):
            return table.at(snr_db)
        return np.interp(snr_db, table.snr_db, table.mean), np.interp(snr_db, table.snr_db, table.variance)

    def coherence_s(self, speed_m_per_s: float, carrier_hz: float) -> float:
        """0.423/f_d: how long a fading state lasts, in seconds."""
        speed_m_per_s = max(speed_m_per_s, self.floor_speed_m_per_s)
        return 0.423 * SPEED_OF_LIGHT_M_PER_S / (speed_m_per_s * carrier_hz)

    def work_bit(
        self,
        size_bit: float,
        rate: RateMap,
        snr_db: float,
        bandwidth_hz: float,
        coherence_s: float,
        rng: np.random.Generator,
    ) -> float:
        """The bits that the mean rate must carry for the time to have fading's law; always positive.

        `bandwidth_hz` is the share that the transfer uses itself (B/n among n equals).
        """
        # A link so deep in a hole carries nothing, block after block; the caller has cut it long before.
        assert snr_db >= LOWEST_DB, snr_db
        if self.mode == "mean":
            return size_bit
        mean, variance = self.moments(rate, float(snr_db))
        block_hz_s = min(bandwidth_hz, self.coherence_bandwidth_hz) * coherence_s
        block_bit = block_hz_s * mean
        most_blocks = MANY_BLOCKS if self.mode == "block" else ENOUGH_BLOCKS
        if size_bit < most_blocks * block_bit:
            return block_bit * _blocks(size_bit / block_hz_s, rate, float(from_db(snr_db)), mean, rng)
        mean_bit = size_bit + block_hz_s * variance / (2.0 * mean)
        spread = math.log1p(block_hz_s * variance * size_bit / mean / mean_bit**2)
        drawn_bit = mean_bit * math.exp(math.sqrt(spread) * rng.standard_normal() - 0.5 * spread)
        return max(drawn_bit, size_bit * mean / _rayleigh_table(rate).peak)


class RayleighProcess:
    """The complex gain h of one faded link, a function of the way travelled and the time; E|h|^2 = 1.

    h = N^-1/2 sum_n exp(j (2 pi s/lambda cos((2 pi n + theta_n)/N) + phi_n)), theta_n and phi_n uniform on (-pi, pi),
    N = 16, along s = way + floor speed x time: echoes move even while the device stands. Over the ensemble
    E[h(s) h*(s + r)] = J0(2 pi r/lambda) exactly and E|h|^4 = 2 - 1/N.
    Source: Xiao, Zheng, Beaulieu, IEEE Trans. Wireless Commun. 5(12), 2006.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        theta, self._phase = rng.uniform(-np.pi, np.pi, (2, SINUSOIDS))
        self._cosine = np.cos((2.0 * np.pi * np.arange(1, SINUSOIDS + 1) + theta) / SINUSOIDS)

    def gain(
        self, distance_m: Floats, time_s: Floats, wavelength_m: float, floor_speed_m_per_s: float
    ) -> npt.NDArray[np.complex128]:
        """h at each pair of way travelled and time; arguments broadcast, the result has their shape."""
        wavelengths = np.asarray(distance_m + floor_speed_m_per_s * time_s) / wavelength_m
        angle = np.multiply.outer(2.0 * np.pi * wavelengths, self._cosine) + self._phase
        gain = np.cos(angle).sum(axis=-1) + 1j * np.sin(angle).sum(axis=-1)
        return np.asarray(gain / math.sqrt(SINUSOIDS), dtype=np.complex128)


class _Table(NamedTuple):
    """Mean and variance of the spectral efficiency over a grid of mean SNRs."""

    snr_db: Floats
    mean: Floats
    variance: Floats
    rows: list[tuple[float, float]]
    peak: float
    """efficiency without any noise; may be infinite"""

    def at(self, snr_db: float) -> tuple[float, float]:
        """Linear interpolation at one point, without the price of an array."""
        place = (min(max(snr_db, LOWEST_DB), HIGHEST_DB) - LOWEST_DB) * STEPS_PER_DB
        row = min(int(place), len(self.rows) - 2)
        (mean, variance), (next_mean, next_variance) = self.rows[row], self.rows[row + 1]
        part = place - row
        return mean + part * (next_mean - mean), variance + part * (next_variance - variance)


@lru_cache(maxsize=32)
def _rayleigh_table(rate: RateMap) -> _Table:
    """The mean by the rate map's closed form, the second moment by the trapezoidal rule in the logarithm of power.

    In that variable the integrand is smooth and dies off at both ends, where the rule converges exponentially; the
    kink at a peak rate leaves an error below 2e-5.
    """
    snr_db = np.linspace(LOWEST_DB, HIGHEST_DB, (HIGHEST_DB - LOWEST_DB) * STEPS_PER_DB + 1)
    mean_snr = from_db(snr_db)
    log_power, step = np.linspace(-20.0, 4.0, 4801, retstep=True)
    power = np.exp(log_power)
    weight = step * power * np.exp(-power)
    mean = rate.rayleigh_mean(mean_snr)
    second = np.array([weight @ rate.efficiency(snr * power) ** 2 for snr in mean_snr])
    variance = np.maximum(second - mean**2, 0.0)
    rows = list(zip(mean.tolist(), variance.tolist(), strict=True))
    return _Table(snr_db, mean, variance, rows, float(rate.efficiency(np.array(np.inf))))


def _blocks(size_bit_per_hz_s: float, rate: RateMap, snr: float, mean: float, rng: np.random.Generator) -> float:
    """Number of blocks that a transfer crosses, the last one in part: `size` in bits per unit bandwidth x time."""
    done, left = 0.0, size_bit_per_hz_s
    while True:
        draws = min(int(1.2 * left / mean) + 8, BLOCKS_PER_DRAW)
        efficiency = rate.efficiency(snr * rng.standard_exponential(draws))
        carried = np.cumsum(efficiency)
        last = int(np.searchsorted(carried, left))
        if last < draws:
            return done + last + 1.0 - float((carried[last] - left) / efficiency[last])
        done, left = done + draws, left - float(carried[-1])
