"""Traces that no run wrote, though every checksum of theirs holds: told as such, never a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest

from qflsim.errors import InputError
from qflsim.records import Update
from qflsim.study.replay import replay
from qflsim.study.summary import overview, summary
from qflsim.terms import Fate
from qflsim.trace.reader import Trace
from qflsim.trace.writer import TraceWriter

HEADER = {"name": "x", "seed": 1, "digest": "d" * 64, "world": "w", "qflsim_version": "0", "timing_only": True}


def forged(folder: Path, header: dict[str, Any], update: Update | None = None) -> Trace:
    """A finished trace with this header and update."""
    writer = TraceWriter(folder / "t.h5", header=header, texts={"scenario": json.dumps({})}, parameters=2)
    if update is not None:
        writer(update)
    writer.close(reason="end", fingerprint="f", totals={})
    return Trace(folder / "t.h5")


@pytest.mark.parametrize("name", HEADER)
def test_a_header_that_lacks_something(tmp_path: Path, name: str) -> None:
    """Each attribute that a run writes is asked for, by name."""
    trace = forged(tmp_path, {key: value for key, value in HEADER.items() if key != name})
    for ask in (summary, overview, replay):
        with pytest.raises(InputError, match=f"{name}: got nothing"):
            ask(trace)


def test_a_header_of_another_kind(tmp_path: Path) -> None:
    """A seed that is a text is not what a run writes."""
    with pytest.raises(InputError, match="seed: got one"):
        summary(forged(tmp_path, {**HEADER, "seed": "one"}))


def test_a_fate_that_does_not_exist(tmp_path: Path) -> None:
    """An enumeration's unknown number is damage of that table."""
    update = Update(0, 0, 0, 0, -1, *[0] * 8, 0, 0, 0, 0.0, Fate.APPLIED, 0.0)._replace(fate=200)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="updates: got a value that no run writes"):
        summary(forged(tmp_path, HEADER, update))
