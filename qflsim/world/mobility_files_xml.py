"""One pass over an XML file that may be anything: in chunks, without entities, in bounded memory."""

from collections.abc import Callable
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from qflsim.errors import InputError

CHUNK_BYTE = 1 << 16
LONGEST_TAG_BYTE = 1 << 20
DEEPEST = 16


class XmlPass:
    """What expat finds in a file, told to `start(tag, attributes)`, `end(tag)` and `text(piece)`.

    `file` and `want` are told in errors, `root` is the only tag that may hold the others. Prefixes of tags are cut off.
    """

    def __init__(
        self,
        file: str,
        want: str,
        root: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        self._file, self._want, self._root = file, want, root
        self._told, self._end_told = start, end
        self.depth = 0
        """How many tags are open."""
        self._parser = parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = self._doctype

    def line(self) -> int:
        """The line that is being read."""
        return self._parser.CurrentLineNumber

    def fail(self, got: str, want: str, line: int | None = None) -> NoReturn:
        """The file is wrong here."""
        raise InputError(f"{self._file}:{line or self.line()}", got, want)

    def feed(self, stream: BinaryIO) -> None:
        """Read to the end."""
        fed_byte = 0
        try:
            while chunk := stream.read(CHUNK_BYTE):
                self._parser.Parse(chunk, False)
                fed_byte += len(chunk)
                # expat keeps an unfinished tag whole, so an endless one would fill the memory.
                if fed_byte - self._parser.CurrentByteIndex > LONGEST_TAG_BYTE:
                    self.fail("a tag without end", f"tags of at most {LONGEST_TAG_BYTE} bytes")
            if not fed_byte:
                raise InputError(self._file, "an empty file", self._want)
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            self.fail(f"broken XML ({expat.ErrorString(error.code)})", self._want, error.lineno)
        except (LookupError, ValueError) as error:
            self.fail(f"an encoding that cannot be read ({error})", "UTF-8")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        tag = tag.rpartition(":")[2]
        if self.depth == 1 and tag != self._root:
            self.fail(f"<{tag}>", self._want)
        if self.depth > DEEPEST:
            self.fail(f"tags within tags, {self.depth} deep", self._want)
        self._told(tag, attributes)

    def _end(self, tag: str) -> None:
        self.depth -= 1
        if self._end_told is not None:
            self._end_told(tag.rpartition(":")[2])

    def _doctype(self, *declaration: object) -> None:
        self.fail("a document type declaration", "XML without one: entities are not read")
