"""Records → a file, or standard output: JSON, JSON lines, CSV or Parquet, by suffix or by name.

A file that has its name is complete: it is written under another one, brought to the disk and renamed at the end.
"""

import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any, Literal, Protocol, TypeAlias

import anyio.to_thread
from attrs import field, frozen

from ..errors import Invalid
from ..extras import check_parquet
from ._placing import PlacedFile, target_of_link
from .csv_tables import CsvTable
from .damage import Damage
from .json_files import JsonArray, JsonLines
from .json_files import dump_record as dump_record  # for those who write JSON themselves
from .parquet import ParquetTable

Format: TypeAlias = Literal["json", "jsonl", "csv", "parquet"]
"""How records are written."""

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
    """How far a save is: records written; bytes of the server's file that have come, of how many (None: not told).

    `damaged` says what was damaged in the records written.
    """

    records: int
    received: int = 0
    total: int | None = None
    damaged: Damage = field(factory=Damage)


@frozen(kw_only=True)
class Destination:
    """Where records go, and how. `path` is None for standard output."""

    path: Path | None
    format: Format
    safe_cells: bool = True


class _Writer(Protocol):
    def write(self, records: Sequence[Any]) -> None:
        """Take records."""

    def finish(self) -> Iterator[None]:
        """Write what is not written yet, in steps between which it can be given up."""
        ...

    def close(self) -> None:
        """Let go of what is held, finished or not."""


def target_of(to: str | PathLike[str], *, format: Format | None = None, safe_cells: bool = True) -> Destination:  # noqa: A002
    """Return the target of that name; raise `Invalid` for one that cannot be written in that format.

    `to` is a path or "-", standard output. Without a `format` the path's suffix decides, and "-" gets lines of JSON.
    """
    if str(to) == STDOUT:
        target = Destination(path=None, format=format or "jsonl", safe_cells=safe_cells)
        if target.format == "parquet" and sys.stdout.isatty():
            raise Invalid("Parquet is nothing to be read on a terminal: name a file", field=STDOUT)
    else:
        path = Path(to)
        target = Destination(path=path, format=format or _format_of(path), safe_cells=safe_cells)
        _check_place(path)
    if target.format not in _WRITERS:
        raise Invalid(f"is {format!r}, not one of {', '.join(_WRITERS)}", field="format")
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
    except (OSError, ValueError) as error:  # ValueError: the path itself is none, as it holds a NUL
        raise Invalid(f"cannot be written: {getattr(error, 'strerror', None) or error}", field=str(path)) from None
    if is_other:
        raise Invalid(
            "is a pipe or a device, which no file can take the place of; '-' is standard output", field=str(path)
        )


class Saving:
    """Takes the records of a save. Its work is done in a thread: disks and pipes may be slow."""

    def __init__(self, target: Destination, placed: PlacedFile | None) -> None:
        self._name = str(target.path or "standard output")
        self._placed = placed
        self._file: IO[bytes] = placed.file if placed else sys.stdout.buffer
        self._writer = _WRITERS[target.format](self._file, target)
        self.written = 0

    async def write(self, records: Sequence[Any]) -> None:
        """Write records, as a file of the server has them."""
        await anyio.to_thread.run_sync(self._write, records)
        self.written += len(records)

    async def finish(self) -> None:
        """Write what is left, and give the file its name."""
        steps = self._steps()
        while await anyio.to_thread.run_sync(next, steps, _END) is not _END:
            pass

    def close(self) -> None:
        """Let go of everything; of a file that has not got its name, nothing stays."""
        self._writer.close()
        if self._placed:
            self._placed.discard()

    def _write(self, records: Sequence[Any]) -> None:
        with _naming(self._name):
            self._writer.write(records)
            if not self._placed:
                self._file.flush()

    def _steps(self) -> Iterator[None]:
        """Do the rest piece by piece, so that it can be given up between two."""
        with _naming(self._name):
            yield from self._writer.finish()
            if self._placed:
                self._placed.place()
            else:
                self._file.flush()


_END: Any = object()


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Have an error of the disk say which file it is about."""
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
    format: Format | None = None,  # noqa: A002 - what it is called where files are written
    safe_cells: bool = True,
) -> AsyncGenerator[Saving]:
    """Open what records are saved to, and give it: `await sink.write(records)` writes some.

    The file appears under its name when the block ends without an error; otherwise nothing does, and a file that had
    the name stays. See `target_of` for `to` and `format`. `safe_cells` keeps spreadsheets from running cells of a CSV
    file as formulas. CSV and Parquet are written when the block ends, as their columns are not known before: until then
    the rows lie in an unnamed temporary file beside the target.

    Raises `Invalid` where the file cannot be made, and OSError, naming it, where it cannot be written: a full disk.
    """
    target = to if isinstance(to, Destination) else target_of(to, format=format, safe_cells=safe_cells)
    sink = Saving(target, PlacedFile(target.path) if target.path else None)
    try:
        yield sink
        await sink.finish()
    finally:
        sink.close()


def _folder(target: Destination) -> Path | None:
    """Return where rows lie until their columns are known: beside the target, where there is room for them."""
    return target.path.parent if target.path else None


_WRITERS: dict[Format, Callable[[IO[bytes], Destination], _Writer]] = {
    "json": lambda file, _: JsonArray(file),
    "jsonl": lambda file, _: JsonLines(file),
    "csv": lambda file, target: CsvTable(file, _folder(target), safe_cells=target.safe_cells),
    "parquet": lambda file, target: ParquetTable(file, _folder(target)),
}
