"""Fading: what many echoes do to a rate, to the time that a transfer takes, and to the signal itself."""

import math
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import Field
from scipy.special import chndtr, gammainc, gammaincc, gammainccinv, gammaln, ive, xlogy

from qflsim.model import Model
from qflsim.radio.fading_passage import LOWEST_DB, efficiency_table, rows_crossed, rows_drawn
from qflsim.radio.fading_process import Gains, scattered
from qflsim.radio.rate import RateMap
from qflsim.units import SPEED_OF_LIGHT_M_PER_S, Floats, from_db

ENOUGH_BLOCKS = 30
"""From this many coherence blocks on, one draw stands for all of them."""
FEW_ROWS = 3
"""Up to this many coherence times a transfer feels where each of them ends."""
EVEN = 0.01
"""Up to this relative variance the mean efficiency of a row has a log-normal law, near enough."""
MANY_BLOCKS = 100_000
"""From this many on even where block by block is asked for: the difference is far below the draw itself."""
MOST_STRIPS = 4096
"""The most blocks abreast that are told apart: over more of them a mean rate is all that is left."""


class FadingLaw(Protocol):
    """What fading does to a link whose mean signal-to-noise ratio (SNR) is known."""

    @property
    def kind(self) -> str: ...

    def moments(self, rate: RateMap, snr_db: float) -> tuple[float, float]:
        """Mean (bit/s/Hz) and variance of the spectral efficiency around a mean SNR."""
        ...

    def moments_of(self, rate: RateMap) -> Callable[[float], tuple[float, float]]:
        """`moments` of one rate map, for whoever asks often."""
        ...

    def means(self, rate: RateMap, snr_db: Floats) -> Floats:
        """Mean of the spectral efficiency around each mean SNR; same shape."""
        ...

    def coherence_s(self, speed_m_per_s: float, carrier_hz: float) -> float:
        """How long a fading state lasts for a device of this speed, in seconds."""
        ...

    def work_bit(self, size_bit: float, rate: RateMap, snr_db: float, bandwidth_hz: float, coherence_s: float,
                 rng: np.random.Generator) -> float:  # fmt: skip
        """The bits that the mean rate must carry for the time to have fading's law; always positive.

        `bandwidth_hz` is the share that the transfer uses itself (B/n among n equals), `coherence_s` as above.
        """
        ...

    def gain(self, distance_m: Floats, time_s: Floats, wavelength_m: float, rng: np.random.Generator) -> Gains:
        """The complex gain of the link whose stream is `rng`, at each pair of way travelled and time; E|h|^2 = 1.

        The arguments broadcast, and the result has their shape.
        """
        ...


class NoFading(Model):
    """A link without echoes: its efficiency is that at the mean SNR, at all times."""

    kind: Literal["none"] = "none"

    def moments(self, rate: RateMap, snr_db: float) -> tuple[float, float]:
        """Mean (bit/s/Hz) and variance of the spectral efficiency around a mean SNR."""
        return float(rate.efficiency(from_db(snr_db))), 0.0

    def moments_of(self, rate: RateMap) -> Callable[[float], tuple[float, float]]:
        """`moments` of one rate map, for whoever asks often."""
        return partial(self.moments, rate)

    def means(self, rate: RateMap, snr_db: Floats) -> Floats:
        """The spectral efficiency at each mean SNR; same shape."""
        return rate.efficiency(from_db(snr_db))

    def coherence_s(self, speed_m_per_s: float, carrier_hz: float) -> float:
        """Infinity: nothing changes."""
        return math.inf

    def work_bit(self, size_bit: float, rate: RateMap, snr_db: float, bandwidth_hz: float, coherence_s: float,
                 rng: np.random.Generator) -> float:  # fmt: skip
        """The size itself; draws nothing."""
        return size_bit

    def gain(self, distance_m: Floats, time_s: Floats, wavelength_m: float, rng: np.random.Generator) -> Gains:
        """One, everywhere and always."""
        return np.ones(np.broadcast_shapes(np.shape(distance_m), np.shape(time_s)), dtype=np.complex128)


class Echoes(Model):
    """What all laws of many echoes share; each of them says how its power is distributed.

    A transfer crosses *blocks*: units of coherence bandwidth x coherence time, each with one independent power. A
    share wider than the coherence bandwidth has several blocks abreast (n and a part f of one more: its *row*), whose
    mean efficiency it gets; a narrower one has rows of a single block of its own width. With mu and s2 the mean and
    variance of the efficiency, a row carries R = mu x share x coherence time at the mean, with the relative variance
    v = s2/mu^2 (n + f^2)/(n + f)^2. A transfer of S bits takes as long as the mean rate takes for W bits; S/R is k
    whole rows and a part g of one more:

    mode "clt":   E[W] = S + v R/2, Var[W] = v (k + g^2) R^2 (renewal theorem, the last row counted in part), one
                  log-normal draw with these two moments: never negative, normal for long transfers, and cut where
                  the time would fall below that of the peak rate. Fewer than three rows are passed one by one, with
                  one log-normal draw of mean 1 and variance v each. Where fewer than 30 blocks are met in more rows,
                  or v > 1/100 in fewer, block by block.
    mode "block": block by block, exactly, up to 100,000 blocks; beyond, no law of theirs could be told from "clt".
    mode "mean":  W = S, no draw.

    Long transfers thus have the variance of blocks of min(share, coherence bandwidth), and short ones over a wide
    band have its diversity.

    Coherence time `coherence_periods`/f_d with the Doppler frequency f_d = v f/c: 0.423 periods is the usual choice,
    9/(16 pi) = 0.179 that of a correlation of one half, 1 a rule of thumb. A device at rest still has the echoes' own
    motion, so v is at least `floor_speed_m_per_s` (3 km/h).
    """

    mode: Literal["clt", "mean", "block"] = "clt"
    coherence_bandwidth_hz: Annotated[float, Field(ge=1e3, le=1e12)] = 4e6
    coherence_periods: Annotated[float, Field(ge=0.01, le=100)] = 0.423
    floor_speed_m_per_s: Annotated[float, Field(ge=1e-3, le=1e4)] = 0.8333

    @abstractmethod
    def density(self, power: Floats) -> Floats:
        """Probability density of the power |h|^2 (mean 1) at each value; same shape."""

    @abstractmethod
    def outage(self, power: Floats | float) -> Floats:
        """Probability that the power lies below each value; same shape."""

    @abstractmethod
    def powers(self, count: int, rng: np.random.Generator) -> Floats:
        """So many independent powers."""

    @property
    @abstractmethod
    def agility(self) -> float:
        """Variance of the amplitude's speed, Rayleigh's being 1."""

    @abstractmethod
    def _gain(self, wavelengths: Floats, rng: np.random.Generator) -> Gains:
        """The complex gain after each way in wavelengths."""

    def moments(self, rate: RateMap, snr_db: float) -> tuple[float, float]:
        """Mean (bit/s/Hz) and variance of the spectral efficiency around a mean SNR.

        Read linearly from a table in steps of 0.25 dB from -60 to 100 dB, exact at its points: under Rayleigh fading
        the mean of the gap map is within 2e-4 bit/s/Hz, the variance within 1e-3. Beyond the ends the ends' values.
        """
        return self.moments_of(rate)(snr_db)

    def moments_of(self, rate: RateMap) -> Callable[[float], tuple[float, float]]:
        """`moments` of one rate map, for whoever asks often."""
        return efficiency_table(self, rate).at

    def means(self, rate: RateMap, snr_db: Floats) -> Floats:
        """Mean of the spectral efficiency around each mean SNR, by the same table; same shape."""
        table = efficiency_table(self, rate)
        return np.interp(snr_db, table.snr_db, table.mean)

    def doppler_hz(self, speed_m_per_s: float, carrier_hz: float) -> float:
        """The largest Doppler shift, v f/c, of a device of this speed, but not below that of the floor speed."""
        return max(speed_m_per_s, self.floor_speed_m_per_s) * carrier_hz / SPEED_OF_LIGHT_M_PER_S

    def coherence_s(self, speed_m_per_s: float, carrier_hz: float) -> float:
        """How long a fading state lasts for a device of this speed, in seconds."""
        return self.coherence_periods / self.doppler_hz(speed_m_per_s, carrier_hz)

    def crossings_per_s(self, level: Floats | float, doppler_hz: float) -> Floats:
        """How often the amplitude falls below each level (in units of its root mean square), a second; same shape.

        sqrt(2 pi s) f_d l p(l^2) with the density p of the power and the agility s: the amplitude's speed is normal
        and independent of the amplitude. Echoes from all around (Clarke); a direct path without Doppler shift.
        Sources: Rice (1948); Yacoub, Bautista, Guerra de Rezende Guedes, IEEE Trans. Veh. Technol. 48(3), 1999.
        """
        level = np.asarray(level, dtype=float)
        return np.asarray(math.sqrt(2.0 * math.pi * self.agility) * doppler_hz * level * self.density(level**2))

    def fade_s(self, level: Floats | float, doppler_hz: float) -> Floats:
        """Mean duration of a fade below each level, in seconds: outage over crossings; same shape."""
        return np.asarray(self.outage(np.asarray(level) ** 2) / self.crossings_per_s(level, doppler_hz))

    def gain(self, distance_m: Floats, time_s: Floats, wavelength_m: float, rng: np.random.Generator) -> Gains:
        """The complex gain of the link whose stream is `rng`, at each pair of way travelled and time; E|h|^2 = 1.

        A function of way + floor speed x time: echoes move even while the device stands. The arguments broadcast.
        """
        return self._gain(np.asarray(distance_m + self.floor_speed_m_per_s * time_s) / wavelength_m, rng)

    def work_bit(self, size_bit: float, rate: RateMap, snr_db: float, bandwidth_hz: float, coherence_s: float,
                 rng: np.random.Generator) -> float:  # fmt: skip
        """The bits that the mean rate must carry for the time to have fading's law; always positive.

        `bandwidth_hz` is the share that the transfer uses itself (B/n among n equals).
        """
        # A link so deep in a hole carries nothing, block after block; the caller has cut it long before.
        assert snr_db >= LOWEST_DB, snr_db
        if self.mode == "mean":
            return size_bit
        table = efficiency_table(self, rate)
        mean, variance = table.at(snr_db)
        strips = min(max(bandwidth_hz / self.coherence_bandwidth_hz, 1.0), MOST_STRIPS)
        row_bit = bandwidth_hz * coherence_s * mean
        rows = size_bit / row_bit
        spread = variance / mean**2 * _squares(strips) / strips**2
        if self.mode == "block":
            alone = rows * strips < MANY_BLOCKS
        else:
            alone = rows * strips < ENOUGH_BLOCKS if rows >= FEW_ROWS else spread > EVEN
        if alone:
            return row_bit * rows_crossed(rows, strips, self, rate, float(from_db(snr_db)), mean, rng)
        if rows < FEW_ROWS:
            drawn_rows = rows_drawn(rows, spread, rng)
        else:
            mean_rows = rows + 0.5 * spread
            log_variance = math.log1p(spread * _squares(rows) / mean_rows**2)
            drawn_rows = mean_rows * math.exp(math.sqrt(log_variance) * rng.standard_normal() - 0.5 * log_variance)
        return row_bit * max(drawn_rows, rows * mean / table.peak)


class Rayleigh(Echoes):
    """Fading by many echoes and no direct path: the power is exponential, |h|^2 ~ Exp(1)."""

    kind: Literal["rayleigh"] = "rayleigh"

    @property
    def agility(self) -> float:
        """Variance of the amplitude's speed: 1, by definition."""
        return 1.0

    def density(self, power: Floats) -> Floats:
        """Probability density of the power at each value; same shape."""
        return np.exp(-np.asarray(power))

    def outage(self, power: Floats | float) -> Floats:
        """Probability that the power lies below each value, 1 - e^-x; same shape."""
        return np.asarray(-np.expm1(-np.asarray(power)))

    def powers(self, count: int, rng: np.random.Generator) -> Floats:
        """So many independent powers."""
        return rng.standard_exponential(count)

    def _gain(self, wavelengths: Floats, rng: np.random.Generator) -> Gains:
        """The sum of sinusoids itself: E[h(s) h*(s + r)] = J0(2 pi r/lambda)."""
        return scattered(wavelengths, rng)


class Rician(Echoes):
    """Fading by many echoes around a direct path that is K times as strong: 2 (K + 1) |h|^2 ~ chi^2(2, 2 K).

    K is one number, in and out of sight: TR 38.901 draws it (Table 7.5-6: 9 +- 5 dB in UMi) and knows it in line of
    sight alone. The direct path has no Doppler shift, so E[h(s) h*(s + r)] = (K + J0(2 pi r/lambda))/(K + 1).
    """

    kind: Literal["rician"] = "rician"
    k_db: Annotated[float, Field(ge=-100, le=20)] = 9.0

    @property
    def k(self) -> float:
        """Power of the direct path over that of all echoes."""
        return float(from_db(self.k_db))

    @property
    def agility(self) -> float:
        """Variance of the amplitude's speed: 1/(K + 1)."""
        return 1.0 / (self.k + 1.0)

    def density(self, power: Floats) -> Floats:
        """Probability density of the power at each value; same shape."""
        direct, seen = math.sqrt(self.k), np.sqrt((self.k + 1.0) * np.asarray(power))
        return np.asarray((self.k + 1.0) * np.exp(-((seen - direct) ** 2)) * ive(0, 2.0 * direct * seen))

    def outage(self, power: Floats | float) -> Floats:
        """Probability that the power lies below each value, 1 - Q1(sqrt(2 K), sqrt(2 (K + 1) x)); same shape."""
        return np.asarray(chndtr(2.0 * (self.k + 1.0) * np.asarray(power), 2, 2.0 * self.k))

    def powers(self, count: int, rng: np.random.Generator) -> Floats:
        """So many independent powers."""
        return rng.noncentral_chisquare(2, 2.0 * self.k, count) / (2.0 * (self.k + 1.0))

    def _gain(self, wavelengths: Floats, rng: np.random.Generator) -> Gains:
        """The sum of sinusoids and a constant of random phase."""
        echoes, phase = scattered(wavelengths, rng), rng.uniform(-np.pi, np.pi)
        return np.asarray((echoes + math.sqrt(self.k) * np.exp(1j * phase)) / math.sqrt(self.k + 1.0))


class Nakagami(Echoes):
    """Fading whose power has a gamma law, |h|^2 ~ Gamma(m, 1/m): m = 1 is Rayleigh, 1/2 the worst, large m is steady.

    The signal itself: |h|^2 is the mean square of 2 m normal processes of Clarke's correlation, where 2 m is whole;
    otherwise that of the nearest whole number, its amplitude mapped to this law at equal probability. Powers r
    wavelengths apart are correlated by J0^2(2 pi r), and crossings obey `crossings_per_s`: exactly where 2 m is
    whole (up to 1/N of the sum of sinusoids), else nearly. The phase is that of the first two processes; it is
    independent of the amplitude for m = 1 alone or m >= 3/2, and E[h h*] is J0 for m = 1 alone.
    """

    kind: Literal["nakagami"] = "nakagami"
    m: Annotated[float, Field(ge=0.5, le=50)] = 2.0

    @property
    def agility(self) -> float:
        """Variance of the amplitude's speed: 1/m."""
        return 1.0 / self.m

    def density(self, power: Floats) -> Floats:
        """Probability density of the power at each value; same shape."""
        log = xlogy(self.m, self.m) + xlogy(self.m - 1.0, power) - self.m * np.asarray(power) - gammaln(self.m)
        return np.asarray(np.exp(log))

    def outage(self, power: Floats | float) -> Floats:
        """Probability that the power lies below each value, P(m, m x); same shape."""
        return np.asarray(gammainc(self.m, self.m * np.asarray(power)))

    def powers(self, count: int, rng: np.random.Generator) -> Floats:
        """So many independent powers."""
        return rng.standard_gamma(self.m, count) / self.m

    def _gain(self, wavelengths: Floats, rng: np.random.Generator) -> Gains:
        """The root of a mean square of normal processes, with the phase of the first two."""
        normals = round(2.0 * self.m)
        waves = [scattered(wavelengths, rng) for _ in range((normals + 1) // 2)]
        power = sum((np.abs(wave) ** 2 for wave in waves), np.zeros(np.shape(wavelengths)))
        if normals % 2 == 1:
            power = power - waves[-1].imag ** 2
        power, whole = 2.0 * power / normals, 0.5 * normals
        if whole != self.m:
            power = gammainccinv(self.m, gammaincc(whole, whole * power)) / self.m
        return np.asarray(np.sqrt(power) * np.exp(1j * np.angle(waves[0])))


def _squares(count: float) -> float:
    """The sum of squares of `count` ones, the last of them in part."""
    whole = math.floor(count)
    return whole + (count - whole) ** 2
