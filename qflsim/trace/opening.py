"""Opening a file that may be anybody's: what is not a whole trace of this format is refused with the reason."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from qflsim.errors import InputError
from qflsim.trace.layout import FORMAT
from qflsim.trace.plain import SIGNATURE, SUPERBLOCK_BYTE, is_open_for_writing, open_to_read
from qflsim.trace.tables import TABLES, row_dtype

Answer = TypeVar("Answer")
TRIES = 10
"""A change takes a writer less than a millisecond, and it makes one a second."""
_DAMAGE = (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError)
"""What h5py raises on files that are not what they should be."""
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}


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
    try:
        with open_to_read(path) as file:
            _check_format(path, file)
            yield file
    except _DAMAGE as error:
        raise InputError(str(path), f"a damaged trace ({_first_line(error)})", "a whole trace") from error


def dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """A data set that lies in this file itself, and needs no filters but a trace's own."""
    node: Any = file
    for part in name.split("/"):
        link = node.get(part, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise InputError(f"/{name}", "a link" if link else "nothing", "a data set in this file")
        node = node[part]
    if not isinstance(node, h5py.Dataset):
        raise InputError(f"/{name}", "a group", "a data set")
    layout = node.id.get_create_plist()
    filters = {layout.get_filter(i)[0] for i in range(layout.get_nfilters())}
    if node.is_virtual or node.external or not filters <= _FILTERS:
        raise InputError(f"/{name}", "data stored elsewhere or by other filters", "plain data")
    return node


def attributes(node: h5py.Group) -> dict[str, Any]:
    """The attributes of a group as plain Python values."""
    values = {name: value.item() if isinstance(value, np.generic) else value for name, value in node.attrs.items()}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def table_part(file: h5py.File, group: str, name: str) -> h5py.Dataset:
    """The data set of a table in `/tables` or `/tails`, its columns checked against the record's."""
    found = dataset(file, f"{group}/{name}")
    angles = (found.dtype.fields or {}).get("angles")
    parameters = angles[0].shape[0] if angles and angles[0].shape else 1
    if found.dtype != row_dtype(TABLES[name], parameters) or found.ndim != 1:
        raise InputError(f"/{group}/{name}", f"columns {found.dtype}", "the columns of format 1")
    return found


def _answer(path: Path, question: Callable[[h5py.File], Answer]) -> Answer:
    with opened(path) as file:
        try:
            return question(file)
        except InputError as error:
            raise InputError(f"{path}: {error.where}", error.got, error.want) from error


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SUPERBLOCK_BYTE)
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), "a trace that can be read") from error


def _check_format(path: Path, file: h5py.File) -> None:
    number = file.attrs.get("format")
    if not isinstance(number, np.integer):
        raise InputError(str(path), "an HDF5 file of another kind", "a trace")
    if number != FORMAT:
        raise InputError(str(path), f"a trace of format {number}", f"format {FORMAT}; read it with a newer qflsim")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
