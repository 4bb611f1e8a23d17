"""Requests against servers in virtual time: no event loop, no waiting, only the times that things would take.

A client always has the next request ready. Two of three requests are posts, one is a poll, five times as quick. Each
costs some time on the client's one core before it is written. A server is a value; what waits in it is a `Load`.
"""

import heapq
from bisect import bisect_right, insort
from collections.abc import Sequence
from math import inf
from random import Random
from typing import Protocol

from attrs import define, field, frozen

from salesmanago_async.connection.knee import Start

CLIENT_SECONDS = 0.006
"""What a request costs on the client's core."""

REFUSAL_SECONDS = 0.01
STRAGGLERS = 0.01
POST, POLL = "contact/batchupsertv2", "job/status"
SIZES = {POST: 1.0, POLL: 0.2}


@frozen(kw_only=True)
class Server:
    """How a server behaves. `latency` is the seconds for a post that waits for nothing."""

    latency: float = 0.2
    noise: float = 0.15
    workers: int | None = None
    thrashing: bool = False
    """With more than `workers` in it, each takes longer than its share."""
    line: float | None = None
    """Posts per second that the line in front of the server carries, one after the other, with an endless buffer."""
    rate: float | None = None
    """Requests per second; above, the answer is 429. `burst` seconds of it may be used at once."""
    burst: float = 0.5
    at_once: int | None = None
    """Requests at once; above, the answer is 429."""
    retry_after: float | None = None


@frozen
class Answer:
    at: float
    taken: bool
    retry_after: float | None = None


@define
class Load:
    """What is in a server, and in the line to it."""

    random: Random
    ends: list[float] = field(factory=list)
    line_free: float = 0.0
    allowance: float = inf
    allowance_at: float = 0.0

    def answer(self, server: Server, kind: str, now: float) -> Answer:
        """Return when and how the server answers a request that is written now."""
        del self.ends[: bisect_right(self.ends, now)]
        if (server.at_once is not None and len(self.ends) >= server.at_once) or not self._is_allowed(server, now):
            return Answer(now + REFUSAL_SECONDS, taken=False, retry_after=server.retry_after)
        size = SIZES[kind]
        began = now
        if server.line:
            self.line_free = began = max(self.line_free, now) + size / server.line
        seconds = server.latency * size * self.random.lognormvariate(0.0, server.noise)
        if self.random.random() < STRAGGLERS:
            seconds *= self.random.uniform(3, 8)
        if server.workers and server.thrashing:
            seconds *= max(1.0, (len(self.ends) + 1) / server.workers) ** 1.5
        elif server.workers and len(self.ends) >= server.workers:
            began = max(began, self.ends[-server.workers])
        insort(self.ends, began + seconds)
        return Answer(began + seconds, taken=True)

    def _is_allowed(self, server: Server, now: float) -> bool:
        if server.rate is None:
            return True
        most = max(1.0, server.rate * server.burst)
        self.allowance = min(most, self.allowance + (now - self.allowance_at) * server.rate)
        self.allowance_at = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True


class Policy(Protocol):
    """What decides how many requests are in flight, and how far apart they start."""

    @property
    def window(self) -> int: ...
    def spacing(self, now: float) -> float: ...
    def begin(self, in_flight: int, now: float) -> Start: ...
    def answered(self, start: Start, kind: str, seconds: float, now: float) -> None: ...
    def refused(self, start: Start, now: float, pause: float) -> None: ...


@frozen
class Fixed:
    """A fixed number in flight, as fast as they come; it does not know Retry-After."""

    window: int

    def spacing(self, now: float) -> float:
        return 0.0

    def begin(self, in_flight: int, now: float) -> Start:
        return Start(now, 0, in_flight)

    def answered(self, start: Start, kind: str, seconds: float, now: float) -> None: ...
    def refused(self, start: Start, now: float, pause: float) -> None: ...


@frozen
class Measured:
    """What came of a run: requests taken in a second, the part that was refused, and how slow posts were.

    `p95` is the 95th percentile of the time of a post ÷ its time without load.
    """

    goodput: float
    p95: float
    refused: float


@define
class _Client:
    """The client's side: what is in flight, and when the next request may start."""

    policy: Policy
    in_flight: int = 0
    next_start: float = 0.0
    pause_end: float = 0.0
    core_free: float = 0.0

    def earliest_start(self) -> float:
        return max(self.next_start, self.pause_end, self.core_free)

    def start(self, now: float) -> Start:
        self.in_flight += 1
        self.core_free = now + CLIENT_SECONDS
        self.next_start = max(self.next_start, now - 0.01) + self.policy.spacing(now)
        return self.policy.begin(self.in_flight, now)


Phases = Sequence[tuple[float, Server]]
"""Servers, each with the second from which it is there."""


def simulate(policy: Policy, phases: Phases, *, seconds: float, seed: int = 1) -> Measured:
    """Send for that many seconds, and measure."""
    random = Random(seed)
    load, client = Load(random), _Client(policy)
    ahead = list(phases[1:])
    server = phases[0][1]
    events: list[tuple[float, int, str, Start | None, float, Answer | None]] = [(0.0, 0, "", None, 0.0, None)]
    slowness, taken, refused, number, woken_at = list[float](), 0, 0, 0, 0.0
    while events:
        now, _, kind, begun, written, answer = heapq.heappop(events)
        if now > seconds:
            break
        if ahead and now >= ahead[0][0]:
            server = ahead.pop(0)[1]
        if begun and answer:
            client.in_flight -= 1
            if answer.taken:
                taken += 1
                if kind == POST:
                    slowness.append((now - written) / (server.latency + (1 / server.line if server.line else 0.0)))
                policy.answered(begun, kind, now - written, now)
            else:
                refused += 1
                policy.refused(begun, now, answer.retry_after or 0.0)
                if answer.retry_after and not isinstance(policy, Fixed):
                    client.pause_end = max(client.pause_end, now + answer.retry_after)
        while client.in_flight < policy.window:
            if (at := client.earliest_start()) > now:
                if woken_at <= now or at < woken_at:
                    woken_at = at
                    number += 1
                    heapq.heappush(events, (at, number, "", None, 0.0, None))
                break
            start = client.start(now)
            number += 1
            kind = POLL if random.random() < 1 / 3 else POST
            written = client.core_free
            reply = load.answer(server, kind, written)
            heapq.heappush(events, (reply.at, number, kind, start, written, reply))
    return Measured(
        goodput=taken / seconds,
        p95=sorted(slowness)[int(0.95 * len(slowness))] if slowness else 0.0,
        refused=refused / max(1, taken + refused),
    )
