"""The queue of a buffer as the journal of one run: writes down what becomes of the records."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from ..imports.engine.chunks import Record
from ..imports.engine.resuming import KnownChunk
from ..imports.engine.run_control import RunControl
from ..outcome import State, Verdicts
from ..stores.values import Entry, RowChecksums, checksum
from .queue import Queue, Queued
from .queue_source import QueueSource
from .rounds import Rounds

_Verdict: TypeAlias = tuple[State, str | None]


class QueueJournal:
    """Writes down what becomes of the records that a run sends.

    A record in a final state is done. A record that a run leaves in another state is for the next run, as often as
    `rounds` allows. A run that was stopped does not count.
    """

    def __init__(
        self,
        queue: Queue,
        source: QueueSource,
        control: RunControl,
        rounds: Rounds,
    ) -> None:
        self._queue = queue
        self._source = source
        self._control = control
        self._rounds = rounds
        self._chunks: dict[int, list[Queued]] = {}

    def begun_before(self) -> list[KnownChunk]:
        """Return the records that earlier runs have sent, with an outcome that is not known, as chunks of this run."""
        return [self._known(members) for members in _by_chunk(self._source.sent_before)]

    def _known(self, members: list[Queued]) -> KnownChunk:
        number = self._queue.next_chunk_number()
        self._chunks[number] = members
        for queued in members:
            queued.chunk = number
        records = [
            Record(queued.number, self._source.register(queued), None, queued.names, queued.item) for queued in members
        ]
        first = members[0]
        spans = ((records[0].position, records[-1].position),)
        return KnownChunk(Entry(number, spans, first.state, first.request_id), len(records), records=records)

    async def begin(self, row_checksums: RowChecksums) -> int:
        """Write down, before a batch is sent, that it may have been sent; return its number."""
        given = self._source.given
        members = [given[place] for first, last in row_checksums.spans for place in range(first, last + 1)]
        number = self._queue.next_chunk_number()
        await self._queue.mark(members, "in_doubt", chunk=number)
        self._chunks[number] = members
        return number

    async def confirm(self) -> None:
        """Raise `JournalFailed` if another process may have taken over the queue."""
        await self._queue.confirm()

    async def checksums(self, number: int) -> bytes:
        """Return the checksums of a batch's records, 4 bytes each."""
        return b"".join(checksum(queued.item) for queued in self._chunks[number])

    async def split(self, number: int, parts: Sequence[RowChecksums]) -> list[int]:
        """Replace a batch by its parts, each in doubt; records that are in none of the parts were not sent."""
        members = self._chunks.pop(number)
        numbers = [await self.begin(part) for part in parts]
        await self._queue.mark([queued for queued in members if queued.chunk == number], "not_sent")
        return numbers

    async def submitted(self, number: int, request_id: int) -> None:
        """Write down that the server has taken a batch, and the number of its job."""
        await self._queue.mark(self._chunks[number], "submitted", chunk=number, request_id=request_id)

    async def settle(self, number: int, verdicts: Verdicts, positions: Sequence[int]) -> None:
        """Write down what became of a batch: records that are done are deleted from the file."""
        del self._chunks[number]
        for (state, reason), members in self._by_verdict(positions, verdicts).items():
            last = [queued for queued in members if self._is_last(queued, state, verdicts.request_id)]
            if state in {"accepted", "submitted"}:
                await self._queue.delete(last)
                over = set(last)
                members = [queued for queued in members if queued not in over]
            if members:
                await self._queue.mark(members, state, number, verdicts.request_id, reason)
            for queued in last:  # only after it was written down
                queued.state, queued.is_over = state, True

    async def forget(self, number: int) -> None:
        """Write down that a batch was surely not processed: it is as if it had never been sent."""
        await self._queue.mark(self._chunks.pop(number), "not_sent")

    async def aclose(self) -> None:
        """Do nothing: the queue stays open for the next run."""

    def _is_last(self, queued: Queued, state: State, request_id: int | None) -> bool:
        """Return whether this is the final outcome of a record; count the run if it found out nothing more."""
        if state in self._rounds.final:
            return True
        if not self._control.is_following or not (limit := self._rounds.limit(state, request_id)):
            return False
        queued.rounds += 1
        return queued.rounds >= limit

    def _by_verdict(self, positions: Sequence[int], verdicts: Verdicts) -> dict[_Verdict, list[Queued]]:
        """Return the records at these positions, grouped by state and reason."""
        groups: dict[_Verdict, list[Queued]] = {}
        for index, position in enumerate(positions):
            groups.setdefault(verdicts.of(index), []).append(self._source.given[position])
        return groups


def _by_chunk(sent: Iterable[Queued]) -> list[list[Queued]]:
    """Return the records grouped by the chunk that they were sent in, and by state, in the order in which they came."""
    chunks: dict[tuple[int | None, State], list[Queued]] = {}
    for queued in sent:
        chunks.setdefault((queued.chunk, queued.state), []).append(queued)
    return list(chunks.values())
