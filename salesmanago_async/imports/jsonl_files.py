"""JSONL files: one JSON object a line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import orjson

from ..api._lanes import Body
from ..errors import Invalid
from ._express import Encoder
from .shapes import Shape
from .text_files import Broken, Reading, Row, TextFile, renamed


class JsonLinesFile(TextFile):
    """A file with one JSON object a line; empty lines are passed over."""

    def __init__(self, path: Path, shape: Shape, reading: Reading) -> None:
        super().__init__(path, reading.encoding)
        self._shape = shape
        self._columns = reading.columns

    def rows(self) -> Iterator[Row]:
        """Give every line's object."""
        with self.lines() as lines:
            for number, line in enumerate(lines.text, 1):
                lines.number = number
                if not line.isspace():
                    yield _json_row(line), number

    def body(self, row: Any) -> Body:
        """Return the checked body of a line's object."""
        return self._shape.body(self._object(row))

    def _object(self, row: Any) -> dict[str, Any]:
        """Return a line's object under the names of the fields; raise `Invalid` for a line that has none."""
        if isinstance(row, Broken):
            raise Invalid(row.reason)
        if not isinstance(row, dict):
            raise Invalid("is no JSON object")
        record = cast("dict[str, Any]", row)
        return renamed(record, self._columns) if self._columns else record

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return what encodes the objects of lines, with these tags added to each."""
        if not self._columns:
            return self._shape.encoder(tags, self.body)
        under_fields = self._shape.encoder(tags)
        return Encoder(lambda row: under_fields.encode(self._object(row)))

    def record(self, row: Any) -> Any:
        """Return the object, or the text of a line that is none."""
        return row.text if isinstance(row, Broken) else row


def _json_row(line: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return _odd_row(line)


def _odd_row(line: str) -> Any:
    """Return the JSON of a line with bytes that were no text, or that is none."""
    try:
        return orjson.loads(line.encode("utf-8", "surrogateescape"))
    except orjson.JSONDecodeError as error:
        return Broken(line.rstrip("\r\n"), f"is no JSON: {error}")
