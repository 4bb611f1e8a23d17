"""The records of a file, whether it is JSON or an archive of JSON."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Generic, Self, TypeVar

from anyio.lowlevel import checkpoint

from .archive import records_of
from .damage import Damage, DamageCounter
from .files import Spooled
from .records import ArrayReader
from .shapes import list_inside, split_batch

_ARCHIVES = frozenset({b"PK\x03\x04", b"PK\x05\x06"})
"""The first bytes of an archive; the second form is an empty archive."""


RecordT_co = TypeVar("RecordT_co", covariant=True)


class Records(AsyncIterator[RecordT_co], Generic[RecordT_co]):
    """The records of a file, each once. `damaged` says what was damaged in the records yielded so far."""

    def __init__(
        self, found: AsyncGenerator[list[Any]], read: Callable[[Any], RecordT_co], counter: DamageCounter
    ) -> None:
        self._found = found
        self._read = read
        self._counter = counter
        self._batch: list[Any] = []
        """The records that come next, the first one last."""

    @property
    def damaged(self) -> Damage:
        """How many damaged characters were replaced so far, and in which records."""
        return self._counter.damage

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RecordT_co:
        while not self._batch:
            self._batch = (await anext(self._found))[::-1]
        return self._read(self._batch.pop())

    def take_ready(self) -> list[RecordT_co]:
        """Return the records that the next steps would yield without waiting."""
        batch, self._batch = self._batch[::-1], []
        return [self._read(record) for record in batch]

    async def aclose(self) -> None:
        """Stop reading."""
        self._batch = []
        await self._found.aclose()


async def batches(
    file: Spooled, read: Callable[[Any], Any], *, damage: DamageCounter | None = None
) -> AsyncGenerator[list[Any]]:
    """Yield the records as they are in the file, many at a time; records of a JSON file are yielded while it downloads.

    The first bytes of the file show whether it is an archive; `read` says where its records are, and may split each
    object of the file into several records. Raises `Unreadable` if
    the file is neither JSON nor an archive, is damaged, or was cut. Damaged characters are counted in `damage`; without
    `damage` they are such an error as well.
    """
    is_archive = await file.beginning(4) in _ARCHIVES
    source = records_of(await file.whole(), damage=damage) if is_archive else _elements(file, list_inside(read), damage)
    async with aclosing(source) as found:
        async for batch in found:
            yield split_batch(read, batch)


async def _elements(file: Spooled, inside: str | None, damage: DamageCounter | None) -> AsyncGenerator[list[Any]]:
    reader = ArrayReader(inside=inside, damage=damage)
    async with aclosing(file.pieces()) as pieces:
        async for piece in pieces:
            for batch in reader.batches(piece):
                yield batch
            await checkpoint()  # other tasks can run even if a piece completed no record
    yield reader.close()
