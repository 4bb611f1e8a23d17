"""Polls many server jobs with a few workers.

All jobs are in one heap, ordered by the time of their next poll, and the workers take what is due from it. A thousand
outstanding jobs are a thousand small entries, not a thousand tasks. `poll_times` says when a job is polled.
"""

import heapq
from collections.abc import Awaitable, Callable
from itertools import count
from math import inf
from typing import Generic, Literal, TypeAlias, TypeVar

import anyio
from attrs import define

from .connection.connection import Connection
from .poll_times import EarlyPolls, wait_at, workers
from .support.signal import Signal

EntryT = TypeVar("EntryT")

PollResult: TypeAlias = Literal["settled", "running", "unclear"]
"""What a poll found: the entry is settled, its job still runs, or nothing was learned, so that it is polled again."""

JITTER = 0.05
"""The delay between polls varies by up to this part of it, so jobs started together are polled apart."""


@define(eq=False)
class _Held(Generic[EntryT]):
    """An entry that is not settled, and when it is polled next; infinite times while it is being polled."""

    entry: EntryT
    added: float
    due: float = inf
    early: float = inf


_Heap: TypeAlias = list[tuple[float, int, _Held[EntryT]]]
"""Entries by the time of a poll, and a number for those with the same time."""


class JobScheduler(Generic[EntryT]):
    """Says which entry is to be polled next, and when, until each is settled.

    The tasks that `work` bring the function that polls an entry. It must not raise. At most `outstanding` entries are
    held: `add` waits until there is capacity, and so slows down the code that starts the jobs. While it waits, long
    jobs are polled as often as others, because each that has ended makes room for another one.
    """

    def __init__(self, connection: Connection, *, outstanding: int) -> None:
        self._connection = connection
        self._outstanding = outstanding
        self._due: _Heap[EntryT] = []
        self._early: _Heap[EntryT] = []
        self._early_polls = EarlyPolls()
        self._numbers = count()
        self._held = 0
        self._waiting = 0
        self._closed = False
        self._poll_all = False
        self._changed = Signal()
        self._lock = anyio.Lock()

    @property
    def workers(self) -> int:
        """How many tasks should run `work`. Each poll is a request, so more workers than `concurrency` are useless."""
        return workers(self._connection.pace.concurrency)

    @property
    def held(self) -> int:
        """How many entries are not settled."""
        return self._held

    @property
    def next_poll(self) -> float | None:
        """Seconds until an entry is polled; None if no entry waits for a poll."""
        moment = min(self._next_due_at(), self._next_early_at())
        return max(0.0, moment - anyio.current_time()) if moment < inf else None

    async def wait_for_capacity(self) -> None:
        """Wait until another entry can be added."""
        self._waiting += 1
        try:
            while self._held >= self._outstanding:
                await self._changed.wait()
        finally:
            self._waiting -= 1

    async def add(self, entry: EntryT, *, wait: float | None = None, early: float = inf) -> None:
        """Add an entry, once there is capacity; see `add_nowait`."""
        await self.wait_for_capacity()
        self.add_nowait(entry, wait=wait, early=early)

    def add_nowait(self, entry: EntryT, *, wait: float | None = None, early: float = inf) -> None:
        """Add an entry even if there is no capacity: for entries that result from a poll.

        It is polled first after `wait` seconds, by default one poll interval and some jitter; with `wait=0`, now. It
        may be polled after `early` seconds already, if early polls are worthwhile.
        """
        self._held += 1
        held = _Held(entry, added=anyio.current_time())
        if early < inf:
            held.early = held.added + early
            self._push(self._early, held.early, held)
        self._schedule(held, self._with_jitter(self._connection.poll_interval) if wait is None else wait)

    def random_delay(self) -> float:
        """Return a random part of the poll interval, so jobs of an earlier run are not all polled together."""
        return self._connection.random.random() * self._connection.poll_interval

    def close(self) -> None:
        """Announce that no entry will be added from outside: `work` ends when all entries are settled."""
        self._closed = True
        self._changed.give()

    async def work(self, poll: Callable[[EntryT], Awaitable[PollResult]]) -> None:
        """Poll what is due, until the scheduler is closed and every entry is settled."""
        while (taken := await self._next()) is not None:
            held, is_early = taken
            result = await poll(held.entry)
            if result != "settled":
                self._schedule(held, self._with_jitter(self._wait_after(result, held)))
                continue
            if is_early:
                self._early_polls.found_ended()
            self._held -= 1
            self._changed.give()

    def poll_all_now(self) -> None:
        """Poll every entry now, even if it is not due."""
        self._poll_all = True
        self._changed.give()

    def poll_now(self, which: Callable[[EntryT], bool]) -> None:
        """Poll the entries for which `which` is true once now, even if they are not due."""
        now = anyio.current_time()
        for held in [held for due, _, held in self._due if due == held.due and which(held.entry)]:
            self._schedule(held, min(0.0, held.due - now))

    def _wait_after(self, result: PollResult, held: _Held[EntryT]) -> float:
        """Return the seconds until the next poll: an interval if another entry waits for the place of this one."""
        interval = self._connection.poll_interval
        may_be_long = result == "running" and not self._waiting
        return wait_at(anyio.current_time() - held.added, interval) if may_be_long else interval

    def _with_jitter(self, seconds: float) -> float:
        return seconds + self._connection.random.uniform(0.0, JITTER * seconds)

    def _schedule(self, held: _Held[EntryT], wait: float) -> None:
        held.due = anyio.current_time() + wait
        self._push(self._due, held.due, held)

    def _push(self, heap: _Heap[EntryT], moment: float, held: _Held[EntryT]) -> None:
        number = next(self._numbers)
        heapq.heappush(heap, (moment, number, held))
        if heap[0][1] == number:  # it is due first now, so the waiting worker must wait for less
            self._changed.give()

    def _next_due_at(self) -> float:
        """Return when the next regular poll is due; entries that have been rescheduled are dropped."""
        while self._due and self._due[0][0] != self._due[0][2].due:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else inf

    def _next_early_at(self) -> float:
        """Return when the next early poll is due; entries that have been polled are dropped."""
        while self._early and self._early[0][0] != self._early[0][2].early:
            heapq.heappop(self._early)
        return self._early[0][0] if self._early and self._early_polls.are_worthwhile else inf

    async def _next(self) -> tuple[_Held[EntryT], bool] | None:
        """Return the entry that is due, once one is, and whether this poll is an early one."""
        async with self._lock:  # one worker waits for the time to pass; the others wait for the lock
            while self._held or not self._closed:
                now, due, early = anyio.current_time(), self._next_due_at(), self._next_early_at()
                if due <= now or (self._poll_all and due < inf):
                    return _taken(self._due), False
                if early <= now:
                    self._early_polls.begin()
                    return _taken(self._early), True
                wait = min(due, early) - now
                with anyio.move_on_after(wait if wait < inf else None):
                    await self._changed.wait()
        return None


def _taken(heap: _Heap[EntryT]) -> _Held[EntryT]:
    """Take the first entry of a heap; its places in both heaps are void from now on."""
    held = heapq.heappop(heap)[2]
    held.due = held.early = inf
    return held
