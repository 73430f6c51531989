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
KINDS = {"bits", "bit", "run", "cut", "zeros", "twice", "swapped", "noise", "number", "tail"}
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


def read(wholes: Path, first: int, last: int, *more: str) -> list[dict[str, Any]]:
    """What came of reading these damaged copies, in a process that may crash."""
    program = Path(__file__).with_name("mutants.py")
    words = [sys.executable, program, wholes, str(first), str(last), *more]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=3600)
    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, f"copy {lines[-1]}: exit code {ended.returncode}, {ended.stderr[-2000:]}"
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(told) == last - first
    return told


def check(told: list[dict[str, Any]]) -> Counter[str]:
    """No crash, no hang, no wrong answer, no traceback, little memory; how often each outcome was met."""
    wrong = [(number, one) for number, one in enumerate(told) if one["outcome"] not in OUTCOMES]
    assert not wrong
    assert max(one["grown_mib"] for one in told) < MOST_MIB
    assert max(one["took_s"] for one in told) < MOST_S
    assert {one["kind"] for one in told} == KINDS
    return Counter(one["outcome"] for one in told)


def test_damage_is_refused_or_harmless(wholes: Path) -> None:
    """Of damaged copies of traces all tables and a recovery are refused by name, or as they were recorded."""
    met = check(read(wholes, 0, 60))
    assert met["refused"] + met["some parts refused"] > 30


@pytest.mark.slow
def test_damage_is_refused_or_harmless_to_every_question(wholes: Path) -> None:
    """The same of thousands of copies, in whose ways each outcome is met, with what commands ask beside."""
    bounds = [2_200 * i // PROCESSES for i in range(PROCESSES + 1)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        parts = pool.map(lambda ends: read(wholes, *ends, "thorough"), pairwise(bounds))
        met = check([one for part in parts for one in part])
    assert set(met) == OUTCOMES, met
