"""Opening a file that may be anybody's: what is not a whole trace of this format is refused with the reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from qflsim.errors import InputError
from qflsim.trace.layout import FORMAT, open_to_read
from qflsim.trace.tables import TABLES, row_dtype

_DAMAGE = (OSError, KeyError, ValueError, TypeError, RuntimeError)
"""What h5py raises on files that are not what they should be."""
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """A trace of this format, open for reading; InputError for any other file, and for damage met inside."""
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), "a trace that can be read") from error
    if empty or not h5py.is_hdf5(path):
        raise InputError(str(path), "an empty file" if empty else "not an HDF5 file", "a trace")
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
        if not isinstance(node.get(part, getlink=True), h5py.HardLink):
            raise InputError(f"{file.filename}: /{name}", "a link", "a data set in this file")
        node = node[part]
    if not isinstance(node, h5py.Dataset):
        raise InputError(f"{file.filename}: /{name}", "a group", "a data set")
    layout = node.id.get_create_plist()
    filters = {layout.get_filter(i)[0] for i in range(layout.get_nfilters())}
    if node.is_virtual or node.external or not filters <= _FILTERS:
        raise InputError(f"{file.filename}: /{name}", "data stored elsewhere or by other filters", "plain data")
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
        raise InputError(f"{file.filename}: /{group}/{name}", f"columns {found.dtype}", "the columns of format 1")
    return found


def _check_format(path: Path, file: h5py.File) -> None:
    number = file.attrs.get("format")
    if not isinstance(number, np.integer):
        raise InputError(str(path), "an HDF5 file of another kind", "a trace")
    if number != FORMAT:
        raise InputError(str(path), f"a trace of format {number}", f"format {FORMAT}; read it with a newer qflsim")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
