"""Benches: figures that were measured, each beside a peer that was measured too."""

import math

import pytest

from qflsim.study import bench_workers
from qflsim.study.bench import BENCHES, measure
from qflsim.study.measuring import Figure, as_table


def test_the_benches_that_can_be_asked_for() -> None:
    """The names that `--only` takes."""
    assert list(BENCHES) == [
        "qaoa",
        "quantum",
        "ingolstadt",
        "recording",
        "simpy",
        "world",
        "start-up",
        "city",
        "workers",
    ]


@pytest.mark.parametrize("name", ["qaoa", "simpy"])
def test_a_bench_measures_itself_and_its_peer(name: str) -> None:
    """Each figure is a finite number, and its ratio to the peer is how many times as fast it is."""
    (figure,) = measure((name,))
    assert figure.name == name
    assert figure.peer is not None
    assert 0 < figure.value < math.inf
    times = figure.value / figure.peer if "second" in figure.unit else figure.peer / figure.value
    assert figure.ratio == pytest.approx(times)


@pytest.mark.slow
def test_the_whole_run_is_measured() -> None:
    """Simulated seconds, records and participations a second; real time is the first one's peer."""
    speed, records, participations, event, participation = measure(("ingolstadt",))
    assert speed.ratio == speed.value > 0
    assert records.value > participations.value > 0
    assert 0 < event.value <= 32
    assert 48 < participation.value <= 160


@pytest.mark.slow
def test_workers_are_measured_beside_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs of the command each: how many times as fast the one with two workers is."""
    monkeypatch.setattr(bench_workers, "TRAINING_BOUND", {"stop.duration_s": 1.0})
    for figure in measure(("workers",)):
        assert figure.peer is not None
        assert 0 < figure.value < math.inf
        assert figure.ratio == pytest.approx(figure.peer / figure.value)


def test_the_table_has_a_line_a_figure() -> None:
    """A head, and each figure with its unit; a figure without a peer leaves those cells empty."""
    told = as_table([Figure("a", 1234.5, "ms", 0.25, "peer", 2.0), Figure("b", 3.0, "s", None, "", None)])
    head, first, second = told.splitlines()
    assert head.split()[0] == "figure"
    assert first.split() == ["a", "1,234", "ms", "peer", "0.25", "ms", "2"]
    assert second.split() == ["b", "3", "s"]
