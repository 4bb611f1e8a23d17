"""Text files that are read line by line: encoding, progress, and lines that are read a second time."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Self, TypeAlias

from attrs import frozen

from ..errors import Invalid
from .compression import DamagedGzip
from .content import Content, content_of
from .encodings import check_utf8, encoding_of, form_of, is_annotated
from .line_blocks import LineBlock, blocks_of_text, blocks_of_utf8

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
    """Iterates over the lines of a text; keeps the lines of the current row, and can push them back.

    `number` is the number of the last line, `first` that of the first line of the row.
    """

    def __init__(self, blocks: Iterator[LineBlock]) -> None:
        self._blocks = blocks
        self._ahead: deque[str] = deque()
        self._row: list[str] = []
        self.number = 0
        self.first = 1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if not self._ahead:
            self._ahead.extend(next(self._blocks).lines)
        line = self._ahead.popleft()
        self.number += 1
        self._row.append(line)
        return line

    def read_block(self) -> LineBlock:
        """Return some of the next lines, none at the end of the text; they belong to no row."""
        if self._ahead:
            block = LineBlock(list(self._ahead))
            self._ahead.clear()
        else:
            block = next(self._blocks, LineBlock([]))
        self.number += len(block.lines)
        return block

    def begin_row(self) -> None:
        """Mark the next line as the beginning of a row."""
        self._row.clear()
        self.first = self.number + 1

    @property
    def has_nul(self) -> bool:
        """Whether the current row has a NUL character, which no valid text has."""
        return "\0" in self.raw_text

    @property
    def raw_text(self) -> str:
        """The lines of the current row, as they stand in the file."""
        return "".join(self._row)

    @property
    def row_text(self) -> str:
        """The lines of the current row, without the end of the last one."""
        return self.raw_text.rstrip("\r\n")

    def push_back_all_but_first(self) -> str:
        """Let the later lines of the row be read again as rows of their own; return its first line."""
        first, *self._row = self._row
        self.push_back_all()
        return first.rstrip("\r\n")

    def push_back_all(self) -> None:
        """Let the lines of the row be read again."""
        self.push_back(self._row)
        self._row.clear()

    def push_back(self, lines: Sequence[str]) -> None:
        """Let these lines, which were read last, be read again."""
        self._ahead.extendleft(reversed(lines))
        self.number -= len(lines)


class TextFile:
    """A text file that can be read several times, and reports how much of it was read."""

    def __init__(self, path: Path | Content, encoding: str | None) -> None:
        self.content = content_of(path)
        self.path = self.content.path
        self.total_bytes = self.content.total_bytes
        beginning = self.content.beginning(BEGINNING)
        self.encoding = encoding_of(beginning, encoding)
        self.form = form_of(beginning, self.encoding, is_detected=encoding is None)
        self._raw: IO[bytes] | None = None
        if self.encoding.startswith("utf-8") and not is_annotated(beginning):
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
    def lines(self) -> Iterator["LineReader"]:
        """Open the file; undecodable bytes spoil only their own line if the encoding allows that.

        Raises `Invalid`, naming the file and the approximate line, if the rest of the text cannot be decoded or
        unpacked.
        """
        reader, self._raw = self.content.open()
        with reader if self.encoding.startswith("utf-8") else self._decoded(reader) as file:
            lines = LineReader(blocks_of_text(file) if isinstance(file, TextIOWrapper) else blocks_of_utf8(file))
            try:
                yield lines
            except UnicodeError as error:  # UTF-16 without a byte order mark raises a plain UnicodeError
                place = f"line {lines.number + 1}"
                rule = f"{place} is not {self.encoding}, or one soon after: {getattr(error, 'reason', error)}"
                raise Invalid(rule, field=str(self.path)) from None
            except DamagedGzip as error:
                rule = f"{error.rule}, near line {lines.number + 1}; the rows before it were read"
                raise Invalid(rule, field=str(self.path)) from None

    @contextmanager
    def read_again(self) -> Iterator[Iterator[str]]:
        """Open the file once more, for its lines as they stand in it. A run that reads the file does not notice."""
        reader, _ = self.content.open()
        with self._decoded(reader) as text:
            yield text

    def _decoded(self, reader: IO[bytes]) -> TextIOWrapper:
        """Return the text of the file; bytes that are not text are left as they are, if the encoding allows that."""
        errors = "strict" if self.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        return TextIOWrapper(reader, encoding=self.encoding, errors=errors, newline="")

    def file_of(self, row: Any) -> str | None:
        """Return the file's path."""
        return str(self.path)
