"""JSON files: one array of objects, read in constant memory."""

from collections.abc import Iterator
from pathlib import Path

from ..errors import Invalid, Unreadable
from ..exports.records import ArrayReader
from ..records.shapes import Shape
from .compression import DamagedGzip
from .content import Content
from .object_rows import ObjectRows, json_row
from .options import FileFormat, ReadOptions
from .text_files import BEGINNING, BrokenRow, Row, TextFile

PIECE = 64 * 1024


class JsonArrayFile(ObjectRows, TextFile):
    """A file with one JSON array of objects; the number of an element, from 1, counts as its line.

    An element that is not valid JSON is rejected alone, if its brackets and quotes are balanced. If they are not, the
    end of the element is unknown, and reading ends there with an error.
    """

    format: FileFormat = "json"

    def __init__(self, path: Path | Content, shape: Shape, reading: ReadOptions) -> None:
        TextFile.__init__(self, path, reading.encoding)
        ObjectRows.__init__(self, shape, reading)
        text = self.content.beginning(BEGINNING).decode(self.encoding, "replace").strip("\ufeff \t\r\n")
        if not text.startswith("["):
            kind = "a single object" if text.startswith("{") else "no array" if text else "empty"
            raise Invalid(f"is {kind}; a JSON file must contain an array of objects")

    def _rows(self) -> Iterator[Row]:
        number = 0
        reader = ArrayReader(replace_invalid=_broken)
        try:
            for piece in self._pieces():
                for batch in reader.batches(piece):
                    for element in batch:
                        number += 1
                        yield element, number
            for element in reader.close():
                number += 1
                yield element, number
        except (Unreadable, DamagedGzip, UnicodeError) as error:
            after = f"after element {number:,}" if number else "at its beginning"
            raise Invalid(f"cannot be read further {after}: {error}", field=str(self.path)) from None

    def _pieces(self) -> Iterator[bytes]:
        """Yield the file as UTF-8; bytes that are not UTF-8 are left as they are."""
        reader, self._raw = self.content.open()
        if self.encoding.startswith("utf-8"):
            with reader:
                while piece := reader.read1(PIECE):
                    yield piece
        else:
            with self._decoded(reader) as text:
                while decoded := text.read(PIECE):
                    yield decoded.encode("utf-8", "surrogateescape")


def _broken(content: bytes, error: str) -> BrokenRow:
    text = content.decode("utf-8", "surrogateescape").strip()
    found = json_row(text)  # its reason counts the characters of the text as it is shown
    return found if isinstance(found, BrokenRow) else BrokenRow(text, f"is not valid JSON: {error}")
