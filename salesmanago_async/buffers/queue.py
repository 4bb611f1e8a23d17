"""What is in a buffer: each record from the moment it is taken until it is known what became of it.

For a run that sends them this is the source, which gives what is left of earlier runs first, and the journal, which
knows the records by their positions in that run. Where there is a file, everything is on the disk before it counts.
"""

import math
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from functools import partial
from itertools import chain, count
from typing import Any, TypeAlias

import anyio
import orjson
from attrs import define, evolve, field

from ..errors import JournalFailed
from ..outcome import Outcome, State, Verdicts
from ..records.encoders import Encoder
from ..records.names import Names
from ..sources.text_files import FLUSH, Row
from ..stores.queue_rows import QueuedLine, QueueFile
from ..stores.values import Entry, RowChecksums, checksum
from ..support.signal import Signal
from ..support.spawn import spawn
from .receipts import Receipt

_Verdict: TypeAlias = tuple[State, str | None]


@define(eq=False)
class Queued:
    """A record in the buffer. Where it was sent, `chunk` is what it was sent with, and `state` what is known of it.

    `rounds` are the runs that found out no more of it, `is_over` says that no further one is to try.
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


@define
class _Writing:
    """A record that is being written down."""

    file: QueueFile
    one: Queued
    ended: anyio.Event = field(factory=anyio.Event)
    error: JournalFailed | None = None


class Queue:
    """The records of a buffer; one run at a time may send them.

    A record of which a run says one of the states `final` is done with. What a run leaves in another state is for the
    next one; `most_rounds` tells how many runs may do so, None for as many as it takes (it gets the state, and the
    number of the job). A run that was stopped does not count. `must_wait` tells whether a record of these names is to
    be left for later, and `changed` is given whenever one has got further, or out.
    """

    def __init__(
        self,
        file: QueueFile | None,
        lines: Iterable[QueuedLine],
        *,
        names_of: Callable[[Any], Names],
        final: frozenset[State],
        most_rounds: Callable[[State, int | None], int | None],
        max_delay: float,
        must_wait: Callable[[Names], bool],
        changed: Signal,
    ) -> None:
        self._file = file
        self._final = final
        self._most_rounds = most_rounds
        self._max_delay = max_delay
        self._must_wait = must_wait
        self._queued = {line.number: _queued(line, names_of) for line in lines if line.state != "rejected"}
        self._names = Counter(chain.from_iterable(one.names for one in self._queued.values()))
        self._numbers = count(max((line.number for line in lines), default=0) + 1)
        self._chunk_numbers = count(max((one.chunk or 0 for one in self._queued.values()), default=0) + 1)
        self._fresh: deque[Queued] = deque()
        self._waiting: list[Queued] = []
        self._waiting_names: set[str] = set()
        self._given: dict[int, Queued] = {}
        self._positions = count()
        self._putting = 0
        self._chunks: dict[int, list[Queued]] = {}
        self._news = anyio.Event()
        self._closed = False
        self._changed = changed
        self.has_left = False
        """Whether the run that is on has left a record for the next one."""
        self.is_stopping: Callable[[], bool] = lambda: False
        """Tells whether the run that is on was told to stop."""

    def __len__(self) -> int:
        return len(self._queued) + self._putting

    def holds(self, names: Names) -> bool:
        """Tell whether a record of one of these names is here."""
        return any(self._names[name] for name in names)

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
        """Wait until nothing is here that is here now."""
        for receipt in [one.receipt for one in self._queued.values()]:
            await receipt

    async def put(self, record: Any, item: bytes, names: Names) -> Receipt:
        """Take a record, which is on the disk when this returns; it is taken also where the caller is cancelled."""
        one = Queued(next(self._numbers), record, item, names)
        self._names.update(names)  # so that whoever comes after knows of it
        self._putting += 1
        if self._file:
            written = _Writing(self._file, one)
            spawn(partial(self._write_down, written))
            with anyio.CancelScope(shield=True):
                await written.ended.wait()
            if written.error:
                raise written.error
        else:
            self._take(one)
        return one.receipt

    async def _write_down(self, writing: "_Writing") -> None:
        """Have a record on the disk, and then take it."""
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
        self._fresh.append(one)
        self._news.set()

    def close(self) -> None:
        """Say that no more will be put in, so that runs end when they have read everything."""
        self._closed = True
        self._news.set()
        self._changed.give()

    # The source of a run

    def begin_run(self) -> list[Entry]:
        """Begin anew with everything that is here; return what earlier runs have sent, by positions in this one."""
        sent = _by_chunk(filter(_was_sent, self._queued.values()))
        known = sorted((one for members in sent for one in members), key=_number)
        self._fresh = deque([*known, *(one for one in self._queued.values() if not _was_sent(one))])
        self._stop_waiting()
        self._given.clear()
        self._positions = count()
        self._chunks.clear()
        self.has_left = False
        places = {one.number: place for place, one in enumerate(known)}
        return [self._entry(members, [places[one.number] for one in members]) for members in sent]

    def _entry(self, members: list[Queued], positions: Sequence[int]) -> Entry:
        number = next(self._chunk_numbers)
        self._chunks[number] = members
        for one in members:
            one.chunk = number
        spans = RowChecksums.of(positions, [one.item for one in members]).spans
        return Entry(number, spans, members[0].state, members[0].request_id)

    async def rows(self) -> AsyncGenerator[Row]:
        """Give the number of every record as it comes, and word to send them when the first has waited long enough."""
        flush_at = math.inf
        while True:
            now = anyio.current_time()
            if now >= flush_at:
                flush_at = math.inf
                self._look_again()
                yield FLUSH
            elif one := self._next():
                self._given[next(self._positions)] = one
                flush_at = min(flush_at, now + self._max_delay)
                yield one.number, None
            elif self._closed and not (self._waiting or self._putting):
                return
            else:
                flush_at = min(flush_at, now + self._max_delay) if self._queued else math.inf
                self._news = anyio.Event()
                with anyio.move_on_after(flush_at - now):
                    await self._news.wait()

    def _next(self) -> Queued | None:
        while self._fresh:
            one = self._fresh.popleft()
            if _was_sent(one) or not (self._must_wait(one.names) or self._waiting_names.intersection(one.names)):
                return one
            self._waiting.append(one)
            self._waiting_names.update(one.names)
        return None

    def _look_again(self) -> None:
        self._fresh.extendleft(reversed(self._waiting))
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        self._waiting.clear()
        self._waiting_names.clear()

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return what gives the records as they were encoded when they were taken."""

        def encode(number: int) -> tuple[bytes, Names]:
            one = self._queued[number]
            return one.item, one.names

        return Encoder(encode)

    def body(self, row: int) -> Any:
        """Return the body of a record."""
        return orjson.loads(self._queued[row].item)

    def record(self, row: int) -> Any:
        """Return a record as it was given; of an earlier process, its JSON object."""
        return self._queued[row].record

    def file_of(self, row: int) -> None:
        """Return None: these are no lines of a file."""

    # The journal of a run

    async def begin(self, marks: RowChecksums) -> int:
        """Write down, before it is sent, that a chunk may have been sent; return its number."""
        members = [self._given[place] for first, last in marks.spans for place in range(first, last + 1)]
        number = next(self._chunk_numbers)
        await self._mark(members, "in_doubt", chunk=number)
        self._chunks[number] = members
        return number

    async def checksums(self, number: int) -> bytes:
        """Return the checksums of a chunk's records, 4 bytes each."""
        return b"".join(checksum(one.item) for one in self._chunks[number])

    async def split(self, number: int, parts: Sequence[RowChecksums]) -> list[int]:
        """Put the parts of a chunk, each as begun, in its place; what is in none of them was not sent."""
        members = self._chunks.pop(number)
        numbers = [await self.begin(part) for part in parts]
        await self._mark([one for one in members if one.chunk == number], "not_sent")
        return numbers

    async def submitted(self, number: int, request_id: int) -> None:
        """Write down that the server has taken a chunk, and the number of its job."""
        await self._mark(self._chunks[number], "submitted", chunk=number, request_id=request_id)
        self._changed.give()

    async def settle(self, number: int, verdicts: Verdicts, positions: Sequence[int]) -> None:
        """Write down what became of a chunk: what is done is taken out of the file."""
        del self._chunks[number]
        for (state, reason), members in self._by_verdict(positions, verdicts).items():
            last = [one for one in members if self._is_last(one, state, verdicts.request_id)]
            if state in {"accepted", "submitted"}:
                await self._delete(last)
                over = set(last)
                members = [one for one in members if one not in over]
            if members:
                await self._mark(members, state, chunk=number, request_id=verdicts.request_id, reason=reason)
            for one in last:  # now that it is written down
                one.state, one.is_over = state, True

    def _is_last(self, one: Queued, state: State, request_id: int | None) -> bool:
        """Tell whether this is the last that becomes of a record; a run that found out no more of it is counted."""
        if state in self._final:
            return True
        if self.is_stopping() or not (most := self._most_rounds(state, request_id)):
            return False
        one.rounds += 1
        return one.rounds >= most

    def _by_verdict(self, positions: Sequence[int], verdicts: Verdicts) -> dict[_Verdict, list[Queued]]:
        """Return the records at these positions by what is said of them."""
        groups: dict[_Verdict, list[Queued]] = {}
        for index, position in enumerate(positions):
            groups.setdefault(verdicts.of(index), []).append(self._given[position])
        return groups

    async def forget(self, number: int) -> None:
        """Write down that a chunk has surely not been processed: it is as if it had never been sent."""
        await self._mark(self._chunks.pop(number), "not_sent")

    async def aclose(self) -> None:
        """Do nothing: a run has ended, and the next one may come."""

    async def _mark(
        self,
        members: Sequence[Queued],
        state: State,
        chunk: int | None = None,
        request_id: int | None = None,
        reason: str | None = None,
    ) -> None:
        if self._file:
            await self._file.mark([one.number for one in members], state, chunk, request_id, reason)
        for one in members:
            one.state, one.chunk, one.request_id = state, chunk, request_id

    async def _delete(self, members: Sequence[Queued]) -> None:
        if self._file:
            await self._file.delete([one.number for one in members])

    # What became of them

    def tell(self, outcome: Outcome) -> Outcome | None:
        """Take it that this became of a record; return it as the record's last one, if it is."""
        one = self._given.pop(outcome.position)
        if not (one.is_over or outcome.state in self._final):
            self.has_left = True
            return None
        return self._end(one, evolve(outcome, position=one.number))

    def end_untold(self) -> list[Outcome]:
        """End what is over, and was not told: the run was cut off just then."""
        return [self._end_as_it_is(one) for one in list(self._queued.values()) if one.is_over]

    def give_up(self, reason: str) -> list[Outcome]:
        """End everything as it is: the buffer is closed."""
        return [self._end_as_it_is(one, reason) for one in list(self._queued.values())]

    def _end_as_it_is(self, one: Queued, reason: str | None = None) -> Outcome:
        return self._end(one, Outcome(one.record, one.number, one.state, reason, request_id=one.request_id))

    def _end(self, one: Queued, outcome: Outcome) -> Outcome:
        del self._queued[one.number]
        self._forget(one.names)
        one.receipt.tell(outcome)
        self._changed.give()
        return outcome

    def _forget(self, names: Names) -> None:
        self._names.subtract(names)
        for name in names:
            if not self._names[name]:
                del self._names[name]


def _queued(line: QueuedLine, names_of: Callable[[Any], Names]) -> Queued:
    body = orjson.loads(line.item)
    return Queued(line.number, body, line.item, names_of(body), line.state, line.chunk, line.request_id)


def _was_sent(one: Queued) -> bool:
    return one.state in {"in_doubt", "submitted"}


def _number(one: Queued) -> int:
    return one.number


def _by_chunk(sent: Iterable[Queued]) -> list[list[Queued]]:
    """Return those together that were sent together, and that the same is known of; by number."""
    chunks: dict[tuple[int | None, State], list[Queued]] = {}
    for one in sorted(sent, key=_number):
        chunks.setdefault((one.chunk, one.state), []).append(one)
    return list(chunks.values())
