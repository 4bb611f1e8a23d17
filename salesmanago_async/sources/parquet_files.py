"""Parquet files, read a batch of rows at a time with pyarrow (the extra `parquet`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import Invalid
from ..extras import check_parquet
from ..records.shapes import Shape
from .content import Content, content_of
from .object_rows import ObjectRows
from .options import FileFormat, ReadOptions
from .text_files import BrokenRow, Row, check_columns

BATCH = 1000
BUFFER = 256 * 1024
"""Bytes of each column that are read at a time, however large the row groups of the file are."""


class ParquetFile(ObjectRows):
    """A Parquet file; its row numbers, from 1, count as lines."""

    format: FileFormat = "parquet"
    encoding = "utf-8"
    """The encoding of a rejects file of its rows."""

    def __init__(self, path: Path | Content, shape: Shape, reading: ReadOptions) -> None:
        super().__init__(shape, reading.columns)
        check_parquet()
        self.content = content_of(path)
        self.path = self.content.path
        self.total_bytes = self.content.total_bytes
        with self._opened() as file:
            self._rows = file.metadata.num_rows
            self.header: list[str] = file.schema_arrow.names
        self._read = 0
        check_columns(self.header, self._columns)
        names = [self._columns.get(name, name) for name in self.header]
        shape.check_names(names)

    @property
    def bytes_read(self) -> int:
        """The bytes read so far, estimated from the number of rows read."""
        return self.total_bytes * self._read // self._rows if self._rows else self.total_bytes

    def rows(self) -> Iterator[Row]:
        """Yield every row, with the names of its columns."""
        self._read = 0
        with self._opened() as file:
            for batch in _batches(file, self.path):
                for row in batch:
                    self._read += 1
                    yield row, self._read

    def file_of(self, row: Any) -> str | None:
        """Return the file's path."""
        return str(self.path)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        import pyarrow
        import pyarrow.parquet

        with self.content.unpacked() as content:
            try:
                file = pyarrow.parquet.ParquetFile(content, buffer_size=BUFFER, pre_buffer=False)
            except pyarrow.ArrowInvalid as error:
                raise Invalid(f"is not a Parquet file, or is damaged: {error}") from None
            with file:
                yield file


def _batches(file: Any, path: Path) -> Iterator[list[Any]]:
    import pyarrow

    try:
        for batch in file.iter_batches(batch_size=BATCH):
            yield _rows_of(_with_plain_types(batch))
    except (pyarrow.ArrowException, OSError) as error:
        raise Invalid(f"cannot be read further: {error}", field=str(path)) from None


def _with_plain_types(batch: Any) -> Any:
    """Return the batch with columns that become plain Python values: whole numbers, text, times in microseconds."""
    import pyarrow

    columns = [_plain_column(column) for column in batch.columns]
    return pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _plain_column(column: Any) -> Any:
    import pyarrow
    from pyarrow import types

    kind = column.type
    try:
        if types.is_floating(kind):  # pandas turns whole numbers into floats if a value is missing
            return column.cast(pyarrow.int64())
        if types.is_binary(kind) or types.is_large_binary(kind):  # text without the annotation that it is text
            return column.cast(pyarrow.string())
        if types.is_timestamp(kind) and kind.unit == "ns":
            return column.cast(pyarrow.timestamp("us", tz=kind.tz), safe=False)
    except pyarrow.ArrowInvalid:  # the values do not fit the plainer type: keep the declared one
        pass
    return column


def _rows_of(batch: Any) -> list[Any]:
    """Return the rows; if one cannot be read, only that one is broken."""
    try:
        rows: list[Any] = batch.to_pylist(maps_as_pydicts="lossy")
    except ValueError:
        rows = [_row_of(batch.slice(index, 1)) for index in range(batch.num_rows)]
    return rows


def _row_of(batch: Any) -> Any:
    try:
        [row] = batch.to_pylist(maps_as_pydicts="lossy")
    except ValueError as error:
        return BrokenRow("", f"cannot be read: {error}")
    return row
