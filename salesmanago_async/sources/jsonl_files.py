"""JSONL files: one JSON object per line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from ..records.shapes import Shape
from .content import Content
from .object_rows import ObjectRows
from .options import FileFormat, ReadOptions
from .text_files import BrokenRow, Row, TextFile


class JsonLinesFile(ObjectRows, TextFile):
    """A file with one JSON object per line; empty lines are skipped."""

    format: FileFormat = "jsonl"

    def __init__(self, path: Path | Content, shape: Shape, reading: ReadOptions) -> None:
        TextFile.__init__(self, path, reading.encoding)
        ObjectRows.__init__(self, shape, reading.columns)

    def rows(self) -> Iterator[Row]:
        """Yield the object of every line."""
        with self.lines() as lines:
            for number, line in enumerate(lines.blocks.lines, 1):
                lines.number = number
                if not line.isspace():
                    yield _json_row(line), number


def _json_row(line: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return _slow_json_row(line)


def _slow_json_row(line: str) -> Any:
    """Parse a line with undecodable bytes; return a broken row if it is not JSON."""
    try:
        return orjson.loads(line.encode("utf-8", "surrogateescape"))
    except orjson.JSONDecodeError as error:
        return BrokenRow(line.rstrip("\r\n"), f"is not valid JSON: {error}")
