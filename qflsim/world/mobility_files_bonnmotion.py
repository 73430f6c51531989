"""BonnMotion's movement files."""

from collections.abc import Iterator
from typing import BinaryIO, Literal

from qflsim.errors import InputError
from qflsim.world.mobility_files import TrackFile
from qflsim.world.mobility_files_fixes import FARTHEST_M, BadFixError, Fixes, instant_ns, number

WANTED = "BonnMotion movements: a line a node, of t x y t x y ..."
CHUNK_BYTE = 1 << 16
LONGEST_NUMBER_BYTE = 100


class BonnMotion(TrackFile):
    """A BonnMotion file (`.movements` or `.movements.gz`): a line a node, of way-points t x y (t x y z in 3-D).

    Nodes go straight from way-point to way-point; they are there for ever, and stand before the first and after the
    last. They are called by the number of their line, from 0. z is read and not used. Lines that begin with # and
    empty ones are no nodes.

    Source: BonnMotion documentation, "Native file format"; INET, `BonnMotionMobility`.
    """

    kind: Literal["bonnmotion"] = "bonnmotion"
    dimensions: Literal[2, 3] = 2

    def _fixes(self, stream: BinaryIO) -> Fixes:
        words = _Words(stream, self.file)
        fixes = Fixes(self, None, words.line)
        node, point = 0, list[str]()
        for word in words:
            if word:
                point.append(word)
                if len(point) == 1 + self.dimensions:
                    _take(fixes, str(node), point)
                    point.clear()
                continue
            if point:
                got = f"{len(point)} numbers left over at the end of a line"
                raise InputError(f"{self.file}:{words.number}", got, f"{1 + self.dimensions} a way-point (dimensions)")
            node += 1
        return fixes


def _take(fixes: Fixes, name: str, point: list[str]) -> None:
    """A way-point of a node."""
    try:
        t_ns = instant_ns("t", point[0])
        x_m, y_m, *_ = (number(key, word, -FARTHEST_M, FARTHEST_M) for key, word in zip("xyz", point[1:], strict=False))
        fixes.at(t_ns)
        if fixes.wants(name):
            fixes.add(name, t_ns, x_m, y_m)
    except BadFixError as bad:
        fixes.pass_over(bad)


class _Words:
    """The words of a text, and an empty one at the end of each line that has some. Lines may be of any length."""

    def __init__(self, stream: BinaryIO, file: str) -> None:
        self._stream, self._file = stream, file
        self.number = 1

    def line(self) -> int:
        """The number of the line that is being read."""
        return self.number

    def __iter__(self) -> Iterator[str]:
        rest, told, comment, read = b"", False, False, False
        while piece := self._stream.readline(CHUNK_BYTE):
            read = True
            ended = piece.endswith(b"\n")
            comment = comment or (not told and not rest and piece.lstrip().startswith(b"#"))
            words = [] if comment else (rest + piece).split()
            rest = b"" if ended or comment or piece[-1:].isspace() else words.pop()
            if len(rest) > LONGEST_NUMBER_BYTE:
                got = f"a number of more than {LONGEST_NUMBER_BYTE} bytes"
                raise InputError(f"{self._file}:{self.number}", got, WANTED)
            for word in words:
                yield word.decode("ascii", "replace")
            told = told or bool(words)
            if ended:
                if told:
                    yield ""
                told = comment = False
                self.number += 1
        if rest:
            yield rest.decode("ascii", "replace")
        if rest or told:
            yield ""
        if not read:
            raise InputError(self._file, "an empty file", WANTED)
