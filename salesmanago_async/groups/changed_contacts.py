"""Contacts that changed since a time, or since the last run; `exports/changes.py` says how two runs connect."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar

from ..connection.identity import mark_of
from ..exports.changes import MARGIN_MS, Changes, beginning
from ..stores.addresses import JournalPlace
from ._change_state import read_change_state, write_change_state
from ._concurrent_map import concurrent_map
from ._modified import Details, ModifiedContactReader, in_chunks

RecordT = TypeVar("RecordT")


class ModifiedExport(AsyncIterator[RecordT], Generic[RecordT]):
    """Contacts that were modified in a span, each with all its details.

    `begin` and `end` are the span, by the server's clock. `unavailable` holds the ids of the contacts found so far that
    were modified but cannot be read: they have been deleted since, or belong to another owner. `is_complete` says
    whether the last contact was taken.
    """

    begin: datetime
    end: datetime
    is_complete: bool

    def __init__(
        self, details: AsyncIterator[Details], changes: Changes, read: Callable[[Any], RecordT], span: tuple[int, int]
    ) -> None:
        self.begin, self.end = (datetime.fromtimestamp(moment / 1000, UTC) for moment in span)
        self._details = details
        self._changes = changes
        self._read = read
        self._ready: deque[Mapping[str, Any]] = deque()
        self.is_complete = False

    @property
    def unavailable(self) -> Sequence[str]:
        """The ids of contacts that could not be read."""
        return self._changes.unavailable

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RecordT:
        while not self._ready:
            details = await anext(self._details, None)
            if details is None:
                self.is_complete = True
                raise StopAsyncIteration
            self._changes.unavailable.extend(details.unavailable)
            new = (contact for contact in details.contacts if self._changes.is_new(contact, read_at=details.read_at))
            self._ready.extend(new)
        return self._read(self._ready.popleft())


@asynccontextmanager
async def modified_export(
    modified: ModifiedContactReader,
    since: int | None,
    read: Callable[[Any], RecordT],
    *,
    state: JournalPlace | None,
    overlap: int,
    ordered: bool,
) -> AsyncGenerator[ModifiedExport[RecordT]]:
    """Yield the details of contacts modified since a time (ms), or since the last run; see `export_modified`."""
    whose = {**modified.connection.identity, "owner": mark_of(modified.owner)}
    before, version = await read_change_state(state, whose=whose) if state else (None, 0)
    end = await modified.server_time()
    begin = beginning(since, before, end=end, overlap=overlap)
    changes = Changes(before, whose=whose, begin=begin, until=end, overlap=overlap)
    ahead = 2 * modified.connection.pace.concurrency
    # Date headers are in whole seconds, so the server's time may be a little later. The span ends later too, and the
    # state remembers contacts that changed in that margin, so the next run does not return them again.
    chunks = in_chunks(modified.ids(begin, end + MARGIN_MS), modified.named)
    async with concurrent_map(chunks, modified.details, limit=lambda: ahead, ordered=ordered) as details:
        export = ModifiedExport(details, changes, read, (begin, end))
        yield export
    if state and export.is_complete:
        await write_change_state(state, changes.state(), version=version)
