"""Waits for a journal that another process has open, and says who that is."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from ..telemetry import tell
from ..telemetry.run_events import JournalBusy
from .refusals import InUse

LOCK_TIMEOUT = 900.0
"""Seconds after which waiting for a journal ends."""
FIRST_WARNING = 10.0
"""Seconds after which it is said for the first time who has the journal."""
NEXT_WARNINGS = 60.0
INTERVAL = 0.25
"""Seconds between two tries."""

ReturnT = TypeVar("ReturnT")


async def when_free(
    opened: Callable[[], Awaitable[ReturnT]],
    lock_timeout: float,
    *,
    clock: Callable[[], float] = anyio.current_time,
    sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
) -> ReturnT:
    """Return what `opened` opens as soon as nobody else has it; raise the last `InUse` after `lock_timeout` seconds.

    After 10 seconds and then every minute, a warning in the log says who has it: the error of `opened` does.
    """
    began = clock()
    warn_at = FIRST_WARNING
    while True:
        try:
            return await opened()
        except InUse as busy:
            waited = clock() - began
            if waited >= lock_timeout:
                busy.add_note(f"It was waited for, for {waited:.0f} seconds")
                raise
            if waited >= warn_at:
                tell(JournalBusy(seconds=waited, failure=str(busy)))
                warn_at = waited + NEXT_WARNINGS
        await sleep(min(INTERVAL, lock_timeout))
