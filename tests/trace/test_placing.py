"""A file gets its name whole, never over another one unasked, and its room before it is filled."""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from qflsim.errors import InputError
from qflsim.trace import placing
from qflsim.trace.placing import check_free, publish, reserve, write_hidden


def no_links(self: Path, target: Path) -> None:
    """A file system without hard links."""
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    """Of two files published under one name without force, the second fails and leaves nothing behind."""
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    path = tmp_path / "name"
    publish(write_hidden(tmp_path, b"first"), path, force=False)
    with pytest.raises(FileExistsError):
        publish(write_hidden(tmp_path, b"second"), path, force=False)
    assert path.read_bytes() == b"first"
    publish(write_hidden(tmp_path, b"third"), path, force=True)
    assert path.read_bytes() == b"third"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("extend", [placing._write_zeros, os.posix_fallocate])
def test_reserved_room_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extend: Callable[[int, int, int], None]
) -> None:
    """Reserving makes a file as long as asked, with blocks behind it, and changes no byte that was there."""
    monkeypatch.setattr(placing, "_extend", extend)
    path = write_hidden(tmp_path, b"rows")
    with path.open("r+b") as file:
        reserve(file.fileno(), 3_000_000)
        reserve(file.fileno(), 5)
        assert os.fstat(file.fileno()).st_size == 3_000_000
        assert os.fstat(file.fileno()).st_blocks * 512 >= 3_000_000
    assert path.read_bytes() == b"rows" + bytes(3_000_000 - 4)


@pytest.mark.parametrize("extend", [placing._write_zeros, os.posix_fallocate])
def test_room_that_is_not_to_be_had_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extend: Callable[[int, int, int], None]
) -> None:
    """Where a file may not grow, reserving raises and leaves its length as it was."""
    monkeypatch.setattr(placing, "_extend", extend)
    path = write_hidden(tmp_path, b"rows")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open("r+b") as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                reserve(file.fileno(), 3_000_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"rows"


def test_an_output_path_is_checked_before_anything_is_computed(tmp_path: Path) -> None:
    """A file that exists, a folder, a device and a missing folder are each refused by name, with the way out."""
    taken, link = tmp_path / "taken", tmp_path / "link"
    taken.touch()
    link.symlink_to(tmp_path / "nowhere")
    for path in (taken, link):
        with pytest.raises(InputError, match="exists; want a new name, or --force"):
            check_free(path, force=False)
        check_free(path, force=True)
    for path in (tmp_path, Path("/dev/null")):
        with pytest.raises(InputError, match="folder or device"):
            check_free(path, force=True)
    with pytest.raises(InputError, match=f"no folder {tmp_path}/none"):
        check_free(tmp_path / "none" / "trace.h5", force=False)
