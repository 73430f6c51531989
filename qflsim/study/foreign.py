"""Traces that are whole but tell what no run of qflsim does: refused by name, whatever it was that could not be told."""

from collections.abc import Iterator
from contextlib import contextmanager

from qflsim.errors import InputError, QflsimError
from qflsim.trace.reader import Trace


@contextmanager
def as_recorded(trace: Trace) -> Iterator[None]:
    """What fails in here fails for what the trace says: an `InputError` with its path, and the failure as its cause.

    For reading only. What computes a scenario anew must not stand in here, lest its own mistakes pass for the trace's.
    """
    try:
        yield
    except QflsimError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"[:200]
        raise InputError(
            str(trace.path), f"a trace that contradicts itself ({told})", "one that qflsim wrote"
        ) from error
