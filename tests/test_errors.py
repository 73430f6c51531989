"""Mistakes and mishaps: what a worker process raises reaches the user as it was."""

import pickle
from pathlib import Path

import pytest

from qflsim.errors import InputError, InputErrors, QflsimError, RunError, StoppedError

ONE = InputError("devices.cars", 3, "more")


@pytest.mark.parametrize(
    "error",
    [
        ONE,
        InputErrors([ONE, InputError("seed", "x", "a number")]),
        RunError("stalled; the trace is t.h5", Path("t.h5")),
        StoppedError("stopped by SIGINT; the trace up to there is t.h5", 130, Path("t.h5")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error: QflsimError) -> None:
    """The same words, exit code, and parts, each of many mistakes still by itself."""
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is type(error)
    assert (str(there), there.exit_code) == (str(error), error.exit_code)
    assert getattr(there, "trace", None) == getattr(error, "trace", None)
    told, meant = ([vars(e) for e in getattr(e, "errors", ())] for e in (there, error))
    assert told == meant
