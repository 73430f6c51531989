"""Putting a file in its place: whole or not at all, never over another one unasked, never on a full disk.

HDF5 must not meet a full disk: it can then neither write nor close its file. So a new file begins as bytes written
by plain means under a hidden name, takes its room on the disk before HDF5 fills it, and gets its name last.
"""

import contextlib
import os
import secrets
from pathlib import Path

from qflsim.errors import InputError

MARGIN_BYTE = 1 << 20
"""Room for what HDF5 writes beside the rows themselves."""


def check_free(path: Path, *, force: bool) -> None:
    """Refuse an output path that is taken (unless by a file and `force`) or whose folder does not exist."""
    if os.path.lexists(path) and not force:
        raise InputError(str(path), "a file that exists", "a new name, or --force to replace it")
    if path.exists() and not path.is_file():
        raise InputError(str(path), "a folder or device", "the name of a file")
    if not path.parent.is_dir():
        raise InputError(str(path), f"no folder {path.parent}", "a folder that exists")


def write_hidden(folder: Path, content: bytes) -> Path:
    """Write a new file in the folder, under a hidden name that nobody else has, and return its path."""
    hidden = folder / f"{_own_prefix()}{secrets.token_hex(8)}"
    try:
        with hidden.open("xb") as file:
            file.write(content)
    except OSError:
        hidden.unlink(missing_ok=True)
        raise
    return hidden


def remove_hidden(folder: Path) -> None:
    """Remove every file of this process in the folder that has a hidden name still."""
    for hidden in folder.glob(f"{_own_prefix()}*"):
        hidden.unlink(missing_ok=True)


def _own_prefix() -> str:
    """How hidden names of this process begin."""
    return f".qflsim-{os.getpid()}-"


def publish(hidden: Path, path: Path, *, force: bool) -> None:
    """Give a hidden file its name in one step, or remove it and raise OSError.

    Without `force`, that is FileExistsError if another file has got the name meanwhile.
    """
    try:
        if force or not _linked(hidden, path):
            hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)


def _linked(hidden: Path, path: Path) -> bool:
    """Whether the file has its name now; if its file system has no hard links, an empty file keeps the name for it."""
    try:
        path.hardlink_to(hidden)
    except FileExistsError:
        raise
    except OSError:
        path.open("xb").close()
        return False
    return True


def reserve(file: int, size_byte: int) -> None:
    """Make the disk set room aside so that an open file can grow to a size; OSError, and no change, if it cannot."""
    before_byte = os.fstat(file).st_size
    try:
        if size_byte > before_byte:
            _extend(file, before_byte, size_byte - before_byte)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, before_byte)
        raise


def _write_zeros(file: int, offset_byte: int, length_byte: int) -> None:
    end_byte = offset_byte + length_byte
    while offset_byte < end_byte:
        offset_byte += os.pwrite(file, bytes(min(end_byte - offset_byte, MARGIN_BYTE)), offset_byte)


_extend = getattr(os, "posix_fallocate", _write_zeros)  # macOS has no posix_fallocate
