"""Writes records to a file or to standard output: as JSON, JSON lines, CSV or Parquet, by suffix or by name.

A file that has its name is complete: it is written under another name, flushed to the disk, and renamed at the end.
"""

import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any, Literal, Protocol, TypeAlias

import anyio.to_thread
from attrs import field, frozen

from ..atomic_file import AtomicFile, target_of_link
from ..errors import Invalid
from ..extras import check_parquet
from .csv_tables import CsvTable
from .damage import Damage
from .flat import dump_flat
from .json_files import Dump, JsonArray, JsonLines
from .json_files import dump_record as dump_record  # for modules that write JSON themselves
from .parquet import ParquetTable

Format: TypeAlias = Literal["json", "jsonl", "csv", "parquet"]
"""The format in which records are written."""

RecordShape: TypeAlias = Literal["documented", "flat"]
"""The shape of records in JSON and JSON lines: as the server's file has them, or the flat row that CSV has."""

STDOUT = "-"
"""The name of standard output."""

SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
}


@frozen(kw_only=True)
class Saved:
    """The progress of a save: records written, and bytes received of the server's file, of `total` (None: unknown).

    `damaged` says what was damaged in the records written.
    """

    records: int
    received: int = 0
    total: int | None = None
    damaged: Damage = field(factory=Damage)


@frozen(kw_only=True)
class Destination:
    """Where records are written, and how. `path` is None for standard output."""

    path: Path | None
    format: Format
    safe_cells: bool = True
    shape: RecordShape = "documented"


class _Writer(Protocol):
    def write(self, records: Sequence[Any]) -> None:
        """Add records."""

    def finish(self) -> Iterator[None]:
        """Write what is not written yet, in steps; the caller may stop between two of them."""
        ...

    def close(self) -> None:
        """Release files and memory, whether finished or not."""


def target_of(
    to: str | PathLike[str],
    *,
    format: Format | None = None,  # noqa: A002 - the usual name in libraries that write files
    safe_cells: bool = True,
    shape: RecordShape = "documented",
) -> Destination:
    """Return the destination of that name; raise `Invalid` if it cannot be written in that format.

    `to` is a path, or "-" for standard output. Without a `format` the suffix of the path decides; "-" gets JSON lines.
    `shape` is the shape of records in JSON and JSON lines; CSV and Parquet are always flat.
    """
    if str(to) == STDOUT:
        target = Destination(path=None, format=format or "jsonl", safe_cells=safe_cells, shape=shape)
        if target.format == "parquet" and sys.stdout.isatty():
            raise Invalid("Parquet is a binary format, and standard output is a terminal: name a file", field=STDOUT)
    else:
        path = Path(to)
        target = Destination(path=path, format=format or _format_of(path), safe_cells=safe_cells, shape=shape)
        _check_place(path)
    if target.format not in _WRITERS:
        raise Invalid(f"is {format!r}, not one of {', '.join(_WRITERS)}", field="format")
    if shape not in _DUMPS:
        raise Invalid(f"is {shape!r}, not one of {', '.join(_DUMPS)}", field="shape")
    if target.format == "parquet":
        check_parquet("format")
    return target


def _format_of(path: Path) -> Format:
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise Invalid(f"ends in none of {', '.join(SUFFIXES)}; or name the format", field=str(path))
    return found


def _check_place(path: Path) -> None:
    try:
        if not path.parent.is_dir():
            raise Invalid(f"there is no folder {path.parent}", field=str(path))
        if path.is_dir():
            raise Invalid("is a folder", field=str(path))
        target_of_link(path)
        is_other = path.exists() and not path.is_file()
    except Invalid:
        raise
    except (OSError, ValueError) as error:  # ValueError: the path contains a NUL
        raise Invalid(f"cannot be written: {getattr(error, 'strerror', None) or error}", field=str(path)) from None
    if is_other:
        raise Invalid(
            "is a pipe or a device, and cannot be replaced by a file; '-' is standard output", field=str(path)
        )


class Saving:
    """Receives the records of a save. It writes in a thread, because disks and pipes may be slow."""

    def __init__(self, target: Destination, placed: AtomicFile | None) -> None:
        self._name = str(target.path or "standard output")
        self._placed = placed
        self._file: IO[bytes] = placed.file if placed else sys.stdout.buffer
        self._writer = _WRITERS[target.format](self._file, target)
        self.written = 0

    async def write(self, records: Sequence[Any]) -> None:
        """Write records, in the form that they have in the server's file."""
        await anyio.to_thread.run_sync(self._write, records)
        self.written += len(records)

    async def finish(self) -> None:
        """Write the rest, and give the file its name."""
        steps = self._steps()
        while await anyio.to_thread.run_sync(next, steps, _END) is not _END:
            pass

    def close(self) -> None:
        """Release everything; a file that did not get its name is removed."""
        self._writer.close()
        if self._placed:
            self._placed.discard()

    def _write(self, records: Sequence[Any]) -> None:
        with _naming(self._name):
            self._writer.write(records)
            if not self._placed:
                self._file.flush()

    def _steps(self) -> Iterator[None]:
        """Write the rest in steps; the caller may stop between two of them."""
        with _naming(self._name):
            yield from self._writer.finish()
            if self._placed:
                self._placed.commit()
            else:
                self._file.flush()


_END: Any = object()


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Add the name of the file to errors of the disk."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = name
        raise


@asynccontextmanager
async def saving(
    to: str | PathLike[str] | Destination,
    *,
    format: Format | None = None,  # noqa: A002 - the usual name in libraries that write files
    safe_cells: bool = True,
    shape: RecordShape = "documented",
    keeps_old: bool = False,
) -> AsyncGenerator[Saving]:
    """Open a destination for records: `await sink.write(records)` writes some.

    The file appears under its name when the block ends without an error; otherwise a file that had the name stays. See
    `target_of` for `to`, `format` and `shape`. `safe_cells` keeps spreadsheets from running cells of a CSV file as
    formulas. CSV and Parquet files are written when the block ends, because their columns are not known before: until
    then the rows are in an unnamed temporary file in the folder of the target. With `keeps_old` a file that had the
    name also stays if no record was written.

    Raises `Invalid` if the file cannot be created, and OSError, with its name, if it cannot be written: a full disk.
    """
    target = to if isinstance(to, Destination) else target_of(to, format=format, safe_cells=safe_cells, shape=shape)
    sink = Saving(target, AtomicFile(target.path) if target.path else None)
    try:
        yield sink
        if sink.written or not keeps_old:
            await sink.finish()
    finally:
        sink.close()


def _folder(target: Destination) -> Path | None:
    """Return the folder for rows whose columns are not known yet: the target's own, which must have space for them."""
    return target.path.parent if target.path else None


_DUMPS: dict[RecordShape, Dump] = {"documented": dump_record, "flat": dump_flat}

_WRITERS: dict[Format, Callable[[IO[bytes], Destination], _Writer]] = {
    "json": lambda file, target: JsonArray(file, _DUMPS[target.shape]),
    "jsonl": lambda file, target: JsonLines(file, _DUMPS[target.shape]),
    "csv": lambda file, target: CsvTable(file, _folder(target), safe_cells=target.safe_cells),
    "parquet": lambda file, target: ParquetTable(file, _folder(target)),
}
