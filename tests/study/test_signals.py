"""Signals: whenever they come, the exit code is theirs, there is no traceback, and what was committed can be read."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from qflsim.errors import RunError
from qflsim.study.signals import AtOnce, Ended, Stop, ended_by
from qflsim.trace.reader import Trace

Command = Callable[..., Any]
SIGNALS = [signal.SIGINT, signal.SIGTERM]
MAIN = "\nfrom qflsim.cli import main\nmain()\n"
IN_CLOSING = """
import signal, sys
from qflsim.trace import layout

def interrupted(*args, copy=layout._copy):
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    copy(*args)

layout._copy = interrupted
"""
IN_AN_IMPORT = """
import signal, sys

class Finder:
    def find_spec(self, name, path, target=None):
        if name == "numpy":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""
IN_A_CALLBACK = """
import signal
import qflsim.cli.answers

class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

def say(text):
    Dying()

qflsim.cli.answers.say = say
"""
AT_THE_END = """
import atexit, signal
import qflsim.cli.commands

def say(text):
    print("said")
    atexit.register(signal.raise_signal, signal.SIGINT)

qflsim.cli.commands.say = say
"""
AFTER_THE_END = """
import atexit, signal
atexit.register(signal.raise_signal, signal.SIGINT)  # what is registered first comes last
"""
IN_A_RUN = """
import signal
from qflsim.study.run import Seen

def interrupted(seen, record, call=Seen.__call__):
    call(seen, record)
    if record.t_ns > 6_000_000_000:
        for number in {numbers}:
            signal.raise_signal(number)
        raise AssertionError("it went on")

Seen.__call__ = interrupted
"""


def ended(program: str, *words: str | Path) -> tuple[int, str, str]:
    """The command, with something done to it: exit code, standard output and standard error."""
    command = [sys.executable, "-c", program + MAIN, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def now(number: int) -> Callable[..., NoReturn]:
    """Something during which a signal comes."""

    def interrupted(*_: object, **__: object) -> NoReturn:
        signal.raise_signal(number)
        raise AssertionError("it went on")

    return interrupted


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_ends_with_a_line(
    qflsim: Command, finished: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Exit code 128 + the signal's number, whatever the command is doing, and its hidden files are gone."""
    monkeypatch.setattr("qflsim.study.summary.summary", now(number))
    monkeypatch.setattr("qflsim.study.replay.build", now(number))
    monkeypatch.setattr("qflsim.study.compare.pair", now(number))
    monkeypatch.setattr("qflsim.study.export.publish", now(number))
    path = finished.path
    for words in (["inspect", path, "--json"], ["replay", path], ["compare", path, path],
                  ["export", path, "-o", tmp_path / "tables"]):  # fmt: skip
        answer = qflsim(*words)
        assert answer == (128 + number, "", f"stopped by {signal.Signals(number).name}\n"), words
    assert list((tmp_path / "tables").iterdir()) == []


def test_a_signal_that_became_another_error_is_still_one(
    qflsim: Command, finished: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a library makes of it does not change the exit code."""

    def mistaken(_: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException as error:
            raise RunError("cannot write") from error

    monkeypatch.setattr("qflsim.study.summary.summary", mistaken)
    answer = qflsim("inspect", finished.path, "--json")
    assert (answer.code, answer.err) == (130, "stopped by SIGINT\n")
    assert ended_by(RunError("by itself")) is None


def test_a_signal_that_is_lost_comes_again(qflsim: Command, finished: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever drops every error goes on for a moment only; what is cleaned up meanwhile is not disturbed."""
    monkeypatch.setattr("qflsim.study.signals.AGAIN_S", 0.05)
    cleaned = []

    def deaf(_: object) -> None:
        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGTERM)
        try:
            time.sleep(10.0)
        finally:
            time.sleep(0.2)
            cleaned.append(True)

    monkeypatch.setattr("qflsim.study.summary.summary", deaf)
    answer = qflsim("inspect", finished.path, "--json")
    assert (answer.code, answer.err, cleaned) == (143, "stopped by SIGTERM\n", [True])


def test_a_signal_in_an_import() -> None:
    """Nothing has begun, and nothing is told but the signal."""
    assert ended(IN_AN_IMPORT, "validate", "quickstart") == (130, "", "stopped by SIGINT\n")


def test_a_signal_in_a_callback() -> None:
    """Where Python swallows errors, the process ends all the same, without its telling of an ignored error."""
    assert ended(IN_A_CALLBACK, "scenarios") == (143, "", "broken off by SIGTERM\n")


def test_a_signal_after_all_is_said() -> None:
    """It only ends the process; when Python itself is at its end, it is too late even for that."""
    code, out, err = ended(AT_THE_END, "scenarios")
    assert (code, out[:5], err) == (130, "said\n", "")
    code, out, err = ended(AFTER_THE_END, "scenarios")
    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize(
    ("one", "two"), [pytest.param(2, 2, marks=pytest.mark.slow), pytest.param(15, 15, marks=pytest.mark.slow), (2, 15)]
)
def test_a_second_signal_breaks_a_run_off(tiny: Path, tmp_path: Path, one: int, two: int) -> None:
    """At once, with the code of the second and one line; what was committed can be read, and nothing else is left."""
    path = tmp_path / "t.h5"
    told = f"broken off by {signal.Signals(two).name}\n"
    assert ended(IN_A_RUN.format(numbers=(one, two)), "run", tiny, "-o", path, "--timing-only") == (128 + two, "", told)
    assert not Trace(path).complete
    assert list(tmp_path.iterdir()) == [path]


def test_two_signals_while_a_trace_is_closed(tiny: Path, tmp_path: Path) -> None:
    """The journal keeps its name and every row, and the file that was to replace it is gone."""
    path = tmp_path / "t.h5"
    assert ended(IN_CLOSING, "run", tiny, "-o", path, "--timing-only") == (130, "", "broken off by SIGINT\n")
    trace = Trace(path)
    assert not trace.complete
    assert (trace.table("updates")["ended_ns"] == 12_000_000_000).any()
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_used_is_not_interrupted() -> None:
    """A signal in the making of something ends it there; one that comes while it is used, before the next is made."""
    stop, used = Stop(), list[int]()

    def making(interrupted: bool) -> Iterator[int]:
        yield 1
        if interrupted:
            stop.gently(signal.SIGINT)
        yield 2

    with pytest.raises(AtOnce):
        used += stop.made(making(interrupted=True))
    assert used == [1]
    stop = Stop()
    items = stop.made(making(interrupted=False))
    assert next(items) == 1
    stop.gently(signal.SIGINT)
    with pytest.raises(AtOnce):
        next(items)
    assert list(stop.made(iter([1, 2]))) == [1, 2]  # one that came before is not for them
    assert Ended(*Ended(2).args).exit_code == 130
