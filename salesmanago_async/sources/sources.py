"""Sources of records: iterables, async iterables, and CSV, JSON lines, JSON, Parquet and Excel files, read lazily.

Each file may be packed with gzip. A pipe or standard input (`-`) is copied to a temporary file before anything is sent.

A source yields *rows* (a record, or the cells of a line) with their line numbers. It can turn a row into a checked
body, and into the record as the caller gave it. A row that cannot be read is a `BrokenRow`: it becomes a rejected
record like any other, and reading continues after it.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

from ..api.codegen import Body
from ..errors import Invalid
from ..records.compiled import Encoded
from ..records.encoders import Encoder
from ..records.shapes import Shape
from .content import STDIN, Content
from .csv_files import CsvFile
from .encodings import encoding_of
from .excel_files import ExcelFile
from .formats import check_is_text, check_looks_like, format_of
from .json_files import JsonArrayFile
from .jsonl_files import JsonLinesFile
from .options import FileFormat, ReadOptions
from .parquet_files import ParquetFile
from .text_files import BEGINNING, Row


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

    def file_of(self, row: Any) -> str | None:
        """Return the path of the file that contains the row."""
        ...


InputFile: TypeAlias = CsvFile | JsonLinesFile | JsonArrayFile | ParquetFile  # an ExcelFile is a CsvFile

GivenSource: TypeAlias = Iterable[Any] | AsyncIterable[Any] | str | PathLike[str] | Source
"""What a caller may give: records, the path of a file, or one of the source classes."""


def open_source(given: GivenSource, shape: Shape, reading: ReadOptions | None = None) -> Source:
    """Return the source for what a caller gave: records, or the path of a file (its suffix determines the format)."""
    if isinstance(given, str | PathLike):
        return open_file(Path(given), shape, reading or ReadOptions())
    if isinstance(given, CsvFile | JsonLinesFile | JsonArrayFile | ParquetFile | FileSource):
        return given
    if isinstance(given, Mapping):
        raise Invalid("is one mapping; give an iterable of records, or the path of a file", field="source")
    if not isinstance(given, Iterable | AsyncIterable):
        raise Invalid(
            f"is a {type(given).__name__}; give an iterable of records, or the path of a file", field="source"
        )
    return RecordSource(given, shape)


_CLASSES: dict[FileFormat, type[InputFile]] = {
    "csv": CsvFile,
    "jsonl": JsonLinesFile,
    "json": JsonArrayFile,
    "parquet": ParquetFile,
    "xlsx": ExcelFile,
}


def open_file(path: Path, shape: Shape, reading: ReadOptions) -> InputFile:
    """Return the source for a file; raise `Invalid` naming the file if it cannot be read."""
    kind = format_of(path, reading.format)
    name = "standard input" if path == STDIN else str(path)
    try:
        content = Content(path)
        if kind in {"csv", "jsonl", "json"}:
            _check_beginning(content, kind, reading.encoding)
        return _CLASSES[kind](content, shape, reading)
    except Invalid as error:
        raise Invalid(str(error).removeprefix(f"{path}: "), field=name) from None
    except (OSError, ValueError) as error:  # ValueError: the path is invalid because it contains a NUL
        raise Invalid(f"cannot be read: {getattr(error, 'strerror', None) or error}", field=name) from error


def _check_beginning(content: Content, kind: FileFormat, encoding: str | None) -> None:
    beginning = content.beginning(BEGINNING)
    check_is_text(beginning)
    text = beginning.decode(encoding_of(beginning, encoding), "replace")
    check_looks_like(text.removeprefix("\ufeff"), kind)


class RecordSource:
    """Records from the program itself."""

    def __init__(self, records: Iterable[Any] | AsyncIterable[Any], shape: Shape) -> None:
        self._records = records
        self._shape = shape

    def rows(self) -> Iterator[Row] | AsyncGenerator[Row]:
        """Yield every record; there are no line numbers."""
        if isinstance(self._records, AsyncIterable):
            return _async_rows(aiter(self._records))
        return zip(self._records, repeat(None))

    def body(self, row: Any) -> Body:
        """Return the checked body of a record."""
        return self._shape.body(row)

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for records, which adds these tags to each."""
        return self._shape.encoder(tags)

    def record(self, row: Any) -> Any:
        """Return the record itself."""
        return row

    def file_of(self, row: Any) -> str | None:
        """Return None: records of a program have no file."""
        return None


async def _async_rows(records: AsyncIterator[Any]) -> AsyncGenerator[Row]:
    """Yield every record, and close the caller's generator however the run ends."""
    try:
        async for record in records:
            yield record, None
    finally:
        if isinstance(records, AsyncGenerator):
            await records.aclose()


class FileSource:
    """Several files, one after another, as one source."""

    def __init__(self, files: Sequence[InputFile]) -> None:
        self.files = files

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
