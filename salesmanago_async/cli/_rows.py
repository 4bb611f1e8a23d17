"""Rows that need somebody's attention: written down as they came, with `_line` and `_reason`, to be imported again.

Those of Parquet files and JSON arrays are written as JSON lines, those of Excel workbooks as CSV.
"""

import csv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from shutil import copyfileobj
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self, cast

from ..errors import Invalid
from ..exports.sinks import dump_record
from ..outcome import Outcome
from ..records.shapes import NOTES
from ..sources.csv_files import CsvFile
from ..sources.formats import suffix_of_rows
from ..sources.sources import InputFile
from ._paths import naming


class NotedRows:
    """Rows with notes, for `path`, in the format of the files they are from.

    They lie in a file without a name until `keep` puts them there; what was there before, stays until then. Raises
    `Invalid` where the files have no common format, or nothing can be written there.
    """

    def __init__(self, path: Path, files: Sequence[InputFile]) -> None:
        check_alike(path, files)
        _check_place(path)
        self.path = path
        self.count = 0
        self.is_kept = False
        self._like = files[0]
        self._several = len(files) > 1
        self._file = TemporaryFile("w+", encoding=self._like.encoding, errors="surrogateescape", newline="")  # noqa: SIM115 - closed by __exit__
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
        with suppress(OSError):  # what could not be written before cannot be now
            self._file.close()

    def keep(self) -> None:
        """Put what was written at its path, in place of what is there; a file that has its name is complete."""
        partial = _partial(self.path)
        with naming(self.path):
            self._file.flush()
            content = cast("Any", self._file).buffer
            content.seek(0)
            try:
                with partial.open("xb") as kept:
                    copyfileobj(content, kept)
                partial.replace(self.path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
        self.is_kept = True

    def write(self, outcome: Outcome) -> None:
        """Write one row; its outcome says what is to be noted."""
        self.count += 1
        with naming(self.path):
            self._write(outcome)

    def _write(self, outcome: Outcome) -> None:
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


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{token_hex(4)}.part")


def _check_place(path: Path) -> None:
    """Make sure that a file can be put there, without touching the one that is."""
    if path.is_dir():
        raise Invalid("is a folder", field=str(path))
    partial = _partial(path)
    try:
        partial.open("xb").close()
        partial.unlink()
    except OSError as error:
        raise Invalid(f"cannot be written: {error.strerror}", field=str(path)) from error


def check_alike(path: Path, files: Sequence[InputFile]) -> None:
    """Raise `Invalid` where rows of these files cannot stand in one file of that name as they came."""
    for file in files:
        _check_alike(files[0], file)
        suffix = suffix_of_rows(file.path, file.format)
        if path.suffix.lower() != suffix.lower():
            raise Invalid(f"rejects are written as they came: the name must end in {suffix}", field=str(path))


def _check_alike(first: InputFile, file: InputFile) -> None:
    if isinstance(first, CsvFile) != isinstance(file, CsvFile):
        raise Invalid("CSV and other files have no common rejects file; import them one by one", field=str(file.path))
    if isinstance(first, CsvFile) and isinstance(file, CsvFile) and first.header != file.header:
        raise Invalid("has other columns than the first file; import them one by one", field=str(file.path))
