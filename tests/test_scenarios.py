"""The shipped scenarios: each asks a question, is without mistakes, and does what it did before."""

import tomllib
from pathlib import Path

import pytest

from qflsim.scenario.build import build
from qflsim.scenario.load import load, question, resolved, shipped
from qflsim.scenario.sources import read
from qflsim.study.run import Seen, run
from qflsim.study.summary import summary

GOLDEN = tomllib.loads(Path(__file__).with_name("golden.toml").read_text())
LONG = ("ingolstadt", "interference-channels", "split-circuits", "city-handover", "highway-500kmh", "factory-inf",
        "rural-gaps", "city-100k")  # fmt: skip
BEGINNINGS = {"city-100k": ["stop.duration_s=120.0"]}
"""What is looked at of scenarios that would take minutes."""
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in GOLDEN]


def test_every_shipped_scenario_has_a_fingerprint() -> None:
    """None is forgotten here, and none is gone."""
    assert set(GOLDEN) == set(shipped())


@pytest.mark.parametrize("name", GOLDEN)
def test_a_scenario_begins_with_its_question_and_answer(name: str) -> None:
    """The first line is a question, the second its expected answer, both comments."""
    path = shipped()[name]
    asked, answer = question(path)
    assert asked.endswith("?")
    assert answer.endswith(".")
    assert all(line.startswith("# ") for line in path.read_text("utf-8").splitlines()[:2])


@pytest.mark.parametrize("name", GOLDEN)
def test_a_scenario_validates(name: str) -> None:
    """Its file is without mistakes, its name is the file's, and its inputs can be read."""
    scenario = load(name)
    assert scenario.name == name
    assert all(len(tracks) > 0 for tracks in read(scenario).tracks.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_does_what_it_did(name: str) -> None:
    """Its fingerprint is the one kept in golden.toml; another one is a change of behaviour, to be meant and told."""
    scenario, seen = load(name, overrides=BEGINNINGS.get(name, [])), Seen()
    build(scenario, read(scenario), (seen,)).run()
    assert seen.fingerprint.hexdigest() == GOLDEN[name]


def test_wait_for_all_is_ingolstadt_under_another_aggregator() -> None:
    """Only name and aggregation differ, so that the two can be compared."""
    one, other = (resolved(load(name)) for name in ("ingolstadt", "wait-for-all"))
    assert {key for key in one if one[key] != other[key]} == {"name", "aggregation"}


def test_quickstart_answers_its_question(tmp_path: Path) -> None:
    """It learns (the ratio rises by more than a tenth), and processors, not the radio, set the pace."""
    trace = run(load("quickstart"), tmp_path / "t.h5")
    told = summary(trace)
    assert told["complete"]
    first = trace.evaluations.set_index("metric")["value"]["ratio/mean"].iloc[0]
    assert told["metrics"]["ratio/mean"] > first + 0.1
    waits = trace.transfers[["sharing_s", "uncovered_s", "handover_s", "outage_s"]].sum().sum()
    assert waits < 0.05 * (trace.trainings["end_s"] - trace.trainings["queued_s"]).sum()
