"""The records of a buffer: each from the moment it is taken until its outcome is known.

With a file, everything is durable before it counts. A run that sends the records reads them by `QueueSource` and writes
down what becomes of them by `QueueJournal`.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, count
from typing import Any

import anyio
import orjson
from attrs import define, field

from ..errors import JournalFailed
from ..outcome import Outcome, State
from ..records.names import Names
from ..stores.queue_rows import QueuedLine, QueueFile
from ..support.signal import Signal
from ..support.spawn import spawn
from .receipts import Receipt


@define(eq=False)
class Queued:
    """A record in the buffer. If it was sent, `chunk` is what it was sent with, and `state` what is known of it.

    `rounds` counts the runs that found out no more of it, `is_over` says that no further run is to try.
    """

    number: int
    record: Any = field(repr=False)
    item: bytes = field(repr=False)
    names: Names = field(repr=False)
    state: State = "not_sent"
    chunk: int | None = None
    request_id: int | None = None
    rounds: int = 0
    is_over: bool = False
    receipt: Receipt = field(factory=Receipt, repr=False)

    @property
    def was_sent(self) -> bool:
        """Whether it was sent, and its outcome is not known yet."""
        return self.state in {"in_doubt", "submitted"}


@define
class _Writing:
    """A record that is being written down."""

    file: QueueFile
    one: Queued
    ended: anyio.Event = field(factory=anyio.Event)
    error: JournalFailed | None = None


class Queue:
    """The records of a buffer that have no outcome yet. `changed` is given whenever one has got further, or out."""

    def __init__(
        self,
        file: QueueFile | None,
        lines: Iterable[QueuedLine],
        *,
        names_of: Callable[[Any], Names],
        changed: Signal,
    ) -> None:
        lines = list(lines)
        self._file = file
        self._queued = {line.number: _queued(line, names_of) for line in lines if line.state != "rejected"}
        self._names = Counter(chain.from_iterable(one.names for one in self._queued.values()))
        self._numbers = count(max((line.number for line in lines), default=0) + 1)
        self._chunk_numbers = count(max((one.chunk or 0 for one in self._queued.values()), default=0) + 1)
        self._arrivals: deque[Queued] = deque()
        self._putting = 0
        self._closed = False
        self._changed = changed
        self.news = Signal()
        """Given when a record has arrived, or the queue was closed."""

    def __len__(self) -> int:
        return len(self._queued) + self._putting

    def __getitem__(self, number: int) -> Queued:
        return self._queued[number]

    def holds(self, names: Names) -> bool:
        """Return whether a record with one of these names is here."""
        return any(self._names[name] for name in names)

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more records, and none is being written down."""
        return self._closed and not self._putting

    @property
    def is_done(self) -> bool:
        """Whether it is closed, and nothing is left in it."""
        return self._closed and not len(self)

    @property
    def is_handed_over(self) -> bool:
        """Whether the server has every record."""
        return not self._putting and all(one.state == "submitted" for one in self._queued.values())

    async def handed_over(self) -> None:
        """Wait until the server has every record."""
        while not self.is_handed_over:
            await self._changed.wait()

    async def join(self) -> None:
        """Wait until every record that is here now has its outcome."""
        for receipt in [one.receipt for one in self._queued.values()]:
            await receipt

    # What comes in

    async def put(self, record: Any, item: bytes, names: Names) -> Receipt:
        """Take a record, which is durable when this returns; it is taken even if the caller is cancelled."""
        one = Queued(next(self._numbers), record, item, names)
        self._names.update(names)  # so that whoever comes after knows of it
        self._putting += 1
        if self._file:
            writing = _Writing(self._file, one)
            spawn(partial(self._write_down, writing))
            with anyio.CancelScope(shield=True):
                await writing.ended.wait()
            if writing.error:
                raise writing.error
        else:
            self._take(one)
        return one.receipt

    async def _write_down(self, writing: _Writing) -> None:
        """Write a record down, and then take it."""
        try:
            await writing.file.insert(writing.one.number, writing.one.item)
        except JournalFailed as error:
            writing.error = error
            self._putting -= 1
            self._forget(writing.one.names)
            self._changed.give()
        else:
            self._take(writing.one)
        writing.ended.set()

    def _take(self, one: Queued) -> None:
        self._putting -= 1
        self._queued[one.number] = one
        self._arrivals.append(one)
        self.news.give()

    def close(self) -> None:
        """Take no more records, so that runs end when they have read everything."""
        self._closed = True
        self.news.give()
        self._changed.give()

    # What a run does with it

    def everything(self) -> list[Queued]:
        """Return all records, in the order in which they came; nothing of them counts as an arrival any more."""
        self._arrivals.clear()
        return sorted(self._queued.values(), key=lambda one: one.number)

    def arrivals(self) -> list[Queued]:
        """Return the records that have arrived since the last call."""
        found = list(self._arrivals)
        self._arrivals.clear()
        return found

    def next_chunk_number(self) -> int:
        """Return a number that no chunk has had."""
        return next(self._chunk_numbers)

    async def mark(
        self,
        members: Sequence[Queued],
        state: State,
        chunk: int | None = None,
        request_id: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Write down what is known of records from now on."""
        if self._file:
            await self._file.mark([one.number for one in members], state, chunk, request_id, reason)
        for one in members:
            one.state, one.chunk, one.request_id = state, chunk, request_id
        self._changed.give()

    async def delete(self, members: Sequence[Queued]) -> None:
        """Take records out of the file; they stay here until they `end`."""
        if self._file:
            await self._file.delete([one.number for one in members])

    # What goes out

    def end(self, one: Queued, outcome: Outcome) -> Outcome:
        """Let a record go, with its outcome, which is returned."""
        del self._queued[one.number]
        self._forget(one.names)
        one.receipt.tell(outcome)
        self._changed.give()
        return outcome

    def end_unreported(self) -> list[Outcome]:
        """Let those go that are over, but were not reported, because the run was cut off just then."""
        return [self._end_as_it_is(one) for one in list(self._queued.values()) if one.is_over]

    def give_up(self, reason: str) -> list[Outcome]:
        """Let everything go as it is, because the buffer is closed."""
        return [self._end_as_it_is(one, reason) for one in list(self._queued.values())]

    def _end_as_it_is(self, one: Queued, reason: str | None = None) -> Outcome:
        return self.end(one, Outcome(one.record, one.number, one.state, reason, request_id=one.request_id))

    def _forget(self, names: Names) -> None:
        self._names.subtract(names)
        for name in names:
            if not self._names[name]:
                del self._names[name]


def _queued(line: QueuedLine, names_of: Callable[[Any], Names]) -> Queued:
    body = orjson.loads(line.item)
    return Queued(line.number, body, line.item, names_of(body), line.state, line.chunk, line.request_id)
