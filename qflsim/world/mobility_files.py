"""Mobility read from files: what all formats have in common, and what a scenario's other parts may ask of them."""

import gzip
import io
import zlib
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Protocol, Self, runtime_checkable

from pydantic import Field, model_validator

from qflsim.errors import InputError
from qflsim.model import Patience
from qflsim.units import FOREVER_NS, to_ns, to_s
from qflsim.world.knots import Knots
from qflsim.world.mobility_files_fixes import LATEST_S, MOST_KNOTS, Fixes, FixRules
from qflsim.world.tracks import Track

MOST_PACKED = 500
"""Times that a gzip file may grow; floating-car data of parked cars grows 100 times, nothing at all 1,030 times."""
NEVER_BOMB_BYTE = 1 << 28
BUFFER_BYTE = 1 << 16


@runtime_checkable
class MobilityFile(Protocol):
    """Mobility that is read from a file, which says how many devices there are and what they are called."""

    @property
    def kind(self) -> str:
        """Its name in a scenario."""

    @property
    def file(self) -> str:
        """The file, seen from the scenario's folder."""

    def read(self, folder: Path, until_s: float) -> tuple[tuple[str, Track], ...]:
        """Each device's name and track. `file` is relative to `folder`; nobody asks for what is after `until_s`."""


class TrackFile(FixRules):
    """A file of fixes in some format, and the stretch of it that a run sees.

    The run begins at the file's instant `start_s` and sees the file up to `end_s`; without them it sees the whole of
    it, from its instant 0. What is outside is cut off, and whoever has nothing inside is none of the devices. With
    `loop_pause_s` the stretch repeats: from its end (without `end_s` the file's last fix) everybody is absent for so
    long, then it begins anew.
    """

    start_s: Annotated[float, Field(ge=0, le=LATEST_S)] | None = 0.0
    end_s: Annotated[float, Field(gt=0, le=LATEST_S)] | None = None
    loop_pause_s: Patience | None = None

    @model_validator(mode="after")
    def _remainders_exist(self) -> Self:
        if not self.remainders or sorted(set(self.remainders)) != sorted(self.remainders):
            raise ValueError("remainders: one or more different numbers")
        if min(self.remainders) < 0 or max(self.remainders) >= self.modulo:
            raise ValueError(f"remainders: numbers from 0 to modulo - 1 = {self.modulo - 1}")
        return self

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.end_s is not None and self.end_s <= (self.start_s or 0.0):
            raise ValueError("end_s: an instant after start_s")
        return self

    def read(self, folder: Path, until_s: float) -> tuple[tuple[str, Track], ...]:
        """Each device's id and track, in order of first appearance. `file` is relative to `folder`.

        The file is read once, in chunks; a leg takes 12 byte, or 24 where instants and places are not whole
        milliseconds and millimetres. `until_s` bounds the loops.
        Errors: `InputError` names the line of what is wrong.
        """
        with _opened(folder, self.file) as stream:
            fixes = self._fixes(stream)
        knots = self._looped(self._cut(fixes.knots(), fixes), fixes, until_s)
        return tuple((name, ways.track) for name, ways in knots.items())

    @abstractmethod
    def _fixes(self, stream: BinaryIO) -> Fixes:
        """Everything that the format finds in the file."""

    def _start_ns(self, fixes: Fixes) -> int:
        return fixes.first_ns if self.start_s is None else to_ns(self.start_s)

    def _end_ns(self, fixes: Fixes) -> int:
        if self.end_s is not None:
            return to_ns(self.end_s)
        return FOREVER_NS if self.loop_pause_s is None else fixes.last_ns

    def _cut(self, knots: dict[str, Knots], fixes: Fixes) -> dict[str, Knots]:
        start_ns, end_ns = self._start_ns(fixes), self._end_ns(fixes)
        if (start_ns, end_ns) == (0, FOREVER_NS):
            return knots
        # One by one, so that no more than one device is in memory twice.
        seen = {name: part for name in list(knots) if (part := knots.pop(name).cut(start_ns, end_ns)) is not None}
        if not seen:
            got = f"nobody from {to_s(start_ns):g} to {to_s(end_ns):g} s"
            want = f"start_s and end_s around fixes, from {to_s(fixes.first_ns):g} to {to_s(fixes.last_ns):g} s"
            raise InputError(self.file, got, want)
        return seen

    def _looped(self, knots: dict[str, Knots], fixes: Fixes, until_s: float) -> dict[str, Knots]:
        if self.loop_pause_s is None:
            return knots
        lap_ns = self._end_ns(fixes) - self._start_ns(fixes) + to_ns(self.loop_pause_s)
        laps = -(-to_ns(until_s) // lap_ns)
        if laps * sum(map(len, knots.values())) > MOST_KNOTS:
            got = f"{laps:,} laps of {to_s(lap_ns):g} s"
            raise InputError(self.file, got, f"a run of at most {MOST_KNOTS:,} legs in all")
        return {name: ways.repeated(lap_ns, laps) for name, ways in knots.items()}


@contextmanager
def _opened(folder: Path, file: str) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if it is gzip. Whatever keeps it from being read is an `InputError`."""
    path = folder / file
    try:
        if path.exists() and not path.is_file():
            raise InputError(file, "not a regular file", "a mobility file")
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            yield io.BufferedReader(_Unpacked(raw, file), BUFFER_BYTE) if zipped else raw
    except FileNotFoundError:
        raise InputError(file, "no such file", f"a mobility file in {folder}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(file, f"a damaged gzip file ({error})", "the whole file") from None
    except OSError as error:
        raise InputError(file, error.strerror or str(error), "a file that can be read") from None


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, which is refused if it is nothing said very often: it would take hours to read."""

    def __init__(self, raw: BinaryIO, file: str) -> None:
        self._raw, self._file = raw, file
        self._content = gzip.GzipFile(fileobj=raw)
        self._byte = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as there is something."""
        size = self._content.readinto(buffer)
        self._byte += size
        if self._byte > NEVER_BOMB_BYTE and self._byte > MOST_PACKED * self._raw.tell():
            raise InputError(self._file, f"{self._byte:,} bytes packed into {self._raw.tell():,}", "a file of fixes")
        return size
