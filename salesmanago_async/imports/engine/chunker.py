"""Encoded records → chunks that fit into one request. Pure: no I/O, no time.

A chunk closes when it has `max_items` records, or when the next record would make its body longer than `max_bytes`.
"""

from ...api.codec import dumps
from ...errors import Invalid
from ..settings import DEFAULT_MAX_BYTES, MAX_ITEMS, Settings
from .chunks import Chunk, Record, size_of
from .open_block import OpenBlock


class Chunker:
    """Collects records into chunks."""

    def __init__(self, *, max_items: int = MAX_ITEMS, max_bytes: int = DEFAULT_MAX_BYTES, overhead: int = 0) -> None:
        self._max_items = max_items
        self._room = max_bytes - overhead
        self._open = OpenBlock()
        self._size = 0

    @property
    def free_places(self) -> int:
        """How many more records fit into the open chunk."""
        return self._max_items - len(self._open)

    @property
    def is_gathering(self) -> bool:
        """Whether the open chunk has records."""
        return len(self._open) > 0

    def check(self, item: bytes) -> None:
        """Raise `Invalid` for an item that is too long for any request."""
        if len(item) + 1 > self._room:
            raise Invalid(f"is {len(item)} bytes long, which does not fit into a request of max_bytes")

    def is_chunk(self, block: Chunk) -> bool:
        """Return whether these records are exactly one full chunk, and the open chunk is empty."""
        return len(block) == self._max_items and not self.is_gathering and size_of(block.items) <= self._room

    def has_room(self, record: Record) -> bool:
        """Return whether a record fits into the open chunk; if not, take that chunk with `rest` first."""
        return self._size + size_of([record.item]) <= self._room

    def add(self, record: Record) -> Chunk | None:
        """Add a record that fits; return the chunk if it is full now."""
        self._open.append(record)
        self._size += size_of([record.item])
        return None if self.free_places else self.rest()

    def rest(self) -> Chunk | None:
        """Return the open chunk, if it has records, and begin a new one.

        Records that were held back came late, so the records are put in the order of the source again.
        """
        closed, self._open, self._size = self._open, OpenBlock(), 0
        return closed.chunk().in_order() if len(closed) else None


def chunker_of(settings: Settings) -> Chunker:
    """Return a chunker for the chunk size of a run."""
    overhead = len(dumps(settings.fields)) + 1024  # for the name of the list and the fields of authentication
    return Chunker(max_items=settings.batch_size, max_bytes=settings.max_bytes, overhead=overhead)
