"""Where full-batch training ends: the optimum nearest to a start."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from qflsim.units import Floats


def optimum(loss: Callable[[Floats], tuple[float, Floats]], start: Floats, most_steps: int = 500) -> Floats:
    """The parameters, (P,), where L-BFGS on a loss and its exact gradient ends, after at most so many steps.

    On one thread: its matrices are tiny, more threads of the linear algebra wait longer for each other than they work,
    and round otherwise.
    """
    with threadpool_limits(1):
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": most_steps})
    return np.asarray(found.x)
