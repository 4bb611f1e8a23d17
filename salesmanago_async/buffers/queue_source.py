"""The queue of a buffer as the source of one run: its records as they come, until the queue is closed and empty."""

import math
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from itertools import count
from typing import Any

import anyio
import orjson

from ..records.encoders import Encoder
from ..records.names import Names
from ..sources.text_files import FLUSH, Row
from ..sources.warnings import ReadWarning
from .queue import Queue, Queued
from .settings import Holder


class QueueSource:
    """Yields the records that were not sent yet; `given` has them by the positions that the run knows.

    A record waits while one of `after` holds a record with one of its names; so does every later record with one of its
    names.
    """

    warnings: tuple[ReadWarning, ...] = ()

    def __init__(self, queue: Queue, *, max_delay: float, after: Sequence[Holder]) -> None:
        self._queue = queue
        self._max_delay = max_delay
        self._after = after
        self._positions = count()
        self._waiting: list[Queued] = []
        self._waiting_names: set[str] = set()
        self.given: dict[int, Queued] = {}
        everything = queue.everything()
        self.sent_before = [queued for queued in everything if queued.was_sent]
        """The records that earlier runs have sent, with an outcome that is not known: `rows` does not yield them."""
        self._fresh = deque(queued for queued in everything if not queued.was_sent)

    def register(self, queued: Queued) -> int:
        """Remember that the run has got a record; return its position."""
        position = next(self._positions)
        self.given[position] = queued
        return position

    async def rows(self) -> AsyncGenerator[Row]:
        """Yield the number of every record as it comes, and FLUSH when the first one has waited for `max_delay`."""
        flush_at = math.inf
        while True:
            now = anyio.current_time()
            if now >= flush_at:
                flush_at = math.inf
                self._reconsider_waiting()
                yield FLUSH
            elif queued := self._next():
                self.register(queued)
                flush_at = min(flush_at, now + self._max_delay)
                yield queued.number, None
            elif self._queue.is_closed and not self._waiting:
                return
            else:
                flush_at = min(flush_at, now + self._max_delay) if len(self._queue) else math.inf
                with anyio.move_on_after(flush_at - now):
                    await self._queue.incoming.wait()

    def _next(self) -> Queued | None:
        self._fresh.extend(self._queue.arrivals())
        while self._fresh:
            queued = self._fresh.popleft()
            if not self._must_wait(queued.names):
                return queued
            self._waiting.append(queued)
            self._waiting_names.update(queued.names)
        return None

    def _must_wait(self, names: Names) -> bool:
        return any(other.holds(names) for other in self._after) or not self._waiting_names.isdisjoint(names)

    def _reconsider_waiting(self) -> None:
        self._fresh.extendleft(reversed(self._waiting))
        self._waiting.clear()
        self._waiting_names.clear()

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return an encoder that returns the records as they were encoded when they were taken."""

        def encode(number: int) -> tuple[bytes, Names]:
            queued = self._queue[number]
            return queued.item, queued.names

        return Encoder(encode)

    def body(self, row: int) -> Any:
        """Return the body of a record."""
        return orjson.loads(self._queue[row].item)

    def record(self, row: int) -> Any:
        """Return a record as it was given; if an earlier process took it, its JSON object."""
        return self._queue[row].record

    def file_of(self, row: int) -> None:
        """Return None: the records do not come from a file."""
