"""CSV files: a header line, then a row of cells for each record."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any

from attrs import frozen

from ..api.codegen import Body, RowWriter
from ..errors import Invalid
from ..records import cell_lists
from ..records.cells import CellRules, visible
from ..records.columns import NoContactColumn
from ..records.encoders import Encoder
from ..records.findings import LOST_DIGITS, CellKind, findings
from ..records.shapes import Shape
from ..records.unclean_columns import unclean_columns
from .columns import Columns, columns_of, notes_at_end, read_columns
from .content import Content
from .csv_rows import OneRow, RowReader, RowWidth, Table
from .inspection import notes_of
from .line_blocks import blocks_of_text
from .options import FileFormat, ReadOptions
from .text_files import BrokenRow, LineReader, Row, TextFile
from .warnings import ReadWarning, WarningCounter

SAMPLE = 1000
"""Rows at the beginning of a file that are searched for words such as NULL, for 12.0 and for 1,234; with `strict`, all
are."""
_FEWER_CELLS = "has fewer cells than the header; the missing ones count as empty"
_SEARCHED_TO_THE_END = frozenset({LOST_DIGITS, _FEWER_CELLS})
"""What is searched for in all rows."""


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
    cells at the end of a row are empty, and surplus cells may be there if they are empty. In a file of rejected rows,
    surplus cells stand before the notes.

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
            self.header = [visible(name) for name in self._header(self._reader(lines))]
            self.header_text = lines.raw_text  # with the lines before the header
        self.notes = notes_at_end(self.header)
        self._width = RowWidth(len(self.header), notes=self.notes)
        self._raw = None  # for `bytes_read`: no row has been read yet
        self._shape = shape
        self._rules = reading.rules
        self._is_strict = reading.strict
        shape.check_mapped(reading.columns)
        self._columns = columns_of(self.header, reading.columns, shape, ignore_nameless=shape.ignores_extra)
        self._nameless = [index for index, name in enumerate(self._columns.names) if not name]
        self._check_header()
        self._kinds = _kinds_of(self._columns, shape)
        self._write = _row_writer(self._columns.names, shape, self._rules)
        self._counter = WarningCounter()
        self._is_sampled = False

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was taken and looks wrong, as far as the file was read."""
        found = self._counter.warnings(of_sample=self._is_sampled, except_for=_SEARCHED_TO_THE_END)
        return (*notes_of(self._shape), *found)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, under the names of their fields."""
        return read_columns(self._columns.names, self._shape)

    def rows(self) -> Iterator[Row]:
        """Yield the cells of every row, with the line that it begins on."""
        self._counter = WarningCounter()
        self._is_sampled = False
        with self.lines() as lines:
            reader = self._reader(lines)
            self._header(reader)
            yield from chain.from_iterable(map(self._cleaned_group, reader.groups(self._width)))

    def _cleaned_group(self, group: Table | OneRow) -> Iterable[Row]:
        if isinstance(group, Table):
            return self._cleaned_rows(group)
        row, line = group
        return [(self._fitted(row, line), line)]

    def _cleaned_rows(self, table: Table) -> Iterable[Row]:
        """Return the rows of a table with clean cells; nearly always, these are the rows themselves."""
        kinds = self._kinds if self._is_strict or table.before < SAMPLE else None
        self._is_sampled = kinds is None
        is_clean = table.is_plain and not (kinds or self._rules.null)
        unclean = [] if is_clean else unclean_columns(table.rows, self._rules, kinds=kinds)
        rows = zip(table.rows, table.lines, strict=True)
        if not unclean and not self._columns.joined:
            return rows
        return ((self._cleaned(cells, cells, line, unclean), line) for cells, line in rows)

    def _fitted(self, cells: list[str] | BrokenRow, line: int) -> Any:
        """Return a row with as many clean cells as the header has; a broken row or one with surplus cells itself."""
        if isinstance(cells, BrokenRow) or (fitted := self._width.fitted(cells)) is None:
            return cells  # which is refused
        if len(cells) < len(fitted):
            self._counter.add("a row", _FEWER_CELLS, line)
        return self._cleaned(fitted, cells, line, range(len(fitted)))

    def _cleaned(self, cells: list[str], raw: list[str], line: int, columns: Iterable[int]) -> Any:
        """Return the row with clean cells in these columns; the row itself if they are clean already."""
        cleaned, found = cells.copy(), list[tuple[str, str]]()
        for index in columns:
            cleaned[index] = cell = self._rules.clean(cells[index])
            for text in findings(cell, self._kinds[index]):
                found.append((self.header[index], text))
        if found and self._is_strict:
            name, text = found[0]
            return RefusedRow(raw, f"{name}: {text}")
        for name, text in found:
            self._counter.add(name, text, line)
        for first, *others in self._columns.joined:
            texts = [text for index in (first, *others) if (text := cleaned[index])]
            is_list = self._shape.is_list(self._columns.names[first])
            cleaned[first] = cell_lists.joined(texts) if is_list else " ".join(texts)
        return raw if cleaned == raw else CleanedRow(cleaned, raw)

    def _check_header(self) -> None:
        """Raise `Invalid` if no column is the address or the id of the contacts."""
        try:
            self._shape.check_header(self._columns.names)
        except NoContactColumn:
            if len(self.header) > 1:
                raise
            name = self.header[0]
            rule = f"the header is one column, {name!r}, which is not the contacts' email or contactId"
            remedy = f"map it: columns={ {name: 'email'} }, or name another delimiter: delimiter=..."
            raise Invalid(f"{rule}; {remedy}") from None

    def _reader(self, lines: LineReader) -> RowReader:
        return RowReader(lines, delimiter=self.delimiter, keep_spaces=self._keeps_spaces)

    def _header(self, reader: RowReader) -> list[str]:
        rows = reader.remaining()
        try:
            header = next(rows, None)
            if header and reader.lines.number == 1 and _SEP.match(self.delimiter.join(header)):
                header = next(rows, None)
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
            raise Invalid(self._width.other(row))
        for index in self._nameless:
            if row[index]:
                raise Invalid(f"has a cell in column {index + 1}, which has no name in the header")
        return self._write(row)

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for rows, which adds these tags to each."""
        return self._shape.cell_encoder(self._columns.names, tags, self.body, self._rules)

    def rows_of(self, text: str) -> list[list[str]] | None:
        """Return the rows of a text in the dialect of this file, without empty ones; None if it is not valid CSV."""
        lines = LineReader(blocks_of_text(StringIO(text, newline="")))
        try:
            return list(self._reader(lines).remaining())
        except csv.Error:
            return None

    def record(self, row: Any) -> Any:
        """Return the row of the file as {column: cell}, or the text of a piece that is not a row.

        It is the list of its cells if they are not as many as the columns, or if two columns have one name.
        """
        if isinstance(row, BrokenRow):
            return row.text
        cells = row.raw if isinstance(row, CleanedRow) else row.cells if isinstance(row, RefusedRow) else row
        if len(cells) == len(self.header) == len(set(self.header)):
            return dict(zip(self.header, cells, strict=True))
        return cells


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


def _kinds_of(columns: Columns, shape: Shape) -> list[CellKind]:
    """Return what the cells of each column are; a column that is joined to another is what that one is."""
    kinds = list(shape.kinds_of(columns.names))
    for first, *others in columns.joined:
        for other in others:
            kinds[other] = kinds[first]
    return kinds


def _row_writer(names: Sequence[str], shape: Shape, rules: CellRules) -> RowWriter:
    named = [index for index, name in enumerate(names) if name]
    return shape.column_writer([names[index] for index in named], lambda place: f"row[{named[place]}]", rules)
