"""The lines of a text file that may be anything, in bounded memory."""

from collections.abc import Iterator
from typing import BinaryIO, NoReturn

from qflsim.errors import InputError

LONGEST_LINE_BYTE = 1 << 20


class Lines:
    """The lines of a UTF-8 text, and the number of the latest one. `file` and `want` are told in errors."""

    def __init__(self, stream: BinaryIO, file: str, want: str) -> None:
        self._stream, self._file, self._want = stream, file, want
        self.number = 0

    def line(self) -> int:
        """The number of the latest line."""
        return self.number

    def fail(self, got: str, want: str) -> NoReturn:
        """The file is wrong here."""
        raise InputError(f"{self._file}:{self.number}", got, want)

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(LONGEST_LINE_BYTE + 1):
            self.number += 1
            if len(line) > LONGEST_LINE_BYTE:
                self.fail("a line without end", f"lines of at most {LONGEST_LINE_BYTE} bytes")
            try:
                yield line.decode("utf-8-sig" if self.number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                self.fail(f"bytes that are not UTF-8 ({error.reason})", f"{self._want}, a text in UTF-8")
        if not self.number:
            raise InputError(self._file, "an empty file", self._want)
