"""The queue of a buffer as the journal of one run: what becomes of the records is written down beside them."""

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

    A record that reaches a final state is done. A record that a run leaves in another state is for the next run, as
    often as `rounds` allows. A run that was stopped does not count.
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
        """Return what earlier runs have sent, with an outcome that is not known, as chunks of this run."""
        return [self._known(members) for members in _by_chunk(self._source.sent_before)]

    def _known(self, members: list[Queued]) -> KnownChunk:
        number = self._queue.next_chunk_number()
        self._chunks[number] = members
        for one in members:
            one.chunk = number
        records = [Record(one.number, self._source.give(one), None, one.names, one.item) for one in members]
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

    async def checksums(self, number: int) -> bytes:
        """Return the checksums of a batch's records, 4 bytes each."""
        return b"".join(checksum(one.item) for one in self._chunks[number])

    async def split(self, number: int, parts: Sequence[RowChecksums]) -> list[int]:
        """Replace a batch by its parts, each in doubt; records that are in none of them were not sent."""
        members = self._chunks.pop(number)
        numbers = [await self.begin(part) for part in parts]
        await self._queue.mark([one for one in members if one.chunk == number], "not_sent")
        return numbers

    async def submitted(self, number: int, request_id: int) -> None:
        """Write down that the server has taken a batch, and the number of its job."""
        await self._queue.mark(self._chunks[number], "submitted", chunk=number, request_id=request_id)

    async def settle(self, number: int, verdicts: Verdicts, positions: Sequence[int]) -> None:
        """Write down what became of a batch: records that are done are taken out of the file."""
        del self._chunks[number]
        for (state, reason), members in self._by_verdict(positions, verdicts).items():
            last = [one for one in members if self._is_last(one, state, verdicts.request_id)]
            if state in {"accepted", "submitted"}:
                await self._queue.delete(last)
                over = set(last)
                members = [one for one in members if one not in over]
            if members:
                await self._queue.mark(members, state, number, verdicts.request_id, reason)
            for one in last:  # now that it is written down
                one.state, one.is_over = state, True

    async def forget(self, number: int) -> None:
        """Write down that a batch was not processed for sure: it is as if it had never been sent."""
        await self._queue.mark(self._chunks.pop(number), "not_sent")

    async def aclose(self) -> None:
        """Do nothing: a run has ended, and the next one may come."""

    def _is_last(self, one: Queued, state: State, request_id: int | None) -> bool:
        """Return whether this is the outcome of a record; count a run that found out no more of it."""
        if state in self._rounds.final:
            return True
        if not self._control.is_following or not (most := self._rounds.most(state, request_id)):
            return False
        one.rounds += 1
        return one.rounds >= most

    def _by_verdict(self, positions: Sequence[int], verdicts: Verdicts) -> dict[_Verdict, list[Queued]]:
        """Return the records at these positions by their state and reason."""
        groups: dict[_Verdict, list[Queued]] = {}
        for index, position in enumerate(positions):
            groups.setdefault(verdicts.of(index), []).append(self._source.given[position])
        return groups


def _by_chunk(sent: Iterable[Queued]) -> list[list[Queued]]:
    """Return the records that were sent together, and are in the same state, together; in the order they came."""
    chunks: dict[tuple[int | None, State], list[Queued]] = {}
    for one in sent:
        chunks.setdefault((one.chunk, one.state), []).append(one)
    return list(chunks.values())
