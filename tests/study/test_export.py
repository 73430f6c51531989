"""Tables as files for other programs: every value comes back, and nothing is lost or left half written."""

import math
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from qflsim import records
from qflsim.errors import InputError
from qflsim.study.export import export
from qflsim.terms import Fate, Happening
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES
from qflsim.trace.writer import TraceWriter
from qflsim.units import FOREVER_NS, NEVER_NS

PANDAS = tuple(map(int, pd.__version__.split(".")[:2]))
EXACT: dict[str, Any] = {} if PANDAS >= (3, 1) else {"float_precision": "round_trip"}
FLOATS = [0.1 + 0.2, math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, -0.0, 1 / 3, 1e22, 123456789.0]
NAMES = ["a,b", 'say "q"', "two\nlines", "a\rreturn", "größe ρ 量子", "NA", "nan", " padded ", "'single'", "#;\t|"]


class Answer(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str


@pytest.fixture
def short_files() -> Iterator[int]:
    """No file of this process grows beyond so many bytes, as on a full disk."""
    limit_byte, usual = 4096, resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_byte, usual[1]))
    yield limit_byte
    resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    signal.signal(signal.SIGXFSZ, handler)


Command = Callable[..., Answer]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """A trace of values that are easily spoiled, in some tables; the others are empty."""
    path = tmp_path_factory.mktemp("hostile") / "t.h5"
    writer = TraceWriter(path, header={}, texts={}, parameters=2)
    for i, (value, name) in enumerate(zip(FLOATS, NAMES, strict=True)):
        writer(records.Device(i, i, name, name, "p", "c", value, value, value, value, i % 2 == 0))
        writer(records.Evaluation(i * 333_333_333, i, name, value, value))
        writer(records.Outage(10**18 + i, i, NEVER_NS, FOREVER_NS))
        writer(records.Update(*range(16), value, Fate(i % len(Fate)), value))
        writer(records.VersionAngles(i, i, (value, -value)))
    for i in range(1500):
        writer(records.Event(i * 7, Happening(i % len(Happening)), i, -1, -1, (1 << 62) + i))
    writer.close(reason="done", fingerprint=None, totals={})
    return Trace(path)


def text_of(frame: pd.DataFrame) -> dict[str, type]:
    """The columns that hold text, so that a name like 007 stays one."""
    return {name: str for name in frame if frame[name].dtype.kind not in "bif"}


@pytest.mark.parametrize("piece_byte", [3000, 1 << 24])
def test_csv_comes_back(hostile: Trace, tmp_path: Path, piece_byte: int) -> None:
    """Floats to the last bit, NaN, infinities, truth values, names with anything in them, names of values as text."""
    rows = export(hostile, "csv", tmp_path / "out", piece_byte=piece_byte)
    assert {path.name: count for path, count in rows.items()} == {f"{n}.csv": k for n, k in hostile.rows.items()}
    for name in TABLES:
        frame = hostile.frame(name)
        path = tmp_path / "out" / f"{name}.csv"
        found = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=text_of(frame), **EXACT)
        assert list(found.columns) == list(frame.columns)
        assert len(found) == len(frame)
        for column, values in found.items():
            want = frame[column].tolist()
            assert len(want) == 0 or [type(v) for v in values.tolist()] == [type(v) for v in want], column
            same = [a == b or (a != a and b != b) for a, b in zip(values.tolist(), want, strict=True)]
            assert all(same), (name, column)
            if want and isinstance(want[0], float):
                assert [math.copysign(1, v) for v in values if v == 0] == [math.copysign(1, v) for v in want if v == 0]


@pytest.mark.parametrize("piece_byte", [3000, 1 << 24])
def test_parquet_comes_back(hostile: Trace, tmp_path: Path, piece_byte: int) -> None:
    """The frames themselves, with types and categories, met or not. An empty table's keep no categories."""
    pytest.importorskip("pyarrow")
    export(hostile, "parquet", tmp_path / "out", piece_byte=piece_byte)
    for name in TABLES:
        found, frame = pd.read_parquet(tmp_path / "out" / f"{name}.parquet"), hostile.frame(name)
        kinds = dict.fromkeys(frame.select_dtypes("category"), object) if len(frame) == 0 else {}
        assert_frame_equal(found.astype(kinds), frame.astype(kinds), check_exact=True)
    assert len(hostile.events) == 1500
    events = pd.read_parquet(tmp_path / "out" / "events.parquet")
    assert isinstance(events["happening"].dtype, pd.CategoricalDtype)


def test_a_run_comes_back(finished: Trace, tmp_path: Path) -> None:
    """So does a real run, as CSV read without any option but for the digits."""
    export(finished, "csv", tmp_path)
    for name in ("updates", "legs", "transfers", "version_angles", "events"):
        frame = finished.frame(name)
        assert len(frame) > 0
        for column in frame.select_dtypes("category"):
            frame[column] = frame[column].astype(str)
        found = pd.read_csv(tmp_path / f"{name}.csv", **EXACT)
        assert_frame_equal(found, frame, check_exact=True, check_dtype=False)
    header = (tmp_path / "legs.csv").read_text().splitlines()[0]
    assert header == "t_s,device,start_s,end_s,x_m,y_m,vx_m_per_s,vy_m_per_s"


def test_what_is_there_stays(hostile: Trace, tmp_path: Path) -> None:
    """Every name that is taken is told, and nothing is written beside it; with force it is replaced."""
    for name in ("legs.csv", "events.csv"):
        (tmp_path / name).write_text("precious")
    with pytest.raises(InputError, match=r"legs\.csv, events\.csv; want another folder, or --force"):
        export(hostile, "csv", tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("legs.csv", "events.csv"), "precious"
    )
    export(hostile, "csv", tmp_path, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.csv" for name in TABLES)
    assert (tmp_path / "legs.csv").read_text().startswith("t_s,device")


def test_a_folder_in_the_place_of_a_file_is_refused(hostile: Trace, tmp_path: Path) -> None:
    """Force replaces files, never a folder."""
    (tmp_path / "events.csv").mkdir()
    with pytest.raises(InputError, match="a folder or device"):
        export(hostile, "csv", tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]


def test_where_nothing_can_be_written(hostile: Trace, tmp_path: Path) -> None:
    """A file for a folder, and a folder in which nobody can make a file."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="got a file; want a folder, or a new name"):
        export(hostile, "csv", tmp_path / "file")
    with pytest.raises(InputError, match="a folder with free space"):
        export(hostile, "csv", tmp_path / "file" / "below")


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_disk_that_fills(hostile: Trace, tmp_path: Path, short_files: int, format_: str) -> None:
    """It is told, what was there stays as it was, and no half-written file remains."""
    pytest.importorskip("pyarrow")
    out = tmp_path / "out"
    out.mkdir()
    (out / f"devices.{format_}").write_text("precious")
    with pytest.raises(InputError, match="want a folder with free space"):
        export(hostile, format_, out, force=True)
    assert {path.name: path.read_text() for path in out.iterdir()} == {f"devices.{format_}": "precious"}


def test_a_damaged_trace_leaves_no_file(hostile: Trace, tmp_path: Path) -> None:
    """Rows that do not fit their checksum are told after the last of them, and nothing keeps their names."""
    path = tmp_path / "t.h5"
    path.write_bytes(hostile.path.read_bytes())
    with h5py.File(path, "r+") as file:
        row = file["tables/events"][1200]
        row["device"] = 12345
        file["tables/events"][1200] = row
    with pytest.raises(InputError, match="events: got damage within its 1500 rows"):
        export(Trace(path), "csv", tmp_path / "out", piece_byte=3000)
    assert list((tmp_path / "out").iterdir()) == []


def test_without_pyarrow(hostile: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet without its library says how to get it, before anything is written."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r'pip install "qflsim\[parquet\]"'):
        export(hostile, "parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_trace_that_is_still_written(tmp_path: Path) -> None:
    """It is exported up to its last commit, all tables at the same."""
    writer = TraceWriter(tmp_path / "t.h5", header={}, texts={}, parameters=1, flush_s=3600.0)
    for i in range(3000):
        writer(records.Event(i, Happening.INVITED, i, i, -1, 0))
    writer.flush()
    rows = export(Trace(tmp_path / "t.h5"), "csv", tmp_path / "out", piece_byte=5000)
    writer.close(reason="done", fingerprint=None, totals={})
    assert rows[tmp_path / "out" / "events.csv"] == 3000
    assert np.array_equal(pd.read_csv(tmp_path / "out" / "events.csv")["device"], np.arange(3000))


def test_the_command(qflsim: Command, finished: Trace, tmp_path: Path) -> None:
    """It lists the files and their rows; a format that is none is a mistake in a line."""
    answer = qflsim("export", finished.path, "-o", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[1].split() == [str(tmp_path / "out" / "devices.csv"), "4"]
    answer = qflsim("export", finished.path, "--format", "xls", "-o", tmp_path / "out")
    assert (answer.code, answer.err) == (2, "--format: got xls; want one of csv, parquet\n")
