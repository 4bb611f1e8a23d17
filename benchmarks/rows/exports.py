"""The file of an export → its records: raw, typed, out of a ZIP; nothing is done with them, but they are all made.

The floor is orjson over batches of 256 KB that somebody has cut before: what parsing alone costs. `orjson.loads` of the
whole file is told beside it. It is much slower, as it waits for the garbage collector and for fresh memory, and takes
4 GB for 500 MB. The floor of a ZIP is zipfile and `orjson.loads` of each part. The collector is on, as it is in a
program that leaves it alone. Peak memory is that of a process of its own, the library included.
"""

import gc
import json
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO
from zipfile import ZipFile

import anyio
import anyio.lowlevel
import orjson

from benchmarks.alone import alone
from benchmarks.export_files import PART_RECORDS, contact_batches, write_array, write_messages
from benchmarks.optional import installed
from benchmarks.rounds import cpu
from benchmarks.row import FLOOR, OURS, Row, Way, Ways, at_most, faster, times
from salesmanago_async.exports.archive import records_of
from salesmanago_async.exports.records import ArrayReader
from salesmanago_async.exports.shapes import as_it_is, contact_export, conversation_message

PIECE = 256 * 1024
WHOLE = "orjson.loads, the whole file"
STRUCTS = "msgspec structs, batches cut before"

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


def look_at_all(record: Any) -> None:
    """Read a contact, and look at each of its parts and at a time in it, as these may be made at the first look."""
    contact = contact_export(record)
    for parts, name in _LOOKED_AT.items():
        for part in getattr(contact, parts):
            getattr(part, name)
    getattr(contact.contact_data, "modified_on", None)


_LOOKED_AT = {
    "tag_data": "created_on",
    "ext_event_data": "date",
    "visits_data": "time",
    "emails_data": "date_sent",
    "contact_properties_data": "name",
    "contact_dictionary_properties_data": "name",
}


def _parse_each(parse: Callable[[bytes], Any], contents: Iterable[bytes]) -> None:
    for content in contents:
        parse(content)


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
def _array(read: Read, others: Callable[[Path, list[bytes]], Ways], size: int) -> Iterator[Ways]:
    with TemporaryDirectory() as folder:
        path, batches = Path(folder) / "contacts.json", list(contact_batches(size))
        write_array(path, batches)
        ours = partial(read_all, path, read, size)
        yield {
            OURS: cpu(ours),
            FLOOR: cpu(lambda: _parse_each(orjson.loads, batches)),
            "ours, collector quiet": cpu(lambda: _quietly(ours)),
            **others(path, batches),
        }


def _other_raw(path: Path, _: list[bytes]) -> Ways:
    return {
        WHOLE: cpu(lambda: orjson.loads(path.read_bytes())),
        "json.load": cpu(lambda: json.loads(path.read_bytes())),
        "ijson": _ijson(path),
    }


def _other_typed(path: Path, batches: list[bytes]) -> Ways:
    structs = import_module("benchmarks.peers.export_structs") if installed("msgspec") else None
    size = sum(len(orjson.loads(batch)) for batch in batches)
    return {
        "ours, every part looked at": cpu(lambda: read_all(path, look_at_all, size)),
        STRUCTS: cpu(lambda: _parse_each(structs.decode, batches)) if structs else None,
        "msgspec structs, the whole file": cpu(lambda: structs.decode(path.read_bytes())) if structs else None,
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
            "orjson.loads of what was unpacked before": cpu(lambda: _parse_each(orjson.loads, contents)),
            "zipfile + json.loads": cpu(lambda: _unpack_and_parse(path, json.loads)),
            "ours, typed": cpu(lambda: read_all(path, conversation_message, parts * PART_RECORDS)),
        }


@contextmanager
def _memory(size: int) -> Iterator[Ways]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.json"
        write_array(path, contact_batches(size))
        yield {OURS: lambda: alone(read_raw, str(path), size).megabytes}


ROWS = (
    Row(
        name="export-raw",
        what="export → raw records",
        ways=partial(_array, as_it_is, _other_raw),
        targets=(times(1.15, quick=1.25),),
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
        ways=partial(_array, contact_export, _other_typed),
        targets=(times(2.2, quick=3.0),),
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
