"""Runs a scenario: inputs hashed, a trace opened, the simulation driven to its end, whatever that end is."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from qflsim import records
from qflsim.errors import InputError, RunError, StoppedError
from qflsim.learning.tasks import baselines
from qflsim.records import Observer, Record
from qflsim.scenario.build import build, read_tracks
from qflsim.scenario.load import digest, inputs, resolved, world
from qflsim.scenario.schema import Scenario
from qflsim.sim.engine import Engine
from qflsim.trace.fingerprint import Fingerprint
from qflsim.trace.layout import Scalar
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES
from qflsim.trace.writer import TraceWriter
from qflsim.units import to_s

BASELINE = -1
"""Stands for the version in the evaluations of what was not learned by this federation."""


class Inline(Executor):
    """Runs each task at once, in this process."""

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """The finished task."""
        future: Future[Any] = Future()
        try:
            future.set_result(task(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def executor_of(workers: int, cluster: str | None = None) -> Iterator[Executor]:
    """This process, a pool of processes, or the Dask scheduler at an address: the results are the same."""
    if cluster is not None:
        with _dask_executor(cluster) as executor:
            yield executor
    elif workers <= 1:
        yield Inline()
    else:
        with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_quiet_worker) as pool:
            yield pool


@contextmanager
def _dask_executor(address: str) -> Iterator[Executor]:
    try:
        from dask.distributed import Client
    except ImportError:
        raise InputError("--cluster", "no Dask here", 'pip install "qflsim[cluster]"') from None
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError("--cluster", f"{address} ({error})", "the address of a Dask scheduler that answers") from None
    with client, client.get_executor() as executor:
        yield executor


def _quiet_worker() -> None:
    """One thread a worker, since there are several; and Ctrl-C is for the process that they work for."""
    os.environ["OMP_NUM_THREADS"] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
        timing_only: bool = False, force: bool = False, observers: tuple[Observer, ...] = ()) -> Trace:  # fmt: skip
    """Runs a scenario and returns its trace, at `out` or at `./traces/<name>-<digest>.h5`.

    Errors: `InputError` before anything is computed; `RunError` if the run fails or stalls, `StoppedError` on a signal.
    In both cases the trace holds all that happened, and the error says where it is.
    """
    began = time.monotonic()
    who = identity(scenario)
    tracks = read_tracks(scenario)
    with stop_on_signals() as stop, executor_of(workers, cluster) as executor:
        writer, path = _open(scenario, who, None if out is None else Path(out), timing_only=timing_only, force=force)
        seen = Seen()
        complete, reason = False, ""
        try:
            simulation = build(scenario, tracks, (writer, seen, *observers), None if timing_only else executor)
            stop.attend(simulation.engine)
            outcome = simulation.run()
            if stop.reason is not None and stop.reason == simulation.engine.ending:
                reason = stop.reason
            else:
                if not timing_only:
                    tell_baselines(scenario, executor, writer, seen)
                complete, reason = True, outcome.reason
        except BrokenExecutor as error:
            reason = f"a process that trained is gone: {error}"
            raise RunError(f"{reason}; the trace up to there is {path}", path) from None
        except BaseException as error:
            reason = f"broken off: {error or type(error).__name__}"
            raise
        finally:
            fingerprint = seen.fingerprint.hexdigest() if complete else None
            totals = {"simulated_s": to_s(seen.last_ns), "wall_s": time.monotonic() - began, "events": seen.records}
            writer.close(reason=reason, fingerprint=fingerprint, totals=totals, complete=complete)
    if stop.by is not None and not complete:
        raise StoppedError(f"{reason}; the trace up to there is {path}", 128 + stop.by, path)
    if outcome.failed:
        raise RunError(f"{reason}; the trace is {path}", path)
    return Trace(path)


class Seen:
    """An observer that counts records, hashes them, and knows the time of the last."""

    def __init__(self) -> None:
        self.fingerprint = Fingerprint()
        self.records = 0
        self.last_ns = 0

    def __call__(self, record: Record) -> None:
        """Takes a record in."""
        self.fingerprint(record)
        self.records += 1
        self.last_ns = max(self.last_ns, record.t_ns)


def tell_baselines(scenario: Scenario, executor: Executor, *observers: Observer) -> None:
    """Grades what other ways of training reach on the same held-out graphs, for comparison."""
    families = tuple(dict.fromkeys(group.graphs for group in scenario.devices))
    for name, grades in executor.submit(baselines, scenario.seed, scenario.task, families).result().items():
        for data_class, ratio in grades.items():
            for observer in observers:
                observer(records.Evaluation(0, BASELINE, f"{name}/{data_class}", ratio))


def _open(scenario: Scenario, who: Identity, out: Path | None, *, timing_only: bool,
          force: bool) -> tuple[TraceWriter, Path]:  # fmt: skip
    header: dict[str, Scalar] = {
        "name": scenario.name,
        "seed": scenario.seed,
        "digest": who.digest,
        "world": who.world,
        "qflsim_version": version("qflsim"),
        "timing_only": timing_only,
        "started_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for library in ("numpy", "pennylane-lightning", "simpy", "h5py"):
        header[f"{library}_version"] = version(library)
    for path in [out] if out is not None else _free_names(scenario.name, who.digest):
        try:
            writer = TraceWriter(path, header=header, texts=_texts(scenario, who), parameters=scenario.task.parameters,
                                 force=force, tables=frozenset(TABLES) - set(scenario.trace.leave_out))  # fmt: skip
        except InputError:
            if out is None and path.exists():
                continue  # another run took the name in the meantime
            raise
        return writer, path
    raise AssertionError


def _texts(scenario: Scenario, who: Identity) -> dict[str, str]:
    return {"scenario": json.dumps(resolved(scenario)), "inputs": json.dumps(who.hashes)}


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


class Stop:
    """Which signal, if any, asked the run to end."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self._engine: Engine | None = None

    @property
    def reason(self) -> str | None:
        """Why a run ends that a signal stopped."""
        return None if self.by is None else f"stopped by {self.by.name}"

    def attend(self, engine: Engine) -> None:
        """From now on a signal ends this engine's run."""
        self._engine = engine
        if self.reason is not None:
            engine.stop(self.reason)

    def gently(self, number: int) -> None:
        """A signal came."""
        self.by = signal.Signals(number)
        if self._engine is not None:
            self.attend(self._engine)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """The first SIGINT or SIGTERM ends the run gently; a second one has its usual effect."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def gently(number: int, _: object) -> None:
        restore()
        stop.gently(number)

    for number in usual:
        signal.signal(number, gently)
    try:
        yield stop
    finally:
        restore()
