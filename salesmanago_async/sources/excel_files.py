"""Excel workbooks (.xlsx), read with python-calamine (the extra `excel`).

The reader takes a whole sheet into memory, and so needs about 100 bytes for each cell. When the workbook is opened, the
sheet is copied to a temporary CSV file, and the memory is released. From then on its rows are those of a CSV file, with
the same rules and the same constant memory. For a large table, a CSV or Parquet file is the better choice.

Each cell becomes the text that says its value, whatever its display format: 48600100200, 1.5, 2024-01-05,
2024-01-05T10:00:00, true. A formula is its last result; an error such as #N/A is an empty cell.
"""

import csv
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, time
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from attrs import evolve

from ..errors import Invalid
from ..extras import check_excel
from ..records.shapes import Shape
from .content import Content, content_of
from .csv_files import CsvFile
from .options import DecimalMark, FileFormat, ReadOptions
from .spooled import Spooled
from .text_files import Row


class ExcelFile(CsvFile):
    """The first sheet of a workbook that is not empty. Its first row is the header; row numbers count as lines."""

    format: FileFormat = "xlsx"

    def __init__(self, path: Path | Content, shape: Shape, reading: ReadOptions) -> None:
        check_excel()
        content = content_of(path)
        self._breaks = array("Q")
        spooled = Spooled(lambda file: _write_sheet(content, file, reading.decimal, self._breaks))
        super().__init__(Content(content.path, spooled), shape, evolve(reading, encoding="utf-8", delimiter=","))

    def rows(self) -> Iterator[Row]:
        """Yield the cells of every row, with its number in the sheet."""
        for row, line in super().rows():
            yield row, line and line - bisect_left(self._breaks, line)


def _write_sheet(content: Content, file: IO[bytes], decimal: DecimalMark, breaks: "array[int]") -> None:
    """Write the sheet as CSV; put the number of each line that ends within a cell into `breaks`."""
    from python_calamine import CalamineError, CalamineWorkbook

    text = TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    line = 0
    try:
        with content.unpacked() as unpacked, CalamineWorkbook.from_object(unpacked) as workbook:
            for row in _rows_of_first_sheet(workbook):
                cells = [_text(cell, decimal) for cell in row]
                writer.writerow(cells)
                line += 1
                for _ in range(sum(cell.count("\n") for cell in cells)):
                    breaks.append(line)
                    line += 1
    except CalamineError as error:
        raise Invalid(f"is not an Excel workbook (.xlsx), or is damaged or encrypted: {error}") from None
    finally:
        text.detach()


def _rows_of_first_sheet(workbook: Any) -> Iterator[list[Any]]:
    for name in workbook.sheet_names:
        sheet = workbook.get_sheet_by_name(name)
        if sheet.end:
            return iter(sheet.iter_rows())
    raise Invalid("has no header row: all of its sheets are empty")


def _text(cell: Any, decimal: DecimalMark) -> str:
    """Return a cell as text, with only the newline character as a line break."""
    if isinstance(cell, str):
        return cell.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):  # Excel knows only floats
        return str(int(cell)) if cell.is_integer() else repr(cell).replace(".", decimal)
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)
