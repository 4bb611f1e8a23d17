"""The log of a client: each retry, pause and lowered limit is a line, without texts of servers or records."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from salesmanago_async import Contact, Credentials, ExternalEvent, NoAnswer
from salesmanago_async.connection.connection import MOST_LOGGED, LogThrottle, failure_of
from salesmanago_async.simulator import Simulator
from tests.conftest import MakeClient

pytestmark = pytest.mark.anyio

CONNECTION, RUNS, JOBS = (f"salesmanago_async.{name}" for name in ("connection", "runs", "jobs"))
SECRETS = ("s3cret", "k3y", "ann.kowalska", "example.com", "Kowalska", "+48123456789", "https://", "signature=", "sha")
PEOPLE = "ann.kowalska@example.com Kowalska +48123456789 s3cret k3y https://files/x?signature=1 sha"
"""A text that a server may put into any of its messages."""


class Failing:
    """A server that fails in these ways, one after the other, and then works."""

    def __init__(self, simulator: Simulator, *failures: Any) -> None:
        self.simulator = simulator
        self.failures = list(failures)
        self.lasts = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if anyio.current_time() < self.lasts:
            failure = 503
        if isinstance(failure, Exception):
            raise failure
        if failure is None:
            await self.simulator(scope, receive, send)
            return
        status, headers = failure if isinstance(failure, tuple) else (failure, {})
        listed = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": listed})
        body = f'{{"success":false,"message":["{PEOPLE}"]}}' if status != 200 else f"<html>{PEOPLE}"
        await send({"type": "http.response.body", "body": body.encode()})


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., list[str]]]:
    """Return a function that returns the lines of a logger, from a level on."""
    caplog.set_level(logging.DEBUG, "salesmanago_async")

    def lines(name: str, level: int = logging.WARNING) -> list[str]:
        return [one.getMessage() for one in caplog.records if one.name == name and one.levelno >= level]

    yield lines
    shown = "\n".join(f"{one.getMessage()} {one.args!r}" for one in caplog.records)
    assert [secret for secret in SECRETS if secret in shown] == []


CONTACTS = [Contact(email="ann.kowalska@example.com", name="Kowalska", phone="+48123456789")]
CREDENTIALS = Credentials(client_id="simulator", api_key="k3y", api_secret="s3cret")


async def test_each_retry_of_a_call_is_a_line(simulator: Simulator, make_client: MakeClient, lines: Any) -> None:
    failures = [503, 429, httpx.ConnectError(PEOPLE), httpx.ReadTimeout(PEOPLE), 200]
    async with make_client(Failing(simulator, *failures)) as sm:
        await sm.contacts.has("ann.kowalska@example.com")
    retries = [line.rpartition(" in ")[0] for line in lines(CONNECTION) if "; try " in line]
    host = "app2.salesmanago.com"
    assert retries == [
        "contact/hasContact: 503; try 2 of 6",
        "contact/hasContact: 429; try 3 of 6",
        f"contact/hasContact: {host} cannot be reached: no connection could be made; try 4 of 6",
        f"contact/hasContact: {host} did not answer: no answer came in time; try 5 of 6",
        "contact/hasContact: an answer that cannot be read, 200; try 6 of 6",
    ]
    (lowered,) = [line for line in lines(CONNECTION) if "at most" in line]
    assert lowered == (
        f"contact/hasContact: {host} did not answer: no answer came in time; "
        "at most 1 requests in flight from now on, not 3"
    )


async def test_a_pause_is_a_line(simulator: Simulator, make_client: MakeClient, lines: Any) -> None:
    async with make_client(Failing(simulator, (429, {"Retry-After": "30"}))) as sm:
        await sm.contacts.has("ann.kowalska@example.com")
    assert "contact/hasContact: 429; no request starts for 30.0 s" in lines(CONNECTION)
    assert "contact/hasContact: 429; try 2 of 6 in 30.0 s" in lines(CONNECTION)


async def test_a_run_logs_what_it_waits_for_and_how_it_ended(
    simulator: Simulator, make_client: MakeClient, lines: Any
) -> None:
    app = Failing(simulator, 503, httpx.ReadError(PEOPLE))
    async with make_client(app) as sm:
        await sm.contacts.upsert_many(CONTACTS)
    waits = [line for line in lines(CONNECTION) if "; try " in line]
    assert [line.partition(" in ")[0] for line in waits] == [
        "contact/batchupsertv2: 503; try 2",
        "contact/batchupsertv2: app2.salesmanago.com did not answer: the connection was lost; try 3",
    ]
    assert all(line.endswith(" s if no answer comes") for line in waits)
    assert lines(RUNS) == []
    assert lines(RUNS, logging.INFO) == ["A run of contacts begins", "A run of contacts has ended: 1 read: 1 accepted"]
    has_records, ended = lines(JOBS, logging.INFO)
    assert has_records == "Job 1 has 1 records"
    assert ended.startswith("Job 1: done after ")


async def test_eight_requests_that_fail_alike_are_not_eight_lines_each_time(
    simulator: Simulator, make_client: MakeClient, lines: Any
) -> None:
    app = Failing(simulator)
    app.lasts = 1000.0
    async with make_client(app, concurrency=8) as sm:
        report = await sm.contacts.upsert_many(
            (Contact(email=f"c{number}@example.org") for number in range(1000)), batch_size=10
        )
    assert report.requests > 100
    shown = lines(CONNECTION)
    assert 10 < len(shown) < 70
    assert len([line for line in shown if "at most" in line]) == 1
    assert len(lines(CONNECTION, logging.DEBUG)) > report.requests - 10
    (ended,) = lines(RUNS)
    assert ended.startswith("A run of contacts has stopped before the end, 503: ")


async def test_a_lost_chunk_and_the_wait_after_it_are_lines(
    simulator: Simulator, make_client: MakeClient, lines: Any
) -> None:
    async with make_client(simulator) as sm:
        await sm.contacts.upsert_many(CONTACTS)
    event = ExternalEvent(email="ann.kowalska@example.com", date=1_700_000_000_000, contact_ext_event_type="CART")
    async with make_client(Failing(simulator, httpx.ReadError(PEOPLE))) as sm:
        report = await sm.events.add_many([event])
    assert report.accepted == 1
    path = "contact/batchAddContactExtEvent"
    first, second = lines(CONNECTION)
    assert first == (
        f"{path}: app2.salesmanago.com did not answer: the connection was lost; "
        "not tried again, as it may have been applied"
    )
    assert second.startswith("no answer to a chunk; the next one is sent in ")


async def test_no_line_contains_credentials(simulator: Simulator, make_client: MakeClient, lines: Any) -> None:
    async with make_client(Failing(simulator, 503, 429, 401), credentials=CREDENTIALS) as sm:
        report = await sm.contacts.upsert_many(CONTACTS)
    assert report.in_doubt == 1  # since the 503
    assert lines(RUNS) == ["A run of contacts has stopped before the end, NotAuthenticated: 1 read: 1 in doubt"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "x.pl cannot be reached: no TLS connection could be made (bad)",
            "x.pl cannot be reached: no TLS connection could be made",
        ),
        ("x.pl did not answer: no answer came in time", "x.pl did not answer: no answer came in time"),
        ("the request to x.pl cannot be sent: Illegal header value b'k3y'", "the request to x.pl cannot be sent"),
        ("it was stopped while it waited to be sent", "it was stopped while it waited to be sent"),
        ("no answer for 300 s (last: x.pl cannot be reached: E (ann))", "no answer for 300 s"),
    ],
)
def test_of_a_librarys_error_only_its_name_is_logged(text: str, said: str) -> None:
    assert failure_of(NoAnswer(text, sent=None)) == said


def test_the_memory_of_logged_lines_is_bounded() -> None:
    lines = LogThrottle()
    for number in range(10 * MOST_LOGGED):
        assert lines.level(f"path/{number}", "503", now=0.0, wait=10.0) == logging.WARNING
    assert len(lines._until) <= MOST_LOGGED
    assert lines.level("path", "503", now=0.0, wait=5.0) == logging.WARNING
    assert lines.level("path", "503", now=4.9, wait=5.0) == logging.DEBUG
    assert lines.level("path", "502", now=4.9, wait=5.0) == logging.WARNING
    assert lines.level("path", "503", now=5.0, wait=5.0) == logging.WARNING
