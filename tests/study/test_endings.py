"""Runs that end before their time: by a signal among the baselines, or a training that fails. All can be replayed."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import pytest

from qflsim.errors import RunError, StoppedError
from qflsim.learning.updates import Learner
from qflsim.records import BASELINE
from qflsim.scenario.load import load
from qflsim.study.replay import replay
from qflsim.study.report import result
from qflsim.study.run import run
from qflsim.trace.reader import Trace

Command = Callable[..., Any]
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
FAILING = """
from typing import Literal
import numpy as np
from qflsim.model import Model

class Failing(Model):
    # Fails where it starts at a later version than the first.
    kind: Literal["failing:Failing"] = "failing:Failing"

    def ascend(self, angles, gradient, steps):
        if BROKEN and (angles != 0.05).any():
            raise ArithmeticError("no way up")
        return angles + 0.1 * gradient(0, angles)

class Quantum(Model):
    # Fails for models of another size than the first that it is used for.
    kind: Literal["failing:Quantum"] = "failing:Quantum"
    learning_rate: float = 0.1

    def at_rate(self, learning_rate):
        return self

    def ascend(self, parameters, gradient, steps):
        if len(parameters) != SIZE:
            raise ArithmeticError("for circuits only")
        return parameters + 0.1 * gradient(0, parameters)

BROKEN, SIZE = True, 4
"""


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A user's module with optimizers that fail."""
    (tmp_path / "failing.py").write_text(FAILING)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "failing", raising=False)
    return pytest.importorskip("failing")


def interrupted(number: int) -> Callable[..., NoReturn]:
    """A baseline during which a signal comes, and which never comes to its end."""

    def baseline(*_: object) -> NoReturn:
        signal.raise_signal(number)
        raise AssertionError("the run went on")

    return baseline


def baselines(trace: Trace) -> set[str]:
    """The baselines that a trace tells of."""
    evaluations = trace.evaluations
    return {metric.split("/")[0] for metric in evaluations["metric"][evaluations["version"] == BASELINE]}


def qflsim_json(qflsim: Command, *words: str | Path) -> str:
    """What a command that succeeds says as JSON."""
    answer = qflsim(*words, "--json")
    assert (answer.code, answer.err) == (0, "")
    out: str = answer.out
    return out


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_among_the_baselines_ends_the_run(
    qflsim: Command,
    tiny: Path,
    finished: Trace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
) -> None:
    """At once, with its exit code; what was learned is all there, and the trace tells why it is not whole.

    It can be inspected, and replays.
    """
    monkeypatch.setattr("qflsim.learning.graph_rivals.centralised", interrupted(number))
    path, reason = tmp_path / "t.h5", f"stopped by {signal.Signals(number).name}"
    answer = qflsim("run", tiny, "-o", path)
    monkeypatch.undo()
    assert answer.code == code
    assert answer.err == f"{reason}; the trace up to there is {path}\n"
    trace = Trace(path)
    assert (trace.complete, trace.reason, trace.fingerprint) == (False, reason, None)
    for name in ("updates", "versions", "trainings"):
        assert trace.table(name).tobytes() == finished.table(name).tobytes()
    assert answer.out == result(trace) + "\n"
    assert reason in answer.out
    inspected = json.loads(qflsim_json(qflsim, "inspect", path))
    assert (inspected["complete"], inspected["reason"]) == (False, reason)
    assert replay(trace).equal


def test_a_signal_does_not_wait_for_the_baselines_of_others(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other processes that compute baselines are given up, however long they would take; those that were told stay."""

    told = Learner.baselines

    def endless(learner: Learner) -> Any:
        yield from islice(told(learner), 2)
        future = learner._executor.submit(time.sleep, 1000)

        def signalled() -> None:
            while not future.running():
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=signalled).start()
        yield "endless", future.result()

    monkeypatch.setattr(Learner, "baselines", endless)
    with pytest.raises(StoppedError) as stopped:
        run(load(tiny), tmp_path / "t.h5", workers=2)
    assert stopped.value.exit_code == 130
    monkeypatch.undo()
    trace = Trace(tmp_path / "t.h5")
    assert trace.reason == "stopped by SIGINT"
    assert baselines(trace) == {"random", "fixed"}
    assert "fixed" in result(trace)
    assert replay(trace).equal


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failed_training_replays(failing: Any, tiny: Path, tmp_path: Path, workers: int) -> None:
    """Up to where it failed the run is the same again, whoever trains, and also where it would not fail any more."""
    scenario = load(tiny, overrides=["training.optimizer.kind=failing:Failing"], plugins=True)
    with pytest.raises(RunError, match="training failed: ArithmeticError in ascend"):
        run(scenario, tmp_path / "t.h5", workers=workers)
    trace = Trace(tmp_path / "t.h5")
    assert not trace.complete
    verdict = replay(trace, workers=workers, plugins=True)
    assert verdict.equal
    assert verdict.compared > 0.5 * sum(trace.rows.values())
    failing.BROKEN = False
    assert replay(trace, plugins=True) == verdict


@pytest.mark.usefixtures("failing")
def test_a_failed_baseline_replays(tmp_path: Path) -> None:
    """A plug-in that fails only for classical models ends the run among its baselines; the trace replays."""
    words = ["stop.duration_s=2.0", 'training.optimizer={kind="failing:Quantum"}', "task.data.classes=[0, 1]",
             "task.data.features=2", "task.model.layers=1", "task.data.samples=4", "task.data.holdout=3"]  # fmt: skip
    scenario = load("digits-classifier", overrides=words, plugins=True)
    with pytest.raises(RunError, match=r"training failed: ArithmeticError in ascend .*: for circuits only"):
        run(scenario, tmp_path / "t.h5")
    trace = Trace(tmp_path / "t.h5")
    assert "local-only" in baselines(trace)
    assert not trace.complete
    assert replay(trace, plugins=True).equal
