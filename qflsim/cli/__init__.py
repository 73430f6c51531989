"""The command line: `main` is the `qflsim` command."""

import sys
import warnings
from typing import NoReturn

import typer

from qflsim.cli.answers import told
from qflsim.cli.commands import app
from qflsim.errors import InputError, InputWarning, QflsimError, RunError


def main() -> NoReturn:
    """The `qflsim` command. A mistake or mishap ends it with a line and an exit code, without a traceback."""
    words = sys.argv[1:] or ["--help"]
    as_json = "--json" in words
    warnings.formatwarning = _warning
    try:
        sys.exit(app(words, standalone_mode=False))
    except QflsimError as error:
        sys.exit(told(error, as_json))
    except typer.TyperException as error:
        got = error.format_message().rstrip(".")
        sys.exit(told(InputError("the command line", got, f"what {_help(words)} describes"), as_json))
    except OSError as error:
        sys.exit(told(RunError(f"{error.filename or 'input/output'}: {error.strerror or error}"), as_json))


def _warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A line for what the scenario's author should know; what concerns the program's author names the place in it."""
    if issubclass(category, InputWarning):
        return f"warning: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"


def _help(words: list[str]) -> str:
    """How to ask for help on what these words ask for."""
    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    return " ".join(["qflsim", *(word for word in words[:1] if word in commands), "--help"])
