"""Encoded records → chunks that one request takes. Pure: no I/O, no time.

A chunk closes when it holds `max_items`, or when the next record would carry its body over `max_bytes`.
"""

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from ..api._fields import BATCH
from ..errors import Invalid

MOST_ITEMS = BATCH.most
DEFAULT_MAX_BYTES = 4 * 1024 * 1024


@define
class Chunk:
    """The records of one request, in the order they were read, each encoded once.

    `keys` are the contacts' addresses in lower case, or their ids: by them an answer is traced back.
    """

    rows: list[Any] = field(factory=list)
    positions: list[int] = field(factory=list)
    lines: list[int | None] = field(factory=list)
    keys: list[str] = field(factory=list)
    items: list[bytes] = field(factory=list)
    size: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def body(self, list_field: str, others: bytes) -> bytes:
        """Return the request's JSON object, of this list and the fields in `others` (a JSON object)."""
        opening = b"{" if others == b"{}" else others[:-1] + b","
        return b'%b"%b":[%b]}' % (opening, list_field.encode(), b",".join(self.items))


class Chunker:
    """Gathers records into chunks."""

    def __init__(self, *, max_items: int = MOST_ITEMS, max_bytes: int = DEFAULT_MAX_BYTES, overhead: int = 0) -> None:
        if not 1 <= max_items <= MOST_ITEMS:
            raise Invalid(f"is {max_items}; a request takes 1 to {MOST_ITEMS} records", field="batch_size")
        self._max_items = max_items
        self._room = max_bytes - overhead
        self._chunk = Chunk()

    def add(self, row: Any, position: int, line: int | None, key: str, item: bytes) -> Chunk | None:
        """Take one record; return the chunk that this closes, which may hold it or not."""
        size = len(item) + 1  # with its comma
        if size > self._room:
            raise Invalid(f"is {len(item)} bytes long, which does not fit into a request of max_bytes")
        closed = self.rest() if self._chunk.size + size > self._room else None
        chunk = self._chunk
        chunk.rows.append(row)
        chunk.positions.append(position)
        chunk.lines.append(line)
        chunk.keys.append(key)
        chunk.items.append(item)
        chunk.size += size
        return closed or (self.rest() if len(chunk.rows) >= self._max_items else None)

    def rest(self) -> Chunk | None:
        """Return what has been gathered, if anything, and begin anew."""
        chunk, self._chunk = self._chunk, Chunk()
        return chunk if chunk.rows else None


def key_of_contact(body: Mapping[str, Any]) -> str:
    """Return what names the contact of an upsertDetails entry: its address in lower case, else its id."""
    contact = body["contact"]
    return str(contact["email"].lower() if "email" in contact else contact["contactId"])


def key_of_event(body: Mapping[str, Any]) -> str:
    """Return what names the contact of an event: its address in lower case, else its id."""
    return str(body["email"].lower() if "email" in body else body["contactId"])
