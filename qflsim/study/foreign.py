"""Traces whose checksums hold but that tell what no run does: refused by name, whatever could not be told of them."""

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
        got = f"a trace that contradicts itself ({type(error).__name__}: {str(error)[:200]})"
        raise InputError(str(trace.path), got, "one that qflsim wrote") from error
