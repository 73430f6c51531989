"""Benches of the world without learning: what a participation costs among few and among many, and what a start does."""

import cProfile
import math
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from types import CodeType
from typing import Any, NamedTuple

import simpy

from qflsim.radio.link import Link
from qflsim.scenario.build import Simulation, build
from qflsim.scenario.load import load, parse
from qflsim.scenario.sources import read
from qflsim.study.measuring import Figure, best_s
from qflsim.study.run import run

FEW, MANY, IDLE = 1_000, 100_000, 1_000_000
INSTANT_S = 1e-6
TOGETHER = 100
"""Devices that take part at a time."""
REPEATS = 5
"""Runs of each kind, by turns, of which the fastest counts: what else the machine does only ever adds."""
REACH_M = 200.0
"""Distance between neighbouring sites."""


class Cost(NamedTuple):
    """What a run took."""

    core_s: float
    """processor time, all threads"""
    participations: int
    peak_mib: float
    """most memory that its process held; nan where the system does not tell"""


def bench_world(devices: int, duration_s: float) -> dict[str, Any]:
    """The scenario: seven street sites at 3.5 GHz, walkers at 1.5 m/s, 1 Mbit each way, 10 s of compute, rounds."""
    angle_bit = 2 * 64
    return {
        "name": "bench",
        "stop": {"duration_s": duration_s},
        "sites": {"band": "3.5-ghz", "airtime_share": 1.0, "hexagons": {"rings": 1, "distance_m": REACH_M}},
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
    runs = [{count: _alone(_run, count, duration_s) for count in (few, many)} for _ in range(REPEATS)]
    costs = {count: min(run[count] for run in runs) for count in (few, many)}
    rates = {count: cost.participations / cost.core_s for count, cost in costs.items()}
    unit, peer = "participations/s of a core", f"{few:,} devices"
    return [
        Figure(f"world, {few:,} devices", rates[few], unit, None, "", None),
        Figure(f"world, {many:,} devices", rates[many], unit, rates[few], peer, rates[many] / rates[few]),
        *(Figure(f"world, {n:,} devices: memory", costs[n].peak_mib, "MiB", None, "", None) for n in (few, many)),
        Figure("world, rate refreshes", refreshes(few, duration_s / 10), "a participation", None, "", None),
        Figure("world, bare SimPy", bare_events_hz(TOGETHER), "events/s", None, "", None),
    ]


def start_up(idle: int = IDLE) -> list[Figure]:
    """From a scenario to the first event of its run, with nobody to tell, and with a trace that names every device."""
    figures = []
    for what, start in ((f"start-up, {idle:,} idle devices", _start), ("start-up, traced", _start_traced)):
        cost = _alone(start, idle, INSTANT_S)
        figures += [Figure(what, cost.core_s, "s of a core", None, "", None),
                    Figure(f"{what}: memory", cost.peak_mib, "MiB", None, "", None)]  # fmt: skip
    return figures


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


def city() -> list[Figure]:
    """The largest shipped scenario, timing only: an hour of a city with a hundred thousand devices."""
    cost = _alone(_city, 0, 0.0)
    return [
        Figure("city-100k", cost.core_s, "s of a core", None, "", None),
        Figure("city-100k, participations", cost.participations / cost.core_s, "/s of a core", None, "", None),
        Figure("city-100k, memory", cost.peak_mib, "MiB", None, "", None),
    ]


def _built(devices: int, duration_s: float) -> Simulation:
    scenario = parse(bench_world(devices, duration_s), Path())
    return build(scenario, read(scenario))


def _run(devices: int, duration_s: float) -> Cost:
    _built(devices, INSTANT_S).run()  # makes the tables that all runs share
    simulation = _built(devices, duration_s)
    began_s = process_time()
    simulation.run()
    return Cost(process_time() - began_s, simulation.server.invited, _peak_mib())


def _city(devices: int, duration_s: float) -> Cost:
    began_s = process_time()
    scenario = load("city-100k")
    simulation = build(scenario, read(scenario))
    simulation.run()
    return Cost(process_time() - began_s, simulation.server.invited, _peak_mib())


def _start(devices: int, duration_s: float) -> Cost:
    began_s = process_time()
    simulation = _built(devices, duration_s)
    simulation.run()
    return Cost(process_time() - began_s, simulation.server.invited, _peak_mib())


def _start_traced(devices: int, duration_s: float) -> Cost:
    with TemporaryDirectory() as folder:
        began_s = process_time()
        trace = run(parse(bench_world(devices, duration_s), Path()), Path(folder) / "trace.h5", timing_only=True)
        return Cost(process_time() - began_s, trace.rows["updates"], _peak_mib())


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
