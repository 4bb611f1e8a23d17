"""Writes records as CSV: a header, and one row for each record, in UTF-8, as defined by RFC 4180."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from ..records.cells import BEGIN_FORMULAS, MARKED_TEXT
from .tables import StoredCell, Table, text_of


class CsvTable:
    """Writes one row for each record, with the columns that `flat` names; `finish` writes all rows at the end.

    Times are ISO 8601 in UTC, and the values of a list are joined by commas. None and empty text look the same. Without
    a record there is no header. `safe_cells` puts an apostrophe before cells that a spreadsheet would run as formulas,
    and before those that already look so. An import removes one apostrophe.
    """

    def __init__(self, file: IO[bytes], folder: Path | None, *, safe_cells: bool = True) -> None:
        self._file = file
        self._table = Table(folder)
        self._text_of = _safe_text_of if safe_cells else text_of

    def write(self, records: Sequence[Any]) -> None:
        """Add records."""
        self._table.add(records)

    def finish(self) -> Iterator[None]:
        """Write the header and the rows, one block in each step."""
        columns = self._table.columns
        if columns:
            self._write_rows([[column.name for column in columns]])
        for block in self._table.blocks():
            self._write_rows(block)
            yield

    def close(self) -> None:
        """Delete the rows."""
        self._table.close()

    def _write_rows(self, rows: Sequence[Sequence[StoredCell]]) -> None:
        text = io.StringIO(newline="")
        # "\r\n" is the standard's, and makes the writer quote cells that contain either of the two characters
        csv.writer(text, lineterminator="\r\n").writerows([map(self._text_of, row) for row in rows])
        self._file.write(text.getvalue().encode())


def _safe_text_of(cell: StoredCell) -> str:
    text = text_of(cell)
    is_formula = text[:1] in _DANGEROUS and isinstance(cell, str | list) and not _HARMLESS.fullmatch(text)
    return f"'{text}" if (is_formula and not text.isspace()) or MARKED_TEXT.match(text) else text


_DANGEROUS = frozenset(BEGIN_FORMULAS)

_HARMLESS = re.compile(r"[+-]?\d[\d ]*(?:[.,]\d+)?(?:[eE][+-]?\d+)?")
"""A number, or a phone number: a spreadsheet neither runs it nor looks it up."""
