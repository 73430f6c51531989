"""What the tests of whole runs share: a tiny scenario, the trace that it leaves, the command line in this process."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from qflsim.cli import main
from qflsim.scenario.load import load
from qflsim.study.run import run
from qflsim.trace.reader import Trace

TINY = """\
# Can three of four walkers train an angle pair?
# Yes.
name = "tiny"
seed = 3
[stop]
duration_s = 12.0
[[sites.at]]
name = "mast"
x_m = 100.0
y_m = 100.0
[[devices]]
name = "walkers"
count = 4
mobility = { kind = "random-waypoint", area_m = [200.0, 200.0], speed_m_per_s = [10.0, 20.0] }
processor = { kind = "simulator" }
graphs = { kind = "regular", degree = 3, nodes = 4, count = 4 }
batch = 2
[task]
kind = "qaoa"
layers = 1
holdout = 4
[training]
co_model_parameters = 100000
[aggregation]
when = { kind = "buffered", max_in_flight = 3, buffer_size = 2 }
"""


class Answer(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scenario file whose run takes a fraction of a second."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def finished(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """The trace of a run of the tiny scenario. Not to be changed."""
    return run(load(tiny), tmp_path_factory.mktemp("finished") / "tiny.h5")


@pytest.fixture(scope="session")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """The trace of a run that only keeps time: many vehicles of three groups, a failing site. Not to be changed."""
    scenario = load("ingolstadt", overrides=["stop.duration_s=60.0"])
    return run(scenario, tmp_path_factory.mktemp("timed") / "timed.h5", timing_only=True)


@pytest.fixture
def own_signals() -> Iterator[None]:
    """What the command does about signals ends with the test."""
    usual, hook = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}, sys.unraisablehook
    yield
    sys.unraisablehook = hook
    for number, handler in usual.items():
        signal.signal(number, handler)


@pytest.fixture
def qflsim(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_signals: None) -> Command:
    """The `qflsim` command, in this process."""

    def command(*words: str | Path) -> Answer:
        monkeypatch.setattr("sys.argv", ["qflsim", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return Answer(code if isinstance(code, int) else 0, *capsys.readouterr())

    return command
