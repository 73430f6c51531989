"""Reading a file that is still marked as being written."""

from pathlib import Path

import h5py
import pytest

from qflsim.trace.journal import Journal
from qflsim.trace.layout import journal
from qflsim.trace.plain import is_open_for_writing, lookup3, open_to_read


def test_lookup3() -> None:
    """The value that the hash's author published."""
    assert lookup3(b"Four score and seven years ago") == 0x17770551


def test_superblocks_carry_this_checksum(tmp_path: Path) -> None:
    """HDF5 itself agrees on the checksum of a superblock, whether being written or closed."""
    path = tmp_path / "trace.h5"
    book = Journal(path, journal({}, {}, 2), force=False)
    for writing in (True, False):
        superblock = path.read_bytes()[:48]
        assert is_open_for_writing(superblock) == writing
        assert lookup3(superblock[:44]).to_bytes(4, "little") == superblock[44:]
        book.close()


def test_reading_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    """A journal at work opens though plain HDF5 refuses it, and no byte of it changes."""
    path = tmp_path / "trace.h5"
    book = Journal(path, journal({"seed": 3}, {}, 2), force=False)
    before = path.read_bytes()
    with open_to_read(path) as file:
        assert file.attrs["seed"] == 3
    assert path.read_bytes() == before
    path.with_name("killed").write_bytes(before)
    with pytest.raises(OSError, match="already open for write"):
        h5py.File(path.with_name("killed"), "r")
    book.close()


def test_a_damaged_superblock_is_refused(tmp_path: Path) -> None:
    """The superblock that is presented anew was whole before: damage in it is not covered up."""
    path = tmp_path / "trace.h5"
    book = Journal(path, journal({}, {}, 2), force=False)
    content = bytearray(path.read_bytes())
    book.close()
    content[36] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match="checksum of the superblock"), open_to_read(path):
        pass
