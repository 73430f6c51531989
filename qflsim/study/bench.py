"""How fast this machine is: each figure beside a peer or floor, so that it can be compared with another machine's."""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import simpy
from tqdm import tqdm

from qflsim.scenario.build import build
from qflsim.scenario.load import load
from qflsim.scenario.sources import read
from qflsim.sim.engine import Engine, Story
from qflsim.study import bench_quantum, bench_world
from qflsim.study.bench_workers import workers
from qflsim.study.measuring import Figure, best_s
from qflsim.study.run import run
from qflsim.units import NS_PER_S


def measure(names: tuple[str, ...]) -> list[Figure]:
    """The figures of these benches, in this order. Their names are the keys of `BENCHES`."""
    shown = tqdm(names, "measuring", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False)
    return [figure for name in shown for figure in BENCHES[name]()]


OWN = ("updates", "transfers", "pauses", "trainings", "update_angles")
"""The tables in which a participation has rows of its own, its events aside."""


def _ingolstadt() -> list[Figure]:
    """The whole run, with training and a trace."""
    with TemporaryDirectory() as folder:
        began_s = perf_counter()
        trace = run(load("ingolstadt"), Path(folder) / "trace.h5")
        wall_s = perf_counter() - began_s
        totals, rows, byte = trace.totals, trace.rows, trace.stored_byte
    participations = rows["updates"]
    speed = totals["simulated_s"] / wall_s
    return [
        Figure("ingolstadt", speed, "simulated s/s", 1.0, "real time", speed),
        Figure("ingolstadt, records", totals["events"] / wall_s, "a second", None, "", None),
        Figure("ingolstadt, participations", participations / wall_s, "a second", None, "", None),
        Figure("ingolstadt, an event", byte["events"] / rows["events"], "byte", None, "", None),
        Figure("ingolstadt, a participation", sum(byte[name] for name in OWN) / participations, "byte", None, "", None),
    ]


RECORDED_S = 900.0
"""Of a city, in which a hundred thousand devices are introduced first."""


def _recording() -> list[Figure]:
    """A city, timing only, with a trace and with nobody to tell: processor time, all threads."""
    scenario = load("city-100k", overrides=[f"stop.duration_s={RECORDED_S}"])

    def recorded() -> None:
        with TemporaryDirectory() as folder:
            run(scenario, Path(folder) / "trace.h5", timing_only=True)

    def unheard() -> None:
        build(scenario, read(scenario)).run()

    with_s, without_s = (best_s(action, 2, process_time) for action in (recorded, unheard))
    return [Figure("recording", with_s, "s of a core", without_s, "no trace", without_s / with_s)]


PROCESSES, WAITS = 1_000, 100


def _simpy() -> list[Figure]:
    """Many processes that wait by turns: events of our engine, and SimPy's own time-outs."""

    def ours() -> None:
        engine = Engine()

        def story(process: int) -> Story:
            for _ in range(WAITS):
                yield engine.wait(NS_PER_S, entity=process)

        for process in range(PROCESSES):
            engine.process(story(process))
        engine.run()

    def bare() -> None:
        environment = simpy.Environment()

        def story() -> Story:
            for _ in range(WAITS):
                yield environment.timeout(1.0)

        for _ in range(PROCESSES):
            environment.process(story())
        environment.run()

    waits = PROCESSES * WAITS
    ours_s, bare_s = best_s(ours, repeats=3), best_s(bare, repeats=3)
    return [Figure("simpy", waits / ours_s, "waits a second", waits / bare_s, "bare SimPy", bare_s / ours_s)]


BENCHES: dict[str, Callable[[], list[Figure]]] = {
    "qaoa": bench_quantum.qaoa,
    "quantum": bench_quantum.engine,
    "ingolstadt": _ingolstadt,
    "recording": _recording,
    "simpy": _simpy,
    "world": bench_world.world,
    "start-up": bench_world.start_up,
    "city": bench_world.city,
    "workers": workers,
}
"""What can be measured alone."""
