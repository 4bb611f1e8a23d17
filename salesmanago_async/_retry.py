"""Another try? After how long? Pure: the error, the count and a source of randomness go in, a wait comes out."""

from random import Random

from .errors import NoAnswer, RateLimited, Redirected, SalesManagoError, ServerFault, Unreadable
from .settings import Retries


def surely_not_processed(error: SalesManagoError) -> bool:
    """Tell whether the server cannot have acted on the request: no connection was had, 429, or a redirect."""
    return isinstance(error, RateLimited | Redirected) or (isinstance(error, NoAnswer) and error.sent is False)


def maybe_processed(error: SalesManagoError) -> bool:
    """Tell whether the server may or may not have acted on the request: no answer, a 5xx, an unreadable answer."""
    return isinstance(error, NoAnswer | ServerFault | Unreadable) and not surely_not_processed(error)


def may_go_again(error: SalesManagoError, *, repeatable: bool) -> bool:
    """Tell whether the rules allow another try: where nothing was processed, or that does no harm."""
    may = surely_not_processed(error) or (repeatable and maybe_processed(error))
    return may and not isinstance(error, Redirected)  # no other try gets another answer


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
    span = min(retries.longest_wait, retries.first_wait * 2 ** (tries - 1))
    asked = getattr(error, "retry_after", None) or 0.0
    wait = max(asked, random.uniform(0.0, span))
    return wait if elapsed + wait <= retries.deadline else None
