"""Splits CSV into parts of limited size, each with the header; no I/O: rows go in, whole parts come out."""

import csv
import io
from collections.abc import Sequence

from ...errors import Invalid


class Parts:
    """A table in parts of at most `limit` bytes of UTF-8. Raises `Invalid` if the header alone does not fit."""

    def __init__(self, header: Sequence[str], *, limit: int) -> None:
        self._header = _line(header)
        self._limit = limit
        self._lines: list[bytes] = []
        self._length = len(self._header)
        if self._length > limit:
            raise Invalid(f"is {limit} bytes, and the header alone has {self._length}", field="limit")

    def add(self, cells: Sequence[str]) -> bytes | None:
        """Add a row; return the complete part if the row begins another one.

        Raises `Invalid` for a row that fits into no part, or is not text; the other rows are kept.
        """
        try:
            line = _line(cells)
        except UnicodeEncodeError:
            raise Invalid("has bytes that are not text in the file's encoding") from None
        if len(self._header) + len(line) > self._limit:
            raise Invalid(f"is {len(line)} bytes long, and a file takes {self._limit}")
        complete = self.rest() if self._length + len(line) > self._limit else None
        self._lines.append(line)
        self._length += len(line)
        return complete

    def rest(self) -> bytes | None:
        """Return the last part; None if there is none."""
        if not self._lines:
            return None
        part = b"".join((self._header, *self._lines))
        self._lines, self._length = [], len(self._header)
        return part


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)  # lines end in CR LF, so that the writer quotes cells with a CR alone
    return text.getvalue().encode()
