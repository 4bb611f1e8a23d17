"""JSONL files: one JSON object per line."""

from collections.abc import Iterator
from pathlib import Path

from ..records.shapes import Shape
from .content import Content
from .object_rows import ObjectRows, json_row
from .options import FileFormat, ReadOptions
from .text_files import Row, TextFile


class JsonLinesFile(ObjectRows, TextFile):
    """A file with one JSON object per line; empty lines are skipped."""

    format: FileFormat = "jsonl"

    def __init__(self, path: Path | Content, shape: Shape, reading: ReadOptions) -> None:
        TextFile.__init__(self, path, reading.encoding)
        ObjectRows.__init__(self, shape, reading)

    def _rows(self) -> Iterator[Row]:
        with self.lines() as lines:
            while some := lines.read_block().lines:
                for number, line in enumerate(some, lines.number - len(some) + 1):
                    if not line.isspace():
                        yield json_row(line), number
