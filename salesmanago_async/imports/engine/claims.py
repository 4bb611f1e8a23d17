"""Matches the records of a source, in any order, with what earlier runs of the same journal sent.

The source is read from its beginning. A record that the journal knows by its digest belongs to the line of that digest:
if the line is settled, the record is left out, and reported as the line says; if its outcome is not known, the record
waits in a temporary file, and so does every record that the journal does not know. When all known records were met, the
source has proved to be the one that the journal belongs to. Then the lines whose outcome is not known go on, and after
them the unknown records are sent. Until then nothing is sent, so a wrong or changed source does no harm.

Records that are alike in every byte are counted: if the journal knows two, and the source has three, one is new.
"""

from array import array
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any

import anyio.lowlevel
from attrs import define, field

from ...outcome import STOPPED, State, Verdicts
from ...stores.values import Entry
from .chunks import Chunk, Record
from .digests import KnownDigests
from .feed import Feed
from .gate import Gate
from .resuming import LEFT_AS_IT_WAS, HasChecksums, KnownChunk, changed
from .run_control import RunControl
from .settling import Settler
from .spill import Slot, SpillFile

BLOCK = 1000
"""How many records are written to the temporary file, or reported, together."""


@define(eq=False)
class _Waiting:
    """A line whose outcome is not known. The records of it that were met are in the temporary file, or in memory."""

    entry: Entry
    offsets: "array[int]"
    lengths: "array[int]"
    in_memory: dict[int, Any] = field(factory=dict)
    met: int = 0

    @classmethod
    def of(cls, entry: Entry) -> "_Waiting":
        return cls(entry, array("Q", bytes(8 * entry.size)), array("I", bytes(4 * entry.size)))

    def put(self, index: int, slot: Slot) -> None:
        self.met += 1
        self.offsets[index], self.lengths[index] = slot.offset, slot.length
        if not slot.length:
            self.in_memory[index] = slot.content

    def records(self, spill: SpillFile) -> list[Record]:
        """Return the records that were met, in the order in which they were sent."""
        slots = (
            Slot(offset, length, content=self.in_memory.get(index))
            for index, (offset, length) in enumerate(zip(self.offsets, self.lengths, strict=True))
            if length or index in self.in_memory
        )
        return [_as_record(spill.read(slot)) for slot in slots]


class Claims:
    """What earlier runs sent, until it was found again in the source and goes on."""

    def __init__(
        self,
        entries: Sequence[Entry],
        journal: HasChecksums,
        *,
        feed: Feed,
        gate: Gate,
        settler: Settler,
        control: RunControl,
    ) -> None:
        self._entries = entries
        self._journal = journal
        self._feed = feed
        self._gate = gate
        self._settler = settler
        self._control = control
        self._digests = KnownDigests()
        self._spill = SpillFile()
        self._waiting = {line: _Waiting.of(entry) for line, entry in enumerate(entries) if entry.is_under_way}
        self._settled: list[tuple[int, int, Record]] = []
        """Records of settled lines that were met and not reported yet: the line, the index in it, and the record."""
        self._unknown: list[Record] = []
        self._unknown_blocks: deque[tuple[Slot, int]] = deque()
        self._block: deque[Record] = deque()
        """The block of unknown records that is being sent."""

    async def load(self) -> None:
        """Read the digests of all lines; raise `JournalFailed` if they cannot be read."""
        for entry in self._entries:
            self._digests.add_line(await self._journal.checksums(entry.number))
        for _ in self._digests.sort():
            await anyio.lowlevel.checkpoint()

    async def take(self, record: Record) -> bool:
        """Take a record that was read; return whether everything is over here, so that the next one is simply new."""
        place = self._digests.meet(record.item)
        if place is None:
            self._keep_unknown(record)
            return False
        line, index = place
        if waiting := self._waiting.get(line):
            waiting.put(index, self._spill.put(tuple(record)))
        else:
            self._settled.append((line, index, record))
        if len(self._settled) >= BLOCK or not self._digests.remaining:
            await self._report_settled()
        return not self._digests.remaining and await self._go_on()

    def end(self, read: int) -> None:
        """Raise `Invalid` if the source, which has ended, does not have all records that are known."""
        if missing := self._digests.remaining:
            raise changed(
                f"{missing} of the {self._digests.count} records that were sent before are not among its {read} records"
            )

    def states_left(self) -> Counter[State]:
        """Count the records that were taken and not passed on, by state; for a run that is cut off."""
        states: Counter[State] = Counter()
        for waiting in self._waiting.values():
            states[waiting.entry.state] += waiting.met
        for line, index, record in self._settled:
            states[self._known(line, [(index, record)])[1].state_of(0)] += 1
        in_blocks = sum(count for _, count in self._unknown_blocks)
        states["not_sent"] += len(self._block) + in_blocks + len(self._unknown)
        return states

    async def left(self) -> Iterator[tuple[Record, State, str]]:
        """Yield the records that were taken and have gone nowhere: the run has stopped, or the source was refused."""
        await self._report_settled()
        return self._left()

    def _left(self) -> Iterator[tuple[Record, State, str]]:
        for waiting in self._next_waiting():
            for record in waiting.records(self._spill):
                yield record, waiting.entry.state, waiting.entry.reason or LEFT_AS_IT_WAS
        for record in self._next_unknown():
            yield record, "not_sent", STOPPED

    def close(self) -> None:
        """Close the temporary file."""
        self._spill.close()

    async def _report_settled(self) -> None:
        settled, self._settled = self._settled, []
        lines: dict[int, list[tuple[int, Record]]] = {}
        for line, index, record in settled:
            lines.setdefault(line, []).append((index, record))
        if lines:
            await self._settler.report_known(*(self._known(line, met) for line, met in lines.items()))

    def _known(self, line: int, met: Sequence[tuple[int, Record]]) -> tuple[Chunk, Verdicts]:
        """Return records of a settled line that were met, and what the journal says about them."""
        entry = self._entries[line]
        first = entry.spans[0][0]
        others: dict[int, tuple[State, str]] = {
            place: entry.others[first + index] for place, (index, _) in enumerate(met) if first + index in entry.others
        }
        chunk = Chunk.of([record for _, record in met])
        return chunk, Verdicts(entry.state, entry.reason, others, request_id=entry.request_id)

    async def _go_on(self) -> bool:
        """Go on with the lines whose outcome is not known, then with the unknown records; False if the run stops."""
        for waiting in self._next_waiting():
            known = KnownChunk(waiting.entry, waiting.met, records=waiting.records(self._spill))
            self._settler.begin_known(Chunk.of(known.records))
            await self._feed.replay(known)
            if not self._control.is_reading:
                return False
        for number, record in enumerate(self._next_unknown(), 1):
            await self._gate.take(record)
            if not self._control.is_reading:
                return False
            if not number % BLOCK:
                await anyio.lowlevel.checkpoint()
                await self._settler.report_unbatched()
                await self._gate.release()
        return True

    def _next_waiting(self) -> Iterator[_Waiting]:
        while self._waiting:
            yield self._waiting.pop(next(iter(self._waiting)))

    def _next_unknown(self) -> Iterator[Record]:
        """Yield the unknown records in the order of the source, and keep none that was yielded."""
        while self._block or self._unknown_blocks or self._unknown:
            if not self._block and self._unknown_blocks:
                slot, _ = self._unknown_blocks.popleft()
                self._block.extend(map(_as_record, self._spill.take(slot)))
            elif not self._block:
                self._block.extend(self._unknown)
                self._unknown = []
            yield self._block.popleft()

    def _keep_unknown(self, record: Record) -> None:
        self._unknown.append(record)
        if len(self._unknown) == BLOCK:
            block, self._unknown = self._unknown, []
            self._unknown_blocks.append((self._spill.put([tuple(each) for each in block]), len(block)))


def _as_record(values: tuple[Any, ...]) -> Record:
    return Record(*values)
