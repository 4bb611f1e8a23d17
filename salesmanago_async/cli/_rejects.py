"""The rejects file: refused rows as they came, with `_line` and `_reason`, to be corrected and imported again."""

import csv
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any, Self

from ..errors import Invalid
from ..exports.sinks import dump_record
from ..imports.csv_files import CsvFile
from ..imports.jsonl_files import JsonLinesFile
from ..imports.outcome import Outcome
from ..imports.shapes import NOTES


class Rejects:
    """Writes refused rows to `path`, in the format of the files they are from.

    The file gets its name at the end; where an error ends the run before any row is refused, there is none.
    """

    def __init__(self, path: Path, files: Sequence[CsvFile | JsonLinesFile]) -> None:
        self._like = files[0]
        self._several = len(files) > 1
        if path.is_dir():
            raise Invalid("is a folder", field=str(path))
        for file in files:
            _check_alike(path, self._like, file)
        self._path = path
        self._partial = path.with_name(f".{path.name}.{token_hex(4)}.part")
        self._written = 0
        try:
            self._file = self._partial.open("x", encoding=self._like.encoding, errors="surrogateescape", newline="")
        except OSError as error:
            raise Invalid(f"cannot be written: {error.strerror}", field=str(path)) from error
        self._columns: list[str] = []
        self._delimiter = ","
        if isinstance(self._like, CsvFile):
            self._delimiter = self._like.delimiter
            self._writer = csv.writer(self._file, delimiter=self._delimiter, lineterminator="\n")
            self._columns = [name for name in self._like.header if name not in NOTES]
            self._writer.writerow([*self._columns, *(["_file"] if self._several else []), "_line", "_reason"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        if error is None or self._written:
            self._partial.replace(self._path)
        else:
            self._partial.unlink()

    def write(self, outcome: Outcome) -> None:
        """Write one refused row."""
        self._written += 1
        notes: dict[str, Any] = {"_file": outcome.file} if self._several else {}
        notes |= {"_line": outcome.line, "_reason": outcome.reason}
        notes = {name: self._written_as(note) for name, note in notes.items()}
        if self._columns:
            self._writer.writerow([*self._cells(outcome.record), *notes.values()])
        else:
            record = outcome.record if isinstance(outcome.record, dict) else {"_text": outcome.record}
            self._file.write(dump_record({**record, **notes}).decode() + "\n")

    def _written_as(self, note: Any) -> Any:
        """Return a note without characters that the file's encoding has not."""
        if not isinstance(note, str):
            return note
        return note.encode(self._like.encoding, "backslashreplace").decode(self._like.encoding)

    def _cells(self, record: Any) -> list[Any]:
        """Return a row's cells under the columns; what is no row goes into the first ones, as far as there are."""
        if isinstance(record, dict):
            return [record[name] for name in self._columns]
        cells = [str(cell) for cell in record] if isinstance(record, list) else [record]
        width = len(self._columns)
        if len(cells) > width:
            cells[width - 1 :] = [self._delimiter.join(cells[width - 1 :])]
        return [*cells, *[""] * (width - len(cells))]


def _check_alike(path: Path, first: CsvFile | JsonLinesFile, file: CsvFile | JsonLinesFile) -> None:
    if path.exists() and path.samefile(file.path):
        raise Invalid("is one of the files to be imported; give --rejects another name", field=str(path))
    if isinstance(first, CsvFile) != isinstance(file, CsvFile):
        raise Invalid("CSV and JSONL files have no common rejects file; import them one by one", field=str(file.path))
    if isinstance(first, CsvFile) and isinstance(file, CsvFile) and first.header != file.header:
        raise Invalid("has other columns than the first file; import them one by one", field=str(file.path))
    if path.suffix.lower() != file.path.suffix.lower():
        raise Invalid(f"rejects are written as they came: the name must end in {file.path.suffix}", field=str(path))
