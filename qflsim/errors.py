"""What can go wrong, told to the user: a place, what was found there, and the way out."""

from collections.abc import Iterable
from pathlib import Path

EXIT_NO, EXIT_INPUT, EXIT_FAILED = 1, 2, 3


class QflsimError(Exception):
    """A mistake or mishap that the user is told about in one line, never with a traceback."""

    exit_code = EXIT_FAILED


class InputError(QflsimError):
    """The user's input is wrong: where it stands, what stands there, and what was wanted."""

    exit_code = EXIT_INPUT

    def __init__(self, where: str, got: object, want: str) -> None:
        self.where, self.got, self.want = where, got, want
        super().__init__(where, got, want)  # SimPy and pickle make errors anew from these

    def __str__(self) -> str:
        return f"{self.where}: got {self.got if isinstance(self.got, str) else repr(self.got)}; want {self.want}"


class InputWarning(UserWarning):
    """Something in the user's input was repaired or passed over: where, what, and how often."""


class InputErrors(QflsimError):
    """Every mistake of one input at once."""

    exit_code = EXIT_INPUT

    def __init__(self, errors: Iterable[InputError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))

    def __reduce__(self) -> tuple[type["InputErrors"], tuple[tuple[InputError, ...]]]:
        return type(self), (self.errors,)


class RunError(QflsimError):
    """The run failed or stalled; `trace` holds what happened until then, if a file was begun."""

    def __init__(self, message: str, trace: Path | None = None) -> None:
        super().__init__(message)
        self.trace = trace


class StoppedError(QflsimError):
    """A signal asked the run to end; the trace holds all that happened until then."""

    def __init__(self, message: str, exit_code: int, trace: Path) -> None:
        super().__init__(message)
        self.exit_code, self.trace = exit_code, trace

    def __reduce__(self) -> tuple[type["StoppedError"], tuple[str, int, Path]]:
        return type(self), (str(self), self.exit_code, self.trace)
