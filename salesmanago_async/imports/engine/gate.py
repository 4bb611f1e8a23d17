"""The gate between reading and sending: records go into chunks, but never past an earlier record of their contact."""

from collections import deque
from collections.abc import Iterable

import anyio

from ...errors import Invalid
from ...outcome import STOPPED
from .chunker import Chunker
from .chunks import Chunk, Record
from .feed import Feed
from .lanes import Lanes
from .order import Order
from .run_control import RunControl
from .settling import Settler, UnbatchedRecord

BLOCKED = "an earlier record of the same contact or product is in doubt, and this one must not go before that"
LINGER = 1.0
"""The most seconds that a request which is not full waits, at the end of a run, for records that are held back."""


class Gate:
    """Puts records into chunks, holds back those that must wait for their contact, and passes full chunks on."""

    def __init__(
        self, *, chunker: Chunker | Lanes, order: Order, settler: Settler, control: RunControl, feed: Feed
    ) -> None:
        self._chunker = chunker
        self._order = order
        self._settler = settler
        self._control = control
        self._feed = feed
        self._pending: deque[Record] = deque()
        """Records that are in no other place during an `await`; they must still be counted if the run is cut off."""
        self.passes_blocks_on = True
        """Whether the last block was passed on as a chunk, as the next one probably will be."""

    @property
    def free_places(self) -> int:
        """How many more records fit into the next chunk."""
        return self._chunker.free_places

    @property
    def is_empty(self) -> bool:
        """Whether every record that came here was passed on."""
        return not self._chunker.is_gathering and not self._order.held

    def check(self, item: bytes) -> None:
        """Raise `Invalid` for an item that is too long for any request."""
        self._chunker.check(item)

    def count_remaining(self) -> int:
        """Count the records that were not passed on; for a run that is cut off."""
        return self._order.held + sum(map(len, iter(self._chunker.rest, None))) + len(self._pending)

    async def take_block(self, block: Chunk) -> None:
        """Pass a block on as a chunk if no record in it needs special treatment; else take its records one by one."""
        self.passes_blocks_on = self._chunker.is_chunk(block) and not self._order.must_wait(list(block.names()))
        if self.passes_blocks_on:
            await self._feed.pass_on(block)
        else:
            await self._take_one_by_one(block.records())

    async def _take_one_by_one(self, records: Iterable[Record]) -> None:
        self._pending.extend(records)
        while self._pending:
            record = self._pending.popleft()
            try:
                self._chunker.check(record.item)
            except Invalid as error:
                self._settler.add_unbatched(UnbatchedRecord(record=record, state="rejected", reason=str(error)))
            else:
                await self.take(record)

    async def take(self, record: Record) -> None:
        """Put a record into a chunk, or hold it back; wait while too many are held back."""
        if self._order.must_wait(record.names) or not await self._add(record):
            await self._hold(record)

    async def flush(self) -> None:
        """Report the records that are not sent, and pass on all that may go, even if they do not fill a chunk."""
        await self._settler.report_unbatched()
        await self.release()
        await self.pass_on_rest()

    async def release(self) -> None:
        """Put the held records that need not wait any longer into chunks."""
        self._settler.free_late()
        if not self._order.may_release:
            return
        for record in self._order.ready():
            if self._order.is_blocked(record.names):
                self._skip(record)
            elif not await self._add(record):
                self._order.hold(record)

    async def pass_on_rest(self) -> None:
        """Pass on what is in the open chunk, or in several of them."""
        while rest := self._chunker.rest():
            await self._feed.pass_on(rest)

    async def end(self) -> None:
        """Pass on everything that was read; the held records follow when their contacts are free."""
        await self.pass_on_rest()
        while self._order.held and self._control.is_reading:
            if not self._order.may_release:
                await self._settler.wait()
                continue
            await self.release()
            await self._linger()
            await self.pass_on_rest()
        for record in self._order.give_up():
            self._settler.add_unbatched(UnbatchedRecord(record=record, state="not_sent", reason=STOPPED))

    async def _linger(self) -> None:
        """Wait a moment for requests in flight to free more records, if the next request has room for them.

        All records that are free are in that request already. So the run waits once for each contact, however many of
        its records are held back.
        """
        until = anyio.current_time() + LINGER
        while self._chunker.is_gathering and self._order.held and self._settler.is_busy and self._control.is_reading:
            if not self._order.may_release:
                with anyio.move_on_after(until - anyio.current_time()):
                    await self._settler.settled.wait()
            if anyio.current_time() >= until:
                return
            await self.release()

    async def _add(self, record: Record) -> bool:
        """Put a record into a chunk; return False if a chunk that must go before it has a record of its contact."""
        if not self._chunker.has_room(record):
            self._pending.appendleft(record)
            await self.pass_on_rest()
            self._pending.popleft()
            if self._order.must_wait(record.names):  # the chunk that was passed on may have made its contact busy
                return False
        closed = self._chunker.add(record)
        if closed:
            await self._feed.pass_on(closed)
        return True

    async def _hold(self, record: Record) -> None:
        if self._order.is_blocked(record.names):
            self._skip(record)
            return
        self._order.hold(record)
        while self._order.is_full and self._control.is_reading and not self._feed.is_deferring:
            if not self._order.may_release:
                await self._settler.wait()
            await self.release()

    def _skip(self, record: Record) -> None:
        """Give up a record of a blocked contact; from now on all names of the record are blocked."""
        self._order.block_also(record.names)
        self._settler.add_unbatched(UnbatchedRecord(record=record, state="not_sent", reason=BLOCKED))
