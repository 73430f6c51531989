"""Short messages: a code of few symbols stays below Shannon's capacity."""

import math
from functools import lru_cache
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.special import ndtri

from qflsim.model import Model
from qflsim.units import Floats


class FiniteBlocklength(Model):
    """How much longer than by Shannon's capacity a message of few bits takes, for its error probability.

    The normal approximation of `short_rate` for complex noise, at a known SNR. It is good to a few per cent from some
    100 symbols on; below it is a guide.
    """

    error_probability: Annotated[float, Field(ge=1e-12, le=0.1)] = 1e-5
    below_bit: Annotated[float, Field(ge=1, le=1e9)] = 1e4
    """Longer messages are taken to reach the capacity."""

    def stretch(self, size_bit: float, snr: float) -> float:
        """n C/size >= 1, where n R(n) = size: how many times Shannon's channel uses it takes; snr > 0 is linear.

        At least one symbol. However weak, a link above zero carries a message in the end: n is finite.
        """
        if size_bit >= self.below_bit:
            return 1.0
        capacity = math.log1p(snr) / math.log(2.0)
        loss = _normal_quantile(self.error_probability) * math.sqrt(snr * (snr + 2.0)) / (1.0 + snr) / math.log(2.0)
        # n R(n) - size, as a function of the root of n, is convex from here down to its zero: Newton's steps end there.
        root = max((loss + math.sqrt(loss**2 + 4.0 * capacity * size_bit)) / (2.0 * capacity), 1.0)
        for _ in range(60):
            excess = root * (capacity * root - loss) + math.log2(root) - size_bit
            step = excess / (2.0 * capacity * root - loss + 1.0 / (root * math.log(2.0)))
            root = max(root - step, 1.0)
            if abs(step) <= 1e-12 * root:
                break
        return max(root**2 * capacity / size_bit, 1.0)


def short_rate(channel_uses: Floats | float, snr: float, error_probability: float, *, real: bool = False) -> Floats:
    """Bits per channel use of the best codes of so many symbols: C - sqrt(V/n) Qinv(eps) + lg2(n)/(2n), at least 0.

    Complex noise: C = lg2(1 + s), V = (1 - (1 + s)^-2) lg2(e)^2; real noise: C = lg2(1 + s)/2 and V half of that.
    Source: Polyanskiy, Poor, Verdu, IEEE Trans. Inf. Theory 56(5), 2010 (normal approximation).
    """
    capacity = np.log2(1.0 + snr) * (0.5 if real else 1.0)
    dispersion = snr * (snr + 2.0) / ((1.0 + snr) * math.log(2.0)) ** 2 * (0.5 if real else 1.0)
    uses = np.asarray(channel_uses, dtype=float)
    rate = capacity - np.sqrt(dispersion / uses) * _normal_quantile(error_probability) + np.log2(uses) / (2.0 * uses)
    return np.asarray(np.maximum(rate, 0.0))


@lru_cache(maxsize=32)
def _normal_quantile(error_probability: float) -> float:
    """Where the upper tail of the normal law has this probability."""
    return -float(ndtri(error_probability))
