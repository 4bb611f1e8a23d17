"""Requests over real sockets. These tests take real time, in small amounts."""

import asyncio
import errno
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any
from unittest.mock import Mock

import aiohttp
import httpcore
import httpx
import pytest
from attrs import define, field

from salesmanago_async import (
    Contact,
    ExternalEvent,
    NoAnswer,
    Retries,
    SalesManago,
    SalesManagoError,
    Timeouts,
    Unreadable,
    __version__,
)
from salesmanago_async.connection.http import Http
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER
from tests.connection.backends import EACH, MAKERS
from tests.serving import listening

pytestmark = pytest.mark.asyncio

OK = b'{"success":true,"message":[],"result":false}'

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@define
class Exchange:
    """One request as received, with header names in lower case."""

    target: str
    headers: dict[str, str]
    body: bytes


@define
class Server:
    """A server on a local socket that reads each request, records it, and then calls `answer`."""

    answer: Answer
    seen: list[Exchange] = field(factory=list)
    connections: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.seen.append(Exchange(head[0].split()[1], headers, body))
                await self.answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(answer: Answer) -> AsyncGenerator[Server]:
    server = Server(answer)
    async with listening(server.serve) as server.url:
        yield server


def client(base_url: str, **options: Any) -> SalesManago:
    chosen = {"owner": DEMO_OWNER, "retries": Retries(tries=1), "timeouts": Timeouts(connect=2, read=2, write=2)}
    return SalesManago(DEMO_CREDENTIALS, base_url=base_url, **{**chosen, **options})


def http(status: str = "200 OK", body: bytes = OK, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def say(*answers: bytes) -> Answer:
    """Answer with these bytes in turn; the last ones are repeated."""
    left = list(answers)

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return answer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def stay_silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def stop_midway(writer: asyncio.StreamWriter) -> None:
    writer.write(http()[:-5])
    await writer.drain()
    writer.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def closed_url() -> str:
    """The address of a port without a server."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


EVENT = ExternalEvent(email="ann@example.com", contact_ext_event_type="VISIT", date=1_700_000_000_000)

ACTS: dict[str, Callable[[SalesManago], Awaitable[object]]] = {
    "a read": lambda sm: sm.contacts.has("ann@example.com"),
    "an upsert": lambda sm: sm.contacts.upsert(Contact(email="ann@example.com")),
    "an event": lambda sm: sm.events.add(EVENT),
    "a plain call": lambda sm: sm.call("contact/hasContact", {"email": "ann@example.com"}),
}


over_each = pytest.mark.parametrize("backend", EACH)


@over_each
@pytest.mark.parametrize("act", ACTS)
async def test_after_a_refused_connection_the_request_is_certainly_not_sent(
    closed_url: str, act: str, backend: str
) -> None:
    async with client(closed_url, transport=MAKERS[backend]()) as sm:
        with pytest.raises(NoAnswer) as raised:
            await ACTS[act](sm)
    assert raised.value.sent is False
    assert raised.value.in_doubt is False
    assert raised.value.timed_out is False


@pytest.mark.sampled
@over_each
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("failure", [hang_up, reset, stay_silent, stop_midway])
async def test_whether_a_request_without_an_answer_was_sent_is_unknown(act: str, failure: Answer, backend: str) -> None:
    options = {"timeouts": Timeouts(read=0.05), "transport": MAKERS[backend]()}
    async with running(failure) as server, client(server.url, **options) as sm:
        with pytest.raises(NoAnswer) as raised:
            await ACTS[act](sm)
    assert raised.value.sent is None
    assert len(server.seen) == 1


@pytest.mark.parametrize(("act", "in_doubt"), [("a read", False), ("an upsert", False), ("an event", True)])
@pytest.mark.parametrize("answer", [reset, say(http("502 Bad Gateway")), say(http(body=b"<html></html>"))])
async def test_only_unrepeatable_requests_are_in_doubt(answer: Answer, act: str, in_doubt: bool) -> None:
    async with running(answer) as server, client(server.url) as sm:
        with pytest.raises(SalesManagoError) as raised:
            await ACTS[act](sm)
    assert raised.value.in_doubt is in_doubt
    assert bool(getattr(raised.value, "__notes__", [])) is in_doubt


@pytest.mark.parametrize(("act", "tries"), [("a read", 2), ("an upsert", 2), ("an event", 1)])
async def test_after_a_reset_only_repeatable_requests_are_sent_again(act: str, tries: int) -> None:
    calm = say(http())
    left = [reset]

    async def answer(writer: asyncio.StreamWriter) -> None:
        await (left.pop() if left else calm)(writer)

    async with running(answer) as server, client(server.url, retries=Retries(first_wait=0.001)) as sm:
        if tries == 1:
            with pytest.raises(NoAnswer):
                await ACTS[act](sm)
        else:
            await ACTS[act](sm)
    assert len(server.seen) == tries


async def test_a_connection_closed_by_the_server_while_idle_loses_no_event() -> None:
    async def answer_and_close(writer: asyncio.StreamWriter) -> None:
        writer.write(http(body=b'{"success":true,"eventId":"e"}'))
        await writer.drain()
        writer.close()

    async with running(answer_and_close) as server, client(server.url) as sm:
        for _ in range(3):
            await sm.events.add(EVENT)
            await asyncio.sleep(0.02)
    assert len(server.seen) == 3


async def test_requests_carry_the_documented_headers() -> None:
    async with running(say(http())) as server, client(server.url) as sm:
        await sm.contacts.has("ann@example.com")
    (request,) = server.seen
    assert request.target == "/api/contact/hasContact"
    assert request.headers["user-agent"] == f"salesmanago-async/{__version__}"
    assert request.headers["content-type"] == "application/json;charset=UTF-8"
    assert request.headers["accept"] == "application/json"
    assert "content-encoding" not in request.headers
    assert json.loads(request.body)["email"] == "ann@example.com"


@pytest.mark.parametrize("suffix", ["", "/", "/api", "/api/"])
async def test_a_base_url_may_end_in_api_or_a_slash(suffix: str) -> None:
    async with running(say(http())) as server, client(server.url + suffix) as sm:
        await sm.contacts.has("ann@example.com")
    assert server.seen[0].target == "/api/contact/hasContact"


async def test_cookies_are_not_sent_back() -> None:
    cookies = ("Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Domain=127.0.0.1; Path=/; Max-Age=60")
    async with running(say(http("200 OK", OK, *cookies))) as server, client(server.url) as sm:
        for _ in range(3):
            await sm.contacts.has("ann@example.com")
    assert len(server.seen) == 3
    assert not any("cookie" in request.headers for request in server.seen)


async def test_a_connection_is_used_again() -> None:
    async with running(say(http())) as server, client(server.url) as sm:
        for _ in range(3):
            await sm.contacts.has("ann@example.com")
    assert (len(server.seen), server.connections) == (3, 1)


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/elsewhere", "/api/contact/hasContact"])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
async def test_a_signed_body_never_follows_a_redirect(status: str, location: str) -> None:
    answer = say(http(status, b"", f"Location: {location}"))
    async with running(answer) as server, client(server.url) as sm:
        with pytest.raises(Unreadable):
            await sm.contacts.has("ann@example.com")
    assert len(server.seen) == 1


@pytest.mark.parametrize("prefix", ["", " ", "/"])
async def test_a_plain_call_goes_to_no_other_host(prefix: str) -> None:
    async with running(say(http())) as elsewhere, running(say(http())) as server, client(server.url) as sm:
        try:
            await sm.call(f"{prefix}{elsewhere.url}/api/contact/hasContact", {})
        except SalesManagoError:
            assert server.seen == []
    assert elsewhere.seen == []


async def test_an_answer_that_cannot_be_unpacked_is_unreadable() -> None:
    answer = say(http("200 OK", b"no gzip", "Content-Encoding: gzip"))
    async with running(answer) as server, client(server.url) as sm:
        with pytest.raises(Unreadable):
            await sm.contacts.has("ann@example.com")


@over_each
@pytest.mark.parametrize(("failure", "timed_out"), [(stay_silent, True), (hang_up, False), (reset, False)])
async def test_time_outs_are_distinguished_from_other_failures(failure: Answer, timed_out: bool, backend: str) -> None:
    options = {"timeouts": Timeouts(read=0.05), "transport": MAKERS[backend]()}
    async with running(failure) as server, client(server.url, **options) as sm:
        with pytest.raises(NoAnswer) as raised:
            await ACTS["a read"](sm)
    assert raised.value.timed_out is timed_out


# Errors of other transports

HOST = "https://files.example.com"


@define
class Failing(httpx.AsyncBaseTransport, httpx.AsyncByteStream):
    """A transport that raises an error, immediately or after the first bytes of the answer."""

    error: Exception
    midway: bool = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self.midway:
            raise self.error
        return httpx.Response(200, stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"success":'
        raise self.error


async def post(http: Http) -> None:
    await http.send("POST", "contact/hasContact", b"{}")


async def download(http: Http) -> None:
    async with http.open(f"{HOST}/file") as link:
        async for _ in link.chunks:
            pass


@asynccontextmanager
async def over(transport: httpx.AsyncBaseTransport) -> AsyncGenerator[Http]:
    async with aclosing(Http(HOST, timeouts=Timeouts(), transport=transport, connections=1)) as http:
        yield http


PLACES = pytest.mark.parametrize(("act", "midway"), [(post, False), (post, True), (download, False), (download, True)])


@PLACES
@pytest.mark.parametrize(
    ("error", "sent", "timed_out"),
    [
        (ConnectionResetError(errno.ECONNRESET, "reset"), None, False),
        (ConnectionResetError(), None, False),
        (BrokenPipeError("broken"), None, False),
        (ConnectionRefusedError("refused"), False, False),
        (OSError(errno.ENETUNREACH, "no network"), None, False),
        (TimeoutError(), None, True),
        (httpx.ConnectError("refused"), False, False),
        (httpx.ReadError("reset"), None, False),
        (httpx.ReadTimeout("slow"), None, True),
        (httpx.WriteTimeout("slow"), None, True),
        (httpx.ConnectTimeout("slow"), False, True),
        (httpx.PoolTimeout("full"), False, True),
    ],
)
async def test_network_failures_of_every_transport_become_no_answer(
    act: Callable[[Http], Awaitable[None]], midway: bool, error: Exception, sent: bool | None, timed_out: bool
) -> None:
    async with over(Failing(error, midway)) as http:
        with pytest.raises(NoAnswer, match=r"files\.example\.com") as raised:
            await act(http)
    assert (raised.value.sent, raised.value.timed_out) == (sent, timed_out)
    assert raised.value.__cause__ is error


def raised_from(cause: Exception) -> httpx.ConnectTimeout:
    """The error that httpx-aiohttp, and httpx itself, raise in this case."""
    error = httpx.ConnectTimeout(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "sent", "timed_out"),
    [
        (httpcore.ConnectTimeout("slow"), False, True),
        (aiohttp.ConnectionTimeoutError("slow"), False, True),
        (aiohttp.ClientConnectorDNSError(Mock(), OSError("no such host")), False, False),
        (aiohttp.ServerDisconnectedError(), None, False),
        (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), None, False),
        (aiohttp.ClientConnectionResetError("closing"), None, False),
        (EOFError(), False, True),
    ],
)
async def test_misnamed_time_outs_of_connecting_are_corrected(
    cause: Exception, sent: bool | None, timed_out: bool
) -> None:
    async with over(Failing(raised_from(cause))) as http:
        with pytest.raises(NoAnswer) as raised:
            await post(http)
    assert (raised.value.sent, raised.value.timed_out) == (sent, timed_out)


@PLACES
@pytest.mark.parametrize(
    "mistake", [FileNotFoundError(errno.ENOENT, "no such file", "account.db"), TypeError("no"), AttributeError("no")]
)
async def test_programming_errors_in_a_transport_are_raised_unchanged(
    act: Callable[[Http], Awaitable[None]], midway: bool, mistake: Exception
) -> None:
    async with over(Failing(mistake, midway)) as http:
        with pytest.raises(type(mistake)) as raised:
            await act(http)
    assert raised.value is mistake


async def test_a_full_disk_of_the_caller_is_not_a_network_failure() -> None:
    full = OSError(errno.ENOSPC, "no space left")

    async def save(http: Http) -> None:
        async with http.open(f"{HOST}/file") as link:
            async for _ in link.chunks:
                raise full

    async with over(httpx.MockTransport(lambda _: httpx.Response(200, content=b"[]"))) as http:
        with pytest.raises(OSError, match="no space") as raised:
            await save(http)
    assert raised.value is full
