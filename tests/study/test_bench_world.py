"""The benches of the world without learning: figures that were measured, in worlds small enough for a test."""

import math
from pathlib import Path

import pytest

from qflsim.scenario.build import build
from qflsim.scenario.load import parse
from qflsim.scenario.sources import read
from qflsim.study import bench_world as bench


def test_the_bench_world_is_what_it_says() -> None:
    """A participation moves 1 Mbit each way and computes for 10 s; seven sites; all finish, so rounds go on."""
    scenario = parse(bench.bench_world(150, 60.0), Path())
    told: list[object] = []
    simulation = build(scenario, read(scenario), (told.append,))
    simulation.run()
    transfers = [record for record in told if type(record).__name__ == "Transfer"]
    trainings = [record for record in told if type(record).__name__ == "Training"]
    assert {t.model_bit + t.header_bit + t.co_model_bit for t in transfers} == {10**6}
    assert {t.end_ns - t.start_ns for t in trainings if t.complete} == {10 * 10**9}
    assert len(scenario.sites.places) == 7
    distances = {round(math.hypot(site.x_m, site.y_m), 6) for site in scenario.sites.places}
    assert distances == {0.0, bench.REACH_M}
    assert simulation.server.version >= 2


@pytest.mark.slow
def test_few_and_many_are_measured_beside_each_other() -> None:
    """Finite figures; the many have the few for their peer."""
    figures = bench.world(few=120, many=200, duration_s=30.0)
    assert all(0 < figure.value < math.inf for figure in figures)
    few, many, _, _, refreshes, _ = figures
    assert many.peer == few.value
    assert many.ratio == pytest.approx(many.value / few.value)
    assert refreshes.value >= 1  # one a transfer at least, and in a tenth of the time there are downloads only


@pytest.mark.slow
def test_a_start_is_measured_in_a_process_of_its_own() -> None:
    """A trace takes more time, more devices more memory, and this process's memory does not count."""
    ballast = bytearray(2**28)
    few_s, few_mib, traced_s, traced_mib = (figure.value for figure in bench.start_up(idle=200))
    cost = bench._alone(bench._start, 9_000_000, bench.INSTANT_S)
    assert min(few_s, cost.core_s) > 0  # a device costs so little time that it is lost in that of the start
    assert few_s < traced_s
    assert few_mib + 9 * 4 < cost.peak_mib < few_mib + len(ballast) / 2**20
    assert few_mib < traced_mib + 8


def test_bare_simpy_is_counted() -> None:
    """Events a second of a few processes."""
    assert 1e3 < bench.bare_events_hz(5, waits=20) < 1e8
