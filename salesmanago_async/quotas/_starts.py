"""Start times that the database has reserved for this process. Pure, but for the clock of the event loop."""

import math
from collections.abc import Sequence

import anyio
from attrs import define, field

STALE = 0.25
"""Seconds after which a start time that nobody has used is given up."""


@define
class Starts:
    """The times at which requests may start, in order, by the event loop's clock."""

    _times: list[float] = field(factory=list)
    _used: int = 0

    def __len__(self) -> int:
        self._drop_stale()
        return len(self._times)

    @property
    def next(self) -> float:
        """The earliest time of the next start; infinity if none is reserved."""
        self._drop_stale()
        return self._times[0] if self._times else math.inf

    def add(self, waits: Sequence[float]) -> None:
        """Add times that are so many seconds away."""
        self._times += [anyio.current_time() + seconds for seconds in waits]

    def use(self) -> None:
        """Note that a request has started."""
        self._used += 1
        if self._times:
            del self._times[0]

    def used_since(self) -> int:
        """Return how many requests have started since the last call of this."""
        used, self._used = self._used, 0
        return used

    def clear(self) -> None:
        """Give all times up."""
        self._times = []

    def _drop_stale(self) -> None:
        oldest = anyio.current_time() - STALE
        while self._times and self._times[0] < oldest:
            del self._times[0]
