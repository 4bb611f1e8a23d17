"""`Buffer`: takes records one by one, sends them together, and tells what became of each."""

import logging
from functools import partial
from types import TracebackType
from typing import Generic, Self, TypeVar

import anyio
import anyio.lowlevel

from ..errors import BufferClosed, BufferFull, Invalid
from ..imports.engine.chunks import chunker_of
from ..imports.runs import Run
from ..imports.targets import EVENTS
from ..outcome import PROBLEMS, Outcome, State
from ..records.names import Names, names_of_contact, names_of_event
from ..records.shapes import Shape
from ..stores.queue_rows import QueuedLine, QueueFile
from ..support.signal import Signal
from ..support.spawn import spawn
from .dispatching import Dispatcher
from .places import claim, left_behind
from .queue import Queue
from .receipts import Receipt
from .settings import BufferSettings

RecordT = TypeVar("RecordT")

FINAL: frozenset[State] = frozenset({"accepted", "rejected"})
UNFOLLOWED: frozenset[State] = FINAL | frozenset[State]({"submitted"})
MOST_RESULTS = 3
"""Results of jobs that may say nothing certain of a contact."""
MOST_FOLLOWS = 20
"""Runs that may fail to find out what became of a job: each looks at it several times, an interval apart."""
CUT_AFTER = 5.0
"""Seconds that requests in flight have left when the time for closing is over."""
LAST_LOOK = 3.0
"""Seconds that a look at the jobs may take at the end."""

_log = logging.getLogger("salesmanago_async")


class Buffer(Generic[RecordT]):
    """Takes records, sends them together, and tells what became of each: see `BufferOptions`.

    Use it as an async context manager. Leaving the block sends what is there, within bounds, as
    does closing its client.
    """

    def __init__(self, run: Run, shape: Shape, settings: BufferSettings) -> None:
        self._target = run.target
        self._connection = run.connection
        self._settings = run.settings
        self._encoder = shape.encoder(run.settings.tags)
        self._chunker = chunker_of(run.settings)
        self._options = settings
        self._files: list[QueueFile] = []
        self._runs: list[Dispatcher] = []
        self._changed = Signal()
        self._closed = anyio.Event()
        self._is_open = False

    def __len__(self) -> int:
        """How many records are in the buffer: taken, and not known to have come to their end."""
        return sum(len(runs.queue) for runs in self._runs)

    async def add(self, record: RecordT) -> Receipt:
        """Take a record, and return the receipt that tells what becomes of it; with a journal it is on the disk then.

        Raises `Invalid` naming the field and the rule, `BufferFull` where there is no room and it was to be raised,
        `BufferClosed`, and `JournalFailed` where it cannot be written down. Whatever it raises, nothing was taken; only
        where the caller is cancelled while it is written down, it is taken all the same.
        """
        item, names = self._encoded(record)
        await anyio.lowlevel.checkpoint()
        await self._room()
        return await self._runs[0].queue.put(record, item, names)

    async def confirm(self, record: RecordT) -> Outcome:
        """Take a record as `add` does, wait until it is known what became of it, and return that."""
        return await (await self.add(record))

    def poll_now(self) -> None:
        """Have the server jobs looked at once now, though the next look is not due."""
        for runs in self._runs:
            runs.poll_now()

    async def join(self) -> None:
        """Wait until it is known what became of every record that was taken before."""
        for runs in self._runs:
            await runs.queue.join()

    def holds(self, names: Names) -> bool:
        """Tell whether a record of a contact of these names is in the buffer."""
        return any(runs.queue.holds(names) for runs in self._runs)

    async def __aenter__(self) -> Self:
        if self._runs:
            raise BufferClosed("a buffer is opened once; make another one")
        try:
            await self._open_queues()
            self._connection.lifetime.add(self)
        except BaseException:
            await self._close_files()
            raise
        for runs in self._runs:
            spawn(runs.work)
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Take no more, send what is there, and end; what is not sent in time lies in the journal, if there is one.

        It is done also where the caller is cancelled meanwhile.
        """
        if self._is_open:
            self._is_open = False
            spawn(self._close)
        if self._runs:
            with anyio.CancelScope(shield=True):
                await self._closed.wait()

    async def _close(self) -> None:
        try:
            await self._drain()
            await self._close_files()
        except Exception as error:
            _log.error("A buffer could not be closed in order: %s", type(error).__name__)
        finally:
            with anyio.CancelScope(shield=True):  # where the event loop is shut down meanwhile, runs end by that
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
        except Exception as error:  # a record may hold anything, also code of its own
            raise Invalid(f"cannot be read: {type(error).__name__}: {error}") from error
        self._chunker.check(item)
        return item, names

    async def _open_queues(self) -> None:
        path = self._options.journal
        if path is None:
            self._add_queue(None, [])
            return
        what = {**self._connection.identity, "kind": f"buffer of {self._target.kind}"}
        self._add_queue(*await claim(path, what))
        async for file, lines in left_behind(path, what):
            self._add_queue(file, lines)
            self._runs[-1].queue.close()

    def _add_queue(self, file: QueueFile | None, lines: list[QueuedLine]) -> None:
        if file:
            self._files.append(file)  # first of all, so that it is closed whatever comes
        queue = Queue(
            file,
            lines,
            names_of=names_of_event if self._target is EVENTS else names_of_contact,
            final=FINAL if self._settings.wait else UNFOLLOWED,
            most_rounds=_rounds_of_event if self._target is EVENTS else _rounds_of_contact,
            max_delay=self._options.max_delay,
            must_wait=partial(self._must_wait, number=len(self._runs)),
            changed=self._changed,
        )
        runs = Dispatcher(
            queue,
            connection=self._connection,
            target=self._target,
            settings=self._settings,
            on_outcome=self._tell,
        )
        self._runs.append(runs)

    def _must_wait(self, names: Names, *, number: int) -> bool:
        """Tell whether a record of a queue must wait: for contacts elsewhere, or for what a dead worker has left."""
        if self._options.after is not None and self._options.after.holds(names):
            return True
        return any(runs.queue.holds(names) for runs in self._runs[number + 1 :])

    async def _drain(self) -> None:
        """Have the server get everything, as far as there is time."""
        for runs in self._runs:
            runs.close()
        with anyio.move_on_after(self._options.drain_within):
            for runs in self._runs:
                await self._hand_over(runs)
        with anyio.move_on_after(LAST_LOOK):
            self.poll_now()
            await self.join()
        for runs in self._runs:
            runs.halt()
        with anyio.move_on_after(CUT_AFTER):
            await self._all_ended()
        for runs in self._runs:
            runs.cut()
        await self._all_ended()

    async def _all_ended(self) -> None:
        for runs in self._runs:
            await runs.ended.wait()

    async def _hand_over(self, runs: Dispatcher) -> None:
        """Wait until the server has all of a queue; what waits for jobs of its contacts has these looked at."""
        while not runs.queue.is_handed_over:
            (self._options.after or self).poll_now()
            with anyio.move_on_after(LAST_LOOK):
                await runs.queue.handed_over()

    async def _close_files(self) -> None:
        for file in self._files:
            await file.aclose()

    def _give_up(self) -> None:
        """Tell those that still wait how things stand."""
        left = [outcome for runs in self._runs for outcome in runs.queue.give_up("the buffer was closed first")]
        for outcome in left:
            self._tell(outcome)
        unsent = sum(outcome.state != "submitted" for outcome in left)
        if unsent and self._files:
            _log.warning(
                "A buffer was closed with %d records to be sent; they lie in %s", unsent, self._options.journal
            )
        elif unsent:
            _log.error("A buffer without a journal was closed with %d records that are not sent", unsent)

    def _tell(self, outcome: Outcome) -> None:
        if outcome.state in PROBLEMS:
            _log.warning("Record %d of a buffer is %s; its receipt tells why", outcome.position, outcome.state)
        if self._options.on_outcome:
            try:
                self._options.on_outcome(outcome)
            except Exception as error:
                _log.error("on_outcome has raised %s", type(error).__name__)


def _rounds_of_contact(state: State, request_id: int | None) -> int | None:
    """Return how many runs may leave a contact so, None for any number: while nobody answers, say."""
    if state == "submitted":
        return 1 if request_id is None else MOST_FOLLOWS
    return MOST_RESULTS if state == "in_doubt" and request_id is not None else None


def _rounds_of_event(state: State, _request_id: int | None) -> int | None:
    """Return how many runs may leave an event so: it was looked for in the account, and not found out about."""
    return 1 if state in {"in_doubt", "submitted"} else None
