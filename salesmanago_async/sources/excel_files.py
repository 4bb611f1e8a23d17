"""Excel workbooks (.xlsx), read with python-calamine (the extra `excel`).

The first visible sheet that is not empty is read. Other sheets that are not empty are named in a warning.

The reader takes a whole sheet into memory, and so needs about 100 bytes for each cell. When the workbook is opened, the
sheet is copied to a temporary CSV file, and the memory is released. From then on its rows are those of a CSV file, with
the same rules and the same constant memory. For a large table, a CSV or Parquet file is the better choice.

Each cell becomes the text that says its value, whatever its display format: 48600100200, 1.5, 2024-01-05,
2024-01-05T10:00:00, true. A formula is its last result; an error such as #N/A is an empty cell.

A workbook holds numbers as floats. A whole number that a float may not hold exactly becomes 1.23456789012345E+17, with
the 15 digits that Excel shows: a warning, as in CSV, and no invented last digits.
"""

import csv
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date, time
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from attrs import evolve

from ..api.text_values import EXACT
from ..errors import Invalid
from ..extras import check_excel
from ..records.shapes import Shape
from .content import Content, content_of
from .csv_files import CsvFile
from .options import DecimalMark, FileFormat, ReadOptions
from .spooled import Spooled
from .text_files import Row
from .warnings import ReadWarning

_MOST_NAMED = 5
"""How many sheets a warning names."""


class ExcelFile(CsvFile):
    """The first visible sheet that is not empty. Its first row is the header; row numbers count as lines."""

    format: FileFormat = "xlsx"

    def __init__(self, path: Path | Content, shape: Shape, reading: ReadOptions) -> None:
        check_excel()
        content = content_of(path)
        self._breaks = array("Q")
        self._unread: list[str] = []
        spooled = Spooled(lambda file: _write_sheet(content, file, reading.decimal, self._breaks, self._unread))
        super().__init__(Content(content.path, spooled), shape, evolve(reading, encoding="utf-8", delimiter=","))

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was taken and looks wrong, as far as the file was read, and the sheets that are not read."""
        return (*([_not_read(self._unread)] if self._unread else []), *super().warnings)

    def rows(self) -> Iterator[Row]:
        """Yield the cells of every row, with its number in the sheet."""
        for row, line in super().rows():
            yield row, line and line - bisect_left(self._breaks, line)


def _write_sheet(
    content: Content, file: IO[bytes], decimal: DecimalMark, breaks: "array[int]", unread: list[str]
) -> None:
    """Write the sheet as CSV.

    Put the number of each line that ends within a cell into `breaks`, and the names of other filled sheets into
    `unread`.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    text = TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    line = 0
    try:
        with content.unpacked() as unpacked, CalamineWorkbook.from_object(unpacked) as workbook:
            name, rows = _first_sheet(workbook)
            for row in rows:
                cells = [_text(cell, decimal) for cell in row]
                writer.writerow(cells)
                line += 1
                for _ in range(sum(cell.count("\n") for cell in cells)):
                    breaks.append(line)
                    line += 1
            del rows  # one sheet in memory at a time
            unread.extend(_other_sheets(workbook, name))
    except CalamineError as error:
        raise Invalid(f"is not an Excel workbook (.xlsx), or is damaged or encrypted: {error}") from None
    finally:
        text.detach()


def _first_sheet(workbook: Any) -> tuple[str, Iterator[list[Any]]]:
    """Return the name and the rows of the sheet that is read."""
    for name, is_visible in _sheets(workbook):
        if is_visible and (sheet := workbook.get_sheet_by_name(name)).end:
            return name, iter(sheet.iter_rows())
    raise Invalid("has no header row: all of its visible sheets are empty")


def _other_sheets(workbook: Any, read: str) -> Iterator[str]:
    """Yield what a warning calls each sheet that is not empty, except the one that is read."""
    for name, is_visible in _sheets(workbook):
        if name != read and _is_filled(workbook, name):
            yield repr(name) if is_visible else f"{name!r} (hidden)"


def _sheets(workbook: Any) -> Iterator[tuple[str, bool]]:
    """Yield the name of each sheet of cells, and whether it is visible; there are also sheets with a chart."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    for sheet in workbook.sheets_metadata:
        if sheet.typ == SheetTypeEnum.WorkSheet:
            yield sheet.name, sheet.visible == SheetVisibleEnum.Visible


def _is_filled(workbook: Any, name: str) -> bool:
    """Return whether a sheet is not empty. A damaged one counts as filled: nobody knows what it had."""
    from python_calamine import CalamineError

    try:
        return workbook.get_sheet_by_name(name).end is not None
    except CalamineError:
        return True


def _not_read(sheets: Sequence[str]) -> ReadWarning:
    more = f" and {len(sheets) - _MOST_NAMED:,} more" if len(sheets) > _MOST_NAMED else ""
    text = f"has further sheets, which are not read: {', '.join(sheets[:_MOST_NAMED])}{more}"
    return ReadWarning(column="the workbook", text=text)


def _text(cell: Any, decimal: DecimalMark) -> str:
    """Return a cell as text, with only the newline character as a line break."""
    if isinstance(cell, str):
        return cell.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):  # Excel knows only floats
        return _text_of_number(cell).replace(".", decimal)
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


def _text_of_number(number: float) -> str:
    if not number.is_integer():
        return repr(number)
    return str(int(number)) if abs(number) < EXACT else f"{number:.14E}"
