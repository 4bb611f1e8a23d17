"""The retry rules of one request, as a table."""

from random import Random

import httpx
import pytest

from salesmanago_async import (
    Invalid,
    NoAnswer,
    NotAuthenticated,
    RateLimited,
    Redirected,
    Refused,
    Retries,
    SalesManago,
    SalesManagoError,
    ServerFault,
    Unreadable,
)
from salesmanago_async.connection.retry import (
    Patience,
    ends_patience,
    maybe_processed,
    patience_message,
    surely_not_processed,
    wait_before_retry,
    wait_with_patience,
)
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER

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
def test_which_errors_allow_a_retry(error: SalesManagoError, repeatable: bool, once: bool) -> None:
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


def test_no_wait_is_shorter_than_retry_after() -> None:
    assert wait(RateLimited("", retry_after=20.0)) == 20.0
    assert wait(ServerFault("", status=503, retry_after=20.0)) == 20.0


def test_tries_and_the_deadline_limit_retries() -> None:
    error = ServerFault("", status=500)
    assert wait(error, tries=3) is not None
    assert wait(error, tries=4) is None
    assert wait(error, elapsed=100.0) is None
    assert wait(RateLimited("", retry_after=60.0), elapsed=50.0) is None


# The patience of a run


def patient_wait(
    error: SalesManagoError, *, tries: int = 1, left: float = 300.0, repeatable: bool = True
) -> float | None:
    return wait_with_patience(error, tries=tries, left=left, repeatable=repeatable, retries=RETRIES, random=Random(1))


@pytest.mark.parametrize(
    "error",
    [
        NoAnswer("", sent=False),
        NoAnswer("", sent=None),
        NoAnswer("", sent=None, timed_out=True),
        RateLimited(""),
        *[ServerFault("", status=status) for status in (408, 500, 502, 503, 504, 520)],
        Unreadable("", status=200),
    ],
)
def test_a_run_waits_alike_for_every_kind_of_missing_answer(error: SalesManagoError) -> None:
    assert patient_wait(error) == patient_wait(RateLimited(""))
    assert patient_wait(error, tries=5000) is not None
    assert patient_wait(error, left=0.0) is None
    assert (ends_patience(error, left=0.1), ends_patience(error, left=0.0)) == (False, True)


@pytest.mark.parametrize("error", [Refused(["no"]), NotAuthenticated(["no"]), Invalid("no")])
def test_a_run_never_retries_after_an_answer(error: SalesManagoError) -> None:
    assert patient_wait(error) is None
    assert not ends_patience(error, left=0.0)


def test_a_run_does_not_repeat_a_request_that_may_have_been_applied() -> None:
    assert patient_wait(NoAnswer("", sent=None), repeatable=False) is None
    assert patient_wait(NoAnswer("", sent=False), repeatable=False) is not None


def test_the_last_try_begins_when_the_patience_ends() -> None:
    waits = [patient_wait(RateLimited(""), tries=9, left=left) for left in (0.2, 0.05)]
    assert waits[1] == 0.05
    assert 0 < (waits[0] or 0) <= 0.2


def test_a_retry_after_is_respected_or_ends_the_patience() -> None:
    asked = ServerFault("", status=503, retry_after=120.0)
    assert patient_wait(asked, left=120.0) == 120.0
    assert patient_wait(asked, left=119.0) is None
    assert ends_patience(asked, left=119.0)
    assert not ends_patience(asked, left=120.0)


def test_a_silence_lasts_from_the_first_try_without_an_answer_to_the_next_answer() -> None:
    patience = Patience(300.0)
    assert patience.left(1000.0) == 300.0
    patience.unanswered(1000.0)
    patience.unanswered(1100.0)
    assert patience.left(1200.0) == 100.0
    patience.answered(1250.0)
    assert patience.left(9000.0) == 300.0
    patience.unanswered(1200.0)  # that try began before the answer
    assert patience.left(1300.0) == 250.0
    assert patience.left(9000.0) == 0.0


@pytest.mark.parametrize(
    ("asked", "left", "said"),
    [
        (None, 0.0, "no answer for 300 s (last: why)"),
        (60.0, 0.0, "no answer for 300 s (last: why)"),
        (3600.0, 300.0, "the server asks to come back in 3600 s (at 23:13 UTC) (last: why)"),
        (86400.0, 300.0, "the server asks to come back in 86400 s (on 2023-11-15 at 22:13 UTC) (last: why)"),
        (1e12, 300.0, "the server asks to come back in 1000000000000 s (last: why)"),
    ],
)
def test_the_reason_why_the_patience_ended_is_a_message(asked: float | None, left: float, said: str) -> None:
    error = RateLimited("why", retry_after=asked)
    assert patience_message(error, seconds=300.0, left=left, clock=1_700_000_000.0) == said


@pytest.mark.anyio
async def test_the_error_names_the_loss_though_the_last_try_was_surely_not_sent() -> None:
    """Otherwise "no connection could be made" would be said of what may have been applied."""
    errors: list[Exception] = [httpx.ConnectError("refused"), httpx.ReadError("reset"), httpx.ConnectError("refused")]

    def fail(_: httpx.Request) -> httpx.Response:
        raise errors.pop(0)

    async with SalesManago(
        DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=httpx.MockTransport(fail), retries=Retries(tries=3, first_wait=0)
    ) as sm:
        with pytest.raises(NoAnswer) as raised:
            await sm.contacts.has("ann@example.com")
    assert raised.value.maybe_applied
    assert "the connection was lost; then app2.salesmanago.com cannot be reached" in str(raised.value)
