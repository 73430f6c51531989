"""Runs a scenario: inputs hashed, a trace opened, the simulation driven to its end, whatever that end is."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from qflsim import records
from qflsim.errors import InputError, RunError, StoppedError
from qflsim.records import Observer, Record
from qflsim.scenario.build import build, with_sights
from qflsim.scenario.load import digest, inputs, resolved, world
from qflsim.scenario.schema import Scenario
from qflsim.scenario.sources import Sources, read
from qflsim.study.crew import TaskError
from qflsim.study.executors import Inline, executor_of
from qflsim.study.signals import AtOnce, stop_on_signals
from qflsim.terms import Fate
from qflsim.trace.fingerprint import Fingerprint
from qflsim.trace.layout import Scalar
from qflsim.trace.placing import remove_hidden
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES
from qflsim.trace.writer import TraceWriter
from qflsim.units import to_s


class Identity(NamedTuple):
    """What a run is, before it has run."""

    hashes: dict[str, str]
    digest: str
    world: str


def identity(scenario: Scenario) -> Identity:
    """Reads the inputs once for their hashes."""
    hashes = inputs(scenario)
    return Identity(hashes, digest(scenario, hashes), world(scenario, hashes))


def run(scenario: Scenario, out: Path | str | None = None, *, workers: int = 1, cluster: str | None = None,
        timing_only: bool = False, force: bool = False, observers: tuple[Observer, ...] = (),
        tell: Callable[[str], object] = lambda _: None) -> Trace:  # fmt: skip
    """Runs a scenario and returns its trace, at `out` or at `./traces/<name>-<digest>.h5`.

    `workers`, `cluster`, `tell`: see `executor_of`.

    Errors: `InputError` before anything is computed; `RunError` if the run fails or stalls, `StoppedError` on a signal.
    In both cases the trace holds all that happened, and the error says where it is.
    """
    who = identity(scenario)
    return run_from(scenario, read(scenario), who, out, workers=workers, cluster=cluster, timing_only=timing_only,
                    force=force, observers=observers, tell=tell)  # fmt: skip


def run_from(scenario: Scenario, sources: Sources, who: Identity, out: Path | str | None = None, *, workers: int = 1,
             cluster: str | None = None, timing_only: bool = False, force: bool = False,
             observers: tuple[Observer, ...] = (), tell: Callable[[str], object] = lambda _: None,
             replay_of: str = "") -> Trace:  # fmt: skip
    """The same, with all files read; `replay_of` is the digest of the run whose world this one is carried out in."""
    began = time.monotonic()
    if not timing_only:
        sources = with_sights(scenario, sources)
    where = (1, None) if timing_only else (workers, cluster)
    with stop_on_signals() as stop, executor_of(*where, tell) as executor:
        place = None if out is None else Path(out)
        header = _header(scenario, who, timing_only) | ({"replay_of": replay_of} if replay_of else {})
        writer, path = _open(scenario, sources, who, header, place, force=force)
        stop.tidy = lambda: remove_hidden(path.parent)
        seen = Seen()
        complete, reason = False, ""
        try:
            simulation = build(scenario, sources, (writer, seen, *observers), None if timing_only else executor)
            stop.attend(simulation.engine)
            if simulation.learner is not None and not isinstance(executor, Inline):
                simulation.learner.submit_rivals()
            outcome = simulation.run()
            whole = simulation.engine.ending != stop.reason
            if whole and simulation.learner is not None:
                tell_baselines(stop.made(simulation.learner.baselines()), writer, seen)
            complete, reason = whole, outcome.reason if whole else stop.reason
        except AtOnce:
            complete, reason = False, stop.reason
        except (BrokenExecutor, TaskError, RunError) as error:
            reason = f"training failed: {error}"
            raise RunError(f"{reason}; the trace up to there is {path}", path) from error
        except BaseException as error:
            reason = f"broken off: {str(error) or type(error).__name__}"
            raise
        finally:
            fingerprint = seen.fingerprint.hexdigest() if complete else None
            totals = {"simulated_s": to_s(seen.last_ns), "wall_s": time.monotonic() - began, "events": seen.records,
                      **{fate.label: count for fate, count in seen.fates.items()}}  # fmt: skip
            writer.close(reason=reason, fingerprint=fingerprint, totals=totals, complete=complete)
    if stop.by is not None and not complete:
        raise StoppedError(f"{reason}; the trace up to there is {path}", 128 + stop.by, path)
    if outcome.failed:
        raise RunError(f"{reason}; the trace is {path}", path)
    return Trace(path)


class Seen:
    """An observer that counts records and fates, hashes records, and knows the time of the last."""

    def __init__(self) -> None:
        self.fingerprint = Fingerprint()
        self.records = 0
        self.last_ns = 0
        self.fates = dict.fromkeys(Fate, 0)

    def __call__(self, record: Record) -> None:
        """Takes a record in."""
        self.fingerprint(record)
        self.records += 1
        if record.t_ns > self.last_ns:  # a call of max would take as long as all the rest
            self.last_ns = record.t_ns
        if isinstance(record, records.Update):
            self.fates[record.fate] += 1


def tell_baselines(baselines: Iterable[tuple[str, dict[str, Any]]], *observers: Observer) -> None:
    """Tells what other ways of training reach on the same held-out data, for comparison."""
    for name, grades in baselines:
        for data_class, grade in grades.items():
            for observer in observers:
                observer(records.Evaluation(0, records.BASELINE, f"{name}/{data_class}", *grade))


def _header(scenario: Scenario, who: Identity, timing_only: bool) -> dict[str, Scalar]:
    libraries = {f"{name}_version": version(name) for name in ("numpy", "pennylane-lightning", "simpy", "h5py")}
    return {
        "name": scenario.name,
        "seed": scenario.seed,
        "digest": who.digest,
        "world": who.world,
        "qflsim_version": version("qflsim"),
        "timing_only": timing_only,
        "started_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        **libraries,
    }


def _open(scenario: Scenario, sources: Sources, who: Identity, header: dict[str, Scalar], out: Path | None, *,
          force: bool) -> tuple[TraceWriter, Path]:  # fmt: skip
    texts = _texts(scenario, sources, who)
    for path in [out] if out is not None else _free_names(scenario.name, who.digest):
        try:
            writer = TraceWriter(path, header=header, texts=texts, parameters=scenario.parameters, force=force,
                                 tables=frozenset(TABLES) - set(scenario.trace.leave_out))  # fmt: skip
        except InputError:
            if out is None and path.exists():
                continue  # another run took the name in the meantime
            raise
        return writer, path
    raise AssertionError


def _texts(scenario: Scenario, sources: Sources, who: Identity) -> dict[str, str]:
    told = {"scenario": resolved(scenario), "inputs": who.hashes, "graphs": sources.terms}
    return {name: json.dumps(data) for name, data in told.items()}


def _free_names(name: str, digest_: str) -> Iterator[Path]:
    folder = Path("traces")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(str(folder), error.strerror or str(error), "a folder for traces, or -o") from None
    for number in count(1):
        path = folder / (f"{name}-{digest_[:8]}.h5" if number == 1 else f"{name}-{digest_[:8]}-{number}.h5")
        if not path.exists():
            yield path
