"""Records → CSV: a header, and a row of cells for each record, in UTF-8, as RFC 4180 has it."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from .tables import StoredCell, Table, text_of


class CsvTable:
    """Writes one row a record, under the columns that `flat` names; the rows are written at the end, by `finish`.

    Times are ISO 8601 in UTC, lists have commas between their values. Nothing and empty text look the same. Where there
    is no record there is no header. `safe_cells` puts an apostrophe before cells that a spreadsheet would run.
    """

    def __init__(self, file: IO[bytes], folder: Path | None, *, safe_cells: bool = True) -> None:
        self._file = file
        self._table = Table(folder)
        self._text_of = _safe_text_of if safe_cells else text_of

    def write(self, records: Sequence[Any]) -> None:
        """Take records."""
        self._table.add(records)

    def finish(self) -> Iterator[None]:
        """Write the header and the rows, a block a step."""
        columns = self._table.columns
        if columns:
            self._write_rows([[column.name for column in columns]])
        for block in self._table.blocks():
            self._write_rows(block)
            yield

    def close(self) -> None:
        """Let go of the rows."""
        self._table.close()

    def _write_rows(self, rows: Sequence[Sequence[StoredCell]]) -> None:
        text = io.StringIO(newline="")
        # "\r\n", besides being the standard's, has cells with either of the two put in quotes
        csv.writer(text, lineterminator="\r\n").writerows([map(self._text_of, row) for row in rows])
        self._file.write(text.getvalue().encode())


def _safe_text_of(cell: StoredCell) -> str:
    text = text_of(cell)
    if text[:1] in _DANGEROUS and isinstance(cell, str | list) and not _HARMLESS.fullmatch(text):
        return f"'{text}"
    return text


_DANGEROUS = frozenset("=+-@\t\r\n＝＋－＠")
"""What a formula begins with; the wide forms do in East Asian versions."""

_HARMLESS = re.compile(r"[+-]?\d[\d ]*(?:[.,]\d+)?(?:[eE][+-]?\d+)?")
"""A number, or a phone number: nothing is run, or looked up elsewhere."""
