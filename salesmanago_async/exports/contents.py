"""What is in a file: its records, whether it is JSON or an archive of JSON."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from .archive import records_of
from .files import Spooled
from .records import ArrayReader
from .shapes import list_inside

_ARCHIVES = frozenset({b"PK\x03\x04", b"PK\x05\x06"})
"""How an archive begins; the second is an empty one."""


async def batches(file: Spooled, read: Callable[[Any], Any]) -> AsyncGenerator[list[Any]]:
    """Yield the records as the file has them, many at a time, those of JSON while it arrives.

    What the file is, is told by how it begins; where its records are, by the shape of what will `read` them. Raises
    `Unreadable` where it is neither, is damaged or was cut.
    """
    is_archive = await file.beginning(4) in _ARCHIVES
    source = records_of(await file.whole()) if is_archive else _elements(file, list_inside(read))
    async with aclosing(source) as found:
        async for batch in found:
            yield batch


async def records(file: Spooled, read: Callable[[Any], Any], *, raw: bool) -> AsyncGenerator[Any]:
    """Yield each record, as `read` reads it, or else as the file has it."""
    async with aclosing(batches(file, read)) as found:
        async for batch in found:
            for record in batch:
                yield record if raw else read(record)


async def _elements(file: Spooled, inside: str | None) -> AsyncGenerator[list[Any]]:
    reader = ArrayReader(inside=inside)
    async with aclosing(file.pieces()) as pieces:
        async for piece in pieces:
            for batch in reader.batches(piece):
                yield batch
    yield reader.close()
