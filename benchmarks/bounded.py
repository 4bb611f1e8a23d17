"""A server with a bound: so many workers, or so many requests a second; in a process of its own, like the sink.

It tells at /told how slow its answers were, and how many requests it refused.
"""

import asyncio
import sys
from bisect import bisect_right, insort
from contextlib import AbstractContextManager
from urllib.request import urlopen

import orjson
from attrs import define, field, frozen

from benchmarks.sink import UPSERTED, Account, Connection, in_process, serve


@define
class Bounds:
    """Answers after `latency` seconds of one of `workers` (0: there are enough), or refuses above `rate` (0: never)."""

    latency: float
    workers: int
    rate: float
    ends: list[float] = field(factory=list)
    seconds: list[float] = field(factory=list)
    allowed: float = 0.0
    allowed_at: float = 0.0
    refused: int = 0

    def wait(self, now: float) -> float | None:
        """Return after how many seconds a request is answered; None if it is refused."""
        self.allowed = min(max(1.0, self.rate / 2), self.allowed + (now - self.allowed_at) * self.rate)
        self.allowed_at = now
        if self.rate and self.allowed < 1:
            self.refused += 1
            return None
        self.allowed -= 1
        del self.ends[: bisect_right(self.ends, now)]
        begins = self.ends[-self.workers] if self.workers and len(self.ends) >= self.workers else now
        insort(self.ends, begins + self.latency)
        self.seconds.append(begins + self.latency - now)
        return self.seconds[-1]

    def told(self) -> bytes:
        """Return the 95th percentile of the seconds, and the share that was refused."""
        taken = sorted(self.seconds)
        share = self.refused / max(1, self.refused + len(taken))
        return orjson.dumps({"p95": taken[int(0.95 * len(taken))] if taken else 0.0, "refused": share})


class _Bounded(Connection):
    """A connection to a server with bounds."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__(Account(), 0.0)
        self._bounds = bounds

    def answer(self, path: bytes, body: bytes) -> None:
        """Answer a request, refuse it, or tell what has been measured."""
        if path == b"/told":
            self.send(b"200 OK", self._bounds.told(), 0.0)
            return
        wait = self._bounds.wait(asyncio.get_running_loop().time())
        if wait is None:
            self.send(b"429 Too Many Requests", b"{}", 0.0)
        else:
            self.send(b"200 OK", UPSERTED, wait)


@frozen
class Told:
    """What a bounded server has measured."""

    p95: float
    refused: float


def told_by(address: str) -> Told:
    """Ask a bounded server what it has measured."""
    with urlopen(f"{address}/told") as answer:
        return Told(**orjson.loads(answer.read()))


def bounded(*, latency: float, workers: int = 0, rate: float = 0.0) -> AbstractContextManager[str]:
    """Have the server run, and give its address."""
    return in_process("benchmarks.bounded", latency, workers, rate)


def _main(bounds: Bounds) -> None:
    asyncio.run(serve(lambda: _Bounded(bounds), Account()))


if __name__ == "__main__":
    _main(Bounds(float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
