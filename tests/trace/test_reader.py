"""The reader: everything that was recorded, and a clear word on every file that is not a whole trace."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.errors import InputError
from qflsim.records import Evaluation, Event, Record, VersionAngles
from qflsim.terms import Happening
from qflsim.trace.layout import FORMAT
from qflsim.trace.reader import Trace, recover
from qflsim.trace.tables import TABLES, pack, row_dtype
from qflsim.trace.writer import TraceWriter

MakeWriter = Callable[..., TraceWriter]


def value(hint: Any, i: int) -> Any:
    """The i-th value of an annotation."""
    if isinstance(hint, type) and issubclass(hint, str | bool | int | float):
        return next(iter(hint)) if hasattr(hint, "__members__") else hint(i)
    return (float(i), float(-i))


def record(kind: type[Record], i: int) -> Record:
    """The i-th record of a type."""
    return kind._make(value(hint, i) for hint in kind.__annotations__.values())


@pytest.fixture
def whole(tmp_path: Path, make_writer: MakeWriter) -> Path:
    """A closed trace with some rows in every table and more than one chunk of events, none of them in one commit."""
    writer = make_writer(header={"seed": 7, "world": "ab", "rate": 0.5, "bare": True}, texts={"scenario": '{"µ": 1}'})
    for i in range(5):
        for kind in TABLES.values():
            writer(record(kind, i))
        for j in range(1000):
            writer(record(Event, j))
        writer.flush()
    writer.close(reason="stop reached", fingerprint="cafe", totals={"events": 5, "simulated_s": 60.0})
    return tmp_path / "trace.h5"


@given(counts=st.lists(st.integers(0, 3000), min_size=1, max_size=5), recovered=st.booleans())
@settings(max_examples=12, deadline=None)
def test_tables_are_the_records_in_order(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], recovered: bool
) -> None:
    """However records fall into commits and chunks, a journal and a closed file hold each of them once and in order."""
    path = tmp_path_factory.mktemp("trace") / "trace.h5"
    writer = TraceWriter(path, header={}, texts={}, parameters=2, flush_s=3600.0)
    kept: dict[type[Record], list[Record]] = {kind: [] for kind in TABLES.values()}
    for count in counts:
        for i in range(count):
            kind = list(TABLES.values())[-1 - i % 2] if i % 20 else list(TABLES.values())[i // 20 % len(TABLES)]
            kept[kind].append(record(kind, i))
            writer(kept[kind][-1])
        writer.flush()
        live = Trace(path)
        assert live.rows == {name: len(kept[kind]) for name, kind in TABLES.items()}
    if recovered:
        recover(path, path.parent / "out.h5")
    writer.close(reason="done", fingerprint=None, totals={})
    trace = Trace(path.parent / "out.h5" if recovered else path)
    for name, kind in TABLES.items():
        if kept[kind]:
            assert trace.table(name).tobytes() == pack(kept[kind], row_dtype(kind, 2)).tobytes()
        assert len(trace.frame(name)) == len(kept[kind])


def test_what_is_beside_the_tables(whole: Path) -> None:
    """Header, texts, status and totals come back as they were given, with their types."""
    with Trace(whole) as trace:
        assert trace.header == {"seed": 7, "world": "ab", "rate": 0.5, "bare": True}
        assert [type(found) for found in trace.header.values()] == [bool, float, int, str]
        assert trace.text("scenario") == '{"µ": 1}'
        assert trace.scenario == {"µ": 1}
        assert (trace.complete, trace.reason, trace.fingerprint) == (True, "stop reached", "cafe")
        assert trace.totals == {"events": 5, "simulated_s": 60.0}
        assert trace.params(3).tolist() == [3.0, -3.0]
        with pytest.raises(InputError, match="want one of the 5 versions"):
            trace.params(9)


@pytest.mark.parametrize("name", TABLES)
def test_each_table_is_a_property(whole: Path, name: str) -> None:
    """Tables are found by name on the trace itself."""
    assert getattr(Trace(whole), name).equals(Trace(whole).frame(name))


@pytest.mark.parametrize("name", TABLES)
def test_each_data_frame_is_documented(whole: Path, name: str) -> None:
    """The help on it has what a row is, and a line for each of its columns and no other."""
    first, _, rest = (getattr(Trace, name).__doc__ or "").partition("\n\n")
    told = [line.split(":")[0].split("[")[0].strip() for line in rest.splitlines()]
    columns = [column for column in Trace(whole).frame(name) if not column.startswith("angle_")]
    assert first.endswith(".")
    assert [column for column in told if not column.startswith("angle_")] == columns


def test_a_trace_that_is_still_written(tmp_path: Path, make_writer: MakeWriter) -> None:
    """One reader follows a run from before its first row to beyond its end, without opening anything anew."""
    writer = make_writer()
    trace = Trace(tmp_path / "trace.h5")
    assert (trace.rows["events"], trace.complete, trace.fingerprint, trace.totals) == (0, False, None, {})
    assert "still running" in trace.reason
    for i in range(10):
        writer(Event(i, Happening.INVITED, 0, 0, 0, 0))
        assert trace.rows["events"] == i
        writer.flush()
        assert trace.table("events")["t_ns"].tolist() == list(range(i + 1))
    writer.close(reason="done", fingerprint="f", totals={})
    assert (trace.rows["events"], trace.complete, trace.fingerprint) == (10, True, "f")


def test_a_run_that_was_stopped_is_not_complete(tmp_path: Path, make_writer: MakeWriter) -> None:
    """A stopped run closes its trace in order, with all its rows, and says why it ended; recovering keeps that."""
    writer = make_writer()
    writer(Event(0, Happening.STOPPED, 0, 0, 0, 0))
    writer.close(reason="stopped by SIGINT", fingerprint=None, totals={}, complete=False)
    recover(tmp_path / "trace.h5", tmp_path / "out.h5")
    for name in ("trace.h5", "out.h5"):
        trace = Trace(tmp_path / name)
        assert (trace.complete, trace.reason, trace.rows["events"]) == (False, "stopped by SIGINT", 1)


def test_a_closed_trace_is_plain_hdf5(whole: Path) -> None:
    """Plain h5py reads whole tables, with units and descriptions, and nothing of the journal is left."""
    with h5py.File(whole, "r") as file:
        assert set(file) == {"tables", "texts", "commits", "totals"}
        assert set(file["tables"]) == set(TABLES)
        assert len(file["tables/events"]) == 5005
        assert file["tables/events"].attrs["units"] == b'{"t_ns": "ns"}'
        assert json.loads(file["tables/events"].attrs["columns"])["happening"] == "what happened"
        assert file["tables/events"].attrs["description"].startswith(b"An entry of the event log.")


@pytest.mark.skipif(not shutil.which("h5dump"), reason="h5dump is not installed")
def test_h5dump_reads_a_closed_trace(whole: Path) -> None:
    """The common dump shows the rows, with the names of happenings and of truth."""
    dump = subprocess.run(["h5dump", "-d", "/tables/events", "-c", "1", whole], capture_output=True, text=True)
    assert dump.returncode == 0
    assert "DEVICE_ON" in dump.stdout.split("DATA {")[1]
    dump = subprocess.run(["h5dump", "-a", "/complete", whole], capture_output=True, text=True)
    assert "(0): TRUE" in dump.stdout


def test_damaged_rows_are_counted_out(whole: Path) -> None:
    """A changed byte in a table is found, and the rows before it counted; other tables stay readable."""
    with h5py.File(whole, "r") as file:
        chunk = file["tables/events"].id.get_chunk_info(1)
    with whole.open("r+b") as raw:
        raw.seek(chunk.byte_offset + chunk.size // 2)
        byte = raw.read(1)[0]
        raw.seek(-1, 1)
        raw.write(bytes([byte ^ 0xFF]))
    with pytest.raises(InputError, match="events: got damage after the first 2002 of 5005 rows"):
        Trace(whole).table("events")
    with pytest.raises(InputError, match="events"):
        recover(whole, whole.parent / "out.h5")
    assert len(Trace(whole).legs) == 5
    assert [file.name for file in whole.parent.iterdir()] == ["trace.h5"]


def test_a_checksum_that_does_not_hold(whole: Path) -> None:
    """A value changed through HDF5 itself is found as well."""
    with h5py.File(whole, "r+") as file:
        file["tables/evaluations"][3] = pack([Evaluation(0, 0, "x", 1.0, 0.125)], row_dtype(Evaluation, 1))[0]
    with pytest.raises(InputError, match="evaluations: got damage after the first 3 of 5 rows"):
        Trace(whole).table("evaluations")


@pytest.mark.parametrize("share", [0.0, 0.002, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
def test_a_truncated_trace_is_refused(whole: Path, share: float) -> None:
    """Cut at any length, a trace is refused: at once, or when its rows are asked for."""
    content = whole.read_bytes()
    whole.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError):
        recover(whole, whole.parent / "out.h5")


def foreign(path: Path) -> None:
    """An HDF5 file that is no trace."""
    with h5py.File(path, "w") as file:
        file["x"] = 1


def newer(path: Path) -> None:
    """A trace of a format to come."""
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        file.attrs["format"] = FORMAT + 1


def hollow(path: Path) -> None:
    """A file that claims the format and holds nothing."""
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        file.attrs["format"] = FORMAT


@pytest.mark.parametrize(
    ("make", "got"),
    [
        (lambda path: None, "No such file"),
        (Path.mkdir, "Is a directory"),
        (os.mkfifo, "a pipe"),
        (Path.touch, "an empty file"),
        (lambda path: path.write_text("t_s,device\n" * 1000), "not an HDF5 file"),
        (foreign, "an HDF5 file of another kind"),
        (newer, f"a trace of format {FORMAT + 1}; want format {FORMAT}"),
        (hollow, "/commits: got nothing"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, make: Callable[[Path], object], got: str) -> None:
    """A missing file, a folder, an empty file, another format and another program's file are each told apart."""
    path = tmp_path / "t.h5"
    make(path)
    with pytest.raises(InputError, match=got) as told:
        Trace(path)
    assert str(path) in told.value.where


def test_data_that_lies_elsewhere_is_refused(whole: Path) -> None:
    """A stranger's trace cannot make a reader open other files, nor run other filters."""
    with h5py.File(whole, "r+") as file:
        for name in ("events", "legs", "sites"):
            del file["tables"][name]
        file["tables/events"] = h5py.ExternalLink("/etc/passwd", "/")
        file["tables/legs"] = h5py.SoftLink("/tables/devices")
        file.create_dataset("tables/sites", (5,), np.dtype("<i8"), external=[("/etc/passwd", 0, 40)])
    for name, got in {"events": "a link", "legs": "a link", "sites": "stored elsewhere"}.items():
        with pytest.raises(InputError, match=got):
            Trace(whole).table(name)


def test_columns_are_those_of_the_records(whole: Path) -> None:
    """A table with other columns is refused rather than misread."""
    with h5py.File(whole, "r+") as file:
        del file["tables/versions"]
        file.create_dataset("tables/versions", data=np.zeros(5, [("t_ns", "<i8"), ("version", "<i8")]))
    with pytest.raises(InputError, match="columns"):
        Trace(whole).table("versions")


def test_recovering_keeps_what_exists(whole: Path) -> None:
    """The target of a recovery is protected like any output; with force a trace may replace itself."""
    out = whole.parent / "out.h5"
    out.write_text("precious")
    with pytest.raises(InputError, match="exists"):
        recover(whole, out)
    with pytest.raises(InputError, match="no folder"):
        recover(whole, whole.parent / "none" / "out.h5")
    assert out.read_text() == "precious"
    recover(whole, whole, force=True)
    assert Trace(whole).complete
    assert Trace(whole).rows["events"] == 5005


def test_angles_have_the_length_promised(tmp_path: Path, make_writer: MakeWriter) -> None:
    """The length of the parameter vector is any number, and the reader takes it from the file."""
    writer = make_writer(parameters=7)
    writer(VersionAngles(0, 0, tuple(range(7))))
    writer.close(reason="done", fingerprint=None, totals={})
    assert Trace(tmp_path / "trace.h5").params(0).tolist() == list(range(7))


def test_a_text_that_was_changed_is_damage(tmp_path: Path, make_writer: MakeWriter) -> None:
    """The scenario that a trace carries is sealed: another digit in it is told, not simulated."""
    make_writer(texts={"scenario": '{"seed": 3}'}).close(reason="end", fingerprint="f", totals={})
    trace = Trace(tmp_path / "trace.h5")
    assert trace.scenario == {"seed": 3}
    with h5py.File(tmp_path / "trace.h5", "r+") as file:
        file["texts/scenario"][()] = b'{"seed": 4}'
    with pytest.raises(InputError, match="not as recorded"):
        trace.text("scenario")
