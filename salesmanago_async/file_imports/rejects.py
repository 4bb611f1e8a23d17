"""Files of rows that need attention: each row as it came, with its `_line` and the `_reason`, to be imported again.

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
from .paths import errors_naming


class AnnotatedRows:
    """Rows with notes, to be saved at `path`, in the format of the files that they come from.

    The rows are collected in a temporary file without a name, and `save` puts that in its place; until then a file that
    is already there stays as it is. Raises `Invalid` if the input files have no common format, or if no file can be
    written at `path`.
    """

    def __init__(self, path: Path, files: Sequence[InputFile]) -> None:
        check_alike(path, files)
        _check_is_writable(path)
        self.path = path
        self.count = 0
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
        with suppress(OSError):  # e.g. a full disk, which `write` or `save` has already reported
            self._file.close()

    def save(self, path: Path | None = None) -> Path:
        """Save the rows at `path` (by default their own), replacing a file that is there; return the path.

        The file appears under its name when it is complete.
        """
        place = path or self.path
        partial = _partial(place)
        with errors_naming(place):
            self._file.flush()
            content = cast("Any", self._file).buffer
            content.seek(0)
            try:
                with partial.open("xb") as saved:
                    copyfileobj(content, saved)
                partial.replace(place)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
        return place

    def write(self, outcome: Outcome) -> None:
        """Write the row of an outcome, with its line and the reason."""
        self.count += 1
        with errors_naming(self.path):
            self._write(outcome)

    def _write(self, outcome: Outcome) -> None:
        notes: dict[str, Any] = {"_file": outcome.file} if self._several else {}
        notes |= {"_line": outcome.line, "_reason": outcome.reason}
        notes = {name: self._encodable(note) for name, note in notes.items()}
        if self._columns:
            self._writer.writerow([*self._cells(outcome.record), *notes.values()])
        else:
            record = outcome.record if isinstance(outcome.record, dict) else {"_text": outcome.record}
            self._file.write(dump_record({**record, **notes}).decode() + "\n")

    def _encodable(self, note: Any) -> Any:
        """Return a note with the characters that the file's encoding lacks escaped."""
        if not isinstance(note, str):
            return note
        return note.encode(self._like.encoding, "backslashreplace").decode(self._like.encoding)

    def _cells(self, record: Any) -> list[Any]:
        """Return a cell for each column; a line that could not be split into these columns fills the first ones."""
        if isinstance(record, dict):
            return [record[name] for name in self._columns]
        cells = [str(cell) for cell in record] if isinstance(record, list) else [record]
        width = len(self._columns)
        if len(cells) > width:
            cells[width - 1 :] = [self._delimiter.join(cells[width - 1 :])]
        return [*cells, *[""] * (width - len(cells))]


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{token_hex(4)}.part")


def _check_is_writable(path: Path) -> None:
    """Raise `Invalid` if no file can be written at this path; a file that is there stays as it is."""
    if path.is_dir():
        raise Invalid("is a folder", field=str(path))
    partial = _partial(path)
    try:
        partial.open("xb").close()
        partial.unlink()
    except OSError as error:
        raise Invalid(f"cannot be written: {error.strerror}", field=str(path)) from error


def check_alike(path: Path, files: Sequence[InputFile]) -> None:
    """Raise `Invalid` if rows of these files cannot be written as they came into one file of that name."""
    for file in files:
        _check_alike(files[0], file)
        suffix = suffix_of_rows(file.path, file.format)
        if path.suffix.lower() != suffix.lower():
            raise Invalid(f"rejects are in the format of the input: the name must end in {suffix}", field=str(path))


def _check_alike(first: InputFile, file: InputFile) -> None:
    if isinstance(first, CsvFile) != isinstance(file, CsvFile):
        raise Invalid(
            "CSV files and other files cannot have a common rejects file; import them one by one", field=str(file.path)
        )
    if isinstance(first, CsvFile) and isinstance(file, CsvFile) and first.header != file.header:
        raise Invalid(
            "does not have the columns of the first file, and they have a common rejects file; import them one by one",
            field=str(file.path),
        )
