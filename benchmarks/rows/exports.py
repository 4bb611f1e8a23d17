"""The file of an export → its records: raw, typed, out of a ZIP; nothing is done with them, but they are all made.

The floor is `orjson.loads` of the whole file, whose bytes are in memory already; of a ZIP, of each part that zipfile
has unpacked. The collector is on, as it is in a program that leaves it alone; what it costs is told beside it. Peak
memory is that of a process of its own, the library included.

The floor gets slower with the size, as the collector looks through ever more. The targets are meant for a file of
500 MB, which takes the floor 4 GB of memory.
"""

import gc
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO
from zipfile import ZipFile

import anyio
import anyio.lowlevel
import orjson

from benchmarks.alone import alone
from benchmarks.export_files import PART_RECORDS, write_contacts, write_messages
from benchmarks.optional import installed
from benchmarks.rounds import cpu
from benchmarks.row import FLOOR, OURS, Row, Way, Ways, at_most, faster
from salesmanago_async.exports.archive import records_of
from salesmanago_async.exports.records import ArrayReader
from salesmanago_async.exports.shapes import as_it_is, contact_export, conversation_message

PIECE = 256 * 1024
CONTACT_BYTES = 1700

Read = Callable[[Any], Any]


async def _elements(file: BinaryIO) -> AsyncGenerator[list[Any]]:
    reader = ArrayReader()
    while piece := file.read(PIECE):
        for batch in reader.batches(piece):
            await anyio.lowlevel.checkpoint()
            yield batch
    yield reader.close()


async def _read(path: Path, read: Read) -> int:
    number = 0
    with path.open("rb") as file:
        async for batch in records_of(file) if path.suffix == ".zip" else _elements(file):
            for record in batch:
                read(record)
                number += 1
    return number


def read_all(path: Path, read: Read, count: int) -> None:
    """Read a file to its end, record by record; raise unless all are there."""
    found = anyio.run(_read, path, read)
    if found != count:
        raise RuntimeError(f"{found} of {count} records were read")


def read_raw(path: str, count: int) -> None:
    """Read a file to its end, in a process of its own."""
    read_all(Path(path), as_it_is, count)


def _quietly(act: Callable[[], None]) -> None:
    gc.disable()
    try:
        act()
    finally:
        gc.enable()


def _floor(*contents: bytes) -> Way:
    """Return the way that parses each at once; letting go of what came out is not counted."""
    parsing = [cpu(partial(orjson.loads, content)) for content in contents]
    return lambda: sum(parse() for parse in parsing)


def _unpack_and_parse(path: Path, parse: Callable[[bytes], Any]) -> None:
    with ZipFile(path) as archive:
        for name in archive.namelist():
            parse(archive.read(name))


def _ijson(path: Path) -> Way:
    module = installed("ijson")

    def read() -> None:
        with path.open("rb") as file:
            for _ in module.items(file, "item", use_float=True):
                pass

    return cpu(read) if module else None


@contextmanager
def _array(read: Read, size: int) -> Iterator[Ways]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.json"
        count = write_contacts(path, size * CONTACT_BYTES)
        content = path.read_bytes()
        ours = partial(read_all, path, read, count)
        yield {
            OURS: cpu(ours),
            FLOOR: _floor(content),
            "ours, collector quiet": cpu(lambda: _quietly(ours)),
            "json.load": cpu(lambda: json.loads(content)),
            "ijson": _ijson(path),
        }


@contextmanager
def _archive(size: int) -> Iterator[Ways]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "messages.zip"
        parts = max(1, size // PART_RECORDS)
        contents = write_messages(path, parts)
        yield {
            OURS: cpu(lambda: read_all(path, as_it_is, parts * PART_RECORDS)),
            FLOOR: cpu(lambda: _unpack_and_parse(path, orjson.loads)),
            "orjson.loads of what was unpacked before": _floor(*contents),
            "zipfile + json.loads": cpu(lambda: _unpack_and_parse(path, json.loads)),
            "ours, typed": cpu(lambda: read_all(path, conversation_message, parts * PART_RECORDS)),
        }


@contextmanager
def _memory(size: int) -> Iterator[Ways]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.json"
        count = write_contacts(path, size * CONTACT_BYTES)
        yield {OURS: lambda: alone(read_raw, str(path), count).megabytes}


ROWS = (
    Row(
        name="export-raw",
        what="export → raw records",
        ways=partial(_array, as_it_is),
        targets=(faster(3.0, FLOOR, quick=2.4),),
        size=300_000,
        quick_size=30_000,
        rounds=3,
    ),
    Row(
        name="export-memory",
        what="export → raw records, peak memory",
        ways=_memory,
        targets=(at_most(80.0, "peak", "MB"),),
        size=300_000,
        quick_size=30_000,
        rounds=1,
        unit="MB",
    ),
    Row(
        name="export-typed",
        what="export → typed records",
        ways=partial(_array, contact_export),
        targets=(faster(1.5, FLOOR, quick=0.9),),
        size=300_000,
        quick_size=30_000,
        rounds=3,
    ),
    Row(
        name="export-zip",
        what="ZIP → records",
        ways=_archive,
        targets=(faster(2.0, FLOOR, quick=1.5),),
        size=3 * PART_RECORDS,
        quick_size=PART_RECORDS,
    ),
)
