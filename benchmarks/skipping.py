"""An event loop on which idleness takes no time, and work takes as long as it takes.

Its clock is the real one plus what was skipped: where nothing is ready, the loop does not wait for its next timer but
moves the clock on to it. So an hour of waiting is measured in seconds, and who is late because the processor was busy
is late by just that. Nothing may come from outside: there is no time for it to arrive.
"""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

ReturnT = TypeVar("ReturnT")


class _SkippingSelector(selectors.DefaultSelector):
    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout if timeout is None else 0)
        if not ready and timeout:
            self.skipped += timeout
        return ready


class _SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return time.monotonic() + self._skipping.skipped


def run_skipping(act: Coroutine[Any, Any, ReturnT]) -> ReturnT:
    """Run a coroutine on such a loop."""
    with asyncio.Runner(loop_factory=_SkippingLoop) as runner:
        return runner.run(act)
