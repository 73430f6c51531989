"""The progress line: on a terminal alone, in one line, with what the run is at."""

import io
import re
from pathlib import Path

import pytest

from qflsim.records import Evaluation, Event, Version
from qflsim.scenario.load import load
from qflsim.study import progress
from qflsim.study.progress import Progress
from qflsim.study.run import run
from qflsim.terms import Happening


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """From now on standard error is a terminal of 100 columns, and every change is shown."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    return stream


def event(t_ns: int, happening: Happening, participation: int) -> Event:
    """An entry of the log."""
    return Event(t_ns, happening, 0, participation, -1, 0)


def test_the_line_says_where_the_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time, version, best metric and how many are on their way, an arrived update being on its way no more."""
    shown = terminal(monkeypatch)
    with Progress(20.0) as line:
        for i in range(3):
            line(event(0, Happening.INVITED, i))
        line(event(10**9, Happening.ARRIVED, 0))
        line(Version(2 * 10**9, 1, 1, 0, 0, 0.0))
        line(Evaluation(2 * 10**9, 1, "ratio/mean", 0.75, 0.125))
        line(Evaluation(2 * 10**9, 2, "ratio/mean", 0.5, 0.125))
        line(Evaluation(2 * 10**9, 2, "ratio/complete", 0.99, 0.125))
        line(event(5 * 10**9, Happening.ENDED, 1))
        for _ in range(64 - 9):
            line(Evaluation(2 * 10**9, 1, "ratio/complete", 0.9, 0.125))
    assert "5/20 s | version 1 | best 0.750 | " in shown.getvalue()
    assert " | 1 in flight" in shown.getvalue()


def test_the_line_stays_one_line_and_is_gone_at_the_end(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a whole run nothing is printed but one line over itself, cut to the terminal's width, and wiped at the end."""
    stream = terminal(monkeypatch)
    scenario = load(tiny)
    with Progress(scenario.stop.duration_s) as line:
        run(scenario, tmp_path / "t.h5", timing_only=True, observers=(line,))
    assert "\n" not in stream.getvalue()
    states = stream.getvalue().split("\r")
    assert max(len(state) for state in states) <= 100
    assert len([state for state in states if re.search(r"/12 s \| version \d+ \| .* in flight$", state)]) > 5
    assert not states[-1].strip()
    assert not states[-2].strip()


def test_where_there_is_no_terminal_there_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Into a file or a pipe nothing is written."""
    with Progress(20.0) as line:
        for i in range(1000):
            line(event(i, Happening.INVITED, i))
    assert capsys.readouterr() == ("", "")
