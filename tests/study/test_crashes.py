"""Runs that are killed or lose their file, as a user's own command: what stands in the trace, and what is said."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qflsim.trace.reader import Trace

LONGEST_LOSS_S = 2.0
CLOSING = """
import os, signal, sys
from qflsim.trace import layout

def killed(*args, copy=layout._copy):
    copy(*args)
    os.kill(os.getpid(), signal.SIGKILL)

layout._copy = killed
from qflsim.cli import main
main()
"""


def started(tiny: Path, path: Path, *program: str, duration_s: float = 1e7) -> "subprocess.Popen[str]":
    """The command that runs for long, once its trace is there."""
    words = [*(program or ("-m", "qflsim")), "run", str(tiny), "--timing-only", "-o", str(path)]
    words += ["--set", f"stop.duration_s={duration_s}"]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return process


def clean(path: Path) -> int:
    """The rows of a clean file made of this one, which the common dump reads."""
    out = path.with_name("clean.h5")
    subprocess.run([sys.executable, "-m", "qflsim", "recover", path, "-o", out], check=True, capture_output=True)
    if shutil.which("h5dump"):
        subprocess.run(["h5dump", "-H", out], check=True, capture_output=True)
    return sum(Trace(out).rows.values())


def test_a_killed_run_loses_at_most_two_seconds(tiny: Path, tmp_path: Path) -> None:
    """The last commit of a run that is killed is young, and all that it counts can be recovered."""
    path = tmp_path / "t.h5"
    process = started(tiny, path)
    while sum(Trace(path).rows.values()) == 0:
        time.sleep(0.01)
    time.sleep(0.5)
    process.kill()
    lost_s = time.time() - path.stat().st_mtime
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert lost_s < LONGEST_LOSS_S
    assert clean(path) == sum(Trace(path).rows.values()) > 0
    assert not Trace(path).complete


def test_a_kill_while_the_trace_is_closed_leaves_the_journal(tiny: Path, tmp_path: Path) -> None:
    """Until the closed file has its name, the journal has it, with every row."""
    path = tmp_path / "t.h5"
    process = started(tiny, path, "-c", CLOSING, duration_s=12.0)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    trace = Trace(path)
    assert (trace.complete, "killed" in trace.reason) == (False, True)
    assert (trace.table("updates")["ended_ns"] == 12_000_000_000).any()
    assert clean(path) == sum(trace.rows.values())


def other(path: Path) -> None:
    """Another program puts a file of its own there."""
    path.with_name("other").write_text("other")
    os.replace(path.with_name("other"), path)


@pytest.mark.slow
@pytest.mark.parametrize("away", [Path.unlink, other, lambda path: shutil.rmtree(path.parent)])
def test_a_run_whose_file_goes_away_says_so(tiny: Path, tmp_path: Path, away: Callable[[Path], None]) -> None:
    """Soon, in one line, with exit code 3, and what stands there now is left alone."""
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "t.h5"
    process = started(tiny, path)
    away(path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count("\n")) == (3, "", 1)
    assert "removed or replaced by another program" in err
    assert not path.exists() or path.read_text() == "other"


@pytest.mark.slow
def test_a_second_signal_does_not_wait(tiny: Path, tmp_path: Path) -> None:
    """The run breaks off; what came until then is in a trace that says so."""
    path = tmp_path / "t.h5"
    process = started(tiny, path)
    time.sleep(1.5)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert not Trace(path).complete
    assert clean(path) == sum(Trace(path).rows.values())


@pytest.mark.slow
def test_two_runs_into_one_file(tiny: Path, tmp_path: Path) -> None:
    """The second is refused, and the first goes on."""
    path = tmp_path / "t.h5"
    first = started(tiny, path)
    second = started(tiny, path)
    _, err = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "a file that exists" in err
    first.send_signal(signal.SIGTERM)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 143
    assert "participations" in out
    assert Trace(path).reason == "stopped by SIGTERM"
