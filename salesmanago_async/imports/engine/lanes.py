"""Chunks of several requests: each request has an open chunk of its own. Pure: no I/O, no time.

A record whose contact or product is in the open chunk of another request has no room: that chunk must be sent before
it, or else the earlier record could be applied last.
"""

from collections.abc import Callable
from typing import Any

from ...api.request import Request
from ..settings import Settings
from ..targets import Target
from .chunker import Chunker, chunker_of
from .chunks import Chunk, Record


def chunks_of(target: Target, settings: Settings) -> "Chunker | Lanes":
    """Return what collects the records of a run into chunks."""
    return chunker_of(settings) if target.request_at is None else Lanes(target.request_at, settings)


class Lanes:
    """Collects records into chunks, as a `Chunker` does; all records of a chunk are sent by the same request."""

    def __init__(self, request_at: Callable[[int], type[Request[Any]]], settings: Settings) -> None:
        self._request_at = request_at
        self._settings = settings
        self._any = chunker_of(settings)
        self._chunkers: dict[type[Request[Any]], Chunker] = {}
        self._lanes: dict[str, Chunker] = {}
        """Which open chunk has the records of a contact or product."""

    @property
    def free_places(self) -> int:
        """How many more records may be read before they are added."""
        return self._any.free_places

    @property
    def is_gathering(self) -> bool:
        """Whether an open chunk has records."""
        return any(chunker.is_gathering for chunker in self._chunkers.values())

    def check(self, item: bytes) -> None:
        """Raise `Invalid` for an item that is too long for any request."""
        self._any.check(item)

    def is_chunk(self, block: Chunk) -> bool:
        """Return False: the records of a block may need several requests."""
        return False

    def has_room(self, record: Record) -> bool:
        """Return whether a record fits into its open chunk; if not, take all chunks with `rest` first."""
        chunker = self._chunker_of(record)
        return all(self._lanes.get(name, chunker) is chunker for name in record.names) and chunker.has_room(record)

    def add(self, record: Record) -> Chunk | None:
        """Add a record that fits; return its chunk if that is full now."""
        chunker = self._chunker_of(record)
        self._lanes.update(dict.fromkeys(record.names, chunker))
        return self._closed(chunker.add(record))

    def rest(self) -> Chunk | None:
        """Return an open chunk that has records, and begin a new one."""
        rests = (chunker.rest() for chunker in self._chunkers.values())
        return self._closed(next(filter(None, rests), None))

    def _chunker_of(self, record: Record) -> Chunker:
        request = self._request_at(record.position)
        if request not in self._chunkers:
            self._chunkers[request] = chunker_of(self._settings)
        return self._chunkers[request]

    def _closed(self, chunk: Chunk | None) -> Chunk | None:
        for name in chunk.names() if chunk else ():
            self._lanes.pop(name, None)
        return chunk
