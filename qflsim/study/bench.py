"""How fast this machine is: each figure beside a peer or floor, so that it can be compared with another machine's."""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
import simpy
from tqdm import tqdm

from qflsim.learning.graphs import RegularGraphs
from qflsim.learning.tasks import draw_weights
from qflsim.quantum.circuits import reference_gradient
from qflsim.quantum.qaoa import FIXED_ANGLES, cut_values, energies_and_gradients
from qflsim.scenario.build import build, read_tracks
from qflsim.scenario.load import load
from qflsim.sim.engine import Engine, Story
from qflsim.streams import Streams
from qflsim.study.report import table
from qflsim.study.run import run
from qflsim.units import NS_PER_S


class Figure(NamedTuple):
    """A measured figure; `ratio` says how many times as fast as its peer it is."""

    name: str
    value: float
    unit: str
    peer: float | None
    peer_name: str
    ratio: float | None


def measure(names: tuple[str, ...]) -> list[Figure]:
    """The figures of these benches, in this order. Their names are the keys of `BENCHES`."""
    shown = tqdm(names, "measuring", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False)
    return [figure for name in shown for figure in BENCHES[name]()]


def as_table(figures: list[Figure]) -> str:
    """The figures for people."""
    rows = [
        [f.name, f"{_short(f.value)} {f.unit}", f.peer_name, "" if f.peer is None else f"{_short(f.peer)} {f.unit}",
         "" if f.ratio is None else _short(f.ratio)]
        for f in figures
    ]  # fmt: skip
    return "\n".join(table(["figure", "qflsim", "peer or floor", "its figure", "times as fast"], rows))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _qaoa() -> list[Figure]:
    """Value and gradient of 16 weighted 3-regular graphs of 10 nodes at 3 layers, as in a device's training."""
    weights = draw_weights(RegularGraphs(), 16, Streams(0).named("bench"))
    cuts, angles = cut_values(weights), np.array(FIXED_ANGLES[3])
    ours_s = _best_s(lambda: energies_and_gradients(cuts, angles), repeats=200) / len(weights)

    plain_s = _best_s(lambda: reference_gradient(weights[0], angles), repeats=10)  # it computes the value on its way
    return [Figure("qaoa", 1e3 * ours_s, "ms a graph", 1e3 * plain_s, "plain QNode", plain_s / ours_s)]


def _ingolstadt() -> list[Figure]:
    """The whole run, with training and a trace."""
    with TemporaryDirectory() as folder:
        began_s = perf_counter()
        trace = run(load("ingolstadt"), Path(folder) / "trace.h5")
        wall_s = perf_counter() - began_s
        totals, participations = trace.totals, trace.rows["updates"]
    speed = totals["simulated_s"] / wall_s
    return [
        Figure("ingolstadt", speed, "simulated s/s", 1.0, "real time", speed),
        Figure("ingolstadt, records", totals["events"] / wall_s, "a second", None, "", None),
        Figure("ingolstadt, participations", participations / wall_s, "a second", None, "", None),
    ]


def _recording() -> list[Figure]:
    """The same run, timing only, with a trace and with nobody to tell: processor time, all threads."""
    scenario = load("ingolstadt")

    def recorded() -> None:
        with TemporaryDirectory() as folder:
            run(scenario, Path(folder) / "trace.h5", timing_only=True)

    def unheard() -> None:
        build(scenario, read_tracks(scenario)).run()

    with_s, without_s = (_best_s(action, 2, process_time) for action in (recorded, unheard))
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
    ours_s, bare_s = _best_s(ours, repeats=3), _best_s(bare, repeats=3)
    return [Figure("simpy", waits / ours_s, "waits a second", waits / bare_s, "bare SimPy", bare_s / ours_s)]


def _best_s(action: Callable[[], object], repeats: int, clock: Callable[[], float] = perf_counter) -> float:
    """The shortest of several times: what else the machine does can only add to it."""
    times_s = []
    for _ in range(repeats):
        began_s = clock()
        action()
        times_s.append(clock() - began_s)
    return min(times_s)


BENCHES: dict[str, Callable[[], list[Figure]]] = {
    "qaoa": _qaoa,
    "ingolstadt": _ingolstadt,
    "recording": _recording,
    "simpy": _simpy,
}
"""What can be measured alone."""
