"""Where records come from: iterables, async iterables, CSV and JSONL files; all read lazily, in blocks.

A source gives *rows* (a record, or the cells of a line) with their line, and knows how to make of a row a checked body,
and the record as the caller gave it. A row that cannot even be read is `Broken`: it becomes a rejected record like any
other, and what stands after it is read on.
"""

import codecs
import csv
import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any, Protocol, Self, TypeAlias, cast

import orjson
from attrs import define, field, frozen

from ..api._lanes import Body, Lane
from ..errors import Invalid
from .shapes import ExtraColumns, Shape

BEGINNING = 64 * 1024
"""How many bytes of a file are looked at to find out its encoding."""

Row: TypeAlias = tuple[Any, int | None]


@frozen
class Broken:
    """A piece of a file that is no row: its text, and what is wrong with it."""

    text: str
    reason: str


class Source(Protocol):
    """What a run reads."""

    def rows(self) -> Iterator[Row] | AsyncGenerator[Row]:
        """Give every row, with its line in its file (from 1), or None."""
        ...

    def body(self, row: Any) -> Body:
        """Return the checked body; raise `Invalid` naming the field and the rule."""
        ...

    def record(self, row: Any) -> Any:
        """Return the row as the caller gave it."""
        ...

    def file_of(self, row: Any) -> str | None:
        """Return the path of the file that the row is from."""
        ...


@frozen(kw_only=True)
class Reading:
    """How a file is read: its columns' new names, its encoding and delimiter where they are not to be guessed."""

    extra_columns: ExtraColumns = "error"
    columns: Mapping[str, str] = field(factory=dict)
    encoding: str | None = None
    delimiter: str | None = None


GivenSource: TypeAlias = Iterable[Any] | AsyncIterable[Any] | str | PathLike[str] | Source
"""What a caller may give: records, the path of a file, or a source of these classes."""


def open_source(given: GivenSource, shape: Shape, reading: Reading | None = None) -> Source:
    """Return the source for what a caller gave: records, or the path of a file (by suffix .csv .tsv .txt .jsonl)."""
    if isinstance(given, str | PathLike):
        return open_file(Path(given), shape, reading or Reading())
    if isinstance(given, CsvFile | JsonLinesFile | Files):
        return given
    if isinstance(given, Mapping):
        raise Invalid("is one mapping; give an iterable of records, or the path of a file", field="source")
    if not isinstance(given, Iterable | AsyncIterable):
        raise Invalid(
            f"is a {type(given).__name__}; give an iterable of records, or the path of a file", field="source"
        )
    return Records(given, shape)


def open_file(path: Path, shape: Shape, reading: Reading) -> "CsvFile | JsonLinesFile":
    """Return the source for a file; raise `Invalid` naming the file where it cannot be read."""
    kinds: dict[str, type[CsvFile | JsonLinesFile]] = {
        ".csv": CsvFile,
        ".tsv": CsvFile,
        ".txt": CsvFile,
        ".jsonl": JsonLinesFile,
        ".ndjson": JsonLinesFile,
    }
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise Invalid(f"ends in none of {', '.join(kinds)}", field=str(path))
    if path.exists() and not path.is_file() and not path.is_dir():
        raise Invalid("is a pipe or a device, and a file has to be read twice; save it first", field=str(path))
    try:
        return kind(path, shape, reading)
    except OSError as error:
        raise Invalid(f"cannot be read: {error.strerror}", field=str(path)) from error
    except Invalid as error:
        raise Invalid(str(error).removeprefix(f"{path}: "), field=str(path)) from None


class Records:
    """Records that the program gives."""

    def __init__(self, records: Iterable[Any] | AsyncIterable[Any], shape: Shape) -> None:
        self._records = records
        self._shape = shape

    def rows(self) -> Iterator[Row] | AsyncGenerator[Row]:
        """Give every record; there are no lines."""
        if isinstance(self._records, AsyncIterable):
            return _async_rows(aiter(self._records))
        return ((record, None) for record in self._records)

    def body(self, row: Any) -> Body:
        """Return the checked body of a record."""
        return self._shape.body(row)

    def record(self, row: Any) -> Any:
        """Return the record itself."""
        return row

    def file_of(self, row: Any) -> str | None:
        """Return None: records of a program have no file."""
        return None


async def _async_rows(records: AsyncIterator[Any]) -> AsyncGenerator[Row]:
    """Give every record, and close a generator of the caller's whatever ends the run."""
    try:
        async for record in records:
            yield record, None
    finally:
        if isinstance(records, AsyncGenerator):
            await records.aclose()


class JsonLinesFile:
    """A file with one JSON object a line; empty lines are passed over."""

    def __init__(self, path: Path, shape: Shape, reading: Reading) -> None:
        self.path = path
        self.total_bytes = path.stat().st_size
        self._progress = _Progress()
        self._shape = shape
        self._columns = reading.columns
        with path.open("rb") as file:
            self.encoding = _encoding_of(file.read(BEGINNING), reading.encoding)

    @property
    def bytes_read(self) -> int:
        """How far the file is read."""
        return self._progress.of(self.total_bytes)

    def rows(self) -> Iterator[Row]:
        """Give every line's object."""
        with _opened(self.path, self.encoding) as text:
            self._progress.watch(text)
            lines = _Lines(text)
            with _decoding(self.path, self.encoding, lines):
                for line in lines:
                    if line.strip():
                        yield _json_row(line), lines.number
                    lines.begin_row()

    def body(self, row: Any) -> Body:
        """Return the checked body of a line's object."""
        if isinstance(row, Broken):
            raise Invalid(row.reason)
        if not isinstance(row, dict):
            raise Invalid("is no JSON object")
        return self._shape.body(self._renamed(cast("dict[str, Any]", row)) if self._columns else row)

    def _renamed(self, record: dict[str, Any]) -> dict[str, Any]:
        renamed = {self._columns.get(name, name): value for name, value in record.items()}
        if len(renamed) < len(record):
            twice = next(field for name, field in self._columns.items() if name in record and field in record)
            raise Invalid("is given 2 times, once under another name", field=twice)
        return renamed

    def record(self, row: Any) -> Any:
        """Return the object, or the text of a line that is none."""
        return row.text if isinstance(row, Broken) else row

    def file_of(self, row: Any) -> str | None:
        """Return the file's path."""
        return str(self.path)


def _json_row(line: str) -> Any:
    try:
        return orjson.loads(line.encode("utf-8", "surrogateescape"))
    except orjson.JSONDecodeError as error:
        return Broken(line.rstrip("\r\n"), f"is no JSON: {error}")


class CsvFile:
    """A table with a header line. The delimiter (, ; tab |) is taken from the header; a BOM tells the encoding.

    Lines without any cell filled are passed over. Bytes that are no UTF-8 make their row a rejected one, not the file.
    """

    def __init__(self, path: Path, shape: Shape, reading: Reading) -> None:
        self.path = path
        self.total_bytes = path.stat().st_size
        self._progress = _Progress()
        with path.open("rb") as file:
            self.encoding = _encoding_of(file.read(BEGINNING), reading.encoding)
        with _opened(path, self.encoding) as text:
            lines = _Lines(text)
            with _decoding(path, self.encoding, lines):
                self.delimiter = reading.delimiter or _delimiter_of(lines)
                lines.give_back_all()
                self.header = [name.strip() for name in self._header(self._reader(lines))]
        self._nameless = [index for index, name in enumerate(self.header) if not name]  # after a trailing delimiter
        self._lane = _lane_of_header(self.header, shape, reading.columns)

    @property
    def bytes_read(self) -> int:
        """How far the file is read."""
        return self._progress.of(self.total_bytes)

    def rows(self) -> Iterator[Row]:
        """Give the cells of every row, with the line it begins at."""
        with _opened(self.path, self.encoding) as text:
            self._progress.watch(text)
            lines = _Lines(text)
            reader = self._reader(lines)
            self._header(reader)
            with _decoding(self.path, self.encoding, lines):
                yield from self._rows(reader, lines)

    def _rows(self, reader: Iterator[list[str]], lines: "_Lines") -> Iterator[Row]:
        width = len(self.header)
        while True:
            lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _broken(lines, f"is no row of a CSV file: {error}"), lines.first
                continue
            if len(cells) != width and lines.number > lines.first:
                yield _broken(lines, f"has {len(cells)} cells, the header has {width}"), lines.first
            elif _has_content(cells):
                yield cells, lines.first

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        try:
            return csv.reader(lines, delimiter=self.delimiter, strict=True)
        except TypeError:
            raise Invalid(f"is {self.delimiter!r}, not one character", field="delimiter") from None

    def _header(self, reader: Iterator[list[str]]) -> list[str]:
        try:
            header = next(filter(_has_content, reader), None)
        except csv.Error as error:
            raise Invalid(f"the header is no row of a CSV file, is a quote left open? ({error})") from None
        if header is None:
            raise Invalid("has no header line: it is empty")
        return header

    def body(self, row: Any) -> Body:
        """Return the checked body of a row."""
        if isinstance(row, Broken):
            raise Invalid(row.reason)
        if len(row) != len(self.header):
            raise Invalid(f"has {len(row)} cells, the header has {len(self.header)}")
        for index in self._nameless:
            if row[index]:
                raise Invalid(f"has a cell in column {index + 1}, which has no name in the header")
        return self._lane(row)

    def record(self, row: Any) -> Any:
        """Return the row as {column: cell}, or the text of a piece that is no row."""
        if isinstance(row, Broken):
            return row.text
        if len(row) == len(self.header):
            return dict(zip(self.header, row, strict=True))
        return row

    def file_of(self, row: Any) -> str | None:
        """Return the file's path."""
        return str(self.path)


def _broken(lines: "_Lines", reason: str) -> Broken:
    """Make the row's first line a broken row, and have the lines it swallowed read again."""
    last = lines.number
    text = lines.give_back_all_but_first()
    if last > lines.first:
        return Broken(text, f"{reason}; its quotes reach to line {last}: is one left open?")
    return Broken(text, reason)


class Files:
    """Several files, one after the other, as one source."""

    def __init__(self, files: Sequence[CsvFile | JsonLinesFile]) -> None:
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
        """Give every row of every file."""
        for index, file in enumerate(self.files):
            for row, line in file.rows():
                yield (index, row), line

    def body(self, row: Any) -> Body:
        """Return the checked body, as the row's file makes it."""
        index, inner = cast("tuple[int, Any]", row)
        return self.files[index].body(inner)

    def record(self, row: Any) -> Any:
        """Return the row as its file has it."""
        index, inner = row
        return self.files[index].record(inner)

    def file_of(self, row: Any) -> str | None:
        """Return the path of the row's file."""
        index, inner = cast("tuple[int, Any]", row)
        return self.files[index].file_of(inner)


class _Lines:
    """The lines of a text file, which remembers those of the row being read, and takes some of them back."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self._given_back: deque[str] = deque()
        self._row: list[str] = []
        self.number = 0
        self.first = 1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._given_back.popleft() if self._given_back else next(self._text)
        self.number += 1
        self._row.append(line)
        return line

    def begin_row(self) -> None:
        """Say that the next line begins a row."""
        self._row.clear()
        self.first = self.number + 1

    def give_back_all_but_first(self) -> str:
        """Have the row's later lines read again, as rows of their own; return its first."""
        first, *self._row = self._row
        self.give_back_all()
        return first.rstrip("\r\n")

    def give_back_all(self) -> None:
        """Have the row's lines read again."""
        self._given_back.extendleft(reversed(self._row))
        self.number -= len(self._row)
        self._row.clear()


@define
class _Progress:
    """How far an open text file is read."""

    raw: IO[bytes] | None = None

    def watch(self, text: IO[str]) -> None:
        """Look at this file from now on."""
        self.raw = cast("Any", text).buffer.raw

    def of(self, total: int) -> int:
        """Return the bytes read: none before the file is opened, all once it is closed."""
        if self.raw is None:
            return 0
        return total if self.raw.closed else self.raw.tell()


def _opened(path: Path, encoding: str) -> IO[str]:
    """Open a text file so that bytes which are no text in its encoding spoil their own row only."""
    errors = "strict" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    return path.open(encoding=encoding, errors=errors, newline="")


@contextmanager
def _decoding(path: Path, encoding: str, lines: "_Lines") -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        place = f"line {lines.number + 1}"
        raise Invalid(f"{place} is not {encoding}, or one soon after: {error.reason}", field=str(path)) from None


def _has_content(cells: Sequence[str]) -> bool:
    return any(cell and not cell.isspace() for cell in cells)


def _encoding_of(beginning: bytes, given: str | None) -> str:
    """Return the encoding to read with: what was given, else what the byte order mark says, else UTF-8."""
    is_utf16 = beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        name = codecs.lookup(given).name if given else "utf-16" if is_utf16 else "utf-8"
    except LookupError:
        raise Invalid(f"there is no encoding {given!r}; try cp1250, iso8859-2 or utf-16", field="encoding") from None
    if b"\0" in beginning and not name.startswith(("utf-16", "utf-32")):
        raise Invalid("is not a text file")
    return "utf-8-sig" if name == "utf-8" and beginning.startswith(codecs.BOM_UTF8) else name


def _delimiter_of(lines: Iterable[str]) -> str:
    """Return what stands between the cells of the first line that has any."""
    header = next((line for line in lines if line.strip(" ,;\t|\r\n")), "")
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=unquoted.count)


def _lane_of_header(header: Sequence[str], shape: Shape, columns: Mapping[str, str]) -> Lane:
    for number, name in enumerate(header, 1):
        if name and header.index(name) < number - 1:
            raise Invalid(f"is given 2 times, in columns {header.index(name) + 1} and {number}", field=name)
        if not name.isprintable():
            raise Invalid(f"column {number} of the header, {name!a}, is not text; is the encoding right?")
    for name in columns:
        if name not in header:
            raise Invalid(f"there is no column {name!r} to map; the header has {', '.join(header)}")
    named = [index for index, name in enumerate(header) if name]
    names = [columns.get(header[index], header[index]) for index in named]
    return shape.lane_of_columns(names, lambda place: f"row[{named[place]}]")
