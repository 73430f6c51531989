"""The layout of a trace in HDF5: the journal that a run writes into, and the plain file that it leaves.

| path             | journal                                  | closed                                             |
|------------------|------------------------------------------|----------------------------------------------------|
| `/` attributes   | `format`, the header, `complete` = FALSE | the same; `complete`, `reason`, `fingerprint` set  |
| `/texts/<name>`  | UTF-8 strings                            | the same                                           |
| `/totals`        | empty                                    | one attribute a total                              |
| `/commits`       | one row a flush                          | the same                                           |
| `/tables/<name>` | whole chunks, shuffled and gzipped       | every row                                          |
| `/tails/<name>`  | rows that do not fill a chunk yet        | absent                                             |

The journal is written in SWMR mode: what stands in the file is consistent at every instant. But SWMR knows no deleting
and wastes the old place of a chunk that is filled in parts; hence the tails. Closing copies the journal into a plain
file, chunk by chunk without unpacking, and puts that in the journal's place in one step; so no instant exists at which
a file that says TRUE lacks a row.

Format bounds are v110 throughout: SWMR needs no less, and common `h5dump`s read no more.
"""

import inspect
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from qflsim.trace.chunks import stored
from qflsim.trace.columns import meanings
from qflsim.trace.commits import sealed
from qflsim.trace.nodes import attributes, dataset, group, text
from qflsim.trace.placing import MARGIN_BYTE, reserve, write_hidden
from qflsim.trace.plain import LOCKING
from qflsim.trace.tables import TABLES, Rows, row_dtype, units

FORMAT = 2
"""Grows when a file of the new layout or records would mislead a reader of the old."""
VERSIONS = ("v110", "v110")
STATUS = ("format", "complete", "reason", "fingerprint")
"""Root attributes that are not part of the header."""
CHUNK_BYTE = 1 << 16

Scalar = str | int | float | bool


class Status(NamedTuple):
    """How a run ended; a fingerprint of None is stored as an empty string."""

    complete: bool
    reason: str
    fingerprint: str | None
    totals: Mapping[str, int | float]


RUNNING = Status(complete=False, reason="no end recorded: still running, or killed", fingerprint=None, totals={})


def chunk_rows(dtype: np.dtype[np.void]) -> int:
    """Rows of one chunk, a power of two; a tail has as many."""
    return 1 << (CHUNK_BYTE // dtype.itemsize).bit_length() - 1


def journal(header: Mapping[str, Scalar], texts: Mapping[str, str], parameters: int) -> bytes:
    """The bytes of an empty journal, with all that a journal can ever have."""
    assert not set(header) & set(STATUS)
    with _in_memory() as (file, image):
        file.attrs["format"] = FORMAT
        _set_all(file.attrs, header)
        _set_status(file, RUNNING)
        _set_texts(file, texts)
        file.create_dataset("commits", data=sealed([(0, 0)] * len(TABLES)), maxshape=(None,), chunks=(64,))
        for name, record in TABLES.items():
            dtype = row_dtype(record, parameters)
            _create_table(file, name, dtype)
            # Given data, the tail has its place in the file before SWMR starts.
            file.create_dataset(f"tails/{name}", data=np.zeros(chunk_rows(dtype), dtype))
    return image.getvalue()


def closed(old: h5py.File, commits: Rows, tails: Mapping[str, Rows], status: Status, folder: Path) -> Path:
    """Write what the last of a trace's commits counts as a plain file, and return its hidden path in the folder.

    `tails` are the rows of each table beyond its whole chunks. Whoever calls gives the file its name. OSError if the
    disk is full.
    """
    with _in_memory() as (_, empty):
        pass
    hidden = write_hidden(folder, empty.getvalue())
    try:
        with hidden.open("r+b") as room:
            reserve(room.fileno(), old.id.get_filesize() + MARGIN_BYTE)
            with h5py.File(hidden, "r+", libver=VERSIONS, locking=LOCKING) as new:
                _copy(old, new, commits, tails)
                _set_status(new, status)
            os.fsync(room.fileno())
    except BaseException:
        hidden.unlink()
        raise
    return hidden


def _copy(old: h5py.File, new: h5py.File, commits: Rows, tails: Mapping[str, Rows]) -> None:
    _set_all(new.attrs, attributes(old))
    _set_texts(new, {name: text(old, name) for name in group(old, "texts")})
    new.create_dataset("commits", data=commits, compression="gzip", shuffle=True, chunks=True)
    for name, tail in tails.items():
        before = dataset(old, f"tables/{name}")
        table = _create_table(new, name, before.dtype)
        rows = int(commits[-1][name]["rows"])
        table.resize((rows,))
        for start, packed, skipped in stored(before, rows - len(tail)):
            table.id.write_direct_chunk((start,), packed, skipped)
        if len(tail):
            table[rows - len(tail) :] = tail


def _create_table(file: h5py.File, name: str, dtype: np.dtype[np.void]) -> h5py.Dataset:
    chunks = (chunk_rows(dtype),)
    table = file.create_dataset(
        f"tables/{name}", (0,), dtype, maxshape=(None,), chunks=chunks, compression="gzip", shuffle=True
    )
    table.attrs["units"] = _fixed(json.dumps(units(TABLES[name])))
    table.attrs["columns"] = _fixed(json.dumps(meanings(name)))
    table.attrs["description"] = _fixed(inspect.cleandoc(TABLES[name].__doc__ or ""))
    return table


def _set_texts(file: h5py.File, texts: Mapping[str, str]) -> None:
    texts_of = file.create_group("texts")
    for name, content in texts.items():
        texts_of[name] = _fixed(content)
        texts_of[name].attrs["sha256"] = _fixed(sha256(content.encode()).hexdigest())


def _set_status(file: h5py.File, status: Status) -> None:
    file.attrs["complete"] = status.complete
    file.attrs["reason"] = _fixed(status.reason)
    file.attrs["fingerprint"] = _fixed(status.fingerprint or "")
    _set_all(file.require_group("totals").attrs, status.totals)


def _set_all(attributes: h5py.AttributeManager, values: Mapping[str, Scalar]) -> None:
    for name, value in values.items():
        attributes[name] = _fixed(value) if isinstance(value, str) else value


def _fixed(text: str) -> np.ndarray[tuple[()], np.dtype[np.bytes_]]:
    """A text as a fixed-length string: SWMR knows no other, and it cannot point outside the file."""
    content = text.encode()
    return np.array(content, h5py.string_dtype("utf-8", max(1, len(content))))


@contextmanager
def _in_memory() -> Iterator[tuple[h5py.File, io.BytesIO]]:
    """A new file, and its bytes once it is closed. Not the core driver: before HDF5 2.0 its image fails a checksum."""
    image = io.BytesIO()
    with h5py.File(image, "w", libver=VERSIONS) as file:
        yield file, image
