"""The page on the format is that of the code, and what it says about files is so."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from qflsim.records import Event
from qflsim.terms import Direction, Fate, Happening, Reason
from qflsim.trace.reader import Trace
from qflsim.trace.schema_page import HOW, PAGE, member_docs, page
from qflsim.trace.schema_prose import ATTRIBUTES, TEXTS, TOTALS
from qflsim.trace.tables import TABLES
from qflsim.trace.writer import TraceWriter

MakeWriter = Callable[..., TraceWriter]
PYTHON = re.findall(r"```python\n(.*?)```", page(), re.DOTALL)
SHELL = re.findall(r"```sh\n(.*?)```", page(), re.DOTALL)


def test_the_page_is_up_to_date() -> None:
    """What stands beside the package is what the definitions say now."""
    assert PAGE.read_text(encoding="utf-8") == page(), f"run: {HOW}"


def test_every_table_and_column_is_on_it() -> None:
    """With its type and its unit."""
    for name, record in TABLES.items():
        section = page().split(f"### {name}\n")[1].split("\n##")[0]
        for column in record._fields:
            assert f"| `{column}` | " in section
    assert "| `x_m` | float64 | m |" in page()
    assert "| `fate` | Fate |  |" in page()


@pytest.mark.parametrize("kind", [Direction, Fate, Happening, Reason])
def test_every_member_is_explained(kind: Any) -> None:
    """The string below each member of an enumeration says what it means."""
    assert set(member_docs(kind)) == set(kind.__members__)


def named(rows: Any) -> set[str]:
    """The names in the first column of a list on the page."""
    return {row[0].strip("`") for row in rows}


def test_attributes_texts_and_totals_are_those_of_a_run(finished: Trace) -> None:
    """Each that a run writes is on the page, each on the page is written, with the type that it says."""
    numbers = {"int64": np.dtype("<i8"), "bool": np.dtype(bool), "float64": np.dtype("<f8")}
    with h5py.File(finished.path) as file:
        versions = {name for name in file.attrs if name.endswith("_version")}
        assert named(ATTRIBUTES) == (set(file.attrs) - versions) | {"qflsim_version"}
        assert set(file["texts"]) == named(TEXTS)
        assert set(file["totals"].attrs) == named(TOTALS)
        for attributes, rows in ((file.attrs, ATTRIBUTES), (file["totals"].attrs, TOTALS)):
            for name, kind, _ in rows:
                found = attributes.get_id(name.strip("`")).dtype
                assert found == numbers[kind] if kind in numbers else found.kind == "S"


def test_rows_stand_in_the_order_of_their_time(finished: Trace) -> None:
    """In every table but that of evaluations."""
    for name in set(TABLES) - {"evaluations"}:
        assert (np.diff(finished.table(name)["t_ns"]) >= 0).all(), name


def test_the_example_reads_a_closed_file(finished: Trace, tmp_path: Path) -> None:
    """It runs as it stands, without qflsim, and finds what qflsim finds."""
    shutil.copy(finished.path, tmp_path / "T.h5")
    done = subprocess.run([sys.executable, "-c", PYTHON[0]], cwd=tmp_path, capture_output=True, text=True, check=True)
    applied = finished.updates.query("fate == 'applied'")
    assert len(applied) > 0
    assert done.stdout == f"{len(applied)} applied, the last at {applied['ended_s'].max()} s\n"


@pytest.mark.skipif(not shutil.which("h5dump"), reason="h5dump is not installed")
def test_the_commands_read_a_closed_file(finished: Trace, tmp_path: Path) -> None:
    """Each of them shows what it says."""
    shutil.copy(finished.path, tmp_path / "T.h5")
    for command, shown in zip(SHELL[0].splitlines(), ["APPLIED", "ended_ns", "/tables/updates"], strict=True):
        done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=True)
        assert shown in done.stdout


def test_the_example_reads_a_file_that_is_being_written(tmp_path: Path, make_writer: MakeWriter) -> None:
    """Rows in whole chunks and those in the tail, as many as are committed."""
    writer = make_writer(tmp_path / "T.h5")
    for count in (0, 5, 4321):
        for i in range(count):
            writer(Event(i, Happening.INVITED, i, 0, 0, 0))
        writer.flush()
        told = PYTHON[1] + "print(len(events), events['device'].sum())"
        done = subprocess.run([sys.executable, "-c", told], cwd=tmp_path, capture_output=True, text=True, check=True)
        events = Trace(tmp_path / "T.h5").table("events")
        assert done.stdout == f"{len(events)} {events['device'].sum()}\n"
    assert len(events) == 4326
