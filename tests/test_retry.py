"""Another try? A table of the rules of one request."""

from random import Random

import pytest

from salesmanago_async import (
    Invalid,
    NoAnswer,
    NotAuthenticated,
    RateLimited,
    Redirected,
    Refused,
    Retries,
    SalesManagoError,
    ServerFault,
    Unreadable,
)
from salesmanago_async._retry import maybe_processed, surely_not_processed, wait_before_retry

RETRIES = Retries(tries=4, first_wait=1.0, longest_wait=3.0, deadline=100.0)


def wait(error: SalesManagoError, *, tries: int = 1, elapsed: float = 0.0, repeatable: bool = True) -> float | None:
    return wait_before_retry(
        error, tries=tries, elapsed=elapsed, repeatable=repeatable, retries=RETRIES, random=Random(1)
    )


@pytest.mark.parametrize(
    ("error", "repeatable", "once"),
    [
        (NoAnswer("", sent=False), True, True),
        (NoAnswer("", sent=None), True, False),
        (RateLimited(""), True, True),
        (ServerFault("", status=503), True, False),
        (Unreadable(""), True, False),
        (Redirected("", status=302), False, False),
        (Refused(["no"]), False, False),
        (NotAuthenticated(["no"]), False, False),
        (Invalid("no"), False, False),
    ],
)
def test_who_may_go_again(error: SalesManagoError, repeatable: bool, once: bool) -> None:
    assert (wait(error) is not None) == repeatable
    assert (wait(error, repeatable=False) is not None) == once


def test_a_redirect_leaves_nothing_in_doubt() -> None:
    assert surely_not_processed(Redirected("", status=302))
    assert not maybe_processed(Redirected("", status=302))


def test_waits_are_a_random_part_of_a_doubling_span_with_a_ceiling() -> None:
    random = Random(3)
    error = ServerFault("", status=500)
    for tries, span in ((1, 1.0), (2, 2.0), (3, 3.0)):
        waits = [
            wait_before_retry(error, tries=tries, elapsed=0, repeatable=True, retries=RETRIES, random=random) or 0.0
            for _ in range(400)
        ]
        assert 0 <= min(waits) < 0.1 * span
        assert 0.9 * span < max(waits) <= span


def test_retry_after_is_the_least_wait() -> None:
    assert wait(RateLimited("", retry_after=20.0)) == 20.0
    assert wait(ServerFault("", status=503, retry_after=20.0)) == 20.0


def test_tries_and_the_deadline_bound_it() -> None:
    error = ServerFault("", status=500)
    assert wait(error, tries=3) is not None
    assert wait(error, tries=4) is None
    assert wait(error, elapsed=100.0) is None
    assert wait(RateLimited("", retry_after=60.0), elapsed=50.0) is None
