"""Text files that are read line by line: encoding, progress, and lines that are read a second time."""

import codecs
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self, TypeAlias, cast

from attrs import frozen

from ..errors import Invalid
from .line_blocks import LineBlocks

BEGINNING = 64 * 1024
"""How many bytes of a file are inspected to detect its encoding."""

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

    def __init__(self, text: LineBlocks) -> None:
        self.text = text
        self._pushed_back: deque[str] = deque()
        self._row: list[str] = []
        self.number = 0
        self.first = 1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._pushed_back.popleft() if self._pushed_back else next(self.text)
        self.number += 1
        self._row.append(line)
        return line

    def begin_row(self) -> None:
        """Mark the next line as the beginning of a row."""
        self._row.clear()
        self.first = self.number + 1

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

    def __init__(self, path: Path, encoding: str | None) -> None:
        self.path = path
        self.total_bytes = path.stat().st_size
        with path.open("rb") as file:
            self.encoding = encoding_of(file.read(BEGINNING), encoding)
        self._raw: IO[bytes] | None = None

    @property
    def bytes_read(self) -> int:
        """The bytes read: none before the first line is read, all after the file is closed."""
        if self._raw is None:
            return 0
        return self.total_bytes if self._raw.closed else self._raw.tell()

    @contextmanager
    def lines(self, delimiter: str | None = None) -> Iterator["LineReader"]:
        """Open the file; undecodable bytes spoil only their own line if the encoding allows that.

        With a delimiter, blocks of clean cells are told from others.

        Raises `Invalid`, naming the file and the approximate line, if the rest of the text cannot be decoded.
        """
        errors = "strict" if self.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        with self.path.open(encoding=self.encoding, errors=errors, newline="") as text:
            self._raw = cast("Any", text).buffer.raw
            lines = LineReader(LineBlocks(text, delimiter))
            try:
                yield lines
            except UnicodeError as error:  # UTF-16 without a byte order mark raises a plain UnicodeError
                place = f"line {lines.number + 1}"
                rule = f"{place} is not {self.encoding}, or one soon after: {getattr(error, 'reason', error)}"
                raise Invalid(rule, field=str(self.path)) from None

    def file_of(self, row: Any) -> str | None:
        """Return the file's path."""
        return str(self.path)


def encoding_of(beginning: bytes, given: str | None) -> str:
    """Return the encoding to read with: the given one, else the one of the byte order mark, else UTF-8."""
    is_utf16 = beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    name = _encoding_named(given) if given else "utf-16" if is_utf16 else "utf-8"
    if b"\0" in beginning and not name.startswith(("utf-16", "utf-32")):
        raise Invalid("is not a text file")
    return "utf-8-sig" if name == "utf-8" and beginning.startswith(codecs.BOM_UTF8) else name


def _encoding_named(given: str) -> str:
    """Return Python's name of an encoding; raise `Invalid` if it is unknown or no text encoding (such as base64)."""
    try:
        found = codecs.lookup(given)
        "".encode(found.name)  # LookupError if the codec converts bytes to bytes, or text to text
    except (LookupError, ValueError):  # ValueError: the name itself is invalid
        raise Invalid(f"there is no encoding {given!a}; try cp1250, iso8859-2 or utf-16", field="encoding") from None
    return found.name
