"""What classical solvers earn on the graphs that grade a schedule, and how sure a mean over graphs is."""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from qflsim.learning.solvers import annealed, energy, goemans_williamson, greedy
from qflsim.units import Floats

NORMAL_975 = 1.959964
"""97.5 % of a normal distribution lie below so many standard deviations above its mean."""


class Interval(NamedTuple):
    """A mean across graphs and the half width of its 95 % confidence interval, nan if there is only one graph."""

    mean: float
    half_width: float


def interval(values: Floats) -> Interval:
    """Student's t interval of the mean: t(0.975, G - 1) standard deviation / sqrt(G). `values`: (G,), G >= 1.

    Exact for normal values drawn independently. Ratios pile up at 1, where few graphs make it too narrow; when all are
    equal it has no width.
    """
    count = len(values)
    if count == 1:
        return Interval(float(values[0]), np.nan)
    spread = float(np.std(values, ddof=1))
    return Interval(float(np.mean(values)), float(stdtrit(count - 1, 0.975)) * spread / count**0.5)


def share_interval(marks: Floats) -> Interval:
    """The share of ones among independent marks of 0 or 1, and a half width that covers Agresti and Coull's interval.

    That is p +- z sqrt(p (1 - p) / m) with m = n + z^2 and p the share after z^2 / 2 ones and as many zeros more: it
    does not vanish where all marks are equal. Source: The American Statistician 52, 119 (1998). `marks`: (n,), n >= 1.
    """
    z2 = NORMAL_975**2
    size = len(marks) + z2
    share = (float(marks.sum()) + z2 / 2) / size
    mean = float(np.mean(marks))
    return Interval(mean, NORMAL_975 * (share * (1 - share) / size) ** 0.5 + abs(share - mean))


def classical_grades(
    couplings: Floats, fields: Floats, constant: Floats, best: Floats, rng: np.random.Generator
) -> dict[str, Floats]:
    """C / (best C) that each classical solver reaches on each graph, (G,), by the solver's name.

    "greedy" and "annealing": of the assignment that they answer. "Goemans-Williamson": the mean over its roundings, of
    which its guarantee speaks, exactly; the best of a few is about as good as annealing. Costs as in
    `qflsim.learning.solvers`: couplings (G, n, n), fields (G, n), constant (G,); best (G,), constant included, above 0.
    """
    return {
        "greedy": (constant + energy(couplings, fields, greedy(couplings, fields))) / best,
        "Goemans-Williamson": (constant + goemans_williamson(couplings, fields, rng).expected) / best,
        "annealing": (constant + energy(couplings, fields, annealed(couplings, fields, rng))) / best,
    }
