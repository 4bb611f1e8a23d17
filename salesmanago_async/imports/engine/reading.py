"""Where records come in: each is read, checked and encoded once, and goes into a chunk, or waits for its turn.

On the way stand, in this order: what an earlier run of the same journal did with it, and the order per contact.

A source may be slow. A synchronous one blocks the event loop while it makes a row, so others get their turn after every
`LONGEST_READ` seconds of reading, and where one row took longer than `PAUSE`, all that was read goes out. While an
asynchronous source makes us wait for longer than that, a task beside the reader sends what was read; the wait itself
goes on, as a source must be neither cancelled nor asked twice.
"""

from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from itertools import islice
from time import perf_counter
from typing import Any

import anyio
import anyio.lowlevel
from attrs import frozen

from ...errors import Invalid, JournalFailed
from ...outcome import STOPPED, State
from ...records.encoders import Encoder
from ...records.names import Names
from ...sources.sources import RecordSource, Source
from ...sources.text_files import FLUSH, Row
from ...support.background import background
from .chunks import Chunk, Chunker, Record
from .order import Order
from .resuming import KnownChunk, Resume
from .run_control import RunControl
from .settling import Left, Settler
from .tally import Tally

TURN = 1000
"""How many rows are read before others get a turn, and rejected ones are told."""
LONGEST_READ = 0.05
"""Seconds of reading, without a turn for others, after which they get one."""
TURNS = 10
"""Turns that others get after such a time, as a request takes several."""
PAUSE = 1.0
"""Seconds without a row after which what was read before is sent, however little it is."""
BLOCKED = "an earlier record of its contact is in doubt, and this one must not go before that"
LINGER = 1.0
"""Seconds, at most, that a request which is not full waits at the end for records that are still held back."""


@frozen
class Outlets:
    """Where chunks go: new ones, those that the journal knows, and word that nothing it knows can come any more.

    `wait_for_more` tells whether a chunk would be sent at once.
    """

    pass_on: Callable[[Chunk], Awaitable[None]]
    replay: Callable[[KnownChunk], Awaitable[None]]
    all_met: Callable[[], Awaitable[None]]
    wait_for_more: Callable[[], bool]


class SourceReader:
    """Reads a source to its end, or until the run stops."""

    def __init__(
        self,
        *,
        source: Source,
        encoder: Encoder,
        chunker: Chunker,
        order: Order,
        resume: Resume | None,
        tally: Tally,
        control: RunControl,
        settler: Settler,
        outlets: Outlets,
    ) -> None:
        self._source = source
        self._encoder = encoder
        self._chunker = chunker
        self._order = order
        self._resume = resume
        self._tally = tally
        self._control = control
        self._settler = settler
        self._outlets = outlets
        self._left: list[Left] = []
        self._in_hand: deque[Record] = deque()
        """Those that were read, and are in no other place while something is waited for."""
        self._next_turn = TURN
        self._seconds_blocked = 0.0
        """How long others had no turn, as reading took long."""
        self._is_waiting = False
        self._has_rows = anyio.Event()
        self._flushing = anyio.Lock()
        self._waiting_for_source = anyio.CancelScope()
        control.when_stopped(lambda: self._waiting_for_source.cancel())

    async def read_all(self) -> None:
        """Read everything; what the source raises is kept for the end of the run."""
        rows = self._source.rows()
        try:
            if isinstance(rows, AsyncGenerator):
                await self._read_as_they_come(rows)
            else:
                while self._resume and (row := self._next(rows)):
                    await self._take(row)
                while self._may_read_on:
                    await self._take_block(self._next_block(rows))
            if self._resume:
                self._ended_early(self._resume)
        except Invalid as error:
            self._control.fail_with(error)
            self._control.stop()
        except JournalFailed as error:
            self._control.stop_for(error)
        await self._end()

    async def _read_as_they_come(self, rows: AsyncGenerator[Row]) -> None:
        """Read an asynchronous source; a buffer says itself when to send, so only for others are there pauses."""
        async with background() as tasks, aclosing(rows):
            if isinstance(self._source, RecordSource):
                tasks.start_soon(self._send_in_pauses)
            try:
                while row := await self._next_when_there(rows):
                    await (self._flush() if row is FLUSH else self._take(row))
                    self._has_rows.set()
            finally:
                await self._flushing.acquire()  # so that nothing is cut off while it is passed on

    async def _send_in_pauses(self) -> None:
        """Send what was read while the source makes us wait for its next row.

        Where others wait to be sent already, it would go no sooner, only in smaller pieces.
        """
        while True:
            await self._has_rows.wait()
            read = -1
            while read != self._tally.read or not self._has_sent_all:
                read = self._tally.read
                await anyio.sleep(PAUSE)
                if read == self._tally.read and self._is_waiting and self._outlets.wait_for_more():
                    async with self._flushing:
                        await self._flush()
            self._has_rows = anyio.Event()

    @property
    def _has_sent_all(self) -> bool:
        return not self._chunker.is_gathering and not self._order.held and not self._left

    def left_behind(self) -> Counter[State]:
        """Count the records that were read and have gone nowhere; for a run that is cut off."""
        chunk = self._chunker.rest()
        counts: Counter[State] = Counter(one.state for one in (*self._left, *self._met_in_vain()))
        counts["not_sent"] += self._order.held + (len(chunk) if chunk else 0) + len(self._in_hand)
        return counts

    @property
    def _may_read_on(self) -> bool:
        return self._control.is_reading and not self._tally.read_all and not self._control.callers_error

    def _next_block(self, rows: Iterator[Row]) -> Chunk:
        """Read as many rows as the next chunk has places; each is encoded before the next one is asked for."""
        taken: list[Any] = []
        lines: list[int | None] = []
        names: list[Names] = []
        items: list[bytes] = []
        rejected: set[int] = set()
        first = end = self._tally.read
        last = first + self._chunker.places
        encoder, control, clock = self._encoder, self._control, perf_counter
        began = clock()
        turn_due = began + LONGEST_READ
        try:
            for end, (given, line) in enumerate(islice(rows, last - first), first + 1):
                try:
                    item, known_as = encoder.encode(given)
                except Exception as error:
                    rejected.add(end - 1)
                    self._reject(Record(given, end - 1, line, (), b""), _reason(error))
                else:
                    taken.append(given)
                    lines.append(line)
                    names.append(known_as)
                    items.append(item)
                if clock() > turn_due or not control.is_reading:
                    break
            else:
                self._tally.read_all = end < last
        except Exception as error:
            control.callers_error = error
        self._seconds_blocked = clock() - began
        self._tally.read = end
        positions: Sequence[int] = range(first, end)
        if len(items) < end - first:
            positions = [position for position in positions if position not in rejected]
        return Chunk.of_columns(taken, positions, lines, names, items)

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
        with anyio.CancelScope() as self._waiting_for_source:
            self._is_waiting = True
            try:
                row = await anext(rows, None)
            except Exception as error:
                self._control.callers_error = error
            else:
                self._tally.read_all = row is None
            finally:
                self._is_waiting = False
        if self._flushing.locked():
            async with self._flushing:
                pass
        return row

    async def _take_block(self, block: Chunk) -> None:
        """Pass a block on as a chunk, if none of its records is anything special; else take one after the other."""
        if self._chunker.is_chunk(block) and not self._order.must_wait(list(block.names())):
            await self._outlets.pass_on(block)
        else:
            await self._place_one_by_one(block.records())
        await self._give_turns()

    async def _take(self, row: Row) -> None:
        record, reason = self._record(row)
        if self._resume and await self._is_known(self._resume, record, reason):
            pass
        elif reason is not None:
            self._reject(record, reason)
        else:
            await self._place(record)
        await self._give_turns()

    async def _place_one_by_one(self, records: Iterable[Record]) -> None:
        self._in_hand.extend(records)
        while self._in_hand:
            record = self._in_hand.popleft()
            try:
                self._chunker.check(record.item)
            except Invalid as error:
                self._reject(record, str(error))
            else:
                await self._place(record)

    async def _place(self, record: Record) -> None:
        if self._order.must_wait(record.names) or not await self._add(record):
            await self._hold(record)

    async def _give_turns(self) -> None:
        """Let others have their turn now and then, and tell what was rejected."""
        blocked = self._seconds_blocked
        if blocked < LONGEST_READ and self._tally.read < self._next_turn:
            return
        self._next_turn = self._tally.read + TURN
        self._seconds_blocked = 0.0
        for _ in range(TURNS if blocked >= LONGEST_READ else 1):
            await anyio.lowlevel.checkpoint()
        await self._tell_left()
        await self._release()
        if blocked > PAUSE and self._outlets.wait_for_more():
            await self._pass_on_rest()

    async def _flush(self) -> None:
        """Have everything go that may, however little it is."""
        await self._tell_left()
        await self._release()
        await self._pass_on_rest()

    def _reject(self, record: Record, reason: str) -> None:
        self._left.append(Left(record=record, state="rejected", reason=reason))

    def _record(self, row: Row) -> tuple[Record, str | None]:
        """Return a row as a record, and why it is none."""
        given, line = row
        position = self._tally.read
        self._tally.read += 1
        try:
            item, names = self._encoder.encode(given)
            self._chunker.check(item)
            return Record(given, position, line, names, item), None
        except Exception as error:
            return Record(given, position, line, (), b""), _reason(error)

    async def _add(self, record: Record) -> bool:
        """Put a record into a chunk; False where the one that had no room for it has a record of its contact."""
        if not self._chunker.has_room(record):
            self._in_hand.appendleft(record)
            await self._pass_on_rest()
            self._in_hand.popleft()
            if self._order.must_wait(record.names):
                return False
        await self._gather(record)
        return True

    async def _gather(self, record: Record) -> None:
        """Put a record into the chunk that is being gathered, and pass it on when it is full."""
        closed = self._chunker.add(record)
        if closed:
            await self._outlets.pass_on(closed)

    # What an earlier run did

    async def _is_known(self, resume: Resume, record: Record, reason: str | None) -> bool:
        """Tell whether the journal knows a record, which is then dealt with."""
        self._in_hand.append(record)
        try:
            known = await resume.at(record.position)
            self._in_hand.clear()
            complete = resume.match(known, record) if known else None
        except (Invalid, JournalFailed) as error:
            self._in_hand.clear()
            self._left.append(Left(record=record, state="not_sent", reason=str(error)))
            raise
        if known and known.entry.state in _UNDER_WAY:
            self._order.begin(record.names)
        if complete:
            await self._outlets.replay(complete)
        if record.position >= resume.last:
            self._resume = None
            await self._outlets.all_met()
        return known is not None

    def _ended_early(self, resume: Resume) -> None:
        """Send nothing where the source has not proved to be the one that the journal is about."""
        if self._tally.read_all:
            resume.refuse_end(self._tally.read)
        self._control.read_no_further()

    def _met_in_vain(self) -> Iterator[Left]:
        """Yield the records that the journal knows, of chunks that will not be met as a whole."""
        for known in self._resume.incomplete() if self._resume else ():
            verdicts = known.verdicts()
            for index, record in enumerate(known.records):
                reason = known.entry.others.get(record.position, ("", known.entry.reason))[1]
                yield Left(record=record, state=verdicts.state_of(index), reason=reason or "as an earlier run left it")

    # What must wait

    async def _hold(self, record: Record) -> None:
        if self._order.is_blocked(record.names):
            self._skip(record)
            return
        self._order.hold(record)
        while self._order.is_full and self._control.is_reading and not self._resume:
            if not self._order.has_news:
                await self._settler.wait()
            await self._release()

    def _skip(self, record: Record) -> None:
        """Give up a record of a barred contact, and with it all that the contact goes by."""
        self._order.shut_out(record.names)
        self._left.append(Left(record=record, state="not_sent", reason=BLOCKED))

    async def _release(self) -> None:
        """Put what need not wait any longer into chunks."""
        self._settler.free_late()
        if not self._order.has_news:
            return
        for record in self._order.ready():
            if self._order.is_blocked(record.names):
                self._skip(record)
            elif not await self._add(record):
                self._order.hold(record)

    async def _end(self) -> None:
        """Have everything go that was read: what must still wait, when its time has come."""
        await self._pass_on_rest()
        while self._order.held and self._control.is_reading:
            if not self._order.has_news:
                await self._settler.wait()
                continue
            await self._release()
            await self._linger()
            await self._pass_on_rest()
        self._left.extend(Left(record=record, state="not_sent", reason=STOPPED) for record in self._order.give_up())
        self._left.extend(self._met_in_vain())
        self._resume = None
        await self._tell_left()

    async def _linger(self) -> None:
        """Wait a moment for what is in flight to free more records, if there is room for them in the next request.

        All that is free is in it by then. So each contact is waited for once, however many records are held back.
        """
        until = anyio.current_time() + LINGER
        while self._chunker.is_gathering and self._order.held and self._settler.is_busy and self._control.is_reading:
            if not self._order.has_news:
                with anyio.move_on_after(until - anyio.current_time()):
                    await self._settler.settled.wait()
            if anyio.current_time() >= until:
                return
            await self._release()

    async def _pass_on_rest(self) -> None:
        rest = self._chunker.rest()
        if rest:
            await self._outlets.pass_on(rest)

    async def _tell_left(self) -> None:
        if self._left:
            left, self._left = self._left, []
            self._tally.rejected_here += sum(one.state == "rejected" for one in left)
            await self._settler.tell_left(left)


_UNDER_WAY = frozenset({"in_doubt", "submitted"})


def _reason(error: Exception) -> str:
    """Return why a record cannot be encoded; it may hold anything, also code of its own."""
    return str(error) if isinstance(error, Invalid) else f"cannot be read: {type(error).__name__}: {error}"
