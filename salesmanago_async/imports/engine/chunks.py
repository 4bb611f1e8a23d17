"""Encoded records, the records of one request, and its body. Pure: no I/O, no time."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from attrs import field, frozen

from ...records.names import Names
from .packed_rows import ReorderedRows


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

    def in_order(self) -> "Chunk":
        """Return the same records in the order of the source."""
        order = sorted(range(len(self)), key=self.positions.__getitem__)
        if order == list(range(len(self))):
            return self
        return Chunk(
            ReorderedRows(self.rows, order),
            [self.positions[index] for index in order],
            [self.lines[index] for index in order],
            [self.keys[index] for index in order],
            self.aliases,
            [self.items[index] for index in order],
        )

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


def size_of(items: Sequence[bytes]) -> int:
    """Return the total bytes of items, each with its comma."""
    return sum(map(len, items)) + len(items)


class Body(Sequence[bytes]):
    """The JSON object of a request, as bytes, which is also the sequence of the items in it.

    So the items need no memory besides it; they are cut out again in the few cases where they are needed.
    """

    def __init__(self, items: Sequence[bytes], list_field: str, others: bytes) -> None:
        self.content = body_of(items, list_field, others)
        self._lengths = array("I", map(len, items))
        self._first = len(self.content) - size_of(items) - 1

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __iter__(self) -> Iterator[bytes]:
        start = self._first
        for length in self._lengths:
            yield self.content[start : start + length]
            start += length + 1
