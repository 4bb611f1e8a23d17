"""The records of a buffer: each from the moment it is taken until its outcome is known.

With a file, everything is durable before it counts. A run that sends the records reads them from a `QueueSource` and
writes down what becomes of them in a `QueueJournal`.
"""

import time
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
from ..stores.queue import StoredQueue
from ..stores.queue_values import QueuedLine
from ..support.signal import Signal
from ..support.spawn import spawn
from .receipts import Receipt


@define(eq=False)
class Queued:
    """A record in the buffer. If it was sent, `chunk` is the number of its batch, and `state` what is known of it.

    `rounds` counts the runs that found out nothing more about it; `is_over` is True if no further run may try.
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
    taken_at: float = field(factory=time.monotonic, repr=False)
    """By the clock of the machine, because metrics are collected outside the event loop."""

    @property
    def was_sent(self) -> bool:
        """Whether it was sent, and its outcome is not known yet."""
        return self.state in {"in_doubt", "submitted"}


@define
class _Writing:
    """A record that is being written to the file."""

    file: StoredQueue
    queued: Queued
    ended: anyio.Event = field(factory=anyio.Event)
    error: JournalFailed | None = None


class Queue:
    """The records of a buffer that have no outcome yet. `changed` is signalled when one of them changes or leaves."""

    def __init__(
        self,
        file: StoredQueue | None,
        lines: Iterable[QueuedLine],
        *,
        names_of: Callable[[Any], Names],
        changed: Signal,
    ) -> None:
        lines = list(lines)
        self._file = file
        self._queued = {line.number: _queued(line, names_of) for line in lines if line.state != "rejected"}
        self._names = Counter(chain.from_iterable(queued.names for queued in self._queued.values()))
        self._numbers = count(max((line.number for line in lines), default=0) + 1)
        self._chunk_numbers = count(max((queued.chunk or 0 for queued in self._queued.values()), default=0) + 1)
        self._arrivals: deque[Queued] = deque()
        self._putting = 0
        self._kept_in_doubt = 0
        """How many records were reported as in doubt, and stay in the file for the next start."""
        self._closed = False
        self._changed = changed
        self.incoming = Signal()
        """Signalled when a record has arrived, or the queue was closed."""

    def __len__(self) -> int:
        return len(self._queued) + self._putting

    def __getitem__(self, number: int) -> Queued:
        return self._queued[number]

    @property
    def lag(self) -> float:
        """How many seconds ago the oldest record was taken by this process; 0 if there is none."""
        now = time.monotonic()
        return now - min((queued.taken_at for queued in list(self._queued.values())), default=now)

    def holds(self, names: Names) -> bool:
        """Return whether a record with one of these names is here."""
        return any(self._names[name] for name in names)

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more records, and none is being written to the file."""
        return self._closed and not self._putting

    @property
    def is_done(self) -> bool:
        """Whether it is closed and empty."""
        return self._closed and not len(self)

    @property
    def is_handed_over(self) -> bool:
        """Whether the server has every record."""
        return not self._putting and all(queued.state == "submitted" for queued in self._queued.values())

    async def handed_over(self) -> None:
        """Wait until the server has every record."""
        while not self.is_handed_over:
            await self._changed.wait()

    async def join(self) -> None:
        """Wait until every record that is here now has its outcome."""
        for receipt in [queued.receipt for queued in self._queued.values()]:
            await receipt

    # Records that come in

    async def put(self, record: Any, item: bytes, names: Names) -> Receipt:
        """Take a record, which is durable when this returns; it is taken even if the caller is cancelled."""
        queued = Queued(next(self._numbers), record, item, names)
        self._names.update(names)  # before the first await, so that later records of the contact wait for this one
        self._putting += 1
        if self._file:
            writing = _Writing(self._file, queued)
            spawn(partial(self._write_down, writing))
            with anyio.CancelScope(shield=True):
                await writing.ended.wait()
            if writing.error:
                raise writing.error
        else:
            self._take(queued)
        return queued.receipt

    async def _write_down(self, writing: _Writing) -> None:
        """Write a record to the file, and then take it."""
        try:
            await writing.file.insert(writing.queued.number, writing.queued.item)
        except JournalFailed as error:
            writing.error = error
            self._putting -= 1
            self._forget(writing.queued.names)
            self._changed.give()
        else:
            self._take(writing.queued)
        writing.ended.set()

    def _take(self, queued: Queued) -> None:
        self._putting -= 1
        self._queued[queued.number] = queued
        self._arrivals.append(queued)
        self.incoming.give()

    def close(self) -> None:
        """Take no more records, so that runs end when they have read everything."""
        self._closed = True
        self.incoming.give()
        self._changed.give()

    # What a run does with the records

    def everything(self) -> list[Queued]:
        """Return all records in the order in which they came; none of them counts as an arrival any more."""
        self._arrivals.clear()
        return sorted(self._queued.values(), key=lambda queued: queued.number)

    def arrivals(self) -> list[Queued]:
        """Return the records that have arrived since the last call."""
        found = list(self._arrivals)
        self._arrivals.clear()
        return found

    def next_chunk_number(self) -> int:
        """Return a number that no chunk has had."""
        return next(self._chunk_numbers)

    async def confirm(self) -> None:
        """Raise `JournalFailed` if another process may have taken over the file."""
        if self._file:
            await self._file.confirm()

    async def mark(
        self,
        members: Sequence[Queued],
        state: State,
        chunk: int | None = None,
        request_id: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Write down the new state of records."""
        if self._file:
            await self._file.mark([queued.number for queued in members], state, chunk, request_id, reason)
        for queued in members:
            queued.state, queued.chunk, queued.request_id = state, chunk, request_id
        self._changed.give()

    async def delete(self, members: Sequence[Queued]) -> None:
        """Delete records from the file; they stay in memory until `end`."""
        if self._file:
            await self._file.delete([queued.number for queued in members])

    def states_left(self) -> list[State]:
        """Return the states of the records without an outcome, and of those that stay in the file in doubt."""
        kept: list[State] = ["in_doubt"] * self._kept_in_doubt
        return [*(queued.state for queued in self._queued.values()), *kept]

    # Records that leave

    def end(self, queued: Queued, outcome: Outcome) -> Outcome:
        """Remove a record with its outcome, and return the outcome."""
        del self._queued[queued.number]
        if self._file and outcome.state == "in_doubt":
            self._kept_in_doubt += 1
        self._forget(queued.names)
        queued.receipt.resolve(outcome)
        self._changed.give()
        return outcome

    def end_unreported(self) -> list[Outcome]:
        """Remove the records that are over, but were not reported because the run was cut off at that moment."""
        return [self._end_as_it_is(queued) for queued in list(self._queued.values()) if queued.is_over]

    def give_up(self, reason: str) -> list[Outcome]:
        """Remove all records in their present state, because the buffer is closed."""
        return [self._end_as_it_is(queued, reason) for queued in list(self._queued.values())]

    def _end_as_it_is(self, queued: Queued, reason: str | None = None) -> Outcome:
        return self.end(
            queued, Outcome(queued.record, queued.number, queued.state, reason, request_id=queued.request_id)
        )

    def _forget(self, names: Names) -> None:
        self._names.subtract(names)
        for name in names:
            if not self._names[name]:
                del self._names[name]


def _queued(line: QueuedLine, names_of: Callable[[Any], Names]) -> Queued:
    body = orjson.loads(line.item)
    return Queued(line.number, body, line.item, names_of(body), line.state, line.chunk, line.request_id)
