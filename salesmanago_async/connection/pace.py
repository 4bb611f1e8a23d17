"""Limits how many requests are in flight, and how fast they start.

Requests that want to start wait in a queue. Only the first in the queue checks whether it may start: is a permit free,
is the pause over, does the rate allow it? A request that leaves the queue, started or cancelled, wakes the next one,
and so does a request that finishes. A permit is never handed over. It is counted at the moment its request starts, so a
cancellation cannot lose one.

The limit adapts as in TCP: congestion halves it, and a round of answers raises it by one. Requests that began before
the limit was halved do not count for the new limit: eight errors at the same moment are one sign of congestion, and
answers that arrive with them do not raise the limit again.
"""

import math
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from attrs import define

from ..errors import Invalid, NoAnswer

MOST_CONCURRENT = 1000
"""The highest `concurrency` of a client: each request in flight needs a connection, and in an import a task."""

LONGEST_PAUSE = 60.0
"""The most seconds for which one answer can pause all requests; a longer Retry-After delays only its own request."""

HEAD_START = 0.05
"""Extra seconds of a pause for requests that are not urgent, so that the retries that caused it go first."""

TIMER_LATENESS = 0.01
"""Seconds by which a timer may be late. If the rate needs shorter intervals, late starts are compensated."""


@define
class _Limit:
    """The current limit of requests in flight, from 1 to `cap`. `round` counts how often it was halved."""

    cap: int
    value: int
    round: int = 0
    _answers: int = 0

    def halve(self, began: int) -> None:
        if began == self.round:
            self.value = max(1, self.value // 2)
            self.round += 1
            self._answers = 0

    def count_answer(self, began: int) -> None:
        if began == self.round and self.value < self.cap:
            self._answers += 1
            if self._answers == self.value:
                self.value += 1
                self._answers = 0


@define(eq=False)
class _Waiter:
    """A request in a queue. While it waits, setting `called` makes it check again whether it may start."""

    urgent: bool
    halt: anyio.Event | None
    called: anyio.Event | None = None

    def call(self) -> None:
        if self.called:
            self.called.set()


class Pace:
    """Hands out permits in the order of arrival, except that urgent requests go before all others.

    Retries are urgent: a request that has waited once does not queue again behind new ones. `concurrency` is the
    highest number of permits, `limit` the number at the moment. `rate` is in requests per second (None: no limit).
    """

    def __init__(self, concurrency: int, rate: float | None = None) -> None:
        if not 1 <= concurrency <= MOST_CONCURRENT:
            raise Invalid(f"is {concurrency}; give 1 to {MOST_CONCURRENT} requests in flight", field="concurrency")
        if rate is not None and not rate > 0:
            raise Invalid(f"is {rate}; give requests per second, or None for no limit", field="rate")
        self.concurrency = concurrency
        self.rate = rate
        self._limit = _Limit(cap=concurrency, value=concurrency)
        self._in_flight = 0
        self._urgent: deque[_Waiter] = deque()
        self._normal: deque[_Waiter] = deque()
        self._spacing = 1 / rate if rate else 0.0
        self._catch_up = max(0.0, TIMER_LATENESS - self._spacing)
        self._next_start = -math.inf
        self._pause_end = -math.inf

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._limit.value

    @asynccontextmanager
    async def permit(self, *, urgent: bool = False, halt: anyio.Event | None = None) -> AsyncGenerator[int]:
        """Hold one permit for the block; yield the current round, to be passed to `answered` or `congested`.

        Raises `NoAnswer` if `halt` is set before the permit is granted. Call `recheck` after setting it.
        """
        await self._start(_Waiter(urgent, halt))
        try:
            yield self._limit.round
        finally:
            self._in_flight -= 1
            self._call_front()

    def recheck(self) -> None:
        """Make every waiting request check whether it was halted."""
        for waiter in (*self._urgent, *self._normal):
            waiter.call()

    def answered(self, began: int) -> None:
        """Report that a request of that round saw no congestion."""
        self._limit.count_answer(began)
        self._call_front()

    def congested(self, began: int, *, pause: float | None = None) -> None:
        """Report that a request of that round saw congestion.

        Nothing starts for the next `pause` seconds, but at most for `LONGEST_PAUSE`.
        """
        self._limit.halve(began)
        if pause:
            self._pause_end = max(self._pause_end, anyio.current_time() + min(pause, LONGEST_PAUSE))

    async def _start(self, waiter: _Waiter) -> None:
        queue = self._urgent if waiter.urgent else self._normal
        queue.append(waiter)
        try:
            while (start_at := self._earliest_start(waiter)) > (now := anyio.current_time()):
                if waiter.halt and waiter.halt.is_set():
                    raise NoAnswer("it was stopped before it was sent", sent=False)
                waiter.called = anyio.Event()
                with anyio.CancelScope(deadline=start_at):
                    await waiter.called.wait()
            self._in_flight += 1
            self._next_start = max(self._next_start, now - self._catch_up) + self._spacing
        finally:
            queue.remove(waiter)
            self._call_front()

    def _earliest_start(self, waiter: _Waiter) -> float:
        """Return when the waiter may start; infinity if it is not the first, or if no permit is free."""
        if waiter is not self._front() or self._in_flight >= self.limit:
            return math.inf
        pause_end = self._pause_end if waiter.urgent else self._pause_end + HEAD_START
        return max(pause_end, self._next_start)

    def _front(self) -> _Waiter | None:
        queue = self._urgent or self._normal
        return queue[0] if queue else None

    def _call_front(self) -> None:
        front = self._front()
        if front:
            front.call()
