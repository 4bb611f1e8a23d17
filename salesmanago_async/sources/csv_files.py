"""CSV files: a header line, then a row of cells for each record."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from ..api.codegen import Body, RowWriter
from ..errors import Invalid
from ..records.cells import CellRules, findings, visible
from ..records.encoders import Encoder
from ..records.shapes import Shape
from .columns import columns_of
from .content import Content
from .options import FileFormat, ReadOptions
from .text_files import HAS_NUL, BrokenRow, LineReader, Row, TextFile
from .warnings import ReadWarning, WarningCounter

SAMPLE = 1000
"""Rows at the beginning of a file whose every cell is checked, for warnings about words such as NULL."""


class CleanedRow(list[str]):
    """The cells of a row as they are encoded; `raw` are those of the file."""

    def __init__(self, cells: Iterable[str], raw: list[str]) -> None:
        super().__init__(cells)
        self.raw = raw

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self), self.raw)


@frozen
class RefusedRow:
    """A row that could be sent, but is rejected because something in it looks wrong (`strict`)."""

    cells: list[str]
    reason: str


class CsvFile(TextFile):
    """A table with a header line. The delimiter (, ; tab |) is detected in the header, a BOM determines the encoding.

    A first line `sep=;` names the delimiter. Columns are matched without case, spaces, `-`, `_` and `.`. A first column
    without a name, which is the index of a frame, is ignored. Cells are read by the rules of records/cells.py. Missing
    cells at the end of a row are empty, and surplus cells may be there if they are empty.

    Lines with only empty cells are skipped. A row with bytes that are not UTF-8, or with a NUL character, is rejected;
    the other rows are read. If several rows are not UTF-8, the file is refused: see encodings.py.
    """

    format: FileFormat = "csv"

    def __init__(self, path: Path | Content, shape: Shape, reading: ReadOptions) -> None:
        super().__init__(path, reading.encoding)
        self._keeps_spaces = reading.keep_spaces
        with self.lines() as lines:
            self.delimiter = reading.delimiter or _delimiter_of(lines)
            lines.push_back_all()
            self.header = [visible(name) for name in self._header(self._reader(lines), lines)]
        self._raw = None  # for `bytes_read`: no row has been read yet
        self._shape = shape
        self._rules = reading.rules
        self._is_strict = reading.strict
        shape.check_mapped(reading.columns)
        self._columns = columns_of(self.header, reading.columns)
        self._nameless = [index for index, name in enumerate(self._columns.names) if not name]
        shape.check_header(self._columns.names)
        self._write = _row_writer(self._columns.names, shape, self._rules)
        self._counter = WarningCounter()

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was taken and looks wrong, as far as the file was read."""
        return self._counter.warnings()

    def rows(self) -> Iterator[Row]:
        """Yield the cells of every row, with the line that it begins on."""
        self._counter = WarningCounter()
        with self.lines(self.delimiter) as lines:
            reader = self._reader(lines)
            self._header(reader, lines)
            yield from self._rows(reader, lines)

    def _rows(self, reader: Iterator[list[str]], lines: "LineReader") -> Iterator[Row]:
        width, blocks, sample = len(self.header), lines.blocks, SAMPLE
        needs_rules = bool(self._rules.null or self._columns.joined)
        strip = str if self._keeps_spaces else str.strip
        while True:
            lines.begin_row()
            is_odd = sample or needs_rules or blocks.is_odd
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _broken(lines, f"is not a valid CSV row: {error}"), lines.first
                continue
            if len(cells) == width and cells[0] and not (is_odd or blocks.is_odd) and [*map(strip, cells)] == cells:
                yield cells, lines.first  # nearly all rows, so this is what most files cost
            elif lines.has_nul:
                yield BrokenRow(lines.row_text, HAS_NUL), lines.first
            elif len(cells) != width and lines.number > lines.first:
                yield _broken(lines, _other_width(cells, width)), lines.first
            elif _has_content(cells):
                sample = max(0, sample - 1)
                yield self._fitted(cells, lines.first), lines.first

    def _fitted(self, cells: list[str], line: int) -> Any:
        """Return a row with as many clean cells as the header has; the row itself if it has surplus cells."""
        width = len(self.header)
        if any(cell.strip() for cell in cells[width:]):
            return cells  # which is refused
        if len(cells) < width:
            self._counter.add("a row", "has fewer cells than the header; the missing ones count as empty", line)
        return self._cleaned([*cells[:width], *[""] * (width - len(cells))], cells, line)

    def _cleaned(self, cells: list[str], raw: list[str], line: int) -> Any:
        """Return the row with clean cells; the row itself if they are clean already."""
        cleaned = list(map(self._rules.clean, cells))
        found = [(name, text) for name, cell in zip(self.header, cleaned, strict=True) for text in findings(cell)]
        if found and self._is_strict:
            name, text = found[0]
            return RefusedRow(raw, f"{name}: {text}")
        for name, text in found:
            self._counter.add(name, text, line)
        for first, *others in self._columns.joined:
            cleaned[first] = " ".join(filter(None, [cleaned[first], *(cleaned[other] for other in others)]))
        return raw if cleaned == raw else CleanedRow(cleaned, raw)

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        try:
            return csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=not self._keeps_spaces)
        except TypeError:
            raise Invalid(f"is {self.delimiter!r}, not one character", field="delimiter") from None

    def _header(self, reader: Iterator[list[str]], lines: "LineReader") -> list[str]:
        try:
            header = next(filter(_has_content, reader), None)
            if header and lines.number == 1 and _SEP.match(self.delimiter.join(header)):
                header = next(filter(_has_content, reader), None)
        except csv.Error as error:
            raise Invalid(f"the header is not a valid CSV row: is a quote left open? ({error})") from None
        if header is None:
            raise Invalid("has no header line: it is empty")
        return header

    def body(self, row: Any) -> Body:
        """Return the checked body of a row."""
        if isinstance(row, BrokenRow | RefusedRow):
            raise Invalid(row.reason)
        if len(row) != len(self.header):
            raise Invalid(_other_width(row, len(self.header)))
        for index in self._nameless:
            if row[index]:
                raise Invalid(f"has a cell in column {index + 1}, which has no name in the header")
        return self._write(row)

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for rows, which adds these tags to each."""
        return self._shape.cell_encoder(self._columns.names, tags, self.body, self._rules)

    def record(self, row: Any) -> Any:
        """Return the row of the file as {column: cell}, or the text of a piece that is not a row."""
        if isinstance(row, BrokenRow):
            return row.text
        cells = row.raw if isinstance(row, CleanedRow) else row.cells if isinstance(row, RefusedRow) else row
        if len(cells) == len(self.header):
            return dict(zip(self.header, cells, strict=True))
        return cells


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


_SEP = re.compile(r"\ufeff?\s*sep=(.?)", re.IGNORECASE)
"""The first line of a file from a spreadsheet, which names the delimiter."""


def _delimiter_of(lines: Iterable[str]) -> str:
    """Return what separates the cells of the first line that has any."""
    header = next((line for line in lines if line.strip(" ,;\t|\r\n")), "")
    named = _SEP.match(header)
    if named and named[1].strip():
        return named[1]
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=unquoted.count)


def _row_writer(names: Sequence[str], shape: Shape, rules: CellRules) -> RowWriter:
    named = [index for index, name in enumerate(names) if name]
    return shape.column_writer([names[index] for index in named], lambda place: f"row[{named[place]}]", rules)
