"""A warm start: a circuit that begins near an assignment found by other means.

Source: D. J. Egger, J. Marecek, S. Woerner (2021), Warm-starting quantum optimization, Quantum 5:479, sections 2 and 3.
"""

import numpy as np

from qflsim.units import Floats


def warm_tilts(chances: Floats, distance: float = 0.25) -> Floats:
    """The tilt of each qubit, t = 2 arcsin sqrt(c), so that it starts as 1 with probability c: RY(t)|0>.

    `chances`: that a vertex is on side 1, as a relaxed or rounded solution says, any shape. They are kept `distance`
    away from 0 and 1, where a qubit would never move: 0 < `distance` <= 1/2, and 1/2 is the plain start.
    With tilts the QAOA functions take costs of `whole` assignments.
    """
    return np.asarray(2 * np.arcsin(np.sqrt(np.clip(chances, distance, 1 - distance))))
