"""Rates: what a receiver makes of its signal-to-noise ratio."""

import math
from typing import Annotated, Literal, Protocol, Self

import numpy as np
from pydantic import Field, model_validator

from qflsim.model import Model, Share
from qflsim.units import Floats, from_db

THERMAL_NOISE_DBM_PER_HZ = -174.0
AT_THE_LIMIT = 1.0 - 1e-12
"""Decibels become ratios with rounding: a link at the very level where a map begins must still carry something."""

Level = Annotated[float, Field(ge=-30, le=60)]
"""A signal-to-noise ratio in dB."""


def noise_dbm(bandwidth_hz: float, noise_figure_db: float) -> float:
    """Noise power in dBm at a receiver: -174 dBm/Hz (thermal noise at 290 K, rounded as is usual) + 10 lg B + NF."""
    return THERMAL_NOISE_DBM_PER_HZ + 10.0 * math.log10(bandwidth_hz) + noise_figure_db


def peak_rate_bit_per_s(
    resource_blocks: int, numerology: int, bit_per_symbol: int, layers: int, overhead: float
) -> float:
    """The most that one NR carrier can carry: layers x Q x 948/1024 x 12 N_RB x 14 x 2^numerology per ms x (1 - OH).

    Source: TS 38.306 4.1.2, scaling factor 1. Overhead 0.14 (FR1) and 0.18 (FR2) down, 0.08 and 0.10 up.
    """
    symbols_per_s = 12 * resource_blocks * 14_000 * (1 << numerology)
    return layers * bit_per_symbol * 948 / 1024 * symbols_per_s * (1.0 - overhead)


class RateMap(Protocol):
    """What a modem achieves at a signal-to-noise ratio (SNR), and when its link counts as lost.

    Some rate must be left at `cut_db`: whoever follows the mean SNR loses the link below that, and finds it again
    above `return_db`.
    """

    @property
    def kind(self) -> str: ...
    @property
    def cut_db(self) -> float: ...
    @property
    def return_db(self) -> float: ...

    @property
    def corners_snr(self) -> tuple[float, ...]:
        """The linear SNRs, above 0, where the map jumps or bends; between them it is smooth."""
        ...

    def __hash__(self) -> int: ...

    def efficiency(self, snr: Floats) -> Floats:
        """Spectral efficiency in bit/s/Hz at a linear SNR; same shape."""
        ...


def check_limits(cut_db: float, return_db: float) -> None:
    """Raises ValueError where a link would be found again at a level at which it is lost."""
    if return_db < cut_db:
        raise ValueError(f"return_db must not lie below cut_db = {cut_db}")


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
    cut_db: Level = -7.0
    return_db: Level = -5.0

    @model_validator(mode="after")
    def _limits(self) -> Self:
        check_limits(self.cut_db, self.return_db)
        return self

    @property
    def corners_snr(self) -> tuple[float, ...]:
        """Where the peak begins."""
        return (float((2.0**self.peak_bit_per_s_hz - 1.0) * from_db(self.gap_db)),)

    def efficiency(self, snr: Floats) -> Floats:
        """Spectral efficiency in bit/s/Hz at a linear SNR; same shape."""
        return np.asarray(np.minimum(np.log2(1.0 + snr / from_db(self.gap_db)), self.peak_bit_per_s_hz))


class Shannon(Model):
    """The limit of all codes, lg2(1 + SNR): no gap, no peak; what no modem reaches."""

    kind: Literal["shannon"] = "shannon"
    cut_db: Level = -7.0
    return_db: Level = -5.0

    @model_validator(mode="after")
    def _limits(self) -> Self:
        check_limits(self.cut_db, self.return_db)
        return self

    @property
    def corners_snr(self) -> tuple[float, ...]:
        """None."""
        return ()

    def efficiency(self, snr: Floats) -> Floats:
        """Spectral efficiency in bit/s/Hz at a linear SNR; same shape."""
        return np.asarray(np.log2(1.0 + snr))


class TruncatedShannon(Model):
    """A share of Shannon's limit between two levels: 0 below the lower, constant above the upper one.

    `attenuation` x lg2(1 + SNR). Source: TR 36.942 A.2, an LTE baseline: downlink 0.6, -10 and 22 dB (4.4 bit/s/Hz),
    the default; uplink 0.4, -10 and 15 dB (2.0 bit/s/Hz). A link is lost when its mean SNR falls below `cut_db`.
    """

    kind: Literal["truncated-shannon"] = "truncated-shannon"
    attenuation: Share = 0.6
    min_db: Level = -10.0
    max_db: Level = 22.0
    cut_db: Level = -10.0
    return_db: Level = -8.0

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if not self.min_db <= self.cut_db <= self.max_db:
            raise ValueError("cut_db must lie between min_db and max_db: nothing is carried below")
        check_limits(self.cut_db, self.return_db)
        return self

    @property
    def corners_snr(self) -> tuple[float, ...]:
        """Both ends."""
        return float(from_db(self.min_db)) * AT_THE_LIMIT, float(from_db(self.max_db))

    def efficiency(self, snr: Floats) -> Floats:
        """Spectral efficiency in bit/s/Hz at a linear SNR; same shape."""
        lowest, highest = self.corners_snr
        carried = self.attenuation * np.log2(1.0 + np.minimum(snr, highest))
        return np.asarray(np.where(np.asarray(snr) < lowest, 0.0, carried))
