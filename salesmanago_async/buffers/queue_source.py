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
from .queue import Queue, Queued
from .settings import Holder


class QueueSource:
    """Gives a run the records that were not sent yet. The run knows them by their positions, `given` by those.

    A record waits as long as one of `after` holds a record with one of its names; so does every later record with one
    of its names.
    """

    def __init__(self, queue: Queue, *, max_delay: float, after: Sequence[Holder]) -> None:
        self._queue = queue
        self._max_delay = max_delay
        self._after = after
        self._positions = count()
        self._waiting: list[Queued] = []
        self._waiting_names: set[str] = set()
        self.given: dict[int, Queued] = {}
        everything = queue.everything()
        self.sent_before = [one for one in everything if one.was_sent]
        """What earlier runs have sent, with an outcome that is not known: `rows` does not give it."""
        self._fresh = deque(one for one in everything if not one.was_sent)

    def give(self, one: Queued) -> int:
        """Take note that the run has got a record; return its position."""
        position = next(self._positions)
        self.given[position] = one
        return position

    async def rows(self) -> AsyncGenerator[Row]:
        """Yield the number of every record as it comes, and FLUSH when the first has waited for `max_delay`."""
        flush_at = math.inf
        while True:
            now = anyio.current_time()
            if now >= flush_at:
                flush_at = math.inf
                self._reconsider_waiting()
                yield FLUSH
            elif one := self._next():
                self.give(one)
                flush_at = min(flush_at, now + self._max_delay)
                yield one.number, None
            elif self._queue.is_closed and not self._waiting:
                return
            else:
                flush_at = min(flush_at, now + self._max_delay) if len(self._queue) else math.inf
                with anyio.move_on_after(flush_at - now):
                    await self._queue.news.wait()

    def _next(self) -> Queued | None:
        self._fresh.extend(self._queue.arrivals())
        while self._fresh:
            one = self._fresh.popleft()
            if not self._must_wait(one.names):
                return one
            self._waiting.append(one)
            self._waiting_names.update(one.names)
        return None

    def _must_wait(self, names: Names) -> bool:
        return any(other.holds(names) for other in self._after) or not self._waiting_names.isdisjoint(names)

    def _reconsider_waiting(self) -> None:
        self._fresh.extendleft(reversed(self._waiting))
        self._waiting.clear()
        self._waiting_names.clear()

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return what gives the records as they were encoded when they were taken."""

        def encode(number: int) -> tuple[bytes, Names]:
            one = self._queue[number]
            return one.item, one.names

        return Encoder(encode)

    def body(self, row: int) -> Any:
        """Return the body of a record."""
        return orjson.loads(self._queue[row].item)

    def record(self, row: int) -> Any:
        """Return a record as it was given; if an earlier process took it, its JSON object."""
        return self._queue[row].record

    def file_of(self, row: int) -> None:
        """Return None: these are no lines of a file."""
