"""Chunks on their way: what is kept of them in memory, and what lies on the shelf until they are settled."""

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define, field

from ...outcome import State
from ...stores.values import RowChecksums
from .chunks import Chunk
from .spill import Slot, SpilledRows, SpillFile
from .steps import Step


@define(eq=False)
class BatchGroup:
    """A chunk as it was closed; it may become several parcels. Its contacts are free when all of them are settled.

    `searches` are the requests spent on finding the records that a refusal is about. `is_admitted` once it has found
    room among the outstanding jobs: a poll that leads to another job never waits for room again. `lost_at` is when the
    last request with its records stayed without an answer, by the event loop's clock: the server may still work at it.
    `later` are parcels whose steps begin when those before them are settled.
    """

    batches: int = 1
    names: list[str] = field(factory=list, repr=False)
    searches: int = 0
    is_admitted: bool = False
    lost_at: float | None = None
    later: "list[tuple[Batch, Step]]" = field(factory=list, repr=False)


@define(eq=False)
class Batch:
    """A chunk, or a part of one. `state` is what its records are if the run ends now.

    `number` is its line in the journal, where it has one, and `journalled` the state that is told there; `marks` are
    those it will have until then. `was_in_doubt` tells that an earlier try of these records has got no answer; `tries`
    are those of this run. `request_id` is its server job, where it has one.
    """

    slot: Slot
    rows: Slot
    count: int
    group: BatchGroup = field(repr=False)
    items: Sequence[bytes] = field(repr=False)
    marks: RowChecksums | None = field(default=None, repr=False)
    number: int | None = None
    state: State = "not_sent"
    journalled: State = "not_sent"
    was_in_doubt: bool = False
    tries: int = 0
    request_id: int | None = None


class Batches:
    """The parcels of a run that are not settled."""

    def __init__(self) -> None:
        self._spill_file = SpillFile()
        self._unsettled: set[Batch] = set()
        self._last_read: tuple[Batch, Chunk] | None = None
        """What was read last, as it is read again by the next step."""

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._unsettled)

    def __len__(self) -> int:
        return len(self._unsettled)

    def pack(self, chunk: Chunk, group: BatchGroup, **others: Any) -> Batch:
        """Make a parcel of a chunk."""
        rows = self._spill_file.put(list(chunk.rows))
        batch = Batch(self._lay(chunk), rows, len(chunk), group, chunk.items, **others)
        self._unsettled.add(batch)
        return batch

    def unpack(self, batch: Batch) -> Chunk:
        """Return its records; the items are empty where they were thrown away.

        Their rows are read when somebody wants to know them, before the parcel is forgotten.
        """
        if self._last_read and self._last_read[0] is batch:
            return self._last_read[1]
        positions, lines, keys, aliases, items = self._spill_file.look(batch.slot)
        items = items or batch.items or [b""] * batch.count
        chunk = Chunk(SpilledRows(self._spill_file, batch.rows, batch.count), positions, lines, keys, aliases, items)
        self._last_read = batch, chunk
        return chunk

    def spill(self, batch: Batch) -> None:
        """Keep its items on the shelf: for a parcel that will wait for long."""
        if batch.items:
            chunk = self.unpack(batch)
            self._spill_file.free(batch.slot)
            batch.slot, batch.items = self._lay(chunk, chunk.items), []
        self._last_read = None

    def load(self, batch: Batch) -> None:
        """Have its items in memory again."""
        if not batch.items:
            batch.items = self.unpack(batch).items

    def drop_items(self, batch: Batch) -> None:
        """Throw its items away: the server has them, and they are not sent again."""
        batch.items = []
        self._last_read = None

    def forget(self, batch: Batch) -> None:
        """Take note that it is settled, or has become others."""
        self._unsettled.discard(batch)
        self._spill_file.free(batch.slot)
        self._spill_file.free(batch.rows)
        self._last_read = None

    def close(self) -> None:
        """Let go of everything."""
        self._spill_file.close()

    def _lay(self, chunk: Chunk, items: Sequence[bytes] = ()) -> Slot:
        return self._spill_file.put((chunk.positions, chunk.lines, chunk.keys, chunk.aliases, items))


def halves(chunk: Chunk, *, keep_together: bool) -> tuple[list[int], list[int]]:
    """Return the indices of two halves of a chunk; the second is empty where it cannot be divided.

    `keep_together` leaves the records of one contact in one half, however long that makes it.
    """
    groups = _contacts(chunk) if keep_together else [[index] for index in range(len(chunk))]
    first: list[int] = []
    while groups and len(first) < max(1, len(chunk) // 2):
        first += groups.pop(0)
    return sorted(first), sorted(index for group in groups for index in group)


def _contacts(chunk: Chunk) -> list[list[int]]:
    """Return the indices of each contact's records, known to be one's by any of their names."""
    groups: dict[str, list[int]] = {}
    for index, record in enumerate(chunk.records()):
        known = {id(group): group for name in record.names if (group := groups.get(name)) is not None}
        group, *others = known.values() or [[]]
        for other in others:
            group += other
            groups.update({name: group for name, members in groups.items() if members is other})
        group.append(index)
        groups.update(dict.fromkeys(record.names, group))
    return list({id(group): group for group in groups.values()}.values())
