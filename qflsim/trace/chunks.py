"""The rows of a data set, unpacked here chunk by chunk: a stranger's chunk may claim what HDF5 would believe.

HDF5 unpacks a chunk to whatever length its bytes unpack to, however much memory that takes, and reads a whole chunk
from what may be less. Here no chunk unpacks to more than its own length, a chunk that is not stored is damage, and
what shrinks more than rows of runs do is refused before any memory is taken for it.
"""

import zlib
from collections.abc import Iterator

import h5py
import numpy as np

from qflsim.errors import InputError
from qflsim.trace.tables import Rows

MOST_CHUNK_BYTE = 1 << 20
FREE_BYTE, MOST_SHRINKING = 1 << 26, 200
"""Rows of so many bytes are unpacked from any file; more only if they shrank at most so many times."""


def rows_of(table: h5py.Dataset, stop: int, start: int = 0) -> tuple[Rows, int]:
    """The rows of a data set from one to another, and how many of them are readable: all, but for damage."""
    row_byte, file_byte = table.dtype.itemsize, table.file.id.get_filesize()
    if stop * row_byte > FREE_BYTE + MOST_SHRINKING * file_byte:
        raise InputError(table.name, f"{stop:,} rows in a file of {file_byte:,} bytes", "rows as runs write them")
    dtype, size_byte, layout = table.dtype, chunk_of(table) * row_byte, table.id.get_create_plist()
    filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
    rows = np.empty(stop - start, dtype)
    at = packed_byte = 0
    try:
        for first, packed, skipped in stored(table, stop, start):
            used = [name for i, name in enumerate(filters) if not skipped >> i & 1]
            part = np.frombuffer(_unpacked(packed, used, row_byte, size_byte), dtype)[
                max(start - first, 0) : stop - first
            ]
            rows[at : at + len(part)] = part
            at, packed_byte = at + len(part), packed_byte + len(packed)
            if at * row_byte > FREE_BYTE + MOST_SHRINKING * packed_byte:
                raise InputError(table.name, f"{at:,} rows in {packed_byte:,} bytes", "rows as runs write them")
    except (OSError, RuntimeError, ValueError, MemoryError, zlib.error):
        pass  # MemoryError: of a chunk that is not stored, HDF5 tells any size
    return rows, at


def stored(table: h5py.Dataset, stop: int, start: int = 0) -> Iterator[tuple[int, bytes, int]]:
    """Of each chunk with rows between two: its first row, its bytes as they are stored, which filters were skipped.

    No other question about chunks is put to HDF5, for it answers them by going through as many as the file claims.
    """
    chunk, found = chunk_of(table), table.id
    most_byte = 2 * chunk * table.dtype.itemsize
    for first in range(start - start % chunk, stop, chunk):
        skipped, packed = found.read_direct_chunk((first,))
        if len(packed) > most_byte:
            raise OSError(f"a chunk of {len(packed):,} bytes")
        yield first, packed, skipped


def stored_byte(table: h5py.Dataset) -> int:
    """The bytes that a table's rows take in the file."""
    return sum(len(packed) for _, packed, _ in stored(table, len(table)))


def chunk_of(table: h5py.Dataset) -> int:
    """Rows of one chunk; InputError for a data set that is not in chunks of moderate size."""
    if table.ndim != 1 or table.chunks is None or table.chunks[0] * table.dtype.itemsize > MOST_CHUNK_BYTE:
        raise InputError(table.name, f"shape {table.shape} in chunks of {table.chunks}", "rows in short chunks")
    return int(table.chunks[0])


def _unpacked(packed: bytes, filters: list[int], row_byte: int, size_byte: int) -> bytes:
    for name in reversed(filters):
        if name == h5py.h5z.FILTER_DEFLATE:
            stream = zlib.decompressobj()
            packed = stream.decompress(packed, size_byte)
            stream.decompress(stream.unconsumed_tail, 1)  # so that the end is met, with its checksum
            if not stream.eof:
                raise ValueError("longer than a chunk")
        else:
            packed = np.frombuffer(packed, np.uint8).reshape(row_byte, -1).T.tobytes()
    if len(packed) != size_byte:
        raise ValueError("not as long as a chunk")
    return packed
