"""Adds notes to rows that stay as they came: `_line` and `_reason`, and `_file` where there are several. Pure: no I/O.

    CSV           the text of the row, then the notes as its last cells; missing cells are added before them
    JSON lines    the text of the object, with the notes as its last fields
                  {"_text": the text of a line that is not an object, and the notes}

A row whose text is not known, or is in another dialect, is written anew from its values. A value that JSON cannot
express, such as a duration, is written as [{"unreadable": "1 day, 0:00:00"}]. No field takes that, so the row is
rejected again. Notes that a row has already, because its file is such a file itself, are replaced.

The texts among the notes of CSV are always in quotes. If the row has an open quote, the first of these closes it, and
what follows it is an error for any reader of CSV. So a row with an open quote is rejected again, and it alone.
"""

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any, Protocol

from ..api.text_values import text_of
from ..exports.sinks import dump_record
from ..records.cells import visible
from ..records.shapes import NOTES, TEXT
from ..records.values import UnreadableText
from ..sources.csv_files import CsvFile
from ..sources.encodings import TextForm
from ..sources.object_rows import json_row

_LONGEST_NOTES = 20_000
"""The most characters that are searched for the notes that a row has already."""


class Annotator(Protocol):
    """Writes the text of a file of rows with notes."""

    @property
    def header(self) -> str:
        """The text before the first row."""
        ...

    def row(self, record: Any, text: str | None, notes: Mapping[str, Any]) -> str:
        """Return a record with notes; `text` is its text in a file like this one, with its line end, if it is known."""
        ...


class AnnotatedCsv:
    """Rows of CSV in the dialect of a file, with the names of the notes in its header."""

    def __init__(self, like: CsvFile, notes: Sequence[str]) -> None:
        self._like = like
        self._notes = notes
        self._columns = [name for name in like.header if name not in NOTES]
        self._has_text = len(self._columns) + like.notes == len(like.header)  # else somebody has moved the notes
        self._earlier_notes = _cells_at_end(like.delimiter, like.notes)
        self._line_end = _parted(like.header_text)[1] or "\n"

    @property
    def header(self) -> str:
        """The header as it stands in the file, with the names of the notes, and with the lines before it."""
        text, end = _parted(self._like.header_text)
        text = f"{self._without_notes(text)}{self._like.delimiter}{self._joined(self._notes)}{end or self._line_end}"
        first, *others = self._like.rows_of(text) or [[]]
        names = [*self._columns, *self._notes]
        if self._has_text and [visible(name) for name in (others[-1] if others else first)] == names:
            return text
        named = f"sep={self._like.delimiter}{self._line_end}" if others else ""
        return f"{named}{self._joined(names)}{self._line_end}"

    def row(self, record: Any, text: str | None, notes: Mapping[str, Any]) -> str:
        """Return a row with notes: surplus cells stay surplus, and an open quote stays open."""
        written = self._joined(list(notes.values()), quoting=csv.QUOTE_NONNUMERIC)
        if isinstance(record, str):
            found, end = _parted(text or record)
            return f"{self._without_notes(found)}{self._like.delimiter}{written}{end or self._line_end}"
        if text and (annotated := self._with_text(record, text, written, list(notes.values()))):
            return annotated
        return f"{self._joined(self._cells(record))}{self._like.delimiter}{written}{self._line_end}"

    def _with_text(self, record: Any, text: str, written: str, notes: Sequence[Any]) -> str | None:
        """Return the text of a row with notes; None if it would not be read as the row with these notes."""
        found, end = _parted(text)
        cells = self._cells(record)
        missing = self._like.delimiter * max(0, len(self._columns) - len(record))
        annotated = f"{self._without_notes(found)}{missing}{self._like.delimiter}{written}{end or self._line_end}"
        if len(record) > len(self._like.header) and self._like.notes:
            cells = cells[: -self._like.notes]
        expected = [*cells, *("" if note is None else str(note) for note in notes)]
        return annotated if self._has_text and self._like.rows_of(annotated) == [expected] else None

    def _cells(self, record: Mapping[str, str] | Sequence[str]) -> list[str]:
        """Return the cells of a row without notes; those that are missing are empty, and surplus cells stay."""
        header = self._like.header
        if isinstance(record, Mapping):
            return [record.get(name, "") for name in self._columns]
        if len(record) > len(header):
            return list(record)
        cells = [*record, *[""] * (len(header) - len(record))]
        return [cell for name, cell in zip(header, cells, strict=True) if name not in NOTES]

    def _without_notes(self, text: str) -> str:
        """Return a row or a header without the notes at its end, if it has them as they are written here."""
        if not self._like.notes:
            return text
        found = self._earlier_notes.search(text, max(0, len(text) - _LONGEST_NOTES))
        return text[: found.start()] if found else text

    def _joined(self, cells: Sequence[Any], *, quoting: Any = csv.QUOTE_MINIMAL) -> str:
        text = StringIO(newline="")
        csv.writer(text, delimiter=self._like.delimiter, lineterminator="\r\n", quoting=quoting).writerow(cells)
        return text.getvalue().removesuffix("\r\n")


class AnnotatedJsonLines:
    """Objects in JSON lines; what a file of this form cannot encode is escaped."""

    header = ""

    def __init__(self, form: TextForm) -> None:
        self._form = form

    def row(self, record: Any, text: str | None, notes: Mapping[str, Any]) -> str:
        """Return a line with notes; the text of a line that is not an object is in the field `_text`."""
        if isinstance(record, dict):
            own = {name: value for name, value in record.items() if name not in NOTES}
            annotated = self._with_text(own, text, notes) if text else None
            return annotated or self._dumped({**_expressible(own), **notes}) + "\n"
        written = record if isinstance(record, str) else dump_record(record).decode()
        return self._dumped({TEXT: _parted(text)[0] if text else written, **notes}) + "\n"

    def _with_text(self, own: Mapping[str, Any], text: str, notes: Mapping[str, Any]) -> str | None:
        """Return the text of an object with notes; None if it would not be read as this object with these notes."""
        found, end = _parted(text)
        fields = found.rstrip().removesuffix("}")
        while earlier := _JSON_NOTE.search(fields, max(0, len(fields) - _LONGEST_NOTES)):
            fields = fields[: earlier.start()]
        if json_row(fields + "}") != own:
            return None
        return "".join((fields, "," if own else "", self._dumped(notes)[1:], found[len(found.rstrip()) :], end or "\n"))

    def _dumped(self, value: Mapping[str, Any]) -> str:
        text = dump_record(value).decode()
        return text if self._form.can_encode(text) else json.dumps(value, default=str)


def _expressible(value: Any) -> Any:
    """Return a value as JSON can express it; what is none of its values becomes something that no field takes."""
    if value.__class__ is UnreadableText or (value.__class__ is float and math.isinf(value)):
        return _unreadable(value)
    if isinstance(value, list):
        return [_expressible(part) for part in value]
    if isinstance(value, Mapping):
        names = list(map(_text_of_key, value))
        return _unreadable(value) if None in names else dict(zip(names, map(_expressible, value.values()), strict=True))
    return value


def _unreadable(value: object) -> Any:
    return [{"unreadable": str(value)}]


def _text_of_key(key: object) -> str | None:
    """Return the text of a key of a map; None if it has none, so that no field takes the map."""
    try:
        return text_of(key)
    except ValueError:
        return None


_JSON_NOTE = re.compile(r'(?:,\s*)?"_(?:file|line|reason)"\s*:\s*(?:null|\d+|"(?:[^"\\]|\\.)*+")\s*\Z')


def _parted(text: str) -> tuple[str, str]:
    """Return a text without its line end, and the line end."""
    content = text.removesuffix("\n").removesuffix("\r")
    return content, text[len(content) :]


def _cells_at_end(delimiter: str, count: int) -> re.Pattern[str]:
    """Return a pattern of the last cells of a row, as notes are written."""
    separator = re.escape(delimiter)
    cell = rf'(?:"(?:[^"]|"")*+"|[^"\r\n{separator}]*)'
    return re.compile(rf"(?:{separator}{cell}){{{count}}}\Z")
