"""The batches of a run that are not settled: their state in memory, and their records in the spill file."""

from collections.abc import Iterator
from typing import Any

from attrs import define, field

from ...outcome import State
from ...stores.values import RowChecksums
from .chunks import Body, Chunk
from .spill import Slot, SpilledRows, SpillFile
from .steps import Step


@define(eq=False)
class BatchGroup:
    """A closed chunk, which may be split into several batches. Its contacts are released when all of these are settled.

    `searches` counts the requests that were spent on finding the records to blame for a refusal. `is_admitted` is True
    once the group has a place among the outstanding jobs: a poll that leads to another job must not wait for a place
    again. `lost_at` is when the last request with its records ended without an answer, by the event loop's clock: the
    server may still be processing that request. `deferred` are batches whose steps begin when the batches before them
    are settled.
    """

    batches: int = 1
    names: list[str] = field(factory=list, repr=False)
    searches: int = 0
    is_admitted: bool = False
    lost_at: float | None = None
    deferred: "list[tuple[Batch, Step]]" = field(factory=list, repr=False)


@define(eq=False)
class Batch:
    """A chunk, or a part of one. `state` is the state of its records if the run ends now.

    `number` is its line in the journal, if it has one, and `journal_state` is the state in that line; until there is a
    line, `row_checksums` are kept here. `body` is their request; it is None while it is in the spill file, and once the
    server has it. `may_have_arrived` is True if an earlier request with these records got no answer. `attempts` counts
    the requests of this run. `request_id` is the id of its server job, if it has one.
    """

    slot: Slot
    rows: Slot
    count: int
    group: BatchGroup = field(repr=False)
    body: Body | None = field(repr=False)
    row_checksums: RowChecksums | None = field(default=None, repr=False)
    number: int | None = None
    state: State = "not_sent"
    journal_state: State = "not_sent"
    may_have_arrived: bool = False
    attempts: int = 0
    request_id: int | None = None


class Batches:
    """The batches of a run that are not settled.

    The body of each has the list of its records, named `list_field`, and the fields of `others`, a JSON object.
    """

    def __init__(self, list_field: str, others: bytes) -> None:
        self._list_field = list_field
        self._others = others
        self._spill_file = SpillFile()
        self._unsettled: set[Batch] = set()
        self._last_read: tuple[Batch, Chunk] | None = None
        """The batch that was read last: the next step usually reads the same one."""

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._unsettled)

    def __len__(self) -> int:
        return len(self._unsettled)

    def pack(self, chunk: Chunk, group: BatchGroup, **others: Any) -> Batch:
        """Add a batch made of a chunk."""
        rows = self._spill_file.put(chunk.rows)
        body = Body(chunk.items, self._list_field, self._others)
        batch = Batch(self._write(chunk), rows, len(chunk), group, body, **others)
        self._unsettled.add(batch)
        return batch

    def unpack(self, batch: Batch) -> Chunk:
        """Return the records of a batch as a chunk; their items are empty if they were dropped.

        The rows are read from the spill file on first use, so the batch must not be forgotten before that.
        """
        if self._last_read and self._last_read[0] is batch:
            return self._last_read[1]
        positions, lines, keys, aliases, body = self._spill_file.read(batch.slot)
        items = batch.body or body or [b""] * batch.count
        chunk = Chunk(SpilledRows(self._spill_file, batch.rows, batch.count), positions, lines, keys, aliases, items)
        self._last_read = batch, chunk
        return chunk

    def spill(self, batch: Batch) -> None:
        """Move the body of a batch that will wait for long into the spill file."""
        if batch.body:
            chunk = self.unpack(batch)
            self._spill_file.free(batch.slot)
            batch.slot, batch.body = self._write(chunk, batch.body), None
        self._last_read = None

    def body(self, batch: Batch) -> bytes:
        """Return the body of a batch, which is read back into memory if it was spilled."""
        if batch.body is None:
            *_, batch.body = self._spill_file.read(batch.slot)
        assert batch.body, "the server has taken it"
        return batch.body.content

    def drop_body(self, batch: Batch) -> None:
        """Drop the body of a batch: the server has it, and it is not sent again."""
        batch.body = None
        self._last_read = None

    def forget(self, batch: Batch) -> None:
        """Remove a batch that is settled, or was split into others."""
        self._unsettled.discard(batch)
        self._spill_file.free(batch.slot)
        self._spill_file.free(batch.rows)
        self._last_read = None

    def close(self) -> None:
        """Delete the spill file."""
        self._spill_file.close()

    def _write(self, chunk: Chunk, body: Body | None = None) -> Slot:
        return self._spill_file.put((chunk.positions, chunk.lines, chunk.keys, chunk.aliases, body))


def halves(chunk: Chunk, *, keep_together: bool) -> tuple[list[int], list[int]]:
    """Return the indices of two halves of a chunk; the second is empty if the chunk cannot be divided.

    `keep_together` keeps all records of a contact in the same half, which may make that half longer.
    """
    groups = _contacts(chunk) if keep_together else [[index] for index in range(len(chunk))]
    first: list[int] = []
    while groups and len(first) < max(1, len(chunk) // 2):
        first += groups.pop(0)
    return sorted(first), sorted(index for group in groups for index in group)


def _contacts(chunk: Chunk) -> list[list[int]]:
    """Return the indices of each contact's records; records that share any name belong to the same contact."""
    groups: dict[str, list[int]] = {}
    for index, record in enumerate(chunk.records()):
        shared = {id(group): group for name in record.names if (group := groups.get(name)) is not None}
        group, *others = shared.values() or [[]]
        for other in others:
            group += other
            groups.update({name: group for name, members in groups.items() if members is other})
        group.append(index)
        groups.update(dict.fromkeys(record.names, group))
    return list({id(group): group for group in groups.values()}.values())
