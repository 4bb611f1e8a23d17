"""Writes records as Parquet, with pyarrow (the extra `parquet`)."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeAlias

from .flat import DOCUMENTED
from .tables import Column, Kind, StoredCell, Table, text_of

GROUP_ROWS, GROUP_BYTES = 100_000, 32 * 1024 * 1024
"""The most rows of a row group, and about the most bytes, as Arrow counts them."""


class ParquetTable:
    """Writes one row for each record, with the columns that `flat` names; `finish` writes all rows at the end.

    The type of a column is bool, int64, float64, timestamp[ms, UTC], list<string> or string, by its cells; a column
    with cells of several types becomes string, as in CSV.
    """

    def __init__(self, file: IO[bytes], folder: Path | None) -> None:
        self._file = _CountingFile(file)
        self._table = Table(folder)

    def write(self, records: Sequence[Any]) -> None:
        """Add records."""
        self._table.add(records)

    def finish(self) -> Iterator[None]:
        """Write the rows in row groups, one block in each step."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = self._table.columns
        kinds = [_kind_of(column) for column in columns]
        schema = pa.schema([(column.name, _type_of(kind, pa)) for column, kind in zip(columns, kinds, strict=True)])
        convert = [_CONVERSIONS.get(kind, text_of) for kind in kinds]
        writer = pq.ParquetWriter(self._file, schema)
        group: list[Any] = []
        for block in self._table.blocks():
            group.append(_batch(block, convert, schema, pa))
            if _is_full(group):
                writer.write_table(pa.Table.from_batches(group), row_group_size=GROUP_ROWS)
                group.clear()
            yield
        if group:
            writer.write_table(pa.Table.from_batches(group), row_group_size=GROUP_ROWS)
        writer.close()

    def close(self) -> None:
        """Delete the rows. After this, pyarrow's writer cannot complete a file that was cut."""
        self._file.is_open = False
        self._table.close()


class _CountingFile:
    """A file for pyarrow that counts its bytes, because a pipe cannot report its position."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._place = 0
        self.is_open = True
        self.closed = False

    def write(self, content: Any) -> int:
        """Write to the file; discard the bytes if the file was closed."""
        length = len(memoryview(content).cast("B"))
        if self.is_open:
            self._file.write(content)
        self._place += length
        return length

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._place

    def flush(self) -> None:
        """Do nothing: the owner of the file flushes it."""

    def readable(self) -> bool:
        """Return False."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return False."""
        return False


Convert: TypeAlias = Callable[[Any], Any]


def _batch(block: Sequence[Sequence[StoredCell]], convert: Sequence[Convert], schema: Any, pa: Any) -> Any:
    arrays = [
        pa.array([None if cell is None else make(cell) for cell in cells], field.type)
        for cells, make, field in zip(zip(*block, strict=True), convert, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _is_full(group: Sequence[Any]) -> bool:
    return sum(len(batch) for batch in group) >= GROUP_ROWS or sum(batch.nbytes for batch in group) >= GROUP_BYTES


def _kind_of(column: Column) -> Kind:
    """Return the type of a column; use the documented type if its cells are all empty, or happen to be integers."""
    documented = _DOCUMENTED.get(DOCUMENTED.get(column.name), Kind.NOTHING)
    if column.kind is Kind.NOTHING or (column.kind, documented) == (Kind.INTEGER, Kind.FLOAT):
        return documented
    return column.kind


def _type_of(kind: Kind, pa: Any) -> Any:
    types = {
        Kind.BOOLEAN: pa.bool_(),
        Kind.TIME: pa.timestamp("ms", tz="UTC"),
        Kind.LIST: pa.list_(pa.string()),
        **dict.fromkeys(_INTEGERS, pa.int64()),
        **dict.fromkeys(_FLOATS, pa.float64()),
    }
    return types.get(kind, pa.string())


_INTEGERS = (Kind.INTEGER, Kind.LARGE_INTEGER, Kind.INTEGER | Kind.LARGE_INTEGER)
_FLOATS = (Kind.FLOAT, Kind.FLOAT | Kind.INTEGER)


def _as_it_is(cell: StoredCell) -> StoredCell:
    return cell


_DOCUMENTED: dict[Any, Kind] = {
    int: Kind.INTEGER,
    float: Kind.FLOAT,
    bool: Kind.BOOLEAN,
    datetime: Kind.TIME,
}
_CONVERSIONS: dict[Kind, Convert] = {
    Kind.BOOLEAN: _as_it_is,
    Kind.LIST: _as_it_is,
    Kind.TIME: datetime.fromisoformat,
    **dict.fromkeys(_INTEGERS, _as_it_is),
    **dict.fromkeys(_FLOATS, float),
}
