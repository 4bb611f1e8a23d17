"""The watcher of many server jobs.

It keeps all of them in one heap by the time of their next look, and a few workers take from it what is due: a thousand
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
"""Looks are spread over this part of the poll interval, so that jobs started together are not asked for together."""


class JobScheduler(Generic[EntryT]):
    """Says which entry is to be polled next, and when, until each is settled.

    The tasks that `work` are given how to poll an entry: that returns True when the entry is settled, and must not
    raise. At most `outstanding` entries are held: `add` waits for room, and so slows what starts the jobs.
    """

    def __init__(self, connection: Connection, *, outstanding: int) -> None:
        self._connection = connection
        self._most = outstanding
        self._due: list[tuple[float, int, EntryT]] = []
        self._numbers = count()
        self._held = 0
        self._closed = False
        self._hurried = False
        self._changed = Signal()
        self._turn = anyio.Lock()

    @property
    def workers(self) -> int:
        """How many tasks should `work`: each look is a request, so that more than may be in flight are of no use."""
        return max(FEWEST_WORKERS, self._connection.pace.concurrency)

    @property
    def held(self) -> int:
        """How many entries are not settled."""
        return self._held

    async def room(self) -> None:
        """Wait until there is room for another entry."""
        while self._held >= self._most:
            await self._changed.wait()

    async def add(self, entry: EntryT) -> None:
        """Hold an entry, once there is room, its first look one poll interval from then."""
        await self.room()
        self.add_at_once(entry)

    def add_at_once(self, entry: EntryT, *, wait: float | None = None) -> None:
        """Hold an entry whether there is room or not: for what a poll leads to.

        It is polled first after `wait` seconds, or else after a poll interval.
        """
        self._held += 1
        self._push(entry, wait)

    def spread(self) -> float:
        """Return a random part of the poll interval: jobs that were begun long ago are not polled all at once."""
        return self._connection.random.random() * self._connection.poll_interval

    async def add_due(self, entry: EntryT) -> None:
        """Hold an entry that may be over by now: its first look is due."""
        await self.room()
        self.add_at_once(entry, wait=0.0)

    def close(self) -> None:
        """Say that no entry will be added from outside: `work` ends when all are settled."""
        self._closed = True
        self._changed.give()

    async def work(self, poll: Callable[[EntryT], Awaitable[bool]]) -> None:
        """Poll what is due, until nothing is left and nothing can come."""
        while (entry := await self._next_due()) is not None:
            if await poll(entry):
                self._held -= 1
                self._changed.give()
            else:
                self._push(entry)

    def hurry(self) -> None:
        """Have everything looked at now, whenever it is due."""
        self._hurried = True
        self._changed.give()

    def poll_now(self, which: Callable[[EntryT], bool]) -> None:
        """Have those of which `which` is true looked at once now, whenever they are due."""
        now = anyio.current_time()
        self._due = [(min(due, now) if which(entry) else due, number, entry) for due, number, entry in self._due]
        heapq.heapify(self._due)
        self._changed.give()

    def _push(self, entry: EntryT, wait: float | None = None) -> None:
        """Have an entry looked at after `wait` seconds, or else after a poll interval and some jitter."""
        if wait is None:
            interval = self._connection.poll_interval
            wait = interval + self._connection.random.uniform(0.0, JITTER * interval)
        number = next(self._numbers)
        heapq.heappush(self._due, (anyio.current_time() + wait, number, entry))
        if self._due[0][1] == number:  # else nobody waits for a moment too long
            self._changed.give()

    async def _next_due(self) -> EntryT | None:
        async with self._turn:  # one waits for the time, the others for their turn to wait
            while self._due or self._held or not self._closed:
                wait = self._due[0][0] - anyio.current_time() if self._due else None
                if wait is not None and (wait <= 0 or self._hurried):
                    return heapq.heappop(self._due)[2]
                with anyio.move_on_after(wait):
                    await self._changed.wait()
        return None
