"""The source of a sync's run: the rows of the caller's source that have changed, each encoded once.

A row has changed if the state knows another content for its key, or none (see places.py). A second row of a key that
was sent is sent as well, whatever its content, so the last one counts. Each row that is passed on, also one that cannot
be encoded, was added to the sent rows before: the run numbers its rows in this order.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from hashlib import blake2b
from itertools import chain
from sys import byteorder
from time import perf_counter
from typing import Any, NamedTuple

import anyio.lowlevel
import anyio.to_thread

from ..api.codegen import Body
from ..api.request import Request
from ..records.compiled import Encoded
from ..records.encoders import Encoder
from ..sources.sources import Source, columns_in
from ..sources.text_files import Row
from ..sources.warnings import ReadWarning
from .columns import ColumnChanges
from .keys import Keys
from .known import WORD, Known
from .order import Order
from .other_names import OtherNames
from .places import Difference, Places
from .product_content import REQUESTS, ProductContent, ProductPart
from .sent import SentRows

LONGEST_READ = 0.05
"""How many seconds are read before other tasks get a turn."""
MOST_CHANGES = 1000
"""How many changes are collected before they are passed on."""

_HASH = blake2b(digest_size=WORD)
_PARTS = tuple(REQUESTS)


class Change(NamedTuple):
    """A row to be sent, encoded; or the reason why it cannot be. Only a `part` of a known product may be sent."""

    row: Row
    encoded: Encoded | None = None
    difference: Difference = "new"
    part: ProductPart | None = None
    error: Exception | None = None


class Turn(NamedTuple):
    """What was read in a moment: the changes, the error of the source if it raised one, and whether it has ended.

    `waiting` is a row that was read, and can only be compared when there is an index of the state.
    """

    changes: list[Change]
    failure: Exception | None = None
    has_ended: bool = False
    waiting: Row | None = None


class ChangedRows:
    """Yields the rows that have changed, and counts the others.

    With `keeps_names` the sent rows have what names them; with `has_parts` they are products, of which a part may be
    sent.
    """

    def __init__(self, source: Source, tags: Sequence[str], keys: Keys, *, keeps_names: bool, has_parts: bool) -> None:
        self._source = source
        self._encoder = source.encoder(tags)
        self._keys = keys
        self._places = Places(Known.nothing())
        self._sent: SentRows | None = None
        self._keeps_names, self._has_parts = keeps_names, has_parts
        self.other_names: OtherNames | None = None
        self.column_changes = ColumnChanges()
        self._current: Change | None = None
        self.added = self.changed = self.unchanged = 0
        self.parts = Counter[ProductPart]()
        """How many of the changed products are sent in part."""
        self._parts_sent = bytearray()
        """What is sent of each product, by its position in the run: the index in `_PARTS`."""

    def compare_with(self, known: Known, sent: SentRows | None, order: Order | None, *, resends: bool) -> None:
        """Set what the rows are compared with, and where those that are sent are added; call this before `rows`.

        `order` takes the order of the others. With `resends` all rows are sent.
        """
        self._places = Places(known, order, resends=resends)
        self._sent = sent
        self.other_names = OtherNames() if self._keeps_names else None

    def close(self) -> None:
        """Complete the order of the rows, and remove the temporary files."""
        self._places.close()
        if self.other_names:
            self.other_names.close()

    async def rows(self) -> AsyncGenerator[Row]:
        """Yield the rows that have changed, and those that cannot be encoded; other tasks get turns in between."""
        rows = self._source.rows()
        changes = self._of_async(rows) if isinstance(rows, AsyncGenerator) else self._in_turns(rows)
        async with aclosing(changes):
            async for change in changes:
                self._current = change
                if self._has_parts:
                    self._parts_sent.append(_PARTS.index(change.part))
                if change.encoded:  # counted here, because a run that is stopped takes fewer rows than were compared
                    self.changed += change.difference == "changed"
                    self.added += change.difference == "new"
                if change.part:
                    self.parts[change.part] += 1
                yield change.row

    def request_at(self, position: int) -> type[Request[Any]]:
        """Return the request that sends the product at this position in the run, or a part of it."""
        return REQUESTS[_PARTS[self._parts_sent[position]]]

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return an encoder that returns what was encoded already: a run encodes each row before it takes the next."""
        return Encoder(self._encoded)

    def body(self, row: Any) -> Body:
        """Return the checked body of a row."""
        return self._source.body(row)

    def record(self, row: Any) -> Any:
        """Return the row as the caller gave it."""
        return self._source.record(row)

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """How the columns differ from those of the last sync; then what was taken and looks wrong."""
        return (*self.column_changes.warnings, *self._source.warnings)

    @property
    def columns(self) -> Sequence[str] | None:
        """The columns of the source; None if it is no table."""
        return columns_in(self._source)

    def file_of(self, row: Any) -> str | None:
        """Return the path of the file that contains the row."""
        return self._source.file_of(row)

    def _encoded(self, row: Any) -> Encoded:
        change = self._current
        if change is None or change.encoded is None:
            raise change.error if change and change.error else RuntimeError("a row is encoded before the next is taken")
        return change.encoded

    async def _of_async(self, rows: AsyncGenerator[Row]) -> AsyncGenerator[Change]:
        turn_due = perf_counter() + LONGEST_READ
        async with aclosing(rows):
            async for row in rows:
                turn = await self._turn(iter([row]))
                for change in turn.changes:
                    yield change
                if turn.failure:
                    raise turn.failure
                if perf_counter() > turn_due:  # the source may never wait, and rows that are unchanged are not yielded
                    await anyio.lowlevel.checkpoint()
                    turn_due = perf_counter() + LONGEST_READ

    async def _in_turns(self, rows: Iterator[Row]) -> AsyncGenerator[Change]:
        while True:
            turn = await self._turn(rows)
            for change in turn.changes:
                yield change
            if turn.failure:
                raise turn.failure
            if turn.has_ended:
                return
            await anyio.lowlevel.checkpoint()

    async def _turn(self, rows: Iterator[Row]) -> Turn:
        """Read for a moment; make the index of the state at the first row that needs it."""
        turn = self._read(rows)
        if not turn.waiting:
            return turn
        await anyio.to_thread.run_sync(self._places.make_index)
        rest = self._read(chain([turn.waiting], rows))
        return rest._replace(changes=turn.changes + rest.changes)

    def _read(self, rows: Iterator[Row]) -> Turn:
        """Read for a moment, until there are enough changes, or until there must be an index.

        Each row is encoded before the next one is read, because a source may reuse one object for all rows.
        """
        changes: list[Change] = []
        encoder, is_next, unchanged = self._encoder, self._places.is_next, 0
        others, others_from = self.other_names, self._keys.others_from
        due, new_hash = perf_counter() + LONGEST_READ, _HASH.copy  # a copy is made faster than a new one
        try:
            for row in rows:
                try:
                    encoded = encoder.encode(row[0])
                    digest = new_hash()
                    digest.update(encoded[0])
                    content = digest.digest()
                    key = None if is_next(content) else self._key_digest(encoded)
                except Exception as error:
                    changes.append(self._rejected(row, error))
                else:
                    if others and len(encoded[1]) > others_from:
                        others.add(encoded[1][others_from:])
                    if key is None:
                        unchanged += 1
                    elif self._places.needs_index(key):
                        return Turn(changes, waiting=row)
                    elif change := self._compared(row, encoded, key, content):
                        changes.append(change)
                    else:
                        unchanged += 1
                if len(changes) == MOST_CHANGES or perf_counter() > due:
                    return Turn(changes)
        except Exception as error:
            return Turn(changes, failure=error, has_ended=True)
        finally:
            self.unchanged += unchanged
        return Turn(changes, has_ended=True)

    def _key_digest(self, encoded: Encoded) -> bytes:
        digest = _HASH.copy()
        digest.update(self._keys.key_of(encoded).encode())
        return digest.digest()

    def _compared(self, row: Row, encoded: Encoded, key: bytes, content: bytes) -> Change | None:
        """Add a row that differs to the sent rows; return None if it does not."""
        difference, parts, if_not_accepted = self._places.compare(key, content)
        if difference == "unchanged":
            return None
        product = ProductContent(encoded[0]) if self._has_parts else None
        if self._sent:
            otherwise = if_not_accepted.to_bytes(WORD, byteorder)
            self._sent.add(
                key + content + otherwise + (product.parts if product else b""),
                self._keys.kept_of(encoded) if self._keeps_names else "",
            )
        part = product.changed_part(parts) if product else None
        if product and part:
            encoded = product.only(part), encoded[1]
        return Change(row, encoded, difference, part)

    def _rejected(self, row: Row, error: Exception) -> Change:
        """Add a row that cannot be sent to the sent rows, because it has a position in the run as well."""
        if self._sent:
            self._sent.add_rejected()
        return Change(row, error=error)
