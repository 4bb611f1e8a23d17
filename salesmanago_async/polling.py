"""Polls many server jobs with a few workers.

All jobs are in one heap, ordered by the time of their next poll, and the workers take what is due from it. A thousand
outstanding jobs are a thousand small entries, not a thousand tasks.
"""

import heapq
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Generic, TypeVar

import anyio

from .connection.connection import Connection
from .support.signal import Signal

EntryT = TypeVar("EntryT")

FEWEST_WORKERS = 4

JITTER = 0.05
"""The delay between polls varies by up to this part of the interval, so jobs started together are polled apart."""


class JobScheduler(Generic[EntryT]):
    """Says which entry is to be polled next, and when, until each is settled.

    The tasks that `work` bring the function that polls an entry. It returns True if the entry is settled, and must not
    raise. At most `outstanding` entries are held: `add` waits until there is capacity, and so slows down the code that
    starts the jobs.
    """

    def __init__(self, connection: Connection, *, outstanding: int) -> None:
        self._connection = connection
        self._outstanding = outstanding
        self._due: list[tuple[float, int, EntryT]] = []
        self._numbers = count()
        self._held = 0
        self._closed = False
        self._poll_all = False
        self._changed = Signal()
        self._lock = anyio.Lock()

    @property
    def workers(self) -> int:
        """How many tasks should run `work`. Each poll is a request, so more workers than `concurrency` are useless."""
        return max(FEWEST_WORKERS, self._connection.pace.concurrency)

    @property
    def held(self) -> int:
        """How many entries are not settled."""
        return self._held

    async def wait_for_capacity(self) -> None:
        """Wait until another entry can be added."""
        while self._held >= self._outstanding:
            await self._changed.wait()

    async def add(self, entry: EntryT, *, wait: float | None = None) -> None:
        """Add an entry, once there is capacity; it is polled first after `wait` seconds, by default one poll interval.

        An entry that may already be settled is polled immediately with `wait=0`.
        """
        await self.wait_for_capacity()
        self.add_nowait(entry, wait=wait)

    def add_nowait(self, entry: EntryT, *, wait: float | None = None) -> None:
        """Add an entry even if there is no capacity: for entries that result from a poll.

        The entry is polled first after `wait` seconds, or by default after one poll interval.
        """
        self._held += 1
        self._push(entry, wait)

    def random_delay(self) -> float:
        """Return a random part of the poll interval, so jobs of an earlier run are not all polled together."""
        return self._connection.random.random() * self._connection.poll_interval

    def close(self) -> None:
        """Announce that no entry will be added from outside: `work` ends when all entries are settled."""
        self._closed = True
        self._changed.give()

    async def work(self, poll: Callable[[EntryT], Awaitable[bool]]) -> None:
        """Poll what is due, until the scheduler is closed and every entry is settled."""
        while (entry := await self._next_due()) is not None:
            if await poll(entry):
                self._held -= 1
                self._changed.give()
            else:
                self._push(entry)

    def poll_all_now(self) -> None:
        """Poll every entry now, even if it is not due."""
        self._poll_all = True
        self._changed.give()

    def poll_now(self, which: Callable[[EntryT], bool]) -> None:
        """Poll the entries for which `which` is true once now, even if they are not due."""
        now = anyio.current_time()
        self._due = [(min(due, now) if which(entry) else due, number, entry) for due, number, entry in self._due]
        heapq.heapify(self._due)
        self._changed.give()

    def _push(self, entry: EntryT, wait: float | None = None) -> None:
        """Schedule the next poll of an entry: after `wait` seconds, or after a poll interval and some jitter."""
        if wait is None:
            interval = self._connection.poll_interval
            wait = interval + self._connection.random.uniform(0.0, JITTER * interval)
        number = next(self._numbers)
        heapq.heappush(self._due, (anyio.current_time() + wait, number, entry))
        if self._due[0][1] == number:  # it is due first now, so the waiting worker must wait for less
            self._changed.give()

    async def _next_due(self) -> EntryT | None:
        async with self._lock:  # one worker waits for the time to pass; the others wait for the lock
            while self._due or self._held or not self._closed:
                wait = self._due[0][0] - anyio.current_time() if self._due else None
                if wait is not None and (wait <= 0 or self._poll_all):
                    return heapq.heappop(self._due)[2]
                with anyio.move_on_after(wait):
                    await self._changed.wait()
        return None
