"""Reads the source: each record is read, checked and encoded once, and passed on.

If an earlier run of the same journal knows a record, the record is matched with what that run did. Every other record
goes to the gate, which keeps the order of each contact.

A source may be slow. A synchronous source blocks the event loop while it makes a row, so other tasks get their turns
after every `LONGEST_READ` seconds of reading. If one row took longer than `PAUSE`, everything that was read is sent. If
an asynchronous source takes longer than that, a second task sends what was read. Meanwhile the reader keeps waiting,
because the next row of a source must be neither cancelled nor requested twice.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from itertools import islice
from time import perf_counter

import anyio
import anyio.lowlevel

from ...errors import Invalid, JournalFailed
from ...outcome import State
from ...records.columns import UnknownColumns
from ...records.encoders import Encoder
from ...sources.sources import FileSource, RecordSource, Source
from ...sources.text_files import FLUSH, Row
from ...support.background import background
from .chunks import Chunk, Record
from .claims import Claims
from .feed import Feed
from .gate import Gate
from .open_block import GROUP, OpenBlock
from .order import Order
from .resuming import KnownChunk, Resume
from .run_control import RunControl
from .settling import Settler, UnbatchedRecord
from .tally import Tally

TURN = 1000
"""How many rows are read before other tasks get a turn, and rejected records are reported."""
LONGEST_READ = 0.05
"""How many seconds are read before other tasks get a turn."""
TURNS = 10
"""How many turns the other tasks get after that, because a request needs several."""
PAUSE = 1.0
"""Seconds without a row after which the rows read before are sent, even if they do not fill a chunk."""


class SourceReader:
    """Reads a source to its end, or until the run stops."""

    def __init__(
        self,
        *,
        source: Source,
        encoder: Encoder,
        gate: Gate,
        feed: Feed,
        order: Order,
        resume: Resume | None,
        claims: Claims | None,
        tally: Tally,
        control: RunControl,
        settler: Settler,
    ) -> None:
        self._source = source
        self._has_several_files = isinstance(source, FileSource) and len(source.files) > 1
        self._encoder = encoder
        self._gate = gate
        self._feed = feed
        self._order = order
        self._resume = resume
        self._claims = claims
        self._tally = tally
        self._control = control
        self._settler = settler
        self._matching: Record | None = None
        """The record that is being matched with the journal; it must be counted if the run is cut off."""
        self._unfinished = 0
        """How many records are in a block that was cut off while it was read; they must be counted, too."""
        self._next_turn = TURN
        self._seconds_blocked = 0.0
        """How long other tasks had no turn because of reading."""
        self._is_waiting = False
        self._has_rows = anyio.Event()
        self._flushing = anyio.Lock()
        self._waiting_for_source = anyio.CancelScope()

    async def read_all(self) -> None:
        """Read everything; an error that the source raises is kept until the end of the run."""
        rows = self._source.rows()
        try:
            if self._claims:
                await self._claims.load()
            if isinstance(rows, AsyncGenerator):
                await self._read_as_they_come(rows)
            else:
                while (self._resume or self._claims) and (row := self._next(rows)):
                    await self._take(row)
                while self._may_read_on:
                    await self._take_block(self._next_block(rows))
            if self._resume or self._claims:
                self._ended_early()
        except Invalid as error:
            self._control.fail_with(error)
            self._control.stop()
        except JournalFailed as error:
            self._control.stop_for(error)
        await self._end()

    async def replay(self, chunks: Iterable[KnownChunk]) -> None:
        """Take chunks of earlier runs, which the source does not yield again."""
        for known in chunks:
            if not self._control.is_reading:
                return
            self._tally.read += known.size
            for record in known.records:
                self._order.begin(record.names)
            await self._feed.replay(known)

    def stop_waiting(self) -> None:
        """Stop waiting for a row: the run has stopped."""
        if self._is_waiting:
            self._waiting_for_source.cancel()

    def count_remaining(self) -> Counter[State]:
        """Count the records that were read and not passed on; for a run that is cut off."""
        self._give_up_unmatched()
        counts: Counter[State] = self._settler.unbatched_states()
        if self._claims:
            counts += self._claims.states_left()
        counts["not_sent"] += self._gate.count_remaining() + self._unfinished + (self._matching is not None)
        return counts

    def close(self) -> None:
        """Close the temporary file of the records that wait until the source has proved to be the same."""
        if self._claims:
            self._claims.close()

    async def _read_as_they_come(self, rows: AsyncGenerator[Row]) -> None:
        """Read an asynchronous source. A buffer decides itself when to send; for other sources, pauses do."""
        async with background() as tasks, aclosing(rows):
            if isinstance(self._source, RecordSource):
                tasks.start_soon(self._send_in_pauses)
            try:
                await self._take_as_they_come(rows)
            finally:
                await self._flushing.acquire()  # a chunk that is being passed on must not be cut off

    async def _take_as_they_come(self, rows: AsyncIterator[Row]) -> None:
        """Take the rows. One scope is for the waiting for all of them: to open one for each row takes half of the time.

        It is cancelled only while a row is waited for. If the row comes nevertheless, it is taken outside the scope.
        """
        late: Row | None = None
        with anyio.CancelScope() as self._waiting_for_source:
            while (row := await self._next_when_there(rows)) is not None:
                if self._waiting_for_source.cancel_called:
                    late = row
                    break
                await self._take_or_flush(row)
        if late is not None:
            await self._take_or_flush(late)

    async def _take_or_flush(self, row: Row) -> None:
        if self._flushing.locked():
            async with self._flushing:
                pass
        await (self._gate.flush() if row is FLUSH else self._take(row))
        self._has_rows.set()

    async def _send_in_pauses(self) -> None:
        """Send what was read while the source keeps the reader waiting for its next row.

        If no sender is idle, nothing would be sent sooner, only in smaller requests.
        """
        while True:
            await self._has_rows.wait()
            read = -1
            while read != self._tally.read or not self._has_sent_all:
                read = self._tally.read
                await anyio.sleep(PAUSE)
                if read == self._tally.read and self._is_waiting and self._feed.has_idle_sender:
                    async with self._flushing:
                        await self._gate.flush()
            self._has_rows = anyio.Event()

    @property
    def _has_sent_all(self) -> bool:
        return self._gate.is_empty and not self._settler.has_unbatched

    @property
    def _may_read_on(self) -> bool:
        return self._control.is_reading and not self._tally.read_all and not self._control.callers_error

    def _next_block(self, rows: Iterator[Row]) -> Chunk:
        """Read as many rows as fit into the next chunk."""
        block = OpenBlock(packs=self._gate.passes_blocks_on)
        first = self._tally.read
        began = perf_counter()
        try:
            self._fill(block, rows, began + LONGEST_READ)
        except Exception as error:
            self._control.callers_error = error
        except BaseException:  # Ctrl-C, say: the block goes nowhere
            self._unfinished = self._tally.read - first - self._settler.unbatched_from(first)
            raise
        self._seconds_blocked = perf_counter() - began
        return block.chunk()

    def _fill(self, block: OpenBlock, rows: Iterator[Row], turn_due: float) -> None:
        """Read rows into a block, until it is full, or it is the turn of other tasks.

        Each row is encoded before the next is read, because a source may reuse one object for all rows.
        """
        taken, positions, lines, names, items = block.rows, block.positions, block.lines, block.names, block.items
        encoder, control, clock = self._encoder, self._control, perf_counter
        places = self._gate.free_places
        first = end = self._tally.read
        try:
            for end, (given, line) in enumerate(islice(rows, places), first + 1):
                try:
                    item, known_as = encoder.encode(given)
                except Exception as error:
                    record = Record(given, end - 1, line, (), b"")
                    self._reject(record, self._why(error, record))
                else:
                    taken.append(given)
                    positions.append(end - 1)
                    lines.append(line)
                    names.append(known_as)
                    items.append(item)
                    if len(taken) == GROUP:
                        block.close_group()
                if clock() > turn_due or not control.is_reading:
                    break
            else:
                self._tally.read_all = end - first < places
        finally:
            self._tally.read = end

    def _next(self, rows: Iterator[Row]) -> Row | None:
        if not self._control.is_reading:
            return None
        began = perf_counter()
        try:
            row = next(rows, None)
        except Exception as error:
            self._control.callers_error = error
            return None
        self._seconds_blocked += perf_counter() - began
        self._tally.read_all = row is None
        return row

    async def _next_when_there(self, rows: AsyncIterator[Row]) -> Row | None:
        if not self._control.is_reading:
            return None
        row = None
        self._is_waiting = True
        try:
            row = await anext(rows, None)
        except Exception as error:
            self._control.callers_error = error
        else:
            self._tally.read_all = row is None
        finally:
            self._is_waiting = False
        return row

    async def _take_block(self, block: Chunk) -> None:
        await self._gate.take_block(block)
        await self._give_turns()

    async def _take(self, row: Row) -> None:
        record, reason = self._record(row)
        if self._resume and await self._is_known(self._resume, record, reason):
            pass
        elif reason is not None:
            self._reject(record, reason)
        elif self._claims:
            await self._claim(self._claims, record)
        else:
            await self._gate.take(record)
        await self._give_turns()

    async def _give_turns(self) -> None:
        """Give other tasks their turns now and then, and report rejected records."""
        blocked = self._seconds_blocked
        if blocked < LONGEST_READ and self._tally.read < self._next_turn:
            return
        self._next_turn = self._tally.read + TURN
        self._seconds_blocked = 0.0
        for _ in range(TURNS if blocked >= LONGEST_READ else 1):
            await anyio.lowlevel.checkpoint()
        await self._settler.report_unbatched()
        await self._gate.release()
        if blocked > PAUSE and self._feed.has_idle_sender:
            await self._gate.pass_on_rest()

    def _reject(self, record: Record, reason: str) -> None:
        self._settler.add_unbatched(UnbatchedRecord(record=record, state="rejected", reason=reason))

    def _record(self, row: Row) -> tuple[Record, str | None]:
        """Return a row as a record, and the reason if it is invalid."""
        given, line = row
        position = self._tally.read
        try:
            item, names = self._encoder.encode(given)
            self._gate.check(item)
            record, reason = Record(given, position, line, names, item), None
        except Exception as error:
            record = Record(given, position, line, (), b"")
            reason = self._why(error, record)
        self._tally.read += 1  # at last: a row that was cut off here does not count as read
        return record, reason

    def _why(self, error: Exception, record: Record) -> str:
        """Return why a record is rejected; names that are not fields are a warning as well, once for each name."""
        if not isinstance(error, UnknownColumns):
            return _reason(error)
        file = self._source.file_of(record.row) if self._has_several_files else None
        self._tally.note_unknown(error.findings, line=record.line, position=record.position, file=file)
        return error.reason

    # What an earlier run did

    async def _is_known(self, resume: Resume, record: Record, reason: str | None) -> bool:
        """Return whether the journal knows a record; if so, nothing else has to be done with the record."""
        self._matching = record
        try:
            known = await resume.at(record.position)
            self._matching = None
            complete = resume.match(known, record) if known else None
        except (Invalid, JournalFailed) as error:
            self._matching = None
            state = resume.state_at(record.position) if isinstance(error, JournalFailed) else "not_sent"
            self._settler.add_unbatched(UnbatchedRecord(record=record, state=state, reason=str(error)))
            raise
        if known and known.entry.is_under_way:
            self._order.begin(record.names)
        if complete:
            await self._feed.replay(complete)
        if record.position >= resume.last:
            self._resume = None
            await self._feed.stop_deferring()
        return known is not None

    async def _claim(self, claims: Claims, record: Record) -> None:
        """Match a record by its content; once all known records were met, the rest of the source is new."""
        if await claims.take(record):
            self._claims = None
            claims.close()

    def _ended_early(self) -> None:
        """Send nothing if the source has not proved to be the one that the journal belongs to."""
        if self._tally.read_all and self._resume:
            self._resume.refuse_end(self._tally.read)
        if self._tally.read_all and self._claims:
            self._claims.end(self._tally.read)
        self._control.read_no_further()

    def _give_up_unmatched(self) -> None:
        """Give up the records that were matched, but whose chunks were not matched completely."""
        resume, self._resume = self._resume, None
        for record, state, reason in resume.unmatched() if resume else ():
            self._settler.add_unbatched(UnbatchedRecord(record=record, state=state, reason=reason))

    async def _end(self) -> None:
        """Pass on everything that was read, and report the records that are not sent."""
        await self._gate.end()
        self._give_up_unmatched()
        await self._give_up_claims()
        await self._settler.report_unbatched()

    async def _give_up_claims(self) -> None:
        """Report the records that were matched by content, or wait for that, and go nowhere any more."""
        if not self._claims:
            return
        for number, (record, state, reason) in enumerate(await self._claims.left(), 1):
            self._settler.add_unbatched(UnbatchedRecord(record=record, state=state, reason=reason))
            if not number % TURN:
                await self._settler.report_unbatched()


def _reason(error: Exception) -> str:
    """Return why a record cannot be encoded; a record may hold anything, also code that raises."""
    return str(error) if isinstance(error, Invalid) else f"cannot be read: {type(error).__name__}: {error}"
