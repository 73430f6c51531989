"""Retransmissions (HARQ): what block errors cost in rate and in time."""

from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.special import gammainc

from qflsim.model import Model
from qflsim.units import Floats


class Harq(Model):
    """Blocks that fail are sent again, up to so many attempts, each failing independently with one probability.

    The rate is multiplied by `goodput`, and a transfer ends `latency_s` later, for its last block. What still fails
    is sent anew by the layer above: `goodput` has that counted already.
    """

    block_error: Annotated[float, Field(ge=0, le=0.99)] = 0.1
    attempts: Annotated[int, Field(ge=1, le=64)] = 4
    round_trip_s: Annotated[float, Field(ge=0, le=10)] = 0.008
    """From one attempt to the next; 8 ms in LTE."""

    @property
    def residual(self) -> float:
        """Probability that all attempts fail, p^M."""
        return float(self.block_error**self.attempts)

    @property
    def mean_attempts(self) -> float:
        """(1 - p^M)/(1 - p)."""
        return (1.0 - self.residual) / (1.0 - self.block_error)

    @property
    def goodput(self) -> float:
        """What arrives of what is sent, 1 - p: delivered blocks over attempts, whatever M."""
        return 1.0 - self.block_error

    @property
    def latency_s(self) -> float:
        """Mean time that a block waits for its repetitions, (E[N] - 1) round trips."""
        return (self.mean_attempts - 1.0) * self.round_trip_s


def chase_outage(threshold: Floats | float, attempts: int) -> Floats:
    """Probability that the summed SNR of M attempts over independent Rayleigh fades stays below a threshold: P(M, x).

    Chase combining; `threshold` x is the SNR needed over the mean SNR of one attempt. Same shape.
    """
    return np.asarray(gammainc(attempts, threshold))
