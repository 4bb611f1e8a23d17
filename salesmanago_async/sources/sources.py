"""Sources of records: iterables, async iterables, frames, and files, read lazily.

Files are CSV, JSONL, JSON, Parquet, Excel workbooks, and XML if they are product feeds.

Each file may be packed with gzip. A pipe or standard input (`-`) is copied to a temporary file before anything is sent.

A source yields *rows* (a record, or the cells of a line) with their line numbers. It can turn a row into a checked
body, and into the record as the caller gave it. A row that cannot be read is a `BrokenRow`: it becomes a rejected
record like any other, and reading continues after it.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

from attrs import evolve

from ..api.codegen import Body
from ..errors import Invalid
from ..outcome import RecordT
from ..records.class_rows import row_reader
from ..records.columns import NoContactColumn, UnknownColumns
from ..records.compiled import Encoded
from ..records.encoders import Encoder
from ..records.shapes import Shape
from .arrow import ArrowArray, ArrowSource, ArrowStream, BatchRows, is_stream, rows_of_all
from .columns import renamed
from .content import STDIN, Content
from .csv_files import CsvFile
from .encodings import encoding_of
from .excel_files import ExcelFile
from .formats import check_is_text, check_looks_like, format_of
from .inspection import Inspection, SuspectRow, notes_of
from .json_files import JsonArrayFile
from .jsonl_files import JsonLinesFile
from .options import FileFormat, ReadOptions
from .parquet_files import ParquetFile
from .refusals import refuse
from .text_files import BEGINNING, Row
from .warnings import ReadWarning
from .xml_files import XmlFile


class Source(Protocol):
    """The interface that a run reads from."""

    def rows(self) -> Iterator[Row] | AsyncGenerator[Row]:
        """Yield every row with its line in its file (from 1), or None."""
        ...

    def body(self, row: Any) -> Body:
        """Return the checked body; raise `Invalid` naming the field and the rule."""
        ...

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder of a row, with these tags added: it returns the body's bytes and its contact's names."""
        ...

    def record(self, row: Any) -> Any:
        """Return the row as the caller gave it."""
        ...

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was taken and looks wrong, as far as the source was read."""
        ...

    def file_of(self, row: Any) -> str | None:
        """Return the path of the file that contains the row."""
        ...


InputFile: TypeAlias = CsvFile | JsonLinesFile | JsonArrayFile | ParquetFile | XmlFile  # an ExcelFile is a CsvFile

GivenSource: TypeAlias = Iterable[Any] | AsyncIterable[Any] | ArrowStream | ArrowArray | str | PathLike[str] | Source
"""What a caller may give: records, a frame or a stream of Arrow data, the path of a file, or one of the sources."""


FileOrFrame: TypeAlias = str | PathLike[str] | ArrowStream | ArrowArray | Source
"""Sources whose records are rows."""
GivenRecords: TypeAlias = Iterable[RecordT] | AsyncIterable[RecordT]
"""Sources whose records are the caller's own."""


def open_source(given: GivenSource, shape: Shape, reading: ReadOptions | None = None) -> Source:
    """Return the source for what a caller gave: records, or the path of a file (its suffix determines the format)."""
    reading = reading or ReadOptions()
    if isinstance(given, InputFile | ArrowSource | FileSource):
        return given
    refuse(given)
    if isinstance(given, str | PathLike):
        return open_file(Path(given), shape, reading)
    if is_stream(given):
        return ArrowSource(given, shape.read_by(reading.rules), reading)
    return RecordSource(cast("Iterable[Any] | AsyncIterable[Any]", given), shape, reading)


_CLASSES: dict[FileFormat, type[InputFile]] = {
    "csv": CsvFile,
    "jsonl": JsonLinesFile,
    "json": JsonArrayFile,
    "parquet": ParquetFile,
    "xlsx": ExcelFile,
    "xml": XmlFile,
}


def open_file(path: Path, shape: Shape, reading: ReadOptions) -> InputFile:
    """Return the source for a file; raise `Invalid` naming the file if it cannot be read."""
    kind = format_of(path, reading.format)
    name = "standard input" if path == STDIN else str(path)
    try:
        content = Content(path)
        if kind in {"csv", "jsonl", "json"}:
            _check_beginning(content, kind, reading.encoding)
        return _CLASSES[kind](content, shape.read_by(reading.rules), reading)
    except (UnknownColumns, NoContactColumn) as error:
        raise error.in_file(name) from None
    except Invalid as error:
        raise Invalid(str(error).removeprefix(f"{path}: "), field=name) from None
    except (OSError, ValueError) as error:  # ValueError: the path is invalid because it contains a NUL
        raise Invalid(f"cannot be read: {getattr(error, 'strerror', None) or error}", field=name) from error


def columns_in(source: Source) -> Sequence[str] | None:
    """Return the columns of a table that are read; None if each record names its fields itself."""
    if isinstance(source, FileSource):
        found = [columns_in(file) for file in source.files]
        return None if None in found else tuple(dict.fromkeys(chain.from_iterable(names for names in found if names)))
    return source.columns if isinstance(source, CsvFile | ParquetFile | ArrowSource) else None


def _check_beginning(content: Content, kind: FileFormat, encoding: str | None) -> None:
    beginning = content.beginning(BEGINNING)
    check_is_text(beginning)
    try:
        text = beginning.decode(encoding_of(beginning, encoding), "replace")
    except UnicodeError:  # a codec such as idna, which replaces nothing: reading names the line
        return
    check_looks_like(text.removeprefix("\ufeff"), kind)


class RecordSource:
    """Records from the program itself; if the first is a frame or a record batch, all are, and their rows are read."""

    def __init__(
        self, records: Iterable[Any] | AsyncIterable[Any], shape: Shape, reading: ReadOptions | None = None
    ) -> None:
        self._records = records
        self._reading = reading or ReadOptions()
        self._shape = shape.read_by(self._reading.rules)
        self._shape.check_mapped(self._reading.columns)
        self._encoders: list[tuple[Encoder, Sequence[str]]] = []
        self._batches: BatchRows | None = None
        self._inspection = Inspection(self._reading, self._shape)

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was taken and looks wrong in the records that were looked at."""
        if self._batches:
            return self._batches.table.warnings
        return (*notes_of(self._shape), *self._inspection.warnings)

    def rows(self) -> Iterator[Row] | AsyncGenerator[Row]:
        """Yield every record; there are no line numbers."""
        if isinstance(self._records, AsyncIterable):
            return self._async_rows(aiter(self._records))
        if isinstance(self._records, list | tuple) and not (self._records and is_stream(self._records[0])):
            return self._inspection.rows(zip(self._records, repeat(None)))  # the commonest case
        return chain.from_iterable(self._from_first(iter(self._records)))

    def _from_first(self, records: Iterator[Any]) -> Iterator[Iterator[Row]]:
        """Yield the iterator of all rows: which one it is, the first record says."""
        for first in records:
            together = chain((first,), records)
            if is_stream(first):
                yield rows_of_all(self._begin_batches(first), together)
            else:
                yield self._inspection.rows(zip(together, repeat(None)))

    async def _async_rows(self, records: AsyncIterator[Any]) -> AsyncGenerator[Row]:
        """Yield every record, and close the caller's generator however the run ends."""
        inspection = self._inspection
        inspection.begin()
        try:
            async for record in records:
                if self._batches is None and not is_stream(record):
                    yield inspection.row((record, None))
                    break
                for row in (self._batches or self._begin_batches(record)).rows(record):
                    yield row, None
            async for record in records:
                yield (record, None) if inspection.is_over else inspection.row((record, None))
        finally:
            if isinstance(records, AsyncGenerator):
                await records.aclose()

    def _begin_batches(self, first: Any) -> BatchRows:
        """Read record batches from now on, with the columns of the first."""
        self._batches = BatchRows(first, self._shape, self._reading)
        for encoder, tags in self._encoders:
            encoder.encode = self._batches.table.encoder(tags).encode
        return self._batches

    def body(self, row: Any) -> Body:
        """Return the checked body of a record."""
        return self._batches.table.body(row) if self._batches else self._shape.body(self._object(row))

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for records, which adds these tags to each."""
        if self._batches:
            return self._batches.table.encoder(tags)
        encoder = self._shape.encoder(tags, self.body)
        if self._reading.columns:
            under_fields = self._shape.encoder(tags)
            encoder = Encoder(lambda row: under_fields.encode(self._object(row)))
        self._encoders.append((encoder, tags))
        return encoder

    def _object(self, row: Any) -> Any:
        """Return a record with the names of the fields; a value of the program has no other names."""
        if isinstance(row, SuspectRow):
            raise Invalid(row.reason)
        if not self._reading.columns:
            return row
        to_dict = dict if isinstance(row, Mapping) else row_reader(row)
        return renamed(to_dict(row), self._reading.columns, self._shape) if to_dict else row

    def record(self, row: Any) -> Any:
        """Return the record itself, or the row of a record batch as {column: value}."""
        if self._batches:
            return self._batches.table.record(row)
        return row.given if isinstance(row, SuspectRow) else row

    def file_of(self, row: Any) -> str | None:
        """Return None: records of a program have no file."""
        return None


class FileSource:
    """Several files, one after another, as one source."""

    def __init__(self, files: Sequence[InputFile]) -> None:
        self.files = files

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was taken and looks wrong, with the names of the files if there are several."""
        if len(self.files) == 1:
            return self.files[0].warnings
        return tuple(evolve(warning, file=str(file.path)) for file in self.files for warning in file.warnings)

    @property
    def bytes_read(self) -> int:
        """The bytes read of all files together."""
        return sum(file.bytes_read for file in self.files)

    @property
    def total_bytes(self) -> int:
        """The bytes of all files together."""
        return sum(file.total_bytes for file in self.files)

    def rows(self) -> Iterator[Row]:
        """Yield every row of every file."""
        for index, file in enumerate(self.files):
            for row, line in file.rows():
                yield (index, row), line

    def body(self, row: Any) -> Body:
        """Return the checked body, built by the row's file."""
        index, inner = cast("tuple[int, Any]", row)
        return self.files[index].body(inner)

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for rows, which uses the encoder of the row's file."""
        encoders = [file.encoder(tags) for file in self.files]

        def encode(row: Any) -> Encoded:
            index, inner = cast("tuple[int, Any]", row)
            return encoders[index].encode(inner)

        return Encoder(encode)

    def record(self, row: Any) -> Any:
        """Return the row as its file returns it."""
        index, inner = row
        return self.files[index].record(inner)

    def file_of(self, row: Any) -> str | None:
        """Return the path of the row's file."""
        index, inner = cast("tuple[int, Any]", row)
        return self.files[index].file_of(inner)
