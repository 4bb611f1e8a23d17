"""JSONL files: one JSON object a line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from ..records.shapes import Shape
from .object_rows import ObjectRows
from .text_files import BrokenRow, FileOptions, Row, TextFile


class JsonLinesFile(ObjectRows, TextFile):
    """A file with one JSON object a line; empty lines are passed over."""

    def __init__(self, path: Path, shape: Shape, reading: FileOptions) -> None:
        TextFile.__init__(self, path, reading.encoding)
        ObjectRows.__init__(self, shape, reading.columns)

    def rows(self) -> Iterator[Row]:
        """Give every line's object."""
        with self.lines() as lines:
            for number, line in enumerate(lines.text, 1):
                lines.number = number
                if not line.isspace():
                    yield _json_row(line), number


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
        return BrokenRow(line.rstrip("\r\n"), f"is no JSON: {error}")
