"""What lies in an HDF5 file that may be anybody's: taken if it is plain, of bounded size and in this very file.

Sizes are asked for before anything is read, and strings that lie elsewhere in the file are never followed.
"""

from hashlib import sha256
from typing import Any

import h5py
import numpy as np

from qflsim.errors import InputError

MOST_ATTRIBUTES, MOST_ATTRIBUTE_BYTE = 1_000, 1 << 16
MOST_TEXT_BYTE = 1 << 26
"""Of a text, such as the resolved scenario."""
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}
_KINDS = "biufS"


def group(file: h5py.File, name: str) -> h5py.Group:
    """A group that lies in this file itself."""
    found = _node(file, name)
    if not isinstance(found, h5py.Group):
        raise InputError(f"/{name}", "no group", "a group")
    return found


def dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """A data set that lies in this file itself, and needs no filters but a trace's own."""
    found = _node(file, name)
    if not isinstance(found, h5py.Dataset):
        raise InputError(f"/{name}", "a group" if isinstance(found, h5py.Group) else "a type", "a data set")
    layout = found.id.get_create_plist()
    filters = {layout.get_filter(i)[0] for i in range(layout.get_nfilters())}
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count() or not filters <= _FILTERS:
        raise InputError(f"/{name}", "data stored elsewhere or by other filters", "plain data")
    return found


def plain(found: h5py.Dataset, most_byte: int) -> Any:
    """All of a data set that is stored in one piece."""
    if found.id.get_create_plist().get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT):
        raise InputError(found.name, "data in chunks", "data in one piece")
    if found.nbytes > most_byte:
        raise InputError(found.name, f"{found.nbytes:,} bytes", f"at most {most_byte:,}")
    if found.id.get_storage_size() != found.nbytes:
        raise InputError(found.name, f"{found.id.get_storage_size():,} of {found.nbytes:,} bytes", "all of them")
    return found[()]


def text(file: h5py.File, name: str, most_byte: int = MOST_TEXT_BYTE) -> str:
    """A text of `/texts` as it was recorded."""
    stored = dataset(file, f"texts/{name}")
    if stored.dtype.kind != "S" or stored.shape != ():
        raise InputError(stored.name, f"{stored.dtype} of shape {stored.shape}", "one text")
    content = plain(stored, most_byte)
    if attribute(stored, "sha256") != sha256(content).hexdigest():
        raise InputError(f"texts/{name}", "a text that is not as recorded", "an undamaged trace")
    return str(content.decode())


def attributes(node: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """The attributes of a group or data set as plain Python values: truth, numbers and texts."""
    if h5py.h5a.get_num_attrs(node.id) > MOST_ATTRIBUTES:
        raise InputError(node.name, "too many attributes", f"at most {MOST_ATTRIBUTES:,}")
    return {name: attribute(node, name) for name in node.attrs}


def attribute(node: h5py.Group | h5py.Dataset, name: str) -> Any:
    """An attribute as a plain Python value; None if there is none."""
    if name not in node.attrs:
        return None
    found = node.attrs.get_id(name)
    if found.dtype.kind not in _KINDS or found.shape != () or found.dtype.itemsize > MOST_ATTRIBUTE_BYTE:
        got = f"{found.dtype} of shape {found.shape}"
        raise InputError(f"attribute {name} of {node.name}", got, "one short text, number or truth")
    value = node.attrs[name]
    value = value.item() if isinstance(value, np.generic) else value
    return value.decode() if isinstance(value, bytes) else value


def _node(file: h5py.File, name: str) -> Any:
    node: Any = file
    for part in name.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise InputError(f"/{name}", "a link" if link else "nothing", "a data set in this file")
        node = node[part]
    return node
