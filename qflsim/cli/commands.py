"""The commands. Nothing heavy is imported before a command needs it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qflsim.cli.answers import drop_output, json_text, place, say
from qflsim.errors import (
    EXIT_INPUT,
    EXIT_NO,
    InputError,
    InputErrors,
    RunError,
    StoppedError,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable

    from qflsim.study.progress import Progress
    from qflsim.trace.reader import Trace

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
SPEED = "Simulated seconds a second; by default all takes 30 s."
BEGIN = "Where to begin: simulated seconds, or the version made then."
TARGET = "The mean noise-free grade to reach: by default 0.99 of the centralised baseline's."
Out = Annotated[Path | None, typer.Option("-o", "--out", help="Where the trace goes.")]
BLAME = "Simulate again what each phase of the straggler cost, for the N versions that were held up longest."
Blame = Annotated[int, typer.Option("--blame", metavar="N", min=0, max=10_000, help=BLAME)]
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
    from qflsim.study.run import run as run_scenario

    found = load(scenario, seed=seed, overrides=sets or (), plugins=allow_plugins)
    _run_and_tell(found.stop.duration_s, as_json, lambda progress: run_scenario(
        found, out, workers=workers, cluster=cluster, timing_only=timing_only, force=force, observers=(progress,),
        tell=lambda text: typer.echo(text, err=True)))  # fmt: skip


def _run_and_tell(duration_s: float, as_json: bool, run: "Callable[[Progress], Trace]") -> None:
    """Shows the progress of a run and tells its result, whatever its end is."""
    from qflsim.study.progress import Progress
    from qflsim.study.report import result
    from qflsim.study.summary import summary
    from qflsim.trace.reader import Trace

    try:
        with Progress(duration_s) as progress:
            trace = run(progress)
    except (RunError, StoppedError) as ended:
        if ended.trace is not None and not as_json:
            say(result(Trace(ended.trace)))
        raise
    say(json_text({**summary(trace), "trace": str(trace.path)}) if as_json else result(trace))


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
        say(json_text({"errors": [place(error) for error in errors]}))
    else:
        say("\n".join(map(str, errors)) or "no mistakes")
    if errors:
        raise typer.Exit(EXIT_INPUT)


@app.command()
def scenarios() -> None:
    """List the shipped scenarios and their questions."""
    from qflsim.scenario.load import question, shipped

    for name, path in shipped().items():
        asked, answer = question(path)
        say(f"{name}\n    {asked}\n    {answer}")


@app.command()
def inspect(trace: TraceFile, as_json: Json = False) -> None:
    """Say what a trace holds."""
    from qflsim.study.summary import overview, summary
    from qflsim.trace.reader import Trace

    found = Trace(trace)
    say(json_text(summary(found)) if as_json else overview(found))


@app.command()
def replay(trace: TraceFile, sets: Sets = None, out: Out = None, force: Force = False,
           workers: Annotated[int, WORKERS] = 1, allow_plugins: Plugins = False,
           as_json: Json = False) -> None:  # fmt: skip
    """Simulate a trace's run again, and compare; or its world under another policy.

    The trace alone is needed. Every record is compared; the exit code is 1 if they differ. With --set nothing is
    compared: a new trace is written, of the same world with another aggregation, task, payload...
    """
    from qflsim.study.replay import recorded_scenario, replay_as
    from qflsim.study.replay import replay as replay_trace
    from qflsim.study.report import verdict_told
    from qflsim.trace.reader import Trace

    recorded = Trace(trace)
    if sets:
        duration_s = recorded_scenario(recorded, allow_plugins).stop.duration_s
        _run_and_tell(duration_s, as_json, lambda progress: replay_as(
            recorded, sets, out, workers=workers, force=force, plugins=allow_plugins,
            observers=(progress,)))  # fmt: skip
        return
    if out is not None:
        raise InputError("-o", str(out), "--set as well: a replay under the same policy writes nothing")
    verdict = replay_trace(recorded, workers, allow_plugins)
    say(json_text(verdict._asdict()) if as_json else verdict_told(verdict))
    if not verdict.equal:
        raise typer.Exit(EXIT_NO)


@app.command()
def stragglers(trace: TraceFile, blame: Blame = 0,
               plot: Annotated[Path | None, typer.Option("--plot", metavar="F.png|F.pdf", help=FIGURE)] = None,
               force: Force = False, allow_plugins: Plugins = False, as_json: Json = False) -> None:  # fmt: skip
    """Say who held each version up, and why, and how evenly devices are heard."""
    from qflsim.study.blame import blame as blame_for
    from qflsim.study.fairness import fairness_told
    from qflsim.study.findings import Findings
    from qflsim.study.stragglers import as_json as to_json
    from qflsim.study.stragglers import stragglers_told
    from qflsim.trace.reader import Trace

    known = Findings(Trace(trace))
    if plot is not None:
        from qflsim.study.plots import check_path, save
        from qflsim.study.plots import stragglers as draw

        check_path(plot, force)
    fair, found = known.fairness, known.stragglers
    if plot is not None:
        save(draw(known), plot, force)
    blamed = blame_for(known, blame, allow_plugins) if blame else None
    if as_json:
        blames = {} if blamed is None else {"blame": blamed.to_dict("records")}
        say(json_text({**to_json(found), "fairness": fair, **blames}))
    else:
        say(stragglers_told(found, blamed) + "\n\n" + fairness_told(fair))


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
        say(json_text({"files": [str(path) for path in drawn.files], "skipped": drawn.skipped}))
        return
    say("\n".join([*map(str, drawn.files), *(f"no {name}: {why}" for name, why in drawn.skipped.items())]))


@app.command()
def compare(traces: Annotated[list[Path], typer.Argument(metavar="A B", help="Two traces, or several of each.")],
            target: Annotated[float | None, typer.Option("--target", metavar="X", help=TARGET)] = None,
            as_json: Json = False) -> None:  # fmt: skip
    """Compare two policies in one world.

    Participations are paired by device and number. Of several traces the first half are replications of A, the others
    of B in the same order: qflsim compare a-*.h5 b-*.h5
    """
    from qflsim.study.compare import compare as compare_traces
    from qflsim.study.compare_told import told
    from qflsim.trace.reader import Trace

    half, odd = divmod(len(traces), 2)
    if odd:
        got = f"{len(traces)} trace{'s' if half else ''}"
        raise InputError("compare", got, "an even number: those of A, then as many of B in the same order")
    found = [Trace(path) for path in traces]
    compared = compare_traces(found[:half], found[half:], target)
    if as_json:
        say(json_text(compared))
        return
    for text in compared["warnings"]:
        typer.echo(f"warning: {text}", err=True)
    say(told(compared))


@app.command()
def recover(trace: TraceFile, out: Annotated[Path, typer.Option("-o", "--out", help="Where the clean file goes.")],
            force: Force = False) -> None:  # fmt: skip
    """Make a clean file of an incomplete trace."""
    from qflsim.trace.reader import Trace
    from qflsim.trace.reader import recover as recover_trace

    recover_trace(trace, out, force)
    say(f"{out}: {sum(Trace(out).rows.values())} rows")


@app.command()
def export(trace: TraceFile, out: Annotated[Path, typer.Option("-o", "--out", help="The folder of the files.")],
           format_: Annotated[str, typer.Option("--format", metavar="csv|parquet")] = "csv",
           force: Force = False, as_json: Json = False) -> None:  # fmt: skip
    """Write the tables of a trace as CSV or Parquet.

    One file a table, times in seconds, the units in the names of the columns.
    """
    from qflsim.study.export import export as export_trace
    from qflsim.study.summary import table
    from qflsim.trace.reader import Trace

    rows = export_trace(Trace(trace), format_, out, force=force)
    if as_json:
        say(json_text({"files": {str(path): count for path, count in rows.items()}}))
    else:
        say("\n".join(table(["file", "rows"], [[str(path), str(count)] for path, count in rows.items()])))


@app.command()
def play(trace: TraceFile, speed: Annotated[float | None, typer.Option("--speed", help=SPEED)] = None,
         from_: Annotated[str, typer.Option("--from", metavar="S|vN", help=BEGIN)] = "0",
         to: Annotated[str | None, typer.Option("--to", metavar="S|vN", help="Where to end.")] = None,
         step: Annotated[bool, typer.Option("--step", help="Begin paused; in a pipe, a frame an event.")] = False
         ) -> None:  # fmt: skip
    """Step through a run in the terminal.

    A map of sites and devices, who is doing what, the version, the news. Keys: space pauses and goes on, left and right
    step to the event before and after, + and - change the speed, q ends. Into a pipe it prints frames without waiting.
    """
    from qflsim.study.play import play as play_trace
    from qflsim.trace.reader import Trace

    try:
        play_trace(Trace(trace), sys.stdout, sys.stdin, speed=speed, from_=from_, to=to, step=step)
    except BrokenPipeError:
        drop_output()


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
    say(json_text({"figures": [figure._asdict() for figure in figures]}) if as_json else as_table(figures))
