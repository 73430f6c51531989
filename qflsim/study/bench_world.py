"""Benches of the world without learning: what a participation costs among few and among many, and what a start does."""

import cProfile
import math
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from types import CodeType
from typing import Any, NamedTuple

import simpy

from qflsim.radio.link import Link
from qflsim.scenario.build import Simulation, build
from qflsim.scenario.load import parse
from qflsim.scenario.sources import read
from qflsim.study.measuring import Figure, best_s

FEW, MANY, IDLE = 1_000, 100_000, 1_000_000
TOGETHER = 100
"""Devices that take part at a time."""
REACH_M = 200.0
"""Distance between neighbouring sites."""


class Cost(NamedTuple):
    """What a run took."""

    wall_s: float
    participations: int
    peak_mib: float
    """most memory that its process held; nan where the system does not tell"""


def bench_world(devices: int, duration_s: float) -> dict[str, Any]:
    """The scenario: seven sites in a hexagon, walkers at 1.5 m/s, 1 Mbit each way, 10 s of compute, rounds."""
    angles = [math.pi * k / 3 for k in range(6)]
    places = [(0.0, 0.0), *((REACH_M * math.cos(angle), REACH_M * math.sin(angle)) for angle in angles)]
    angle_bit = 2 * 64
    return {
        "name": "bench",
        "stop": {"duration_s": duration_s},
        "sites": {"at": [{"name": f"site-{k}", "x_m": x_m, "y_m": y_m} for k, (x_m, y_m) in enumerate(places)]},
        "devices": [
            {
                "name": "walkers",
                "count": devices,
                "mobility": {
                    "kind": "random-waypoint",
                    "area_m": [3 * REACH_M, 3 * REACH_M],
                    "origin_m": [-1.5 * REACH_M, -1.5 * REACH_M],
                    "speed_m_per_s": [1.5, 1.5],
                },
                "processor": {"kind": "simulator", "overhead_s": 5.0, "amplitude_s": 0.0, "sample_s": 0.0},
                "graphs": {"kind": "complete", "nodes": 2, "count": 1, "weights": "unit"},
            }
        ],
        "task": {"kind": "qaoa", "layers": 1},
        "training": {"steps": 1, "header_bit": 1_000_000 - angle_bit},
        "aggregation": {"when": {"kind": "wait-all", "clients": TOGETHER}},
    }


def world(few: int = FEW, many: int = MANY, duration_s: float = 600.0) -> list[Figure]:
    """Participations a second among few and among many who are registered; what they are made of; SimPy's floor."""
    costs = {count: _alone(_run, count, duration_s) for count in (few, many)}
    rates = {count: cost.participations / cost.wall_s for count, cost in costs.items()}
    bare_hz = bare_events_hz(TOGETHER)
    return [
        Figure(f"world, {few:,} devices", rates[few], "participations/s", None, "", None),
        Figure(f"world, {many:,} devices", rates[many], "participations/s", rates[few], f"{few:,} devices",
               rates[many] / rates[few]),
        Figure("world, rate refreshes", refreshes(few, duration_s / 10), "a participation", None, "", None),
        Figure("world, bare SimPy", bare_hz, "events/s", None, "", None),
        *(Figure(f"memory, {count:,} devices", cost.peak_mib, "MiB", None, "", None) for count, cost in costs.items()),
    ]  # fmt: skip


def start_up(idle: int = IDLE) -> list[Figure]:
    """From a scenario to a run that is ready to go, with nobody to tell and with a trace to fill."""
    cost = _alone(_start, idle, 1.0)
    return [
        Figure(f"start-up, {idle:,} idle devices", cost.wall_s, "s", None, "", None),
        Figure("start-up, memory", cost.peak_mib, "MiB", None, "", None),
    ]


def refreshes(devices: int, duration_s: float) -> float:
    """How often a participation looks what happens next to its rate."""
    simulation, profile = _built(devices, duration_s), cProfile.Profile()
    profile.runcall(simulation.run)
    code: CodeType = Link.next_change.__code__
    return sum(entry.callcount for entry in profile.getstats() if entry.code is code) / simulation.server.invited


def bare_events_hz(processes: int, waits: int = 1_000) -> float:
    """Time-outs a second of SimPy alone, in as many processes as there are participations at a time."""

    def bare() -> None:
        environment = simpy.Environment()

        def story() -> simpy.events.ProcessGenerator:
            for _ in range(waits):
                yield environment.timeout(1.0)

        for _ in range(processes):
            environment.process(story())
        environment.run()

    return processes * waits / best_s(bare, repeats=3)


def _built(devices: int, duration_s: float) -> Simulation:
    scenario = parse(bench_world(devices, duration_s), Path())
    return build(scenario, read(scenario))


def _run(devices: int, duration_s: float) -> Cost:
    simulation = _built(devices, duration_s)
    began_s = perf_counter()
    simulation.run()
    return Cost(perf_counter() - began_s, simulation.server.invited, _peak_mib())


def _start(devices: int, duration_s: float) -> Cost:
    began_s = perf_counter()
    _built(devices, duration_s)
    return Cost(perf_counter() - began_s, 0, _peak_mib())


def _alone(what: Any, devices: int, duration_s: float) -> Cost:
    """The cost in a process of its own, whose memory nothing else has touched."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        cost: Cost = executor.submit(what, devices, duration_s).result()
    return cost


def _peak_mib() -> float:
    """What the kernel saw of this very program; `getrusage` would also count who started it."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return math.nan
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
