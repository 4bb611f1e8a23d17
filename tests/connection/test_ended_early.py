"""Requests that end early leave no connection behind. Over raw sockets, with servers that do not hang up themselves."""

from collections.abc import Awaitable, Callable

import anyio
import anyio.abc
import pytest
from attrs import define, field

from salesmanago_async import ClientClosed, NoAnswer, Retries, SalesManago, SalesManagoError, Timeouts
from tests.connection.test_http import http
from tests.connection.test_two_answers import (
    BODY,
    BOTH_LOOPS,
    LOCALHOST,
    client,
    over_each_scheme,
    served,
)
from tests.open_files import needs_proc, open_files

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize(("anyio_backend", "backend"), BOTH_LOOPS)]

ONE_TRY = Retries(tries=1)
SECONDS = 0.1
"""After which a time-out passes."""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("SSL_CERT_FILE", str(LOCALHOST))


@define
class Holding:
    """A server that reads the first bytes of a request, answers with its own, and keeps the connection open."""

    answer: bytes = b""
    begun: anyio.Event = field(factory=anyio.Event)

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await stream.receive()
            self.begun.set()
            if self.answer:
                await stream.send(self.answer)
            await anyio.sleep_forever()


Act = Callable[[SalesManago, Holding], Awaitable[None]]


async def check_nothing_is_left(server: Holding, sm: SalesManago, act: Act) -> None:
    """Act with a client, close it, and check that only the server still has its end of the connection."""
    before = open_files()
    async with sm:
        await act(sm, server)
        await anyio.sleep(SECONDS)
        assert open_files() - before == 1
    assert open_files() - before == 1


async def cancel(sm: SalesManago, server: Holding) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sm.call, "contact/addNote", BODY)
        await server.begun.wait()
        await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()


async def fail(sm: SalesManago, server: Holding) -> None:
    with pytest.raises(SalesManagoError):
        await sm.call("contact/addNote", BODY)


@needs_proc
@over_each_scheme
@pytest.mark.parametrize(
    ("act", "answer"),
    [
        pytest.param(cancel, b"", id="cancelled"),
        pytest.param(fail, b"", id="timed out"),
        pytest.param(fail, http("413 Too Large", b"<html>"), id="early error"),
        pytest.param(fail, http(), id="early answer"),
        pytest.param(fail, b"garbage\r\n\r\n", id="no HTTP"),
    ],
)
async def test_a_body_that_nobody_reads_keeps_no_connection_open(
    backend: str, act: Act, answer: bytes, scheme: str
) -> None:
    seconds = 20 if act is cancel or answer else SECONDS
    timeouts = Timeouts(connect=20, read=seconds, write=seconds)
    server = Holding(answer)
    async with served(server.serve, scheme) as url:
        await check_nothing_is_left(server, client(url, backend, timeouts=timeouts, retries=ONE_TRY), act)


@needs_proc
@pytest.mark.parametrize("act", [cancel, fail])
async def test_a_handshake_without_an_answer_keeps_no_connection_open(backend: str, act: Act) -> None:
    timeouts = Timeouts(connect=20 if act is cancel else SECONDS)
    server = Holding()
    async with served(server.serve) as url:
        secure = url.replace("http:", "https:")
        await check_nothing_is_left(server, client(secure, backend, timeouts=timeouts, retries=ONE_TRY), act)


@needs_proc
async def test_requests_that_wait_while_the_client_is_closed_are_not_sent(backend: str) -> None:
    server = Holding()
    errors: list[SalesManagoError] = []

    async def call(sm: SalesManago) -> None:
        with pytest.raises(SalesManagoError) as raised:
            await sm.call("contact/addNote", {})
        errors.append(raised.value)

    before = open_files()
    async with served(server.serve) as url, anyio.create_task_group() as tasks:
        sm = client(url, backend, concurrency=1, retries=ONE_TRY)
        for _ in range(3):
            tasks.start_soon(call, sm)
        await server.begun.wait()
        await sm.aclose()
    in_flight, *waiting = errors
    assert isinstance(in_flight, NoAnswer)
    assert in_flight.in_doubt
    assert [type(error) for error in waiting] == [ClientClosed, ClientClosed]
    assert open_files() == before
