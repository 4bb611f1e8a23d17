"""The lines of a text, in blocks: a block is searched as a whole for cells that must be cleaned.

Nearly all cells of nearly all files are clean. A few searches in some hundred lines cost less than checking every cell.
"""

from collections.abc import Iterator
from itertools import islice
from typing import IO, Self

from ..records.cells import INVISIBLE

LINES = 500
"""Lines of a block."""

_SPACES = "\u00a0\u202f\u2007"


class LineBlocks:
    """Iterates over the lines of a text; `is_odd` says whether the block of the last line may need cleaning."""

    def __init__(self, text: IO[str], delimiter: str | None = None) -> None:
        self._text = text
        self._odd = _odd_texts(delimiter) if delimiter else ()
        self._lines: Iterator[str] = iter(())
        self._error: Exception | None = None
        self.is_odd = True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            return line
        lines = self._next_block()
        if not lines:
            raise self._error or StopIteration
        self._lines = iter(lines)
        self.is_odd = not self._odd or _is_odd("".join(lines), self._odd)
        return next(self._lines)

    def _next_block(self) -> list[str]:
        """Return the next lines; an error of the file is kept until the lines before it were read."""
        lines: list[str] = []
        if self._error is None:
            try:
                lines.extend(islice(self._text, LINES))
            except Exception as error:  # whatever reading, decoding or unpacking raises
                self._error = error
        return lines


def _odd_texts(delimiter: str) -> tuple[str, ...]:
    """Return the texts without which no cell of a block can need cleaning, except for characters beyond ASCII."""
    ends = (delimiter, "\n", "\r", '"')
    around = [f" {end}" for end in ends] + ['" ', "\n ", f"{delimiter} "]
    marks = [f"{delimiter}'", "\n'", "\"'", '="', "E+", "e+", "\x00", ".0"]
    return (*around, *marks, *([] if delimiter == "\t" else ["\t"]))


def _is_odd(block: str, odd: tuple[str, ...]) -> bool:
    if any(text in block for text in odd):
        return True
    return not block.isascii() and any(character in block for character in (*INVISIBLE, *_SPACES))
