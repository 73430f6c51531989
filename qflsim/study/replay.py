"""Replay: a run is simulated again from its trace alone, and compared with it record by record."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qflsim.errors import InputError, RunError
from qflsim.records import BASELINE, Observer, Record
from qflsim.scenario.build import build
from qflsim.scenario.load import POLICY, digest, is_of_world, override_into, parse, resolved, world
from qflsim.scenario.schema import Scenario
from qflsim.scenario.sources import Sources, Tracks, files, restored
from qflsim.sim.engine import Order
from qflsim.study.crew import TaskError
from qflsim.study.executors import executor_of
from qflsim.study.foreign import as_recorded
from qflsim.study.run import Identity, run_from, tell_baselines
from qflsim.study.summary import recorded_header
from qflsim.terms import label
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES, Rows, enums, pack
from qflsim.world.mobility_files import MobilityFile
from qflsim.world.tracks import Leg, track_from_legs

FAILURES = (BrokenExecutor, TaskError, RunError)
ANGLES = {"version_angles", "update_angles"}
TIME_TOLERANCE_NS, RELATIVE_TOLERANCE = 1_000, 1e-9


class Verdict(NamedTuple):
    """What a replay found: `held` is the strictest of the three equalities that holds, None if none does."""

    equal: bool
    compared: int
    first_divergence: dict[str, Any] | None
    held: str | None


def replay(trace: Trace, workers: int = 1, plugins: bool = False) -> Verdict:
    """Simulates a trace's run again, without its scenario file or inputs, and compares all its tables.

    Numbers and names are compared exactly, then times to 1 µs and other numbers to 1e-9 relative, which is what may
    be expected of another machine. Of an incomplete trace is compared what came before its last instant, in which a
    signal or a kill may have cut it off.

    Errors: `InputError` for a trace of another version of qflsim, or one whose legs do not follow each other.
    """
    header = header_of_this_version(trace)
    scenario = recorded_scenario(trace, plugins)
    with as_recorded(trace):
        recorded, end_ns = _recorded(trace, scenario)
        sources = recorded_sources(trace, scenario)
    again: dict[type, list[Record]] = defaultdict(list)

    def collect(record: Record) -> None:
        again[type(record)].append(record)

    with executor_of(1 if header["timing_only"] else workers) as executor:
        learns = None if header["timing_only"] else executor
        simulation = build(scenario, sources, (collect,), learns)
        if end_ns is not None:
            engine = simulation.engine
            engine.call_at(end_ns, Order.STOP, 0, lambda: engine.stop("the trace ends here"))
        try:
            simulation.run()
            if simulation.learner is not None and BASELINE in trace.table("evaluations")["version"]:
                tell_baselines(simulation.learner.baselines(), collect)
        except FAILURES as error:  # as in the run, whose trace then is incomplete
            if end_ns is None:
                raise RunError(f"training failed: {error}") from error
            with suppress(*FAILURES):  # where others train, exams may be over before the training that fails
                simulation.server.tell_metrics(wait=True)
    return _compared(recorded, end_ns is None, again)


def replay_as(trace: Trace, overrides: Sequence[str], out: Path | None = None, *, workers: int = 1, force: bool = False,
              plugins: bool = False, observers: tuple[Observer, ...] = ()) -> Trace:  # fmt: skip
    """Runs the scenario of a trace under another policy, in the same world, and returns the new trace.

    Every `a.b=value` may set what is part of `scenario.load.POLICY`. The world is made of its functions, not of what
    the trace recorded of them, and goes on beyond that; what was read from files is taken from the trace.

    Errors: as `replay` and `study.run.run`, and `InputError` for what would be another world, or needs another file.
    """
    header = header_of_this_version(trace)
    if not trace.rows["versions"]:
        raise InputError(str(trace.path), "a trace that was cut off before version 0", "one that knows its world")
    old, hashes = recorded_scenario(trace, plugins), trace.data("inputs")
    data = resolved(old)
    for override in overrides:
        override_into(data, override)
    changed = parse(data, old.folder, plugins)
    if new := sorted(set(files(changed)) - set(files(old))):
        raise InputError("--set", new[0], "no other files than those of the run")
    if world(changed, hashes) != header["world"]:
        name, _, value = next(filter(is_of_world, overrides), overrides[0]).partition("=")
        raise InputError(f"--set {name}", value, f"the same world, so only what is part of {', '.join(POLICY)}")
    if changed.stop.duration_s > old.stop.duration_s and any(isinstance(g.mobility, MobilityFile) for g in old.devices):
        raise InputError("--set stop.duration_s", f"{changed.stop.duration_s:g}", f"at most {old.stop.duration_s:g}, "
                         "for so long the trace knows what was read from files")  # fmt: skip
    who = Identity(hashes, digest(changed, hashes), header["world"])
    return run_from(changed, recorded_sources(trace, changed), who, out, workers=workers, force=force,
                    timing_only=header["timing_only"], observers=observers, replay_of=header["digest"])  # fmt: skip


def header_of_this_version(trace: Trace) -> dict[str, Any]:
    """The header of a trace; `InputError` if another version of qflsim wrote it."""
    header = recorded_header(trace)
    made, here = header["qflsim_version"], version("qflsim")
    if made != here:
        raise InputError(str(trace.path), f"a trace of qflsim {made}", f"one of {here}, or that version to replay it")
    return header


def recorded_sources(trace: Trace, scenario: Scenario) -> Sources:
    """What the files of a trace's scenario said, from the trace."""
    with as_recorded(trace):
        terms, hashes = trace.data("graphs"), trace.data("inputs")
        return restored(scenario, recorded_tracks(trace, scenario), terms, hashes, str(trace.path))


def recorded_scenario(trace: Trace, plugins: bool = False) -> Scenario:
    """The scenario that a trace carries. Its mobility files are not needed any more."""
    return parse(trace.scenario, trace.path.parent, plugins)


def recorded_tracks(trace: Trace, scenario: Scenario) -> Tracks:
    """The tracks that were read from files, from the tables of a trace."""
    devices, legs, presence = trace.table("devices"), trace.table("legs"), trace.table("presence")
    legs_of = {device: list(rows) for device, rows in groupby(legs.tolist(), key=lambda row: row[1])}
    presence_of = {device: list(rows) for device, rows in groupby(presence.tolist(), key=lambda row: row[1])}
    tracks: dict[str, list[Any]] = {g.name: [] for g in scenario.devices if isinstance(g.mobility, MobilityFile)}
    for row in devices:
        group, device = row["group"].decode(), int(row["device"])
        if group in tracks:
            here = [Leg(*leg[2:]) for leg in legs_of.get(device, ())]
            there = [(on_ns, off_ns) for _, _, on_ns, off_ns in presence_of.get(device, ())]
            tracks[group].append((row["name"].decode(), track_from_legs(here, there, f"{trace.path}: device {device}")))
    return {group: tuple(items) for group, items in tracks.items()}


def _compared(recorded: dict[str, Rows], complete: bool, again: dict[type, list[Record]]) -> Verdict:
    compared, firsts, held = 0, [], "exact"
    for name, old in recorded.items():
        kind = TABLES[name]
        new = pack(again[kind], old.dtype)
        compared += len(old)
        if complete and len(old) != len(new):
            firsts.append(_first(name, min(len(old), len(new)), old, new, kind))
        rows = min(len(old), len(new))
        exact, close = _differences(old[:rows], new[:rows], kind)
        if not complete and len(new) < len(old):
            firsts.append(_first(name, len(new), old, new, kind))
        if exact.any():
            held = "1 µs, 1e-9 relative"
        if close.any():
            firsts.append(_first(name, int(close.argmax()), old, new, kind))
    first = min(firsts, key=lambda divergence: divergence["t_ns"], default=None)
    return Verdict(first is None, compared, first, None if first else held)


def _recorded(trace: Trace, scenario: Scenario) -> tuple[dict[str, Rows], int | None]:
    """What a trace says; of an incomplete one what came before its last instant, and that instant."""
    tables = {name: trace.table(name) for name in TABLES if name not in scenario.trace.leave_out}
    for name in ANGLES & set(tables):
        length = tables[name].dtype["angles"].shape[0]
        if length != scenario.parameters:
            raise InputError(f"{trace.path}: {name}", f"{length} angles", f"the scenario's {scenario.parameters}")
    if trace.complete:
        return tables, None
    end_ns = max(int(rows["t_ns"].max(initial=0)) for rows in tables.values())
    return {name: rows[rows["t_ns"] < end_ns] for name, rows in tables.items()}, end_ns


def _differences(old: Rows, new: Rows, kind: type[Record]) -> tuple[np.ndarray, np.ndarray]:
    """Rows that differ at all, and rows that differ by more than the tolerances."""
    exact = close = np.zeros(len(old), dtype=bool)
    for column in kind._fields:
        a, b = old[column], new[column]
        differs = a != b
        if a.dtype.kind == "f":
            differs &= ~(np.isnan(a) & np.isnan(b))
            beyond = differs & ~np.isclose(a, b, rtol=RELATIVE_TOLERANCE, atol=0.0)
        elif column.endswith("_ns"):
            beyond = differs & (np.abs(a - b) > TIME_TOLERANCE_NS)
        else:
            beyond = differs
        if differs.ndim > 1:
            differs, beyond = differs.any(axis=1), beyond.any(axis=1)
        exact, close = exact | differs, close | beyond
    return exact, close


def _first(name: str, row: int, old: Rows, new: Rows, kind: type[Record]) -> dict[str, Any]:
    there, here = (_readable(rows, row, kind) for rows in (old, new))
    return {"table": name, "row": row, "t_ns": (there or here or {"t_ns": 0})["t_ns"], "trace": there, "replay": here}


def _readable(rows: Rows, row: int, kind: type[Record]) -> dict[str, Any] | None:
    if row >= len(rows):
        return None
    named = enums(kind)
    cells: dict[str, Any] = {}
    for column, value in zip(kind._fields, rows[row].item(), strict=True):
        if column in named:
            value = label(named[column](value))
        cells[column] = value.decode() if isinstance(value, bytes) else np.asarray(value).tolist()
    return cells
