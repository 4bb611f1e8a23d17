"""The lines of a text, in blocks: a block is searched as a whole for cells that must be cleaned.

Nearly all cells of nearly all files are clean. A few searches in some hundred lines cost less than checking every cell.
"""

from collections.abc import Iterator
from itertools import islice
from typing import IO

from ..records.cells import INVISIBLE

LINES = 500
"""Lines of a block."""


class LineBlocks:
    """The `lines` of a text; `is_odd` says whether the block of the last line may need cleaning."""

    def __init__(self, text: IO[str], delimiter: str | None = None) -> None:
        self._text = text
        self._odd = _odd_texts(delimiter) if delimiter else {}
        self.is_odd = True
        self.lines = self._read()

    def _read(self) -> Iterator[str]:
        """Yield the lines; an error of the file is raised after the lines before it."""
        error: Exception | None = None
        while error is None:
            block: list[str] = []
            try:
                block.extend(islice(self._text, LINES))
            except Exception as raised:  # whatever reading, decoding or unpacking raises
                error = raised
            if not block and error is None:
                return
            self.is_odd = not self._odd or _is_odd("".join(block), self._odd)
            yield from block
        raise error


def _odd_texts(delimiter: str) -> dict[str, tuple[str, ...]]:
    """Return texts of cells that need cleaning, by a character of each that is rare, and so is searched for first.

    Spaces around a cell are not among them: to strip each cell costs less than to search for them.
    """
    begins = [before + quote for before in (delimiter, "\n") for quote in ("", '"')]
    return {
        "'": tuple(begin + "'" for begin in begins),
        "=": ('="',),
        **{character: (character,) for character in ("\x00", *INVISIBLE)},
    }


def _is_odd(block: str, odd: dict[str, tuple[str, ...]]) -> bool:
    if any(text in block for character, texts in odd.items() if character in block for text in texts):
        return True
    before_plus = {part[-1:] for part in block.split("+")}  # of 4.86E+10; quicker than to search for E+ and e+
    return "E" in before_plus or "e" in before_plus
