"""The tables of a trace as files for other programs: one CSV or Parquet file a table.

What is in a file is the table's data frame (`frames.frame`): times in seconds, names for numbers, one column an angle.
The names of columns keep their units (`_s`, `_m`, `_j`).

CSV: UTF-8, lines end in a line feed, numbers have as many digits as make them exact; NaN (an instant that did not
come) is an empty cell, infinity `inf`. pandas reads back every value with
`pd.read_csv(file, keep_default_na=False, na_values=[""])`, before pandas 3.1 with `float_precision="round_trip"` too.

Parquet: the types of the data frame; `pd.read_parquet(file)` gives the data frame. A column of names is categorical,
with every name that it can hold, met or not; but of a table without rows Parquet keeps no names.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from qflsim.errors import InputError
from qflsim.study.folders import check_room, filled
from qflsim.trace.placing import publish, write_hidden
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES

PIECE_BYTE = 1 << 24
"""Of a table's rows as they are recorded; as text they take some ten times as much memory."""

Sink: TypeAlias = Callable[[pd.DataFrame], None]


def export(trace: Trace, format_: str, folder: Path, *, force: bool = False, piece_byte: int = PIECE_BYTE
           ) -> dict[Path, int]:  # fmt: skip
    """Write `folder/<table>.<format_>` for each table, empty ones too, and return the rows of each file.

    A trace that is still being written is exported up to its last commit. Tables are written in pieces of `piece_byte`:
    memory does not grow with the trace. The files get their names when all are whole.

    Errors: `InputError` if one of the files is there already (unless `force`), the folder cannot be written, the trace
    is damaged, or Parquet is asked for without pyarrow. Then none of the files has been touched.
    """
    if format_ not in FORMATS:
        raise InputError("--format", format_, f"one of {', '.join(FORMATS)}")
    sink_of = FORMATS[format_]()
    places = {name: folder / f"{name}.{format_}" for name in TABLES}
    check_room(folder, places.values(), force=force)
    rows = dict.fromkeys(places.values(), 0)
    with filled(folder), ExitStack() as undo:
        hidden: dict[str, Path] = {}
        for name, frames in trace.frames(piece_byte):
            hidden[name] = write_hidden(folder, b"")
            undo.callback(hidden[name].unlink, missing_ok=True)
            with sink_of(hidden[name]) as sink:
                for frame in frames:
                    sink(frame)
                    rows[places[name]] += len(frame)
        for name, place in places.items():
            publish(hidden[name], place, force=force)
    return rows


def _csv() -> Callable[[Path], AbstractContextManager[Sink]]:
    return _csv_sink


@contextmanager
def _csv_sink(path: Path) -> Iterator[Sink]:
    with path.open("w", encoding="utf-8", newline="") as file:

        def write(frame: pd.DataFrame) -> None:
            # A carriage return within a name needs quotes, which Python's csv spares it.
            text = frame.select_dtypes(exclude=["number", "bool", "category"])
            returns = any(column.str.contains("\r", regex=False).any() for _, column in text.items())
            quoting = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
            frame.to_csv(file, index=False, header=file.tell() == 0, lineterminator="\n", quoting=quoting)

        yield write


def _parquet() -> Callable[[Path], AbstractContextManager[Sink]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        want = 'pip install "qflsim[parquet]", or --format csv'
        raise InputError("--format", "parquet, which needs pyarrow", want) from None

    @contextmanager
    def sink(path: Path) -> Iterator[Sink]:
        writer: Any = None

        def write(frame: pd.DataFrame) -> None:
            nonlocal writer
            table = pyarrow.Table.from_pandas(frame, preserve_index=False)
            if writer is None:
                writer = undo.enter_context(parquet.ParquetWriter(path, table.schema))
            writer.write_table(table)

        with ExitStack() as undo:
            yield write

    return sink


FORMATS = {"csv": _csv, "parquet": _parquet}
"""What finds the library of each format, and gives what opens a file of it."""
