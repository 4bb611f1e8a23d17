"""Permits and rates: how many requests are in flight, and how fast they follow each other.

What wants to start stands in a queue, and only who is in front looks at the gate: is there room, is the pause over, is
it time by the rate? Whoever leaves the queue, started or given up, calls the next to the front, and so does whoever
makes room. A permit is never handed over, it is counted at the moment its holder starts: a cancellation can lose none.

How much room there is, is found out as TCP does it: a sign of congestion halves the limit, a round of answers raises it
by one. Requests that began before the limit was halved say nothing about the new one: eight refusals at once are one
sign, and the answers that come beside them are no reason to go on as before.
"""

import math
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from attrs import define

from ..errors import Invalid, NoAnswer

MOST_CONCURRENT = 1000
"""The most requests in flight that a client can be given: each needs a connection, and an import a task."""

LONGEST_PAUSE = 60.0
"""The most seconds for which one answer can hold up all requests; longer waits are for the one that was told so."""

HEAD_START = 0.05
"""Seconds by which a pause is longer for patient requests: those that were told to wait come back when it ends."""

TIMER_LATENESS = 0.01
"""Seconds by which a timer may be late. Where starts follow each other faster than that, what was lost is made up."""


@define
class _Limit:
    """How many may be in flight now: from 1 to `cap`. `round` counts how often it was halved."""

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
    """One that stands in a queue; once it waits, `called` is set when it is worth its while to look again."""

    urgent: bool
    unless: anyio.Event | None
    called: anyio.Event | None = None

    def call(self) -> None:
        if self.called:
            self.called.set()


class Pace:
    """Hands out permits, first come first served, except that urgent requests go before the others.

    Urgent are retries: what has waited once does not queue again behind new work. `concurrency` is the most permits
    that are ever out, `limit` how many there are at the moment. `rate` is in requests per second (None: no limit).
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
        self._patient: deque[_Waiter] = deque()
        self._spacing = 1 / rate if rate else 0.0
        self._made_up = max(0.0, TIMER_LATENESS - self._spacing)
        self._next_start = -math.inf
        self._pause_end = -math.inf

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._limit.value

    @asynccontextmanager
    async def permit(self, *, urgent: bool = False, unless: anyio.Event | None = None) -> AsyncGenerator[int]:
        """Hold one permit for the length of the block; it gives the round to say to `answered` and `congested`.

        Raises `NoAnswer` where `unless` is set before it is had; who sets that calls `look_again`.
        """
        await self._start(_Waiter(urgent, unless))
        try:
            yield self._limit.round
        finally:
            self._in_flight -= 1
            self._call_front()

    def look_again(self) -> None:
        """Have all that wait for a permit find out whether they still want it."""
        for waiter in (*self._urgent, *self._patient):
            waiter.call()

    def answered(self, began: int) -> None:
        """Say that a request that began in that round met no congestion."""
        self._limit.count_answer(began)
        self._call_front()

    def congested(self, began: int, *, pause: float | None = None) -> None:
        """Say that a request that began in that round met congestion.

        Nothing starts for the next `pause` seconds, or `LONGEST_PAUSE` if that is less.
        """
        self._limit.halve(began)
        if pause:
            self._pause_end = max(self._pause_end, anyio.current_time() + min(pause, LONGEST_PAUSE))

    async def _start(self, waiter: _Waiter) -> None:
        queue = self._urgent if waiter.urgent else self._patient
        queue.append(waiter)
        try:
            while (opening := self._opening(waiter)) > (now := anyio.current_time()):
                if waiter.unless and waiter.unless.is_set():
                    raise NoAnswer("it was stopped before it was sent", sent=False)
                waiter.called = anyio.Event()
                with anyio.CancelScope(deadline=opening):
                    await waiter.called.wait()
            self._in_flight += 1
            self._next_start = max(self._next_start, now - self._made_up) + self._spacing
        finally:
            queue.remove(waiter)
            self._call_front()

    def _opening(self, waiter: _Waiter) -> float:
        """Return from when on the waiter may start as things are; never, before it is in front and there is room."""
        if waiter is not self._front() or self._in_flight >= self.limit:
            return math.inf
        pause_end = self._pause_end if waiter.urgent else self._pause_end + HEAD_START
        return max(pause_end, self._next_start)

    def _front(self) -> _Waiter | None:
        queue = self._urgent or self._patient
        return queue[0] if queue else None

    def _call_front(self) -> None:
        front = self._front()
        if front:
            front.call()
