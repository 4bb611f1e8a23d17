"""Permits and rates: how many requests are in flight, and how fast they follow each other."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from .errors import Invalid


class Pace:
    """Hands out permits, first come first served, except that urgent requests go before the others.

    Urgent are retries: what has waited once does not queue again behind new work. `rate` is in requests per second
    (None: no limit).
    """

    def __init__(self, concurrency: int, rate: float | None = None) -> None:
        if concurrency < 1:
            raise Invalid(f"is {concurrency}; at least one request must be in flight", field="concurrency")
        if rate is not None and rate <= 0:
            raise Invalid(f"is {rate}; give requests per second, or None for no limit", field="rate")
        self.concurrency = concurrency
        self._free = concurrency
        self._urgent: deque[anyio.Event] = deque()
        self._patient: deque[anyio.Event] = deque()
        self._spacing = 1 / rate if rate else 0.0
        self._next_start = 0.0

    @asynccontextmanager
    async def permit(self, *, urgent: bool = False) -> AsyncIterator[None]:
        """Hold one permit for the length of the block."""
        await self._acquire(self._urgent if urgent else self._patient)
        try:
            await self._wait_for_rate()
            yield
        finally:
            self._release()

    async def _wait_for_rate(self) -> None:
        if self._spacing:
            now = anyio.current_time()
            start = max(now, self._next_start)
            self._next_start = start + self._spacing
            await anyio.sleep(start - now)

    async def _acquire(self, queue: deque[anyio.Event]) -> None:
        if self._free:
            self._free -= 1
            return
        handed_over = anyio.Event()
        queue.append(handed_over)
        try:
            await handed_over.wait()
        except BaseException:
            if handed_over.is_set():
                self._release()
            else:
                queue.remove(handed_over)
            raise

    def _release(self) -> None:
        queue = self._urgent or self._patient
        if queue:
            queue.popleft().set()
        else:
            self._free += 1
