"""Damaged files: whatever happened to a trace, it is refused by name, or what it still says is what was recorded."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from qflsim.records import Record
from qflsim.scenario.load import load
from qflsim.study.run import run
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES
from qflsim.trace.writer import TraceWriter

OUTCOMES = {"refused", "some parts refused", "an earlier commit", "whole"}
MOST_MIB, MOST_S = 600, 20.0
PROCESSES = 2


def records(trace: Trace) -> list[Record]:
    """All that a trace tells, in the order of time."""
    found: list[Record] = []
    for name, kind in TABLES.items():
        rows = trace.table(name).tolist()
        found += [kind._make(cell.decode() if isinstance(cell, bytes) else cell for cell in row) for row in rows]
    return sorted(found, key=lambda record: record.t_ns)


def killed(trace: Trace, path: Path) -> None:
    """The journal that a kill of this run would have left after a few commits."""
    texts = {name: trace.text(name) for name in ("scenario", "inputs", "graphs")}
    live = path.with_suffix(".live")
    writer = TraceWriter(live, header=trace.header, texts=texts, parameters=2, flush_s=3600.0)
    for i, record in enumerate(records(trace)):
        writer(record)
        if i % 200 == 0:
            writer.flush()
    writer.flush()
    shutil.copy(live, path)
    writer.close(reason="not read", fingerprint=None, totals={}, complete=False)
    live.unlink()


@pytest.fixture(scope="module")
def wholes(tiny: Path, finished: Trace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a closed trace, one without learning, and one that a kill left."""
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copy(finished.path, folder / "closed.h5")
    run(load(tiny), folder / "timing.h5", timing_only=True)
    killed(finished, folder / "killed.h5")
    return folder


def read(wholes: Path, first: int, last: int) -> list[dict[str, Any]]:
    """What came of reading these damaged copies, in a process that may crash."""
    program = Path(__file__).with_name("mutants.py")
    words = [sys.executable, program, wholes, str(first), str(last)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=3600)
    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, f"copy {lines[-1]}: exit code {ended.returncode}, {ended.stderr[-2000:]}"
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(told) == last - first
    return told


@pytest.mark.parametrize("count", [150, pytest.param(2_200, marks=pytest.mark.slow)])
def test_damage_is_refused_or_harmless(wholes: Path, count: int) -> None:
    """No crash, no hang, no wrong answer, no traceback, and no more memory than a whole file takes."""
    bounds = [count * i // PROCESSES for i in range(PROCESSES + 1)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        told = [one for part in pool.map(lambda ends: read(wholes, *ends), pairwise(bounds)) for one in part]
    wrong = [(number, one) for number, one in enumerate(told) if one["outcome"] not in OUTCOMES]
    assert not wrong
    assert max(one["grown_mib"] for one in told) < MOST_MIB
    assert max(one["took_s"] for one in told) < MOST_S
    met = Counter(one["outcome"] for one in told)
    assert set(met) == OUTCOMES, met
    assert met["refused"] + met["some parts refused"] > count / 2, met
    assert len({one["kind"] for one in told}) == 10
