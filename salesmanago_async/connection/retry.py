"""Another try? After how long? Pure: the error, the count and a source of randomness go in, a wait comes out.

A single call has so many tries and so much time (`Retries`). A run has patience: it goes on for as long as the server
has not been silent for longer than that, however many tries that takes.
"""

import math
from datetime import UTC, datetime
from random import Random

from attrs import define

from ..errors import ClientClosed, NoAnswer, RateLimited, Redirected, Refused, SalesManagoError, ServerFault, Unreadable
from ..settings import Retries
from .wire import TOO_LARGE


def is_too_large(error: SalesManagoError) -> bool:
    """Tell whether the request was refused for its size: it was not processed, and only less of it may be taken."""
    return isinstance(error, Refused) and error.status == TOO_LARGE


def surely_not_processed(error: SalesManagoError) -> bool:
    """Tell whether the server cannot have acted on the request: no connection was had, 429, or a redirect."""
    was_not_sent = isinstance(error, ClientClosed) or (isinstance(error, NoAnswer) and error.sent is False)
    return was_not_sent or isinstance(error, RateLimited | Redirected)


def maybe_processed(error: SalesManagoError) -> bool:
    """Tell whether the server may or may not have acted on the request: no answer, a 5xx, an unreadable answer."""
    return isinstance(error, NoAnswer | ServerFault | Unreadable) and not surely_not_processed(error)


def may_go_again(error: SalesManagoError, *, repeatable: bool) -> bool:
    """Tell whether the rules allow another try: where nothing was processed, or that does no harm."""
    may = surely_not_processed(error) or (repeatable and maybe_processed(error))
    return may and not isinstance(error, Redirected | ClientClosed)  # no other try gets another answer


def wait_before_retry(
    error: SalesManagoError,
    *,
    tries: int,
    elapsed: float,
    repeatable: bool,
    retries: Retries,
    random: Random,
) -> float | None:
    """Return the seconds to wait before the next try, or None where there must be none.

    `tries` is how many there were, `elapsed` the seconds since the first began. The wait is a random part of an
    exponentially growing span, but never shorter than what the server asked for; a wait that would end after the
    deadline is not begun.
    """
    if not may_go_again(error, repeatable=repeatable) or tries >= retries.tries:
        return None
    wait = max(asked_wait(error), _growing_wait(tries, retries, random))
    return wait if elapsed + wait <= retries.deadline else None


def asked_wait(error: SalesManagoError) -> float:
    """Return for how many seconds the server asked to wait (Retry-After)."""
    return getattr(error, "retry_after", None) or 0.0


def _growing_wait(tries: int, retries: Retries, random: Random) -> float:
    span = min(retries.longest_wait, retries.first_wait * 2 ** min(tries - 1, MOST_DOUBLINGS))
    return random.uniform(0.0, span)


# The patience of a run

MOST_DOUBLINGS = 64
SHORTEST_WAIT = 0.1
"""Seconds between two tries of a run at least: their number has no limit, whatever `Retries` says."""


def is_unanswered(error: Exception) -> bool:
    """Tell whether an error means that the server gave no answer to the request. A refusal is an answer."""
    return isinstance(error, NoAnswer | RateLimited | ServerFault | Unreadable)


@define
class Patience:
    """How long the server has been silent, and how long it may be: `seconds`. Moments are passed in, in seconds.

    A silence begins with the first try that gets no answer, not with the last answer: in between there may have been
    nothing to ask, for hours.
    """

    seconds: float
    _last_answer: float = -math.inf
    _silent_since: float | None = None

    def answered(self, now: float) -> None:
        """Take note of an answer."""
        self._last_answer, self._silent_since = now, None

    def unanswered(self, began: float) -> None:
        """Take note that a try which began at that moment got no answer."""
        if self._silent_since is None:
            self._silent_since = max(began, self._last_answer)

    def left(self, now: float) -> float:
        """Return for how many seconds the server may still be silent."""
        if self._silent_since is None:
            return self.seconds
        return max(0.0, self._silent_since + self.seconds - now)


def wait_with_patience(
    error: SalesManagoError, *, tries: int, left: float, repeatable: bool, retries: Retries, random: Random
) -> float | None:
    """Return the seconds to wait before the next try of a run's request, or None where there must be none.

    `left` is what is left of the patience. The last try begins when that ends, not earlier. Of `retries` only the
    length of the waits counts.
    """
    asked = asked_wait(error)
    if left <= 0 or asked > left or not may_go_again(error, repeatable=repeatable):
        return None
    return min(left, max(asked, SHORTEST_WAIT, _growing_wait(tries, retries, random)))


def ends_patience(error: SalesManagoError, *, left: float) -> bool:
    """Tell whether nothing is left of the patience, or less than the server asks to wait."""
    return is_unanswered(error) and (left <= 0 or asked_wait(error) > left)


def silence(error: SalesManagoError, *, seconds: float, left: float, clock: float) -> str:
    """Return why the patience has ended; `clock` is the time of day, in seconds since 1970."""
    asked = asked_wait(error)
    if asked > left > 0:
        return f"the server asks to come back in {asked:.0f} s{_at(clock, asked)} (last: {error})"
    return f"no answer for {seconds:g} s (last: {error})"


def _at(clock: float, seconds: float) -> str:
    if seconds > _LONGEST_TOLD:
        return ""
    now, then = (datetime.fromtimestamp(moment, UTC) for moment in (clock, clock + seconds))
    return f" (at {then:%H:%M} UTC)" if then.date() == now.date() else f" (on {then:%Y-%m-%d at %H:%M} UTC)"


_LONGEST_TOLD = 366 * 86400.0
