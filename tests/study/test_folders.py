"""Folders of several files: nothing is replaced unasked, nothing made in vain, mishaps are told by the folder."""

from pathlib import Path

import pytest

from qflsim.errors import InputError
from qflsim.study.folders import check_room, filled


def test_every_file_that_is_there_is_named(tmp_path: Path) -> None:
    """And nothing is made; force lets files be replaced, but no folder of the same name."""
    places = [tmp_path / name for name in ("a", "b", "c")]
    check_room(tmp_path, places, force=False)
    (tmp_path / "a").touch()
    (tmp_path / "c").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"files that exist: a, c; want another folder, or --force"):
        check_room(tmp_path, places, force=False)
    check_room(tmp_path, places, force=True)
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="a folder or device"):
        check_room(tmp_path, places, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def test_a_folder_is_made_when_it_is_filled(tmp_path: Path) -> None:
    """With those above it; a file in its place is told before, one above it then."""
    folder = tmp_path / "new" / "out"
    check_room(folder, [folder / "a"], force=False)
    assert not (tmp_path / "new").exists()
    with filled(folder):
        (folder / "a").touch()
    with pytest.raises(InputError, match="got a file; want a folder"):
        check_room(folder / "a", [], force=True)
    with pytest.raises(InputError, match="want a folder with free space"), filled(folder / "a" / "below"):
        pass


def test_mishaps_are_told_of_the_folder(tmp_path: Path) -> None:
    """A full disk, a file that somebody else made meanwhile; what is no mishap of files comes through."""
    with pytest.raises(InputError, match="got No space left; want a folder with free space"), filled(tmp_path):
        raise OSError(28, "No space left")
    with pytest.raises(InputError, match="got a file that exists"), filled(tmp_path):
        raise FileExistsError
    with pytest.raises(ZeroDivisionError), filled(tmp_path):
        raise ZeroDivisionError
