"""`Buffer`: takes records one by one, sends them together, and reports the outcome of each."""

from collections.abc import Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

import anyio
import anyio.lowlevel

from ..errors import BufferClosed, BufferFull, Invalid
from ..imports.engine.chunker import chunker_of
from ..imports.runs import Run
from ..imports.targets import EVENTS
from ..outcome import Outcome
from ..records.names import Names
from ..records.shapes import Shape
from ..stores.queue import StoredQueue
from ..stores.queue_values import Left, QueuedLine
from ..support.signal import Signal
from ..support.spawn import spawn
from ..telemetry import tell, watch_buffer
from ..telemetry.buffer_events import BufferClosedBadly, BufferLeftRecords, LeftoversFound
from .dispatching import Dispatcher
from .places import Opened, claim, orphaned_queues
from .queue import Queue
from .receipts import Receipt
from .reporting import Reporter
from .rounds import rounds_of
from .settings import BufferSettings, Holder

RecordT = TypeVar("RecordT")

CUT_AFTER = 5.0
"""Seconds that requests in flight have left when the time for closing is over."""
LAST_POLL = 3.0
"""Seconds that the last poll of the jobs may take."""


class Buffer(Generic[RecordT]):
    """Takes records, sends them together, and reports the outcome of each.

    Its options are those of `salesmanago_async.buffers.options.BufferOptions`, and of the other classes there.

    Use it as an async context manager. Leaving the block sends what is there, within bounds, and so does closing the
    client.
    """

    def __init__(self, run: Run, shape: Shape, settings: BufferSettings) -> None:
        self._target = run.target
        self._connection = run.connection
        self._settings = run.settings
        self._encoder = shape.encoder(run.settings.tags)
        self._names_of = shape.names_of_body
        self._chunker = chunker_of(run.settings)
        self._options = settings
        self._files: list[StoredQueue] = []
        self._dispatchers: list[Dispatcher] = []
        """The first one takes records; the others send what dead workers have left."""
        self._reporter = Reporter(settings.on_outcome)
        self._changed = Signal()
        self._closed = anyio.Event()
        self._is_open = False

    def __repr__(self) -> str:
        return f"<Buffer of {self._target.kind}, records: {len(self)}{'' if self._is_open else ', not open'}>"

    def __len__(self) -> int:
        """How many records are in the buffer: taken, with an outcome that is not known yet."""
        return sum(len(dispatcher.queue) for dispatcher in self._dispatchers)

    @property
    def lag(self) -> float:
        """How many seconds ago the oldest record without an outcome was taken; 0 if there is none."""
        return max((dispatcher.queue.lag for dispatcher in self._dispatchers), default=0.0)

    async def add(self, record: RecordT) -> Receipt:
        """Take a record, and return the receipt for its outcome; with a journal, the record is on the disk by then.

        Raises `Invalid` naming the field and the rule, `BufferFull` if there is no room and `when_full` is "raise",
        `BufferClosed`, and `JournalFailed` if the record cannot be written to the disk. If it raises, the record was
        not taken. There is one exception: if the caller is cancelled during the write, the record is taken all the
        same.
        """
        self._connection.lifetime.check_place()
        item, names = self._encoded(record)
        await anyio.lowlevel.checkpoint()
        await self._room()
        return await self._dispatchers[0].queue.put(record, item, names)

    async def confirm(self, record: RecordT) -> Outcome:
        """Take a record as `add` does, wait for its outcome, and return that."""
        return await (await self.add(record))

    def poll_now(self) -> None:
        """Poll the server jobs once now, even if they are not due."""
        for dispatcher in self._dispatchers:
            dispatcher.poll_now()

    async def join(self) -> None:
        """Wait until the outcome of every record that was taken before is known."""
        for dispatcher in self._dispatchers:
            await dispatcher.queue.join()

    def holds(self, names: Names) -> bool:
        """Return whether a record of a contact with one of these names is in the buffer."""
        return any(dispatcher.queue.holds(names) for dispatcher in self._dispatchers)

    async def __aenter__(self) -> Self:
        if self._dispatchers:
            raise BufferClosed("a buffer is opened once; make another one")
        try:
            self._connection.lifetime.check_place()
            await self._open_queues()
            self._connection.lifetime.add(self)
            watch_buffer(self, self._target.kind)
        except BaseException:
            await self._close_files()
            raise
        for dispatcher in self._dispatchers:
            spawn(dispatcher.work)
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Take no more records, send what is there, and end.

        With a journal, records that are not sent in time stay in it. The buffer is closed completely even if the caller
        is cancelled meanwhile. A child that was forked meanwhile closes nothing: the buffer is the parent's.
        """
        if self._connection.lifetime.is_of_parent:
            return
        if self._is_open:
            self._is_open = False
            spawn(self._close)
        if self._dispatchers:
            with anyio.CancelScope(shield=True):
                await self._closed.wait()

    async def _close(self) -> None:
        try:
            await self._drain()
            await self._close_files()
        except Exception as error:
            tell(BufferClosedBadly(failure=type(error).__name__))
        finally:
            with anyio.CancelScope(shield=True):  # if the event loop is shut down meanwhile, that ends the runs
                await self._all_ended()
            self._give_up()
            self._connection.lifetime.remove(self)
            self._closed.set()

    async def _room(self) -> None:
        while self._is_open and len(self) >= self._options.max_pending:
            if self._options.when_full == "raise":
                raise BufferFull(f"the buffer holds {len(self)} records, and takes no more")
            await self._changed.wait()
        if not self._is_open:
            raise BufferClosed("the buffer takes records only inside its block")

    def _encoded(self, record: RecordT) -> tuple[bytes, Names]:
        try:
            item, names = self._encoder.encode(record)
        except Invalid:
            raise
        except Exception as error:  # a record may hold anything, also code that raises
            raise Invalid(f"cannot be read: {type(error).__name__}: {error}") from error
        self._chunker.check(item)
        return item, names

    async def _open_queues(self) -> None:
        """Open the queue of this buffer, and those that dead workers have left; these take no records."""
        path = self._options.journal
        if path is None:
            self._add_queue(None, [], after=())
            return
        catalog = self._settings.fields.get("catalogId")
        into = f" in catalog {catalog}" if catalog else ""
        identity = {**self._connection.identity, "kind": f"buffer of {self._target.kind}{into}"}
        opened = [self._tracked(await claim(path, identity))]
        opened += [self._tracked(left) async for left in orphaned_queues(path, identity)]
        for file, lines in reversed(opened):  # each waits for those after it, which hold older records
            self._add_queue(file, lines, after=[dispatcher.queue for dispatcher in self._dispatchers])
        for dispatcher in self._dispatchers[1:]:
            dispatcher.queue.close()

    def _tracked(self, opened: Opened) -> Opened:
        """Return an opened queue, and remember to close its file."""
        self._files.append(opened[0])
        left = Left.of(line.state for line in opened[1])
        if left.unsent or left.unconfirmed:
            journal = str(self._options.journal)
            tell(LeftoversFound(records=left.unsent, unconfirmed=left.unconfirmed, journal=journal))
        return opened

    def _add_queue(self, file: StoredQueue | None, lines: list[QueuedLine], *, after: Sequence[Holder]) -> None:
        """Add a queue before the others; its records wait for those of `after`, and for another buffer's contacts."""
        dispatcher = Dispatcher(
            Queue(file, lines, names_of=self._names_of, changed=self._changed),
            connection=self._connection,
            target=self._target,
            settings=self._settings,
            rounds=rounds_of(are_events=self._target is EVENTS, follows_jobs=self._settings.wait),
            reporter=self._reporter,
            max_delay=self._options.max_delay,
            after=[*after, *([self._options.after] if self._options.after is not None else [])],
        )
        self._dispatchers.insert(0, dispatcher)

    async def _drain(self) -> None:
        """Send everything, as far as there is time."""
        for dispatcher in self._dispatchers:
            dispatcher.close()
        with anyio.move_on_after(self._options.drain_within):
            for dispatcher in self._dispatchers:
                await self._hand_over(dispatcher)
        with anyio.move_on_after(LAST_POLL):
            self.poll_now()
            await self.join()
        for dispatcher in self._dispatchers:
            dispatcher.halt()
        with anyio.move_on_after(CUT_AFTER):
            await self._all_ended()
        for dispatcher in self._dispatchers:
            dispatcher.cut()
        await self._all_ended()

    async def _all_ended(self) -> None:
        for dispatcher in self._dispatchers:
            await dispatcher.ended.wait()

    async def _hand_over(self, dispatcher: Dispatcher) -> None:
        """Wait until the server has every record of a queue; poll the jobs that block some of its records."""
        while not dispatcher.queue.is_handed_over:
            (self._options.after or self).poll_now()
            with anyio.move_on_after(LAST_POLL):
                await dispatcher.queue.handed_over()

    async def _close_files(self) -> None:
        for file in self._files:
            await file.aclose()

    def _give_up(self) -> None:
        """Report the records that are still here, with their present state."""
        why = "the buffer was closed first"
        queues = [dispatcher.queue for dispatcher in self._dispatchers]
        left = Left.of(state for queue in queues for state in queue.states_left())
        self._reporter.report([outcome for queue in queues for outcome in queue.give_up(why)])
        if left.unsent or left.unconfirmed:
            journal = str(self._options.journal) if self._files else None
            tell(BufferLeftRecords(records=left.unsent, unconfirmed=left.unconfirmed, journal=journal))
