"""Encoded records → chunks that fit into one request. Pure: no I/O, no time.

A chunk closes when it has `max_items` records, or when the next record would make its body longer than `max_bytes`.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from attrs import field, frozen

from ...api.codec import dumps
from ...errors import Invalid
from ...records.names import Names
from ..settings import DEFAULT_MAX_BYTES, MAX_ITEMS, Settings


class Record(NamedTuple):
    """A record that was read, checked and encoded. `item` is its JSON object in the list of a request."""

    row: Any
    position: int
    line: int | None
    names: Names
    item: bytes


@frozen
class Chunk:
    """The records of one request, in the order of the source, each encoded once.

    `keys` has the first name of each record; answers are traced back by it. `aliases` has the further names, by
    position.
    """

    rows: Sequence[Any] = ()
    positions: Sequence[int] = ()
    lines: Sequence[int | None] = ()
    keys: Sequence[str] = ()
    aliases: Mapping[int, Names] = field(factory=dict)
    items: Sequence[bytes] = ()

    def __len__(self) -> int:
        return len(self.positions)

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Chunk":
        """Return a chunk of these records."""
        if not records:
            return cls()
        rows, positions, lines, names, items = zip(*records, strict=True)
        keys, aliases = keys_and_aliases(names)
        return cls(rows, positions, lines, keys, {positions[index]: others for index, others in aliases.items()}, items)

    def names(self) -> Iterator[str]:
        """Yield all names of the contacts in the chunk."""
        return chain(self.keys, *self.aliases.values())

    def aliases_by_index(self) -> Mapping[int, Names]:
        """Return the further names of the records by their indices in the chunk."""
        if not self.aliases:
            return {}
        return {index: self.aliases[at] for index, at in enumerate(self.positions) if at in self.aliases}

    def records(self) -> Iterator[Record]:
        """Yield the records."""
        for row, position, line, key, item in zip(
            self.rows, self.positions, self.lines, self.keys, self.items, strict=True
        ):
            yield Record(row, position, line, (key, *self.aliases.get(position, ())), item)

    def part(self, indices: Iterable[int]) -> "Chunk":
        """Return the records at these indices as a chunk."""
        records = list(self.records())
        return Chunk.of([records[index] for index in indices])


def keys_and_aliases(names: Sequence[Names]) -> tuple[list[str], Mapping[int, Names]]:
    """Return the first name of each record, and the further names by the indices of the few that have some."""
    keys = [each[0] for each in names]
    if sum(map(len, names)) == len(names):
        return keys, {}
    return keys, {index: each[1:] for index, each in enumerate(names) if len(each) > 1}


def body_of(items: Iterable[bytes], list_field: str, others: bytes) -> bytes:
    """Return the JSON object of a request: the list of these items, and the fields in `others` (a JSON object)."""
    opening = b"{" if others == b"{}" else others[:-1] + b","
    parts = list(items) or [b""]
    parts[0] = b'%b"%b":[%b' % (opening, list_field.encode(), parts[0])
    parts[-1] += b"]}"
    return b",".join(parts)  # the only copy of the whole body


class Body(Sequence[bytes]):
    """The JSON object of a request, as bytes, which is also the sequence of the items in it.

    So the items need no memory besides it; they are cut out again in the few cases where they are needed.
    """

    def __init__(self, items: Sequence[bytes], list_field: str, others: bytes) -> None:
        self.content = body_of(items, list_field, others)
        self._lengths = array("I", map(len, items))
        self._first = len(self.content) - _size_of(items) - 1

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __iter__(self) -> Iterator[bytes]:
        start = self._first
        for length in self._lengths:
            yield self.content[start : start + length]
            start += length + 1


class Chunker:
    """Collects records into chunks."""

    def __init__(self, *, max_items: int = MAX_ITEMS, max_bytes: int = DEFAULT_MAX_BYTES, overhead: int = 0) -> None:
        self._max_items = max_items
        self._room = max_bytes - overhead
        self._records: list[Record] = []
        self._size = 0

    @property
    def free_places(self) -> int:
        """How many more records fit into the open chunk."""
        return self._max_items - len(self._records)

    @property
    def is_gathering(self) -> bool:
        """Whether the open chunk has records."""
        return bool(self._records)

    def check(self, item: bytes) -> None:
        """Raise `Invalid` for an item that is too long for any request."""
        if len(item) + 1 > self._room:
            raise Invalid(f"is {len(item)} bytes long, which does not fit into a request of max_bytes")

    def is_chunk(self, block: Chunk) -> bool:
        """Return whether these records are exactly one full chunk, and the open chunk is empty."""
        return len(block) == self._max_items and not self._records and _size_of(block.items) <= self._room

    def has_room(self, record: Record) -> bool:
        """Return whether a record fits into the open chunk; if not, take that chunk with `rest` first."""
        return self._size + _size_of([record.item]) <= self._room

    def add(self, record: Record) -> Chunk | None:
        """Add a record that fits; return the chunk if it is full now."""
        self._records.append(record)
        self._size += _size_of([record.item])
        return None if self.free_places else self.rest()

    def rest(self) -> Chunk | None:
        """Return the open chunk, if it has records, and begin a new one.

        Records that were held back came late, so the records are put in the order of the source again.
        """
        records, self._records, self._size = self._records, [], 0
        return Chunk.of(sorted(records, key=_POSITION)) if records else None


_POSITION = attrgetter("position")


def _size_of(items: Sequence[bytes]) -> int:
    """Return the total bytes of items, each with its comma."""
    return sum(map(len, items)) + len(items)


def chunker_of(settings: Settings) -> Chunker:
    """Return a chunker for the chunk size of a run."""
    overhead = len(dumps(settings.fields)) + 1024  # for the name of the list and the fields of authentication
    return Chunker(max_items=settings.batch_size, max_bytes=settings.max_bytes, overhead=overhead)
