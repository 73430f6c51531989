"""The faded signal itself: its complex gain along a way, from one instant to the next, and as a chain of two states."""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import j0

from qflsim.units import Floats

Gains = npt.NDArray[np.complex128]
SINUSOIDS = 16


def scattered(wavelengths: Floats, rng: np.random.Generator) -> Gains:
    """The complex gain of many echoes (Rayleigh fading) after each way in wavelengths; E|h|^2 = 1, same shape.

    h = N^-1/2 sum_n exp(j (2 pi s cos((2 pi n + theta_n)/N) + phi_n)), theta_n and phi_n uniform on (-pi, pi), N = 16.
    Over the ensemble E[h(s) h*(s + r)] = J0(2 pi r) exactly and E|h|^4 = 2 - 1/N. One link is one state of `rng`.
    Source: Xiao, Zheng, Beaulieu, IEEE Trans. Wireless Commun. 5(12), 2006.
    """
    theta, phase = rng.uniform(-np.pi, np.pi, (2, SINUSOIDS))
    cosine = np.cos((2.0 * np.pi * np.arange(1, SINUSOIDS + 1) + theta) / SINUSOIDS)
    angle = np.multiply.outer(2.0 * np.pi * wavelengths, cosine) + phase
    gain = np.cos(angle).sum(axis=-1) + 1j * np.sin(angle).sum(axis=-1)
    return np.asarray(gain / math.sqrt(SINUSOIDS), dtype=np.complex128)


def gauss_markov(gain: Gains, elapsed_s: float, coherence_s: float, rng: np.random.Generator) -> Gains:
    """The gain of Rayleigh links some time later, as a Markov process: a h + sqrt(1 - a^2) CN(0, 1).

    With a = exp(-elapsed/coherence) two steps have the law of one of their length, so that it may be looked at as
    often as one likes; with a = J0(2 pi f_d elapsed) it would depend on that. The correlation is not Clarke's.
    """
    kept = math.exp(-elapsed_s / coherence_s)
    fresh = rng.standard_normal((2, *gain.shape))
    return np.asarray(kept * gain + math.sqrt(0.5 * (1.0 - kept**2)) * (fresh[0] + 1j * fresh[1]))


def two_states(fade_margin: float, doppler_hz: float, slot_s: float) -> tuple[float, float]:
    """P(good to bad) and P(bad to good) from slot to slot of a Rayleigh link, bad below mean power/`fade_margin`.

    P(bad to good) = [Q1(t, r t) - Q1(r t, t)]/(e^{1/F} - 1) with Marcum's Q, r = J0(2 pi f_d slot) and
    t^2 = 2/(F (1 - r^2)); the other one keeps P(bad) = 1 - e^{-1/F} stationary. The margin is a linear ratio.
    Source: Zorzi, Rao, Milstein, IEEE Trans. Commun. 46(11), 1998. Below f_d slot = 1e-3 the difference of the two
    Q loses digits: so slow a link is better followed by its fade duration.
    """
    from scipy.stats import ncx2  # takes half a second

    correlation = float(j0(2.0 * np.pi * doppler_hz * slot_s))
    near = 2.0 / (fade_margin * (1.0 - correlation**2))
    far = correlation**2 * near
    leave = float(ncx2.sf(far, 2, near) - ncx2.sf(near, 2, far)) / math.expm1(1.0 / fade_margin)
    return leave * math.expm1(1.0 / fade_margin), leave
