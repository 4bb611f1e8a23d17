"""`WindableClock`: a clock that can be wound forward, so that nobody waits for jobs, links or tokens."""

from collections.abc import Callable
from datetime import timedelta

from ..errors import Invalid


class WindableClock:
    """Returns seconds since 1970: those of `base`, and what the clock was wound forward by."""

    def __init__(self, base: Callable[[], float]) -> None:
        self._base = base
        self.wound = 0.0
        """The seconds by which the clock is ahead of its base."""

    def __call__(self) -> float:
        return self._base() + self.wound

    def advance(self, time: float | timedelta) -> None:
        """Wind the clock forward, by seconds or a timedelta. Raises `Invalid` for a negative time."""
        seconds = time.total_seconds() if isinstance(time, timedelta) else time
        if not 0 <= seconds < LONGEST:
            raise Invalid("must be from 0 seconds to 100 years: a simulated clock goes forward only", field="time")
        self.wound += seconds


LONGEST = 100 * 365 * 86400.0
