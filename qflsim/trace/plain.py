"""Opening HDF5 files to read, a journal among them as if its writer had just closed it.

The superblock of a file in SWMR mode says "being written", a kill leaves it so, and plain HDF5 then refuses the file.
HDF5's own SWMR reading is no way out: on damaged metadata it tries again for years. So a journal is read through a
private mapping of the file in which the superblock says "closed, this long", as the tool `h5clear` would write it. What
a writer at work shows in mid-change then fails a checksum at once, and can be read again.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

LOCKING = "best-effort"
"""File systems without locks are no reason to refuse a trace."""
SUPERBLOCK_BYTE = 48
SIGNATURE = b"\x89HDF\r\n\x1a\n"
START = SIGNATURE + b"\x03\x08\x08"
"""Version 3, 8-byte addresses and lengths (HDF5 File Format Specification 3.0, II.A), as every trace has.

Older versions hold metadata without checksums.
"""
_FLAGS, _END_OF_FILE, _CHECKSUM = slice(11, 12), slice(28, 36), slice(44, 48)


@contextmanager
def open_to_read(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file open for reading, whether or not something writes it or died writing it; OSError if damaged."""
    with path.open("rb") as raw:
        superblock = raw.read(SUPERBLOCK_BYTE)
        if is_open_for_writing(superblock):
            with (
                mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_COPY) as view,
                h5py.File(_closed(view), "r") as file,
            ):
                yield file
        else:
            with h5py.File(path, "r", locking=LOCKING) as file:
                yield file


def is_open_for_writing(superblock: bytes) -> bool:
    """Whether the first bytes of a file say that something writes it, or died writing it."""
    return superblock.startswith(START) and superblock[_FLAGS] not in (b"", b"\0")


def _closed(view: mmap.mmap) -> mmap.mmap:
    if lookup3(view[: _CHECKSUM.start]).to_bytes(4, "little") != view[_CHECKSUM]:
        raise OSError("the checksum of the superblock does not hold")
    view[_FLAGS] = b"\0"
    view[_END_OF_FILE] = len(view).to_bytes(8, "little")
    view[_CHECKSUM] = lookup3(view[: _CHECKSUM.start]).to_bytes(4, "little")
    return view


def lookup3(data: bytes) -> int:
    """The checksum of HDF5's metadata: Bob Jenkins' hash lookup3 (2006) of at least one byte, from 0."""
    a = b = c = 0xDEADBEEF + len(data)
    padded = data + bytes(-len(data) % 12)
    for start in range(0, len(padded), 12):
        if start:
            for turn in (4, 6, 8, 16, 19, 4):
                a, b, c = b, _word(c + b), _word(a - c) ^ _rotated(c, turn)
        words = memoryview(padded)[start : start + 12].cast("I")
        a, b, c = _word(a + words[0]), _word(b + words[1]), _word(c + words[2])
    for turn in (14, 11, 25, 16, 4, 14, 24):
        a, b, c = b, _word((c ^ b) - _rotated(b, turn)), a
    return b


def _word(value: int) -> int:
    return value & 0xFFFFFFFF


def _rotated(word: int, turn: int) -> int:
    return _word(word << turn) | word >> (32 - turn)
