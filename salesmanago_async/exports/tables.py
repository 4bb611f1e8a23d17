"""Collects rows whose columns are not known before the last one: they are in a temporary file until then.

A record may have a column that no record before it had, but a table must name its columns at its beginning. So the rows
are first written, as JSON, to an unnamed temporary file, which disappears when it is closed, and the types in each
column are recorded. Then the rows are read again, with all columns known. Memory holds the columns and a block of rows.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import IntFlag
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeAlias

import orjson
from attrs import frozen

from .flat import Cell, Row, flat

StoredCell: TypeAlias = bool | int | float | str | list[str] | None
"""A cell in the temporary file; a time is ISO 8601 text."""

BLOCK_BYTES = 256 * 1024
"""About how many bytes of rows are read again in one block."""

_LARGEST_EXACT = 2**53


class Kind(IntFlag):
    """The types of the cells of a column."""

    NOTHING = 0
    BOOLEAN = 1
    INTEGER = 2
    LARGE_INTEGER = 4
    """An integer that a float cannot represent exactly."""
    FLOAT = 8
    TIME = 16
    TEXT = 32
    LIST = 64


@frozen
class Column:
    """A column, and the types of its cells."""

    name: str
    kind: Kind


class Table:
    """Collects records, and yields them as rows with the same columns. `folder` is the folder of the temporary file."""

    def __init__(self, folder: Path | None) -> None:
        self._file = TemporaryFile("w+b", dir=folder)  # noqa: SIM115 - closed by close()
        self._positions: dict[str, int] = {}
        self._kinds: list[int] = []

    def add(self, records: Sequence[Any]) -> None:
        """Add records."""
        self._file.write(b"".join([_dump(self._cells(flat(record))) for record in records]))

    def close(self) -> None:
        """Delete the rows."""
        self._file.close()

    @property
    def columns(self) -> list[Column]:
        """The columns in the order of their appearance; those with the same name before the first dot are together."""
        names = list(self._positions)
        return [Column(names[position], Kind(self._kinds[position])) for position in self._order()]

    def blocks(self) -> Iterator[list[list[StoredCell]]]:
        """Yield all rows, one block at a time, with their cells in the order of `columns`."""
        self._file.seek(0)
        order = self._order()
        nothing: list[StoredCell] = [None] * len(order)
        while lines := self._file.readlines(BLOCK_BYTES):
            block: list[list[StoredCell]] = []
            for line in lines:
                cells = orjson.loads(line)
                cells += nothing[len(cells) :]
                block.append([cells[position] for position in order])
            yield block

    def _order(self) -> list[int]:
        groups: dict[str, int] = {}
        for name in self._positions:
            groups.setdefault(name.partition(".")[0], len(groups))
        names = list(self._positions)
        return sorted(range(len(names)), key=lambda position: groups[names[position].partition(".")[0]])

    def _cells(self, row: Row) -> list[Cell]:
        """Return the cells in the order in which their columns appeared, and record their types."""
        positions, kinds = self._positions, self._kinds
        cells: list[Cell] = [None] * len(positions)
        for name, cell in row.items():
            position = positions.setdefault(name, len(kinds))
            if position == len(kinds):
                kinds.append(0)
            if position >= len(cells):
                cells += [None] * (position + 1 - len(cells))
            if cell is not None:
                cells[position] = cell
                kinds[position] |= _KINDS.get(cell.__class__) or _kind_of_integer(cell)
        return cells


_KINDS: dict[type, int] = {
    bool: Kind.BOOLEAN.value,
    float: Kind.FLOAT.value,
    datetime: Kind.TIME.value,
    str: Kind.TEXT.value,
    list: Kind.LIST.value,
}


def _kind_of_integer(cell: Any) -> int:
    is_exact = -_LARGEST_EXACT <= cell <= _LARGEST_EXACT
    return Kind.INTEGER.value if is_exact else Kind.LARGE_INTEGER.value


def _dump(cells: list[Cell]) -> bytes:
    try:
        return orjson.dumps(cells, option=_OPTIONS)
    except TypeError:  # half a surrogate pair is not text: it is written as an escape sequence
        return orjson.dumps([_as_text(cell) for cell in cells], option=_OPTIONS)


_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


def _as_text(cell: Cell) -> Cell:
    if isinstance(cell, list):
        return [_printable(entry) for entry in cell]
    return _printable(cell) if isinstance(cell, str) else cell


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def text_of(cell: StoredCell) -> str:
    """Return a cell as text. A list is joined with commas, or is JSON if its values could not be split again."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, list) and all(map(_stands_alone, cell)):
        return ",".join(cell)
    return orjson.dumps(cell).decode()


def _stands_alone(value: str) -> bool:
    return value != "" and value == value.strip() and not _SEPARATORS & set(value)


_SEPARATORS = {",", ";", '"', "["}
