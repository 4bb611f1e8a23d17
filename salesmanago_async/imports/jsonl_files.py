"""JSONL files: one JSON object a line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import orjson

from ..api._lanes import Body
from ..errors import Invalid
from .shapes import Shape
from .text_files import BEGINNING, Broken, Lines, Progress, Reading, Row, decoding, encoding_of, opened


class JsonLinesFile:
    """A file with one JSON object a line; empty lines are passed over."""

    def __init__(self, path: Path, shape: Shape, reading: Reading) -> None:
        self.path = path
        self.total_bytes = path.stat().st_size
        self._progress = Progress()
        self._shape = shape
        self._columns = reading.columns
        with path.open("rb") as file:
            self.encoding = encoding_of(file.read(BEGINNING), reading.encoding)

    @property
    def bytes_read(self) -> int:
        """How far the file is read."""
        return self._progress.of(self.total_bytes)

    def rows(self) -> Iterator[Row]:
        """Give every line's object."""
        with opened(self.path, self.encoding) as text:
            self._progress.watch(text)
            lines = Lines(text)
            with decoding(self.path, self.encoding, lines):
                for line in lines:
                    if line.strip():
                        yield _json_row(line), lines.number
                    lines.begin_row()

    def body(self, row: Any) -> Body:
        """Return the checked body of a line's object."""
        if isinstance(row, Broken):
            raise Invalid(row.reason)
        if not isinstance(row, dict):
            raise Invalid("is no JSON object")
        return self._shape.body(self._renamed(cast("dict[str, Any]", row)) if self._columns else row)

    def _renamed(self, record: dict[str, Any]) -> dict[str, Any]:
        renamed = {self._columns.get(name, name): value for name, value in record.items()}
        if len(renamed) < len(record):
            twice = next(field for name, field in self._columns.items() if name in record and field in record)
            raise Invalid("is given 2 times, once under another name", field=twice)
        return renamed

    def record(self, row: Any) -> Any:
        """Return the object, or the text of a line that is none."""
        return row.text if isinstance(row, Broken) else row

    def file_of(self, row: Any) -> str | None:
        """Return the file's path."""
        return str(self.path)


def _json_row(line: str) -> Any:
    try:
        return orjson.loads(line.encode("utf-8", "surrogateescape"))
    except orjson.JSONDecodeError as error:
        return Broken(line.rstrip("\r\n"), f"is no JSON: {error}")
