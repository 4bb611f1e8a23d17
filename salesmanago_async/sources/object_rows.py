"""Rows that are objects with the file's own names: those of JSON lines.

A file of rejected rows has an object in each line. A rejected line that is not an object is the text in its field
`_text`, and is read as if the line stood there alone: as it came it is rejected again, and corrected it is taken.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import orjson

from ..api.codegen import Body
from ..errors import Invalid
from ..records.encoders import Encoder
from ..records.shapes import NOTES, TEXT, Shape
from .columns import renamed
from .inspection import Inspection, SuspectRow, notes_of
from .options import ReadOptions
from .text_files import BrokenRow, Row
from .warnings import ReadWarning


class ObjectRows:
    """The part of a source that handles such rows: `_rows` yields them."""

    def __init__(self, shape: Shape, reading: ReadOptions) -> None:
        shape.check_mapped(reading.columns)
        self._shape = shape
        self._columns = reading.columns
        self._inspection = Inspection(reading, shape)

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was taken and looks wrong in the rows that were looked at."""
        return (*notes_of(self._shape), *self._inspection.warnings)

    def rows(self) -> Iterator[Row]:
        """Yield every row with its line."""
        return self._inspection.rows(self._rows())

    def _rows(self) -> Iterator[Row]:
        raise NotImplementedError

    def body(self, row: Any) -> Body:
        """Return the checked body of a row."""
        return self._shape.body(self._object(row))

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for rows, which adds these tags to each."""
        if not self._columns:
            return self._shape.encoder(tags, self.body)
        under_fields = self._shape.encoder(tags)
        return Encoder(lambda row: under_fields.encode(self._object(row)))

    def record(self, row: Any) -> Any:
        """Return the row, or the text of a broken row."""
        if isinstance(row, SuspectRow):
            return row.given
        return row.text if isinstance(row, BrokenRow) else row

    def _object(self, row: Any) -> dict[str, Any]:
        """Return a row with the names of the fields; raise `Invalid` if it is not an object."""
        if isinstance(row, BrokenRow | SuspectRow):
            raise Invalid(row.reason)
        if not isinstance(row, dict):
            raise Invalid("is not a JSON object")
        record = cast("dict[str, Any]", row)
        if TEXT in record and is_text_of_line(record):
            return self._object(json_row(record[TEXT]))
        return renamed(record, self._columns, self._shape) if self._columns else record


def json_row(line: str) -> Any:
    """Return the value in a line, or a broken row if the line is not JSON."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return _slow_json_row(line)


def _slow_json_row(line: str) -> Any:
    """Parse a line with undecodable bytes, or with the text of one; return a broken row if it is not JSON."""
    content = line.rstrip("\r\n")
    try:
        return orjson.loads(content.encode("utf-8", "surrogateescape"))
    except orjson.JSONDecodeError as error:
        text = _undecodable_text_in(content)
        return BrokenRow(content, f"is not valid JSON: {error}") if text is None else json_row(text)


def _undecodable_text_in(line: str) -> str | None:
    """Return the text in a line of rejects if it has undecodable bytes, which only the standard library reads."""
    if TEXT not in line or not line.isascii():
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found[TEXT] if isinstance(found, dict) and is_text_of_line(cast("dict[str, Any]", found)) else None


def is_text_of_line(record: Mapping[str, Any]) -> bool:
    """Return whether an object of a file of rejected rows holds the text of a line, and nothing but notes besides."""
    return record.keys() - NOTES == {TEXT} and isinstance(record[TEXT], str)
