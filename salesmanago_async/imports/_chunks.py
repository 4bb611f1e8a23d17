"""Encoded records → chunks that one request takes. Pure: no I/O, no time.

A chunk closes when it holds `max_items`, or when the next record would carry its body over `max_bytes`.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple, Self

from attrs import define, field

from ..api._fields import BATCH
from ..errors import Invalid

MOST_ITEMS = BATCH.most
DEFAULT_MAX_BYTES = 4 * 1024 * 1024

Names = tuple[str, ...]
"""What a record's contact goes by: its address in lower case or its id, and any other name the record gives it."""


class Record(NamedTuple):
    """A record that was read, checked and encoded. `item` is its JSON object in the list of a request."""

    row: Any
    position: int
    line: int | None
    names: Names
    item: bytes


@define
class Chunk:
    """The records of one request, in the order of the source, each encoded once.

    `keys` are the first of each record's names: by them an answer is traced back. `aliases` has the others, by
    position.
    """

    rows: list[Any] = field(factory=list)
    positions: list[int] = field(factory=list)
    lines: list[int | None] = field(factory=list)
    keys: list[str] = field(factory=list)
    aliases: dict[int, Names] = field(factory=dict)
    items: list[bytes] = field(factory=list)
    size: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, record: Record) -> None:
        """Put a record behind the others."""
        row, position, line, names, item = record
        self.rows.append(row)
        self.positions.append(position)
        self.lines.append(line)
        self.keys.append(names[0])
        if len(names) > 1:
            self.aliases[position] = names[1:]
        self.items.append(item)
        self.size += len(item) + 1  # with its comma

    def names(self) -> Iterator[str]:
        """Yield everything that the contacts of its records go by."""
        return chain(self.keys, *self.aliases.values())

    def records(self) -> Iterator[Record]:
        """Yield its records."""
        for row, position, line, key, item in zip(
            self.rows, self.positions, self.lines, self.keys, self.items, strict=True
        ):
            yield Record(row, position, line, (key, *self.aliases.get(position, ())), item)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """Return a chunk of these records."""
        chunk = cls()
        for record in records:
            chunk.add(record)
        return chunk

    def part(self, indices: Iterable[int]) -> "Chunk":
        """Return the records at these indices as a chunk."""
        records = list(self.records())
        return Chunk.of(records[index] for index in indices)

    def in_order(self) -> "Chunk":
        """Return the same records in the order of the source: those that were held back came late."""
        if all(earlier < later for earlier, later in zip(self.positions, self.positions[1:], strict=False)):
            return self
        return Chunk.of(sorted(self.records(), key=lambda record: record.position))


def body_of(items: Iterable[bytes], list_field: str, others: bytes) -> bytes:
    """Return the JSON object of a request: the list of these items, and the fields in `others` (a JSON object)."""
    opening = b"{" if others == b"{}" else others[:-1] + b","
    return b'%b"%b":[%b]}' % (opening, list_field.encode(), b",".join(items))


class Chunker:
    """Gathers records into chunks."""

    def __init__(self, *, max_items: int = MOST_ITEMS, max_bytes: int = DEFAULT_MAX_BYTES, overhead: int = 0) -> None:
        self._max_items = max_items
        self._room = max_bytes - overhead
        self._chunk = Chunk()

    def check(self, item: bytes) -> None:
        """Raise `Invalid` for an item that no request has room for."""
        if len(item) + 1 > self._room:
            raise Invalid(f"is {len(item)} bytes long, which does not fit into a request of max_bytes")

    def has_room(self, record: Record) -> bool:
        """Tell whether a record fits into the chunk that is being gathered; if not, that must be taken first."""
        return self._chunk.size + len(record.item) < self._room

    def add(self, record: Record) -> Chunk | None:
        """Take one record; return the chunk that it makes full."""
        self._chunk.add(record)
        return self.rest() if len(self._chunk) >= self._max_items else None

    def rest(self) -> Chunk | None:
        """Return what has been gathered, if anything, and begin anew."""
        chunk, self._chunk = self._chunk, Chunk()
        return chunk.in_order() if len(chunk) else None


def names_of_contact(body: Mapping[str, Any]) -> Names:
    """Return what the contact of an upsertDetails entry goes by: address, id, and the address that it is to get."""
    contact = body["contact"]
    if "newEmail" not in body and "contactId" not in contact:  # nearly all
        return (str(contact["email"].lower()),)
    addresses = [contact[name].lower() for name in ("email",) if name in contact]
    ids = [contact[name] for name in ("contactId",) if name in contact]
    new = [body[name].lower() for name in ("newEmail",) if name in body]
    return tuple(str(name) for name in (*addresses, *ids, *new))


def names_of_event(body: Mapping[str, Any]) -> Names:
    """Return what the contact of an event goes by: its address in lower case, else its id."""
    if "contactId" not in body:
        return (str(body["email"].lower()),)
    return (str(body["email"].lower()), str(body["contactId"])) if "email" in body else (str(body["contactId"]),)
