"""Opening a file that may be anybody's: what is not a whole trace of this format is refused with the reason.

What remains: HDF5's metadata carry checksums, so damage by accident is found; whoever forges metadata and their
checksums alike can still make the HDF5 library itself crash or search for ever (about one in 150 such forgeries).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import h5py

from qflsim.errors import InputError
from qflsim.trace.layout import FORMAT, chunk_rows
from qflsim.trace.nodes import attribute, dataset
from qflsim.trace.plain import SIGNATURE, START, SUPERBLOCK_BYTE, is_open_for_writing, open_to_read
from qflsim.trace.tables import TABLES, row_dtype

Answer = TypeVar("Answer")
TRIES = 10
"""A change takes a writer less than a millisecond, and it makes one a second."""
_DAMAGE = (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError, MemoryError)
"""What h5py raises on files that are not what they should be; RuntimeError is also said of what is nested too deep."""


def ask(path: Path, question: Callable[[h5py.File], Answer]) -> Answer:
    """The answer of a trace; if a run is changing the file in that moment, the question is put again.

    InputError for what is no trace of this format, and for damage that the question meets.
    """
    for _ in range(TRIES - 1 if is_open_for_writing(_beginning(path)) else 0):
        with suppress(InputError):
            return _answer(path, question)
    return _answer(path, question)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """A trace of this format, open for reading; InputError for any other file, and for damage met inside."""
    beginning = _beginning(path)
    if not beginning.startswith(SIGNATURE):
        raise InputError(str(path), "not an HDF5 file" if beginning else "an empty file", "a trace")
    if not beginning.startswith(START):
        raise InputError(str(path), "an HDF5 file of another kind", "a trace")
    try:
        with open_to_read(path) as file:
            _check_format(path, file)
            yield file
    except _DAMAGE as error:
        raise InputError(str(path), f"a damaged trace ({_first_line(error)})", "a whole trace") from error


def table_part(file: h5py.File, group: str, name: str) -> h5py.Dataset:
    """The data set of a table in `/tables` or `/tails`, its columns checked against the record's."""
    found = dataset(file, f"{group}/{name}")
    angles = (found.dtype.fields or {}).get("angles")
    parameters = angles[0].shape[0] if angles and angles[0].shape else 1
    dtype = row_dtype(TABLES[name], parameters)
    if found.dtype != dtype or found.ndim != 1:
        raise InputError(f"/{group}/{name}", f"columns {_short(found.dtype)}", f"the columns of format {FORMAT}")
    rows = chunk_rows(dtype)
    if group == "tails" and len(found) != rows:
        raise InputError(found.name, f"{len(found)} rows", f"{rows}, those of a chunk")
    if group == "tables" and found.chunks != (rows,):
        raise InputError(found.name, f"chunks of {found.chunks} rows", f"of {rows}")
    return found


def _answer(path: Path, question: Callable[[h5py.File], Answer]) -> Answer:
    try:
        with opened(path) as file:
            return question(file)
    except InputError as error:
        if error.where.startswith(str(path)):
            raise
        raise InputError(f"{path}: {error.where}", error.got, error.want) from error


def _beginning(path: Path) -> bytes:
    try:
        if path.is_fifo():  # which may never say anything
            raise InputError(str(path), "a pipe", "a trace")
        with path.open("rb") as file:
            return file.read(SUPERBLOCK_BYTE)
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), "a trace that can be read") from error


def _check_format(path: Path, file: h5py.File) -> None:
    number = attribute(file, "format")
    if not isinstance(number, int) or isinstance(number, bool):
        raise InputError(str(path), "an HDF5 file of another kind", "a trace")
    if number != FORMAT:
        raise InputError(
            str(path), f"a trace of format {number}", f"format {FORMAT}; read it with the qflsim that wrote it"
        )


def _first_line(error: Exception) -> str:
    return _short((str(error).splitlines() or [type(error).__name__])[0])


def _short(told: object) -> str:
    text = str(told)
    return text if len(text) <= 200 else f"{text[:200]}..."
