"""The command line: `main` is the `qflsim` command."""

import sys
import warnings
from typing import NoReturn

from qflsim.study.signals import end_on_signals, ended_by, leave_on_signals


def main() -> NoReturn:
    """The `qflsim` command. A mistake, mishap or signal ends it with a line and an exit code, without a traceback."""
    end_on_signals()  # before what takes a while to import
    words = sys.argv[1:] or ["--help"]
    warnings.formatwarning = _warning
    try:
        code = _carried_out(words)
    except BaseException as error:
        ended = ended_by(error)
        if ended is None:
            raise
        leave_on_signals()
        sys.stderr.write(f"{ended}\n")
        sys.exit(ended.exit_code)
    leave_on_signals()
    sys.exit(code)


def _carried_out(words: list[str]) -> int | None:
    """Carries out a command, and returns its exit code."""
    import typer

    from qflsim.cli.answers import told
    from qflsim.cli.commands import app
    from qflsim.errors import InputError, QflsimError, RunError

    as_json = "--json" in words
    try:
        code: int | None = app(words, standalone_mode=False)
        return code
    except (QflsimError, typer.TyperException, OSError) as error:
        if ended_by(error):
            raise
        if isinstance(error, QflsimError):
            return told(error, as_json)
        if isinstance(error, OSError):
            return told(RunError(f"{error.filename or 'input/output'}: {error.strerror or error}"), as_json)
        got = error.format_message().rstrip(".")
        return told(InputError("the command line", got, f"what {_help(words)} describes"), as_json)


def _warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A line for what the scenario's author should know; what concerns the program's author names the place in it."""
    from qflsim.errors import InputWarning

    if issubclass(category, InputWarning):
        return f"warning: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"


def _help(words: list[str]) -> str:
    """How to ask for help on what these words ask for."""
    from qflsim.cli.commands import app

    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    return " ".join(["qflsim", *(word for word in words[:1] if word in commands), "--help"])
