"""Decides whether to retry, and after how long. Pure: the error, the count and a random source go in, a wait comes out.

A single call has a limited number of tries and a deadline (`Retries`). A run has patience: it retries until the server
has been silent for that long, however many tries that takes.
"""

import math
from datetime import UTC, datetime
from random import Random

from attrs import define

from ..errors import (
    ClientClosed,
    Invalid,
    JournalFailed,
    NoAnswer,
    RateLimited,
    Redirected,
    Refused,
    SalesManagoError,
    ServerFault,
    Unreadable,
)
from ..settings import Retries
from .wire import TOO_LARGE


def is_too_large(error: SalesManagoError) -> bool:
    """Return whether the request was refused for its size: it was not processed, and may be sent in smaller parts."""
    return isinstance(error, Refused) and error.status == TOO_LARGE


def surely_not_processed(error: SalesManagoError) -> bool:
    """Return whether the server cannot have acted on the request: not sent, no connection, 429, or a redirect."""
    was_not_sent = isinstance(error, ClientClosed | JournalFailed | Invalid) or (
        isinstance(error, NoAnswer) and error.sent is False
    )
    return was_not_sent or isinstance(error, RateLimited | Redirected)


def maybe_processed(error: SalesManagoError) -> bool:
    """Return whether the server may have acted on the request: no answer, a 5xx, or an unreadable answer."""
    return isinstance(error, NoAnswer | ServerFault | Unreadable) and not surely_not_processed(error)


def may_go_again(error: SalesManagoError, *, repeatable: bool) -> bool:
    """Return whether a retry is allowed: the request was not processed, or repeating it does no harm."""
    may = surely_not_processed(error) or (repeatable and maybe_processed(error))
    return may and not isinstance(
        error, Redirected | ClientClosed | JournalFailed | Invalid
    )  # a retry would get the same


def wait_before_retry(
    error: SalesManagoError,
    *,
    tries: int,
    elapsed: float,
    repeatable: bool,
    retries: Retries,
    random: Random,
) -> float | None:
    """Return the seconds to wait before the next try, or None if there must be no other try.

    `tries` is the number of tries so far, `elapsed` the seconds since the first one began. The wait is a random part of
    an exponentially growing span, but never shorter than what the server asked for. A wait that would end after the
    deadline is not started.
    """
    if not may_go_again(error, repeatable=repeatable) or tries >= retries.tries:
        return None
    wait = max(asked_wait(error), _growing_wait(tries, retries, random))
    return wait if elapsed + wait <= retries.deadline else None


def asked_wait(error: SalesManagoError) -> float:
    """Return the seconds that the server asked to wait (Retry-After)."""
    return getattr(error, "retry_after", None) or 0.0


def _growing_wait(tries: int, retries: Retries, random: Random) -> float:
    span = min(retries.longest_wait, retries.first_wait * 2 ** min(tries - 1, MOST_DOUBLINGS))
    return random.uniform(0.0, span)


# The patience of a run

MOST_DOUBLINGS = 64
SHORTEST_WAIT = 0.1
"""The shortest wait between two tries of a run, in seconds: their number has no limit, whatever `Retries` says."""


def is_unanswered(error: Exception) -> bool:
    """Return whether an error means that the server gave no answer to the request. A refusal is an answer."""
    return isinstance(error, NoAnswer | RateLimited | ServerFault | Unreadable)


@define
class Patience:
    """How long the server has been silent, and may be silent: `seconds`. All times are passed in, in seconds.

    A silence begins with the first try that gets no answer, not with the last answer: between the two there may have
    been no request for hours.
    """

    seconds: float
    _last_answer: float = -math.inf
    _silent_since: float | None = None

    def answered(self, now: float) -> None:
        """Record an answer."""
        self._last_answer, self._silent_since = now, None

    def unanswered(self, began: float) -> None:
        """Record that a try which began at that time got no answer."""
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
    """Return the seconds to wait before the next try of a run's request, or None if there must be no other try.

    `left` is the remaining patience. The last try begins exactly when the patience ends. Of `retries`, only the length
    of the waits counts.
    """
    asked = asked_wait(error)
    if left <= 0 or asked > left or not may_go_again(error, repeatable=repeatable):
        return None
    return min(left, max(asked, SHORTEST_WAIT, _growing_wait(tries, retries, random)))


def ends_patience(error: SalesManagoError, *, left: float) -> bool:
    """Return whether the patience is over, or shorter than the wait that the server asks for."""
    return is_unanswered(error) and (left <= 0 or asked_wait(error) > left)


def patience_message(error: SalesManagoError, *, seconds: float, left: float, clock: float) -> str:
    """Return the reason why the patience has ended; `clock` is the wall clock, in seconds since 1970."""
    asked = asked_wait(error)
    if asked > left > 0:
        return f"the server asks to come back in {asked:.0f} s{_at(clock, asked)} (last: {error})"
    return f"no answer for {seconds:g} s (last: {error})"


def _at(clock: float, seconds: float) -> str:
    if seconds > _LONGEST_DATED:
        return ""
    now, then = (datetime.fromtimestamp(moment, UTC) for moment in (clock, clock + seconds))
    return f" (at {then:%H:%M} UTC)" if then.date() == now.date() else f" (on {then:%Y-%m-%d at %H:%M} UTC)"


_LONGEST_DATED = 366 * 86400.0
