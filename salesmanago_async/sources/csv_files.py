"""CSV files: a header line, then a row of cells for each record."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..api.codegen import Body, RowWriter
from ..errors import Invalid
from ..records.encoders import Encoder
from ..records.shapes import Shape
from .content import Content
from .options import FileFormat, ReadOptions
from .text_files import HAS_NUL, BrokenRow, LineReader, Row, TextFile, check_columns


class CsvFile(TextFile):
    """A table with a header line. The delimiter (, ; tab |) is detected in the header, a BOM determines the encoding.

    Lines with only empty cells are skipped. A row with bytes that are not UTF-8, or with a NUL character, is rejected;
    the other rows are read. If several rows are not UTF-8, the file is refused: see encodings.py.
    """

    format: FileFormat = "csv"

    def __init__(self, path: Path | Content, shape: Shape, reading: ReadOptions) -> None:
        super().__init__(path, reading.encoding)
        with self.lines() as lines:
            self.delimiter = reading.delimiter or _delimiter_of(lines)
            lines.push_back_all()
            self.header = [name.strip() for name in self._header(self._reader(lines))]
        self._raw = None  # for `bytes_read`: no row has been read yet
        self._nameless = [index for index, name in enumerate(self.header) if not name]  # from a trailing delimiter
        self._shape = shape
        self._names = _names_of_header(self.header, reading.columns)
        self._write = _row_writer(self._names, shape)

    def rows(self) -> Iterator[Row]:
        """Yield the cells of every row, with the line that it begins on."""
        with self.lines() as lines:
            reader = self._reader(lines)
            self._header(reader)
            yield from self._rows(reader, lines)

    def _rows(self, reader: Iterator[list[str]], lines: "LineReader") -> Iterator[Row]:
        width = len(self.header)
        while True:
            lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _broken(lines, f"is not a valid CSV row: {error}"), lines.first
                continue
            if lines.has_nul:
                yield BrokenRow(lines.row_text, HAS_NUL), lines.first
            elif len(cells) != width and lines.number > lines.first:
                yield _broken(lines, _other_width(cells, width)), lines.first
            elif _has_content(cells):
                yield cells, lines.first

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        try:
            return csv.reader(lines, delimiter=self.delimiter, strict=True)
        except TypeError:
            raise Invalid(f"is {self.delimiter!r}, not one character", field="delimiter") from None

    def _header(self, reader: Iterator[list[str]]) -> list[str]:
        try:
            header = next(filter(_has_content, reader), None)
        except csv.Error as error:
            raise Invalid(f"the header is not a valid CSV row: is a quote left open? ({error})") from None
        if header is None:
            raise Invalid("has no header line: it is empty")
        return header

    def body(self, row: Any) -> Body:
        """Return the checked body of a row."""
        if isinstance(row, BrokenRow):
            raise Invalid(row.reason)
        if len(row) != len(self.header):
            raise Invalid(_other_width(row, len(self.header)))
        for index in self._nameless:
            if row[index]:
                raise Invalid(f"has a cell in column {index + 1}, which has no name in the header")
        return self._write(row)

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for rows, which adds these tags to each."""
        return self._shape.cell_encoder(self._names, tags, self.body)

    def record(self, row: Any) -> Any:
        """Return the row as {column: cell}, or the text of a broken row."""
        if isinstance(row, BrokenRow):
            return row.text
        if len(row) == len(self.header):
            return dict(zip(self.header, row, strict=True))
        return row


def _other_width(cells: Sequence[str], width: int) -> str:
    return f"has {len(cells)} cell{'' if len(cells) == 1 else 's'}, the header has {width}"


def _broken(lines: "LineReader", reason: str) -> BrokenRow:
    """Make the first line of a row a broken row, and let the lines that it swallowed be read again."""
    last = lines.number
    text = lines.push_back_all_but_first()
    if last > lines.first:
        return BrokenRow(text, f"{reason}; its quotes reach to line {last}: is one left open?")
    return BrokenRow(text, reason)


def _has_content(cells: Sequence[str]) -> bool:
    if cells and cells[0].strip():  # nearly always true, so usually only the first cell is checked
        return True
    return any(cell and not cell.isspace() for cell in cells)


def _delimiter_of(lines: Iterable[str]) -> str:
    """Return the most frequent delimiter of the first line that is not empty."""
    header = next((line for line in lines if line.strip(" ,;\t|\r\n")), "")
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=unquoted.count)


def _names_of_header(header: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """Return the names of the fields that the columns stand for; "" for a column without a name."""
    for number, name in enumerate(header, 1):
        if not name.isprintable():
            raise Invalid(f"column {number} of the header, {name!a}, is not text; is the encoding right?")
    check_columns(header, columns)
    return [columns.get(name, name) if name else "" for name in header]


def _row_writer(names: Sequence[str], shape: Shape) -> RowWriter:
    named = [index for index, name in enumerate(names) if name]
    return shape.column_writer([names[index] for index in named], lambda index: f"row[{named[index]}]")
