"""What commands say: to standard output, or of a mistake, as text or as JSON."""

import json
import math
import os
import sys
from typing import Any

import typer

from qflsim.errors import EXIT_FAILED, InputError, InputErrors, QflsimError


def told(error: QflsimError, as_json: bool) -> int:
    """Tells a mistake or mishap in a line, or as JSON, and returns its exit code."""
    if as_json:
        first = error.errors[0] if isinstance(error, InputErrors) else error
        say(json_text({"error": place(first)}))
    else:
        typer.echo(str(error), err=True)
    return error.exit_code


def place(error: QflsimError) -> dict[str, Any]:
    """A mistake as `--json` gives it."""
    if isinstance(error, InputError):
        return {"where": error.where, "got": str(error.got), "want": error.want}
    trace = getattr(error, "trace", None)
    return {"where": "" if trace is None else str(trace), "got": str(error), "want": ""}


def json_text(value: Any) -> str:
    """One JSON object; what JSON cannot say is null."""
    return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    """The same with null for what JSON cannot say."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def say(text: str) -> None:
    """Prints to standard output. Whoever reads it may stop reading."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        drop_output()
    except OSError as error:
        drop_output()
        typer.echo(f"standard output: {error.strerror}", err=True)
        sys.exit(EXIT_FAILED)


def drop_output() -> None:
    """From now on standard output goes nowhere: whoever read it has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
