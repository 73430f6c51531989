"""Rates: what a receiver makes of its signal-to-noise ratio."""

from typing import Annotated, Literal, Protocol, Self

import numpy as np
from pydantic import Field, model_validator
from scipy.special import exp1

from qflsim.model import Model
from qflsim.units import Floats, from_db

THERMAL_NOISE_DBM_PER_HZ = -174.0


def noise_dbm(bandwidth_hz: float, noise_figure_db: float) -> float:
    """Noise power in dBm at a receiver: -174 dBm/Hz (thermal noise at 290 K, rounded as is usual) + 10 lg B + NF."""
    return float(THERMAL_NOISE_DBM_PER_HZ + 10.0 * np.log10(bandwidth_hz) + noise_figure_db)


class RateMap(Protocol):
    """What a modem achieves at a signal-to-noise ratio (SNR), and when its link counts as lost."""

    @property
    def kind(self) -> str: ...
    @property
    def cut_db(self) -> float: ...
    @property
    def return_db(self) -> float: ...

    def __hash__(self) -> int: ...

    def efficiency(self, snr: Floats) -> Floats:
        """Spectral efficiency in bit/s/Hz at a linear SNR; same shape."""
        ...

    def rayleigh_mean(self, mean_snr: Floats) -> Floats:
        """Mean spectral efficiency in bit/s/Hz over Rayleigh fading around a linear mean SNR; same shape."""
        ...


class GapRate(Model):
    """A coded link that falls short of Shannon's limit by a fixed gap: min(lg2(1 + SNR/gap), peak).

    A gap of 2.5 dB and the peak of 64QAM at code rate 948/1024 lie within 1.3 dB of the SNR at which the schemes of
    TS 38.214 Table 5.1.3.1-1 reach 10 % block errors in link-level simulation (Sionna's tables, code blocks of
    2,000 bit). The map itself never reaches zero: a link is lost when its mean SNR falls below `cut_db`, and is back
    above `return_db`. Whoever follows the mean SNR applies both.
    """

    kind: Literal["gap"] = "gap"
    gap_db: Annotated[float, Field(ge=0, le=30)] = 2.5
    peak_bit_per_s_hz: Annotated[float, Field(ge=1e-3, le=64)] = 5.5547
    cut_db: Annotated[float, Field(ge=-30, le=60)] = -7.0
    return_db: Annotated[float, Field(ge=-30, le=60)] = -5.0

    @model_validator(mode="after")
    def _returns_above_the_cut(self) -> Self:
        if self.return_db < self.cut_db:
            raise ValueError(f"return_db must not lie below cut_db = {self.cut_db}")
        return self

    def efficiency(self, snr: Floats) -> Floats:
        """Spectral efficiency in bit/s/Hz at a linear SNR; same shape."""
        return np.asarray(np.minimum(np.log2(1.0 + snr / from_db(self.gap_db)), self.peak_bit_per_s_hz))

    def rayleigh_mean(self, mean_snr: Floats) -> Floats:
        """Mean spectral efficiency in bit/s/Hz over Rayleigh fading around a linear mean SNR; same shape.

        e^{1/g} [E1(1/g) - E1((1 + s)/g)] / ln 2, where g = mean SNR/gap and s = 2^peak - 1 is where the peak begins.
        """
        inverse = from_db(self.gap_db) / mean_snr
        start = 2.0**self.peak_bit_per_s_hz - 1.0
        beyond = np.exp(-start * inverse) * _scaled_exp1((1.0 + start) * inverse)
        return np.asarray((_scaled_exp1(inverse) - beyond) / np.log(2.0))


def _scaled_exp1(x: Floats) -> Floats:
    """e^x E1(x) for x > 0, by its asymptotic series where e^x would overflow (relative error below 1e-9)."""
    near = np.minimum(x, 400.0)
    far = np.maximum(x, 400.0)
    series = (1.0 - (1.0 - (2.0 - 6.0 / far) / far) / far) / far
    return np.where(x < 400.0, np.exp(near) * exp1(near), series)
