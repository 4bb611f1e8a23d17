"""How many tasks send batches: somewhat more than the pace lets be in flight.

Each sender holds a batch, with its body in memory, while it waits for a permit. With as many senders as there may ever
be requests in flight, most of them would wait whenever the server takes fewer. With too few, a slow journal would keep
the allowed requests from being in flight: senders wait for its commits, too.
"""

import anyio
from anyio.abc import TaskGroup

from ...connection.pace import Pace
from .driver import Driver
from .feed import Feed

FOR_EACH_REQUEST = 2
"""How many senders there are for each request that may be in flight."""
SPARE = 2


class Senders:
    """Sends the batches of the feed; starts senders, and ends some, as the limit of the pace changes."""

    def __init__(self, pace: Pace, feed: Feed, driver: Driver) -> None:
        self._pace = pace
        self._feed = feed
        self._driver = driver
        self._running = 0
        self._busy = 0

    async def work(self) -> None:
        """Send every batch until the feed ends."""
        async with anyio.create_task_group() as tasks:
            self._start(tasks)

    @property
    def _most(self) -> int:
        return min(self._pace.concurrency, FOR_EACH_REQUEST * self._pace.limit + SPARE)

    def _start(self, tasks: TaskGroup) -> None:
        self._running += 1
        tasks.start_soon(self._send_some, tasks)

    async def _send_some(self, tasks: TaskGroup) -> None:
        async with self._feed.receiving() as batches:
            async for batch, step in batches:
                self._busy += 1
                if self._running == self._busy < self._most:
                    self._start(tasks)
                await self._driver.scheduler.wait_for_capacity()
                await self._driver.go(batch, step)
                self._busy -= 1
                if self._running > self._most:
                    break
        self._running -= 1
