"""What shows only when a scenario is tried, refused by `validate` and `run` alike before a file is written."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qflsim.errors import InputError
from qflsim.quantum.qnodes import _node, _takes_batches
from qflsim.scenario.build import with_sights
from qflsim.scenario.load import load
from qflsim.scenario.sources import read
from qflsim.study.run import run

Command = Callable[..., Any]
NODES = """
import pennylane as qml

def raises(x, weights):
    raise RuntimeError("no such angle\\nas this one")

def talks(x, weights):
    print("turning")
    return turns(x, weights)

def turns(x, weights):
    qml.RY(x[0] + weights[0], 0)
    return [qml.expval(qml.PauliZ(k)) for k in range(2)]

DEVICE = qml.device("default.qubit", wires=2)
fine, raising, sampled = qml.QNode(talks, DEVICE), qml.QNode(raises, DEVICE), qml.QNode(turns, DEVICE, shots=5)
"""
PHONES = """
name = "phones"
stop = { duration_s = 1.0 }
devices = [{ name = "phones", count = 2, mobility = { kind = "static", at_m = [10.0, 0.0] } }]
[task]
kind = "classification"
data = { classes = [0, 1], features = 2, samples = 4, holdout = 3 }
model = { kind = "qnode", node = "circuits_of_mine:NAME", weights = 1 }
"""
LONELY = """
name = "lonely"
stop = { duration_s = 1.0 }
[[devices]]
name = "one"
count = 1
graphs = { kind = "interference", nodes = 4 }
mobility = { kind = "static", at_m = [10.0, 0.0] }
[task]
kind = "qaoa"
layers = 1
holdout = 2
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with circuits of the user's own in it; traces would be written there too."""
    (tmp_path / "circuits_of_mine.py").write_text(NODES)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "circuits_of_mine", raising=False)
    _node.cache_clear()
    _takes_batches.cache_clear()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(qflsim: Command, scenario: Path) -> str:
    """The one line that both commands tell, `validate` on standard output as its answer."""
    before = set(scenario.parent.iterdir())
    ran = qflsim("run", scenario, "--allow-plugins")
    validated = qflsim("validate", scenario, "--allow-plugins")
    assert (ran.code, ran.out, validated.code, validated.err) == (2, "", 2, "")
    assert {path for path in scenario.parent.iterdir() if path.suffix == ".h5" or path.name == "traces"} <= before
    (line,) = ran.err.splitlines()
    assert validated.out.removeprefix(f"{scenario}: ") == line + "\n"
    return str(line)


@pytest.mark.parametrize(
    ("name", "told"), [("raising", "got RuntimeError: no such angle; want"), ("sampled", "shots of its own; want")]
)
def test_a_qnode_that_cannot_be_used_is_refused(qflsim: Command, folder: Path, name: str, told: str) -> None:
    """One that raises, and one with shots of its own, told with its name."""
    scenario = folder / "phones.toml"
    scenario.write_text(PHONES.replace("NAME", name))
    line = refused(qflsim, scenario)
    assert f"circuits_of_mine:{name}: got " in line
    assert told in line


def test_what_a_qnode_prints_stays_out_of_the_answer(qflsim: Command, folder: Path) -> None:
    """The same scenario with a circuit that can be used has no mistakes, and that is all that is said."""
    (folder / "phones.toml").write_text(PHONES.replace("NAME", "fine"))
    answer = qflsim("validate", folder / "phones.toml", "--allow-plugins")
    assert (answer.code, answer.out) == (0, "no mistakes\n")
    assert "turning" in answer.err


def test_a_lonely_device_with_interference_graphs_is_refused(qflsim: Command, folder: Path) -> None:
    """It will never see a graph to be graded on, and the group is named; keeping time alone it can be run."""
    scenario = folder / "lonely.toml"
    scenario.write_text(LONELY)
    line = refused(qflsim, scenario)
    assert line == "devices.one: got hardly a moment with two of them near; want devices that interfere"
    found = load(scenario)
    with pytest.raises(InputError, match=r"^devices\.one: "):
        with_sights(found, read(found))
    with pytest.raises(InputError, match=r"^devices\.one: "):
        run(found, folder / "t.h5")
    assert not (folder / "t.h5").exists()
    assert run(found, folder / "t.h5", timing_only=True).complete


def test_sights_are_looked_for_once(folder: Path) -> None:
    """Where two are near, the graphs to be graded on are there, and who has them already keeps them."""
    (folder / "pair.toml").write_text(LONELY.replace("count = 1", "count = 2"))
    found = load(folder / "pair.toml")
    sources = with_sights(found, read(found))
    assert len(sources.graphs["one"].held_out()) == found.task.holdout
    assert with_sights(found, sources) is sources
