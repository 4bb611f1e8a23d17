"""The text of single rows of a file, exactly as it stands there: the file is read once more for it.

A run does not keep the text of its rows, because nearly all of them are accepted, and nobody asks for their text. A row
is found by its line, and by the line breaks in its cells. What is found there is parsed again and compared with the
record. So if the file was changed or removed in the meantime, a row has no text, but never the text of another row.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from types import TracebackType
from typing import Any, Self

from .compression import DamagedGzip
from .csv_files import CsvFile
from .excel_files import ExcelFile
from .jsonl_files import JsonLinesFile
from .object_rows import json_row
from .sources import InputFile

_LINE_END = re.compile(r"\r\n|\r|\n")


class RawRows:
    """Finds the text of rows of a file. It reads forward, and begins anew for a row that it has passed."""

    def __init__(self, file: InputFile) -> None:
        self._file: CsvFile | JsonLinesFile | None = None
        if isinstance(file, CsvFile | JsonLinesFile) and not isinstance(file, ExcelFile):
            self._file = file
        self._opened = ExitStack()
        self._lines: Iterator[str] = iter(())
        self._next_line = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened.close()

    def text_of(self, record: Any, line: int | None) -> str | None:
        """Return the text of a record (see `Source.record`) that begins in this line, with its line end.

        None if rows of this format have no text of their own (Excel, JSON arrays, Parquet), and if the record is not
        there (any more).
        """
        if self._file is None or line is None:
            return None
        try:
            text = self._read(self._file, line, _height(self._file, record))
        except (OSError, UnicodeError, DamagedGzip):  # the file was removed or changed
            self._file = None
            return None
        return text if _is_text_of(self._file, text, record) else None

    def _read(self, file: CsvFile | JsonLinesFile, line: int, height: int) -> str:
        if not 0 < self._next_line <= line:
            self._opened.close()
            self._lines, self._next_line = self._opened.enter_context(file.read_again()), 1
        for _ in islice(self._lines, line - self._next_line):
            pass
        self._next_line = line + height
        return "".join(islice(self._lines, height))


def _height(file: CsvFile | JsonLinesFile, record: Any) -> int:
    """Return how many lines a record has in its file."""
    if isinstance(file, JsonLinesFile):
        return 1
    text = record if isinstance(record, str) else ",".join(_cells(record))
    return 1 + len(_LINE_END.findall(text))


def _is_text_of(file: CsvFile | JsonLinesFile, text: str, record: Any) -> bool:
    if isinstance(file, JsonLinesFile):
        return bool(json_row(text) == record)
    if isinstance(record, str):
        return text.rstrip("\r\n") == record
    return file.rows_of(text) == [_cells(record)]


def _cells(record: dict[str, str] | list[str]) -> list[str]:
    return list(record.values()) if isinstance(record, dict) else record
