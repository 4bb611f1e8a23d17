"""Text files that are read line by line: encoding, progress, and lines that are read a second time."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Self, TypeAlias

from attrs import frozen

from ..errors import Invalid
from .compression import DamagedGzip
from .content import Content, content_of
from .encodings import check_utf8, encoding_of
from .line_blocks import LineBlocks

BEGINNING = 64 * 1024
"""How many bytes of a file are inspected to detect its encoding."""

HAS_NUL = "contains a NUL character: the file is damaged in this row, or is not text"

Row: TypeAlias = tuple[Any, int | None]
FLUSH: Row = (None, None)
"""Not a row: a source yields it to have everything sent that was read so far, however little it is."""


@frozen
class BrokenRow:
    """A piece of a file that is not a valid row: its text, and what is wrong with it."""

    text: str
    reason: str


class LineReader:
    """Iterates over the lines of a text file; keeps the lines of the current row, and can push them back."""

    def __init__(self, blocks: LineBlocks) -> None:
        self.blocks = blocks
        self._lines = blocks.lines
        self._pushed_back: deque[str] = deque()
        self._row: list[str] = []
        self.number = 0
        self.first = 1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._pushed_back.popleft() if self._pushed_back else next(self._lines)
        self.number += 1
        self._row.append(line)
        return line

    def begin_row(self) -> None:
        """Mark the next line as the beginning of a row."""
        self._row.clear()
        self.first = self.number + 1

    @property
    def has_nul(self) -> bool:
        """Whether the current row has a NUL character, which no valid text has."""
        return any("\0" in line for line in self._row)

    @property
    def row_text(self) -> str:
        """The lines of the current row."""
        return "".join(self._row).rstrip("\r\n")

    def push_back_all_but_first(self) -> str:
        """Let the later lines of the row be read again as rows of their own; return its first line."""
        first, *self._row = self._row
        self.push_back_all()
        return first.rstrip("\r\n")

    def push_back_all(self) -> None:
        """Let the lines of the row be read again."""
        self._pushed_back.extendleft(reversed(self._row))
        self.number -= len(self._row)
        self._row.clear()


class TextFile:
    """A text file that can be read several times, and reports how much of it was read."""

    def __init__(self, path: Path | Content, encoding: str | None) -> None:
        self.content = content_of(path)
        self.path = self.content.path
        self.total_bytes = self.content.total_bytes
        self.encoding = encoding_of(self.content.beginning(BEGINNING), encoding)
        self._raw: IO[bytes] | None = None
        if self.encoding.startswith("utf-8"):
            reader, _ = self.content.open()
            with reader:
                check_utf8(reader)

    @property
    def bytes_read(self) -> int:
        """The bytes read, before unpacking: none before the first line is read, all after the file is closed."""
        if self._raw is None:
            return 0
        return self.total_bytes if self._raw.closed else self._raw.tell()

    @contextmanager
    def lines(self, delimiter: str | None = None) -> Iterator["LineReader"]:
        """Open the file; undecodable bytes spoil only their own line if the encoding allows that.

        With a delimiter, blocks are searched for cells that need cleaning.

        Raises `Invalid`, naming the file and the approximate line, if the rest of the text cannot be decoded or
        unpacked.
        """
        reader, self._raw = self.content.open()
        with self._decoded(reader) as text:
            lines = LineReader(LineBlocks(text, delimiter))
            try:
                yield lines
            except UnicodeError as error:  # UTF-16 without a byte order mark raises a plain UnicodeError
                place = f"line {lines.number + 1}"
                rule = f"{place} is not {self.encoding}, or one soon after: {getattr(error, 'reason', error)}"
                raise Invalid(rule, field=str(self.path)) from None
            except DamagedGzip as error:
                rule = f"{error.rule}, near line {lines.number + 1}; the rows before it were read"
                raise Invalid(rule, field=str(self.path)) from None

    def _decoded(self, reader: IO[bytes]) -> TextIOWrapper:
        """Return the text of the file; bytes that are not text are left as they are, if the encoding allows that."""
        errors = "strict" if self.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        return TextIOWrapper(reader, encoding=self.encoding, errors=errors, newline="")

    def file_of(self, row: Any) -> str | None:
        """Return the file's path."""
        return str(self.path)
