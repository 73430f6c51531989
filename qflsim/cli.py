"""The command line. Nothing heavy is imported before a command needs it."""

import json
import math
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from qflsim.errors import (
    EXIT_FAILED,
    EXIT_INPUT,
    EXIT_NO,
    InputError,
    InputErrors,
    InputWarning,
    QflsimError,
    RunError,
    StoppedError,
)  # fmt: skip

app = typer.Typer(
    help="Simulate quantum federated learning over 6G radio networks.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario file, or the name of a shipped one.")]
TraceFile = Annotated[Path, typer.Argument(metavar="TRACE", help="A trace file (.h5).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=v", help="Override a value of the scenario.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Override the seed.")]
Plugins = Annotated[bool, typer.Option("--allow-plugins", help="Let the scenario load Python code of yours.")]
WORKERS = typer.Option("--workers", min=1, max=1024, help="Processes that train: same result.")
CLUSTER = "A Dask scheduler that has workers, or 'local': one with so many workers, or one a core, for this run."
Out = Annotated[Path | None, typer.Option("-o", "--out", help="Where the trace goes.")]
FIGURE = "Draw who held versions up."
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


@app.command()
def run(scenario: ScenarioName, out: Out = None, force: Force = False, seed: Seed = None, sets: Sets = None,
        workers: Annotated[int | None, WORKERS] = None,
        cluster: Annotated[str | None, typer.Option("--cluster", metavar="ADDR", help=CLUSTER)] = None,
        timing_only: Annotated[bool, typer.Option("--timing-only", help="Keep time, learn nothing.")] = False,
        allow_plugins: Plugins = False, as_json: Json = False) -> None:  # fmt: skip
    """Run a scenario and write its trace.

    The result table goes to standard output, progress to a terminal's standard error.
    """
    from qflsim.study.processes import cores, prepare

    if workers is None:
        workers = cores() if cluster == "local" else 1
    if workers > 1 and cluster is None and not timing_only:
        prepare()  # first of all, for it goes on beside the imports that follow
    from qflsim.scenario.load import load
    from qflsim.study.progress import Progress
    from qflsim.study.report import result, summary
    from qflsim.study.run import run as run_scenario
    from qflsim.trace.reader import Trace

    found = load(scenario, seed=seed, overrides=sets or (), plugins=allow_plugins)
    try:
        with Progress(found.stop.duration_s) as progress:
            trace = run_scenario(found, out, workers=workers, cluster=cluster, timing_only=timing_only, force=force,
                                 observers=(progress,), tell=lambda text: typer.echo(text, err=True))  # fmt: skip
    except (RunError, StoppedError) as ended:
        if ended.trace is not None and not as_json:
            _say(result(Trace(ended.trace)))
        raise
    _say(_as_json({**summary(trace), "trace": str(trace.path)}) if as_json else result(trace))


@app.command()
def validate(scenarios: Annotated[list[str], typer.Argument(metavar="SCENARIO...")], allow_plugins: Plugins = False,
             as_json: Json = False) -> None:  # fmt: skip
    """Tell every mistake of scenario files."""
    from qflsim.scenario.build import with_sights
    from qflsim.scenario.load import load
    from qflsim.scenario.sources import read

    errors: list[InputError] = []
    for scenario in scenarios:
        try:
            found = load(scenario, plugins=allow_plugins)
            with_sights(found, read(found))
        except InputErrors as found:
            errors += [InputError(f"{scenario}: {e.where}", e.got, e.want) for e in found.errors]
        except InputError as error:
            errors.append(error)
    if as_json:
        _say(_as_json({"errors": [_place(error) for error in errors]}))
    else:
        _say("\n".join(map(str, errors)) or "no mistakes")
    if errors:
        raise typer.Exit(EXIT_INPUT)


@app.command()
def scenarios() -> None:
    """List the shipped scenarios and their questions."""
    from qflsim.scenario.load import question, shipped

    for name, path in shipped().items():
        asked, answer = question(path)
        _say(f"{name}\n    {asked}\n    {answer}")


@app.command()
def inspect(trace: TraceFile, as_json: Json = False) -> None:
    """Say what a trace holds."""
    from qflsim.study.report import overview, summary
    from qflsim.trace.reader import Trace

    found = Trace(trace)
    _say(_as_json(summary(found)) if as_json else overview(found))


@app.command()
def replay(
    trace: TraceFile, workers: Annotated[int, WORKERS] = 1, allow_plugins: Plugins = False, as_json: Json = False
) -> None:
    """Simulate a trace's run again, and compare.

    The trace alone is needed. Every record is compared; the exit code is 1 if they differ.
    """
    from qflsim.study.replay import replay as replay_trace
    from qflsim.study.report import verdict_told
    from qflsim.trace.reader import Trace

    verdict = replay_trace(Trace(trace), workers, allow_plugins)
    _say(_as_json(verdict._asdict()) if as_json else verdict_told(verdict))
    if not verdict.equal:
        raise typer.Exit(EXIT_NO)


@app.command()
def stragglers(trace: TraceFile, as_json: Json = False,
               plot: Annotated[Path | None, typer.Option("--plot", metavar="F.png|F.pdf", help=FIGURE)] = None,
               force: Force = False) -> None:  # fmt: skip
    """Say who held each version up, and why.

    And how evenly devices are heard.
    """
    from qflsim.study.fairness import fairness, told
    from qflsim.study.report import table
    from qflsim.study.stragglers import as_json as to_json
    from qflsim.study.stragglers import stragglers as find
    from qflsim.trace.reader import Trace

    if plot is not None:
        from qflsim.study.plots import check_path, save
        from qflsim.study.plots import stragglers as draw

        check_path(plot, force)
    found, fair = find(Trace(trace)), fairness(Trace(trace))
    if plot is not None:
        save(draw(Trace(trace)), plot, force)
    if as_json:
        _say(_as_json({**to_json(found), "fairness": fair}))
        return
    rows = [[str(r.version), f"{r.t_s:.1f}", r.device, r.group, r.phase, f"{r.held_up_s:.2f}"]
            for r in found.itertuples()]  # fmt: skip
    _say("\n".join(table(["version", "t [s]", "waited for", "group", "its longest phase", "held up [s]"], rows)))
    for head in ("phase", "group"):
        totals = [[name, f"{seconds:.1f}"] for name, seconds in to_json(found)[f"{head}s"].items()]
        _say("\n" + "\n".join(table([head, "held up [s]"], totals)))
    head_, shares, lines = told(fair)
    _say("\n" + "\n".join([*table(head_, shares), *lines]))


@app.command()
def plot(trace: TraceFile, out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where they go.")],
         kind: Annotated[str, typer.Option("--format", metavar="pdf|png", help="Vectors, or pixels.")] = "pdf",
         force: Force = False, as_json: Json = False) -> None:  # fmt: skip
    """Draw the standard figures, a file each.

    What a trace cannot give is named, with the reason.
    """
    from qflsim.study.plots import plot as draw
    from qflsim.trace.reader import Trace

    drawn = draw(Trace(trace), out, kind, force)
    if as_json:
        _say(_as_json({"files": [str(path) for path in drawn.files], "skipped": drawn.skipped}))
        return
    _say("\n".join([*map(str, drawn.files), *(f"no {name}: {why}" for name, why in drawn.skipped.items())]))


@app.command()
def recover(trace: TraceFile, out: Annotated[Path, typer.Option("-o", "--out", help="Where the clean file goes.")],
            force: Force = False) -> None:  # fmt: skip
    """Make a clean file of an incomplete trace."""
    from qflsim.trace.reader import Trace
    from qflsim.trace.reader import recover as recover_trace

    recover_trace(trace, out, force)
    _say(f"{out}: {sum(Trace(out).rows.values())} rows")


@app.command()
def bench(only: Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="Only these.")] = None,
          as_json: Json = False) -> None:  # fmt: skip
    """Measure how fast this machine is.

    Each figure stands beside its peer or floor.
    """
    from qflsim.study.bench import BENCHES, measure
    from qflsim.study.measuring import as_table

    for name in only or ():
        if name not in BENCHES:
            raise InputError("--only", name, f"one of {', '.join(BENCHES)}")
    figures = measure(tuple(only or BENCHES))
    _say(_as_json({"figures": [figure._asdict() for figure in figures]}) if as_json else as_table(figures))


def _told(error: QflsimError, as_json: bool) -> int:
    """Tells a mistake or mishap in a line, or as JSON, and returns its exit code."""
    if as_json:
        first = error.errors[0] if isinstance(error, InputErrors) else error
        _say(_as_json({"error": _place(first)}))
    else:
        typer.echo(str(error), err=True)
    return error.exit_code


def _place(error: QflsimError) -> dict[str, Any]:
    if isinstance(error, InputError):
        return {"where": error.where, "got": str(error.got), "want": error.want}
    trace = getattr(error, "trace", None)
    return {"where": "" if trace is None else str(trace), "got": str(error), "want": ""}


def _as_json(value: Any) -> str:
    return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    """The same with null for what JSON cannot say."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _say(text: str) -> None:
    """Prints to standard output. Whoever reads it may stop reading."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        _drop_output()
    except OSError as error:
        _drop_output()
        typer.echo(f"standard output: {error.strerror}", err=True)
        sys.exit(EXIT_FAILED)


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> NoReturn:
    """The `qflsim` command. A mistake or mishap ends it with a line and an exit code, without a traceback."""
    words = sys.argv[1:] or ["--help"]
    as_json = "--json" in words
    warnings.formatwarning = _warning
    try:
        sys.exit(app(words, standalone_mode=False))
    except QflsimError as error:
        sys.exit(_told(error, as_json))
    except typer.TyperException as error:
        got = error.format_message().rstrip(".")
        sys.exit(_told(InputError("the command line", got, f"what {_help(words)} describes"), as_json))
    except OSError as error:
        sys.exit(_told(RunError(f"{error.filename or 'input/output'}: {error.strerror or error}"), as_json))


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
