"""Files of rows that need attention: each row as it came, with its `_line` and the `_reason`, to be imported again.

A row stands there byte for byte: a row of CSV with its own quotes, spaces and line end, a JSON line with its own spaces
and numbers. The notes are put at its end (see annotations.py). What stands before the rows is that of the first file:
its byte order mark, a line `sep=;`, its header. The rows are in the order of the input.

Imported unchanged and with the same options, such a file has the same rows rejected again, for the same reasons. Only
what is wrong with an open quote, or with an element of a JSON array that is not an object, may be put otherwise. So the
file has the encoding of the input (UTF-8 if the input files have several), and the encoding and the delimiter that were
detected in the input are detected in it.

Some rows are written anew from their values, because no text of theirs is to be had:

- rows of Excel workbooks, as CSV, and those of Parquet files, JSON arrays and XML, as JSON lines; a cell of Parquet
  that JSON cannot express is [{"unreadable": …}] there
- rows of CSV files whose delimiter is not that of the first file
- rows that are no longer where they were read, because the file was changed or removed during the import
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..atomic_file import AtomicFile
from ..errors import Invalid
from ..outcome import Outcome
from ..sources.csv_files import CsvFile
from ..sources.encodings import TextForm
from ..sources.formats import suffix_of_rows
from ..sources.raw_rows import RawRows
from ..sources.sources import InputFile
from ..support.file_errors import errors_naming
from .annotations import AnnotatedCsv, AnnotatedJsonLines, Annotator
from .kept_rows import KeptRows


class AnnotatedRows:
    """Rows with notes, to be saved at `path`, in the format of the files that they come from.

    The rows are kept in a temporary file without a name, and `save` writes the file; until then a file that is already
    there stays as it is. Raises `Invalid` if the input files have no common format, or if no file can be written at
    `path`.
    """

    def __init__(self, path: Path, files: Sequence[InputFile]) -> None:
        check_alike(path, files)
        _check_is_writable(path)
        self.path = path
        self.count = 0
        self._files = {str(file.path): file for file in files}
        self._notes = (*(["_file"] if len(files) > 1 else []), "_line", "_reason")
        self._form = _common_form(files)
        self._annotator = _annotator(files[0], self._notes, self._form)
        self._rows = KeptRows()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):  # e.g. a full disk, which `write` or `save` has already reported
            self._rows.close()

    def write(self, outcome: Outcome) -> None:
        """Keep the row of an outcome, with its place and the reason."""
        self.count += 1
        with errors_naming(self.path):
            self._rows.add(outcome.position, (outcome.file, outcome.line, outcome.reason, outcome.record))

    def save(self, path: Path | None = None) -> Path:
        """Save the rows at `path` (by default their own), replacing a file that is there; return the path.

        The file appears under its name when it is complete. This may take long, because the input is read once more, up
        to the last of the rows.
        """
        place = path or self.path
        placed = AtomicFile(place)
        try:
            with errors_naming(place):
                placed.file.write(self._form.mark + self._form.encode(self._annotator.header))
                placed.file.writelines(map(self._form.encode, self._texts()))
                placed.commit()
        finally:
            placed.discard()
        return place

    def _texts(self) -> Iterator[str]:
        """Yield the text of every row, with its notes."""
        for name, rows in groupby(self._rows.in_order(), key=itemgetter(0)):
            file = self._files[name]
            is_in_dialect = self._is_in_dialect(file)
            with RawRows(file) as raw:
                for _, line, reason, record in rows:
                    text = raw.text_of(record, line) if is_in_dialect else None
                    yield self._annotator.row(record, text, self._notes_of(name, line, reason))

    def _is_in_dialect(self, file: InputFile) -> bool:
        first = next(iter(self._files.values()))
        return not (isinstance(file, CsvFile) and isinstance(first, CsvFile)) or file.delimiter == first.delimiter

    def _notes_of(self, file: str, line: int | None, reason: str | None) -> Mapping[str, Any]:
        notes = {"_file": file, "_line": line, "_reason": reason}
        return {
            name: self._form.escaped(note) if isinstance(note := notes[name], str) else note for name in self._notes
        }


def _annotator(first: InputFile, notes: Sequence[str], form: TextForm) -> Annotator:
    return AnnotatedCsv(first, notes) if isinstance(first, CsvFile) else AnnotatedJsonLines(form)


def _common_form(files: Sequence[InputFile]) -> TextForm:
    """Return the form of the first file, or UTF-8 if the files have several encodings."""
    encodings = {file.form.encoding.removesuffix("-le").removesuffix("-be") for file in files}
    return files[0].form if len(encodings) == 1 else TextForm("utf-8")


def _check_is_writable(path: Path) -> None:
    """Raise `Invalid` if no file can be written at this path; a file that is there stays as it is."""
    if path.is_dir():
        raise Invalid("is a folder", field=str(path))
    AtomicFile(path).discard()


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
