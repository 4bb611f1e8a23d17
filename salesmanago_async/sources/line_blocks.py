"""The lines of a text in blocks: what a step of Python for each line costs is paid once for each block.

A file in UTF-8 is cut into pieces of bytes, each of whole lines. These bytes are kept with the lines, as a search in
them takes a fraction of the time of a search in text. A file in another encoding is read line by line.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator
from io import BufferedReader, StringIO
from itertools import chain, islice
from typing import IO, TypeVar

from attrs import frozen

PIECE = 32 * 1024
"""Bytes of a piece: its rows fit into the cache of a processor, and larger ones save nothing."""
ITEMS = 200
"""Lines of a block that is read line by line."""

Item = TypeVar("Item")


@frozen
class LineBlock:
    """Some lines, and their bytes in UTF-8 if these are known."""

    lines: list[str]
    utf8: bytes | None = None

    @property
    def has_nul(self) -> bool:
        """Whether a line has a NUL character, which no valid text has."""
        return "\0" in "".join(self.lines) if self.utf8 is None else b"\0" in self.utf8


def blocks_of_utf8(file: BufferedReader) -> Iterator[LineBlock]:
    """Yield the lines of a file in UTF-8 without its byte order mark; other bytes become lone surrogates."""
    pieces = _whole_lines(file)
    first = next(pieces, b"").removeprefix(BOM_UTF8)
    for piece in filter(None, chain([first], pieces)):
        text = piece.decode("utf-8", "surrogateescape")
        lines = text.splitlines(keepends=True)
        ends = piece.count(b"\n") + (not piece.endswith(b"\n"))
        if len(lines) != ends:  # str.splitlines knows further line breaks, such as U+2028
            lines = list(StringIO(text, newline=""))
        yield LineBlock(lines, piece)


def _whole_lines(file: BufferedReader) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces that end where a line ends."""
    cut_off: list[bytes] = []
    while piece := file.read1(PIECE):
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r", 0, -1)) + 1  # a last \r may be half of a line break
        if end:
            yield b"".join((*cut_off, piece[:end]))
            cut_off.clear()
        cut_off.append(piece[end:])
    if any(cut_off):
        yield b"".join(cut_off)


def blocks_of_text(text: IO[str]) -> Iterator[LineBlock]:
    """Yield the lines of a text in any encoding."""
    return map(LineBlock, in_lists(text))


def in_lists(items: Iterator[Item]) -> Iterator[list[Item]]:
    """Yield the items in lists of up to `ITEMS`; an error is raised after the items before it."""
    error: Exception | None = None
    while error is None:
        some: list[Item] = []
        try:
            some.extend(islice(items, ITEMS))
        except Exception as raised:  # whatever reading, decoding or unpacking raises
            error = raised
        if some:
            yield some
        elif error is None:
            return
    raise error
