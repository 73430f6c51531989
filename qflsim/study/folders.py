"""Folders that take several files at once: made if need be, nothing replaced unasked, mishaps told by the folder."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qflsim.errors import InputError
from qflsim.trace.placing import check_free


def check_room(folder: Path, places: Iterable[Path], *, force: bool) -> None:
    """Refuse a folder that cannot take files at these places: it is a file, or, unless `force`, some are there.

    Nothing is made or changed. `InputError` names every file that is there; `force` replaces files, never folders.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise InputError(str(folder), "a file", "a folder, or a new name for one")
    taken = [place for place in places if os.path.lexists(place)]
    if taken and not force:
        names = ", ".join(place.name for place in taken)
        raise InputError(str(folder), f"files that exist: {names}", "another folder, or --force to replace them")
    for place in taken:
        check_free(place, force=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """In this context a folder, which is made if need be, is filled with files.

    An `OSError` is told as an `InputError` about the folder; a trace's own mishaps are `InputError`s already.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except FileExistsError as error:  # somebody else's, since the check
        raise InputError(str(folder), "a file that exists", "another folder, or --force to replace it") from error
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError(str(folder), got, "a folder with free space where files can be written") from error
