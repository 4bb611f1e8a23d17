"""The lines of a CSV file → rows of cells, with the line that each begins on. What the cells say does not matter here.

    a block of lines  ─►  parsed at once         its ordinary rows: valid, as wide as the header, not blank
                      ─►  parsed row by row      the rest, from the first other row on

Row by row takes longer, and knows what is to be done with each: blank rows are skipped, and a piece that is not a valid
row becomes a `BrokenRow`, whose further lines are read again. A row may end in the next block.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, TypeAlias

from attrs import frozen

from ..errors import Invalid
from ..support.wording import counted
from .line_blocks import LineBlock, in_lists
from .plain_csv import DELIMITERS, is_plain
from .text_files import HAS_NUL, BrokenRow, LineReader

Cells: TypeAlias = list[str]
OneRow: TypeAlias = tuple[Cells | BrokenRow, int]
"""A row, and the line that it begins on."""


@frozen
class RowWidth:
    """How many cells a row has. `notes` of them, at its end, are those of a file of rejected rows.

    In a wider row, the surplus cells stand before the notes or, if they are all blank, possibly at the end.
    """

    cells: int
    notes: int

    def fitted(self, cells: Cells) -> Cells | None:
        """Return a row with this many cells; missing cells are empty. None if a surplus cell is not blank."""
        if not has_content(cells[self.cells :]):
            return [*cells[: self.cells], *[""] * (self.cells - len(cells))]
        first, end = self.cells - self.notes, len(cells) - self.notes
        return None if has_content(cells[first:end]) else [*cells[:first], *cells[end:]]

    def other(self, cells: Sequence[str]) -> str:
        """Return what is wrong with a row of another width; if it has too many cells, notes do not count."""
        notes = self.notes if len(cells) > self.cells else 0
        return f"has {counted(len(cells) - notes, 'cell')}, the header has {self.cells - notes}"


@frozen
class Table:
    """Rows as wide as the header, the line that each begins on, and how many such rows were before.

    `is_plain`: no cell needs cleaning, as far as `plain_csv` knows.
    """

    rows: Sequence[Cells]
    lines: Sequence[int]
    before: int
    is_plain: bool


class RowReader:
    """Reads the rows of a file, from the next line on. Raises `Invalid` if the delimiter is not one character."""

    def __init__(self, lines: LineReader, *, delimiter: str, keep_spaces: bool) -> None:
        self.lines = lines
        self._delimiter = delimiter
        self._format: dict[str, Any] = {"delimiter": delimiter, "strict": True, "skipinitialspace": not keep_spaces}
        self._end_of_block = 0
        self._count = 0
        try:
            self._reader = csv.reader(lines, **self._format)
        except TypeError:
            raise Invalid(f"is {delimiter!r}, not one character", field="delimiter") from None

    def remaining(self) -> Iterator[Cells]:
        """Yield the further rows, however wide, except blank ones. Raises `csv.Error`."""
        return filter(has_content, self._reader)

    def groups(self, width: RowWidth) -> Iterator[Table | OneRow]:
        """Return the further rows: those as wide as the header in tables, any other row alone.

        Each table is let go of before the next is made: memory that is used again at once is in the processor's cache.
        """
        return chain.from_iterable(iter(partial(self._next_groups, width), None))

    def _next_groups(self, width: RowWidth) -> Iterable[Table | OneRow] | None:
        """Return the beginning of the next block, or the rest of the last one; None at the end of the file."""
        if self.lines.number < self._end_of_block:
            return self._rest(width)
        block = self.lines.read_block()
        self._end_of_block = self.lines.number
        return self._beginning(block, width.cells) if block.lines else None

    def _beginning(self, block: LineBlock, width: int) -> Sequence[Table]:
        """Return the ordinary rows that a block begins with, if there are any; push back the other lines."""
        first = self.lines.number - len(block.lines) + 1
        rows, numbers = ([], [first]) if block.has_nul else self._parsed(block.lines)
        count = _count_ordinary(rows, width)
        height = numbers[count] - first
        self.lines.push_back(block.lines[height:])
        del rows[count:], numbers[count:]
        return [self._table(rows, numbers, is_plain=count == height and self._is_plain(block))] if rows else []

    def _parsed(self, lines: Sequence[str]) -> tuple[list[Cells], list[int]]:
        """Parse lines that were just read. Return the rows before the first error, the line of each, and the next."""
        first = number = self.lines.number - len(lines) + 1
        rows, numbers = list[Cells](), list[int]()
        reader = csv.reader(lines, **self._format)
        try:
            for cells in reader:
                if cells:  # the line is not empty
                    rows.append(cells)
                    numbers.append(number)
                number = first + reader.line_num
        except csv.Error:
            pass  # the row is parsed again alone, and its error is reported there
        return rows, [*numbers, number]

    def _is_plain(self, block: LineBlock) -> bool:
        return block.utf8 is not None and self._delimiter in DELIMITERS and is_plain(block.utf8)

    def _rest(self, width: RowWidth) -> Iterator[Table | OneRow]:
        """Yield the rows that begin before the end of the block."""
        for rows in in_lists(self._row_by_row(width)):
            for is_wide, group in groupby(rows, lambda row: _is_wide(row[0], width.cells)):
                if is_wide:
                    yield self._table(*zip(*group, strict=True))
                else:
                    yield from group

    def _table(self, rows: Sequence[Cells], lines: Sequence[int], *, is_plain: bool = False) -> Table:
        before, self._count = self._count, self._count + len(rows)
        return Table(rows, lines, before, is_plain)

    def _row_by_row(self, width: RowWidth) -> Iterator[OneRow]:
        lines = self.lines
        while lines.number < self._end_of_block:
            lines.begin_row()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _broken(lines, f"is not a valid CSV row: {error}"), lines.first
                continue
            if lines.has_nul:
                yield BrokenRow(lines.row_text, HAS_NUL), lines.first
            elif len(cells) != width.cells and lines.number > lines.first:
                yield _broken(lines, width.other(cells)), lines.first
            elif has_content(cells):
                yield cells, lines.first


def has_content(cells: Sequence[str]) -> bool:
    """Return whether a cell of a row is not blank."""
    if cells and cells[0].strip():  # nearly always true, so usually only the first cell is checked
        return True
    return any(cell and not cell.isspace() for cell in cells)


def _is_wide(row: Cells | BrokenRow, width: int) -> bool:
    return not isinstance(row, BrokenRow) and len(row) == width


def _count_ordinary(rows: Sequence[Cells], width: int) -> int:
    """Return how many rows there are before the first that is blank or has another width."""
    if set(map(len, rows)) == {width} and all(map(str.strip, map(itemgetter(0), rows))):
        return len(rows)  # nearly always, and sooner found out than one by one
    others = (index for index, cells in enumerate(rows) if len(cells) != width or not has_content(cells))
    return next(others, len(rows))


def _broken(lines: LineReader, reason: str) -> BrokenRow:
    """Make the first line of a row a broken row, and let the lines that it swallowed be read again."""
    last = lines.number
    text = lines.push_back_all_but_first()
    if last > lines.first:
        return BrokenRow(text, f"{reason}; its quotes reach to line {last}: is one left open?")
    return BrokenRow(text, reason)
