"""Limits how many requests are in flight, and how fast they start.

Requests that want to start wait in a queue. Only the first in the queue checks whether it may start: is a permit free,
is the pause over, does the rate allow it? A request that leaves the queue, started or cancelled, wakes the next one,
and so does a request that finishes. A permit is never handed over. It is counted at the moment its request starts, so a
cancellation cannot lose one.

How many may be in flight, and how far apart they start, is what `Knee` finds from the answers: see there.

Where several processes share a quota, a `Lease` limits all of this further: see the room quotas.
"""

import math
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

import anyio
from attrs import define

from ..errors import Invalid, NoAnswer
from .knee import Knee, Start

MOST_CONCURRENT = 1000
"""The highest `concurrency` of a client: each request in flight needs a connection, and in an import a task."""

LONGEST_PAUSE = 60.0
"""The most seconds for which one answer can pause all requests; a longer Retry-After delays only its own request."""

HEAD_START = 0.05
"""Extra seconds of a pause for requests that are not urgent, so that the retries that caused it go first."""

TIMER_LATENESS = 0.01
"""Seconds by which a timer may be late. If the rate needs shorter intervals, late starts are compensated."""


LEASE_CHECK = 2.0
"""Seconds after which the first in the queue asks again whether its lease has failed: a hung keeper wakes nobody."""


class Lease(Protocol):
    """This process's part of a quota, which several processes share. No method waits."""

    @property
    def limit(self) -> int:
        """How many requests of this process may be in flight now; may be 0."""
        ...

    @property
    def next_start(self) -> float:
        """The earliest time of the next start, by the event loop's clock; infinity: not known yet."""
        ...

    def check(self) -> None:
        """Raise `Invalid` or `NoAnswer` if the quota cannot be used."""
        ...

    def wait_begun(self) -> None:
        """Note that a request has to wait."""
        ...

    def started(self) -> None:
        """Note that a request has started, and has used the next start."""
        ...

    def hold(self, seconds: float) -> None:
        """Start no request for that long, in any process."""
        ...


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
    highest number of permits, `limit` the number at the moment. `rate` is the highest number of starts per second
    (None: no limit); the server may have shown that it takes fewer.
    """

    def __init__(self, concurrency: int, rate: float | None = None) -> None:
        if not 1 <= concurrency <= MOST_CONCURRENT:
            raise Invalid(f"is {concurrency}; give 1 to {MOST_CONCURRENT} requests in flight", field="concurrency")
        if rate is not None and not rate > 0:
            raise Invalid(f"is {rate}; give requests per second, or None for no limit", field="rate")
        self.concurrency = concurrency
        self.rate = rate
        self._knee = Knee(concurrency)
        self._in_flight = 0
        self._urgent: deque[_Waiter] = deque()
        self._normal: deque[_Waiter] = deque()
        self._spacing = 1 / rate if rate else 0.0
        self._next_start = -math.inf
        self._pause_end = -math.inf
        self._lease: Lease | None = None

    @property
    def limit(self) -> int:
        """How many requests this process lets be in flight now."""
        return self._knee.window

    @property
    def rate_limit(self) -> float | None:
        """How many requests may start in a second now; None: there is no limit."""
        spacing = self._spacing_now(anyio.current_time())
        return 1 / spacing if spacing else None

    @property
    def found(self) -> int:
        """How many requests in flight this server takes, as far as is known; `limit` may be lower for a moment."""
        return self._knee.found

    @property
    def in_flight(self) -> int:
        """How many permits are held."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """How many requests wait for a permit."""
        return len(self._urgent) + len(self._normal)

    @property
    def demand(self) -> int:
        """How many permits would be held if there were no lease."""
        return max(self._in_flight, min(self.limit, self._in_flight + self.waiting))

    def limit_by(self, lease: Lease) -> None:
        """Let no request start that the lease does not allow. The lease calls `recheck` when it allows more."""
        self._lease = lease

    @asynccontextmanager
    async def permit(self, *, urgent: bool = False, halt: anyio.Event | None = None) -> AsyncGenerator[Start]:
        """Hold one permit for the block; yield the start, with which the outcome is reported.

        Raises `NoAnswer` if `halt` is set before the permit is granted. Call `recheck` after setting it.
        """
        start = await self._start(_Waiter(urgent, halt))
        try:
            yield start
        finally:
            self._in_flight -= 1
            self._call_front()

    def recheck(self) -> None:
        """Make every waiting request check whether it may start, was halted, or has no lease any more."""
        for waiter in (*self._urgent, *self._normal):
            waiter.call()

    def answered(self, start: Start, kind: str, seconds: float) -> None:
        """Report that a request of this kind was taken, and answered so many seconds after it was written."""
        self._knee.answered(start, kind, seconds, anyio.current_time())
        self._call_front()

    def refused(self, start: Start, *, pause: float | None = None) -> None:
        """Report that the server refused a request because it has too much to do.

        Nothing starts for the next `pause` seconds, but at most for `LONGEST_PAUSE`.
        """
        self._knee.refused(start, anyio.current_time(), min(pause or 0.0, LONGEST_PAUSE))
        self._pause_all(pause)

    def timed_out(self, start: Start, *, pause: float | None = None) -> None:
        """Report that a request took too long; `pause` as for `refused`."""
        self._knee.timed_out(start, anyio.current_time())
        self._pause_all(pause)

    def _pause_all(self, seconds: float | None) -> None:
        if seconds:
            self.pause(min(seconds, LONGEST_PAUSE))
            if self._lease:
                self._lease.hold(min(seconds, LONGEST_PAUSE))

    def pause(self, seconds: float) -> None:
        """Let nothing start for that long."""
        self._pause_end = max(self._pause_end, anyio.current_time() + seconds)

    async def _start(self, waiter: _Waiter) -> Start:
        queue = self._urgent if waiter.urgent else self._normal
        queue.append(waiter)
        try:
            while (start_at := self._earliest_start(waiter)) > (now := anyio.current_time()):
                if waiter.halt and waiter.halt.is_set():
                    raise NoAnswer("it was stopped while it waited to be sent", sent=False)
                waiter.called = anyio.Event()
                if self._lease:
                    self._lease.wait_begun()
                    start_at = min(start_at, now + LEASE_CHECK)
                with anyio.CancelScope(deadline=start_at):
                    await waiter.called.wait()
            self._in_flight += 1
            if self._lease:
                self._lease.started()
            spacing = self._spacing_now(now)
            self._next_start = max(self._next_start, now - max(0.0, TIMER_LATENESS - spacing)) + spacing
            return self._knee.begin(self._in_flight, now)
        finally:
            queue.remove(waiter)
            self._call_front()

    def _spacing_now(self, now: float) -> float:
        return max(self._spacing, self._knee.spacing(now))

    def _earliest_start(self, waiter: _Waiter) -> float:
        """Return when the waiter may start; infinity if it is not the first, or if no permit is free.

        Raises what the lease raises, if it has failed.
        """
        if self._lease:
            self._lease.check()
        if waiter is not self._front() or self._in_flight >= self.limit:
            return math.inf
        pause_end = self._pause_end if waiter.urgent else self._pause_end + HEAD_START
        own = max(pause_end, self._next_start)
        if not self._lease:
            return own
        return max(own, self._lease.next_start) if self._in_flight < self._lease.limit else math.inf

    def _front(self) -> _Waiter | None:
        queue = self._urgent or self._normal
        return queue[0] if queue else None

    def _call_front(self) -> None:
        front = self._front()
        if front:
            front.call()
