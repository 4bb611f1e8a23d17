"""Parquet files, read a batch of rows at a time with pyarrow (the extra `parquet`): see arrow.py."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import Invalid
from ..extras import check_parquet
from ..records.shapes import Shape
from .arrow import TableRows, TableSource
from .content import Content, content_of
from .encodings import TextForm
from .options import FileFormat, ReadOptions
from .text_files import Row

BATCH = 4000
"""How many rows pyarrow reads at a time: fewer take longer, more take memory."""
BUFFER = 256 * 1024
"""Bytes of each column that are read at a time, however large the row groups of the file are."""


class ParquetFile(TableSource):
    """A Parquet file; its row numbers, from 1, count as lines."""

    format: FileFormat = "parquet"
    form = TextForm("utf-8")
    """The form of a rejects file of its rows."""

    def __init__(self, path: Path | Content, shape: Shape, reading: ReadOptions) -> None:
        check_parquet()
        self.content = content_of(path)
        self.path = self.content.path
        self.total_bytes = self.content.total_bytes
        with self._opened() as file:
            self._rows = file.metadata.num_rows
            self._table = TableRows(file.schema_arrow, shape, reading, has_lines=True)
        self.header = self._table.header
        self._read = 0

    @property
    def bytes_read(self) -> int:
        """The bytes read so far, estimated from the number of rows read."""
        return self.total_bytes * self._read // self._rows if self._rows else self.total_bytes

    def rows(self) -> Iterator[Row]:
        """Yield every row."""
        self._table.inspection.begin()
        self._read = 0
        return chain.from_iterable(self._numbered_batches())

    def _numbered_batches(self) -> Iterator[Iterator[Row]]:
        with self._opened() as file:
            for piece in chain.from_iterable(map(self._table.slices, _batches(file, self.path))):
                first = self._read + 1
                self._read += piece.num_rows
                yield zip(self._table.converted(piece), range(first, self._read + 1), strict=True)

    def file_of(self, row: Any) -> str | None:
        """Return the file's path."""
        return str(self.path)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        import pyarrow
        import pyarrow.parquet

        # INT96 has nanoseconds of any year: read as such, times after the year 2262 become other times
        options = {"buffer_size": BUFFER, "pre_buffer": False, "coerce_int96_timestamp_unit": "us"}
        options["page_checksum_verification"] = True  # without it, a damaged page is read as other values
        with self.content.unpacked() as content:
            try:
                file = pyarrow.parquet.ParquetFile(content, **options)
            except pyarrow.ArrowInvalid as error:
                raise Invalid(f"is not a Parquet file, or is damaged: {error}") from None
            with file:
                yield file


def _batches(file: Any, path: Path) -> Iterator[Any]:
    import pyarrow

    try:
        yield from file.iter_batches(batch_size=BATCH, use_threads=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise Invalid(f"cannot be read further: {error}", field=str(path)) from None
