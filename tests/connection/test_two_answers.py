"""Bytes from before a request are never taken for its answer, and an early error is read. Over raw sockets."""

import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import pytest
from anyio.streams.tls import TLSListener
from attrs import define, field

from salesmanago_async import NoAnswer, Retries, SalesManago, SalesManagoError, Timeouts
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER
from tests.conftest import DATA

LOCALHOST = DATA / "localhost.pem"
"""A key and a certificate for this machine, valid for a hundred years."""

BOTH_LOOPS = [("asyncio", "httpx"), ("asyncio", "aiohttp"), ("trio", "httpx")]
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize(("anyio_backend", "backend"), BOTH_LOOPS)]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("SSL_CERT_FILE", str(LOCALHOST))


@define
class Wire:
    """One connection of the server; `number` counts the requests of all connections."""

    stream: anyio.abc.ByteStream
    buffered: bytearray = field(factory=bytearray)

    async def head(self) -> bytes:
        while b"\r\n\r\n" not in self.buffered:
            self.buffered += await self.stream.receive()
        head = bytes(self.buffered[: self.buffered.index(b"\r\n\r\n")])
        del self.buffered[: len(head) + 4]
        return head

    async def body(self, length: int) -> bytes:
        while len(self.buffered) < length:
            self.buffered += await self.stream.receive()
        body = bytes(self.buffered[:length])
        del self.buffered[:length]
        return body

    async def send(self, *answers: bytes) -> None:
        await self.stream.send(b"".join(answers))


def length_in(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])


def answer(number: int, *, status: str = "200 OK") -> bytes:
    body = json.dumps({"success": True, "message": [], "result": True, "eventId": f"e{number}", "n": number}).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@define
class Doubling:
    """Answers each request with its number, and those in `doubled` twice, the second time after `late`."""

    late: float | None
    doubled: Callable[[int], bool]
    seen: list[str] = field(factory=list)
    connections: int = 0

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        self.connections += 1
        wire = Wire(stream)
        async with stream:
            try:
                while True:
                    body = await wire.body(length_in(await wire.head()))
                    self.seen.append(json.loads(body)["mark"])
                    await self._answer(wire, int(self.seen[-1]))
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass

    async def _answer(self, wire: Wire, number: int) -> None:
        if not self.doubled(number):
            await wire.send(answer(number))
        elif self.late is None:
            await wire.send(answer(number), answer(number))
        else:
            await wire.send(answer(number))
            await anyio.sleep(self.late)
            await wire.send(answer(number))


Serve = Callable[[anyio.abc.ByteStream], Awaitable[None]]


@asynccontextmanager
async def served(serve: Serve, scheme: str = "http") -> AsyncGenerator[str]:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as tcp, anyio.create_task_group() as tasks:
        listener = TLSListener(tcp, tls_of_localhost(), standard_compatible=False) if scheme == "https" else tcp
        tasks.start_soon(listener.serve, serve)
        yield f"{scheme}://127.0.0.1:{tcp.extra(anyio.abc.SocketAttribute.local_port)}"
        tasks.cancel_scope.cancel()


def tls_of_localhost() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(LOCALHOST)
    return context


over_each_scheme = pytest.mark.parametrize("scheme", ["http", "https"])


def client(url: str, backend: str, **options: Any) -> SalesManago:
    chosen = {
        "owner": DEMO_OWNER,
        "timeouts": Timeouts(connect=20, read=20, write=20),
        "retries": Retries(first_wait=0.0),
    }
    transport: Any = "aiohttp" if backend == "aiohttp" else None
    return SalesManago(DEMO_CREDENTIALS, base_url=url, transport=transport, **{**chosen, **options})


BODY = {"mark": "1", "filler": "x" * 20_000_000}
"""More bytes than the sockets can buffer, so that the write is unfinished when the answer arrives."""


# Two answers to one request

ONCE, AGAIN = "contact/addContactExtEvent", "contact/hasContact"
"""Paths that are not repeatable, and paths that are."""


@pytest.mark.sampled
@pytest.mark.parametrize("late", [None, 0.0, 0.01, 0.05])
@pytest.mark.parametrize("every", [1, 2, 3])
async def test_unrepeatable_requests_get_only_their_own_answers(backend: str, late: float | None, every: int) -> None:
    server = Doubling(late, lambda number: number % every == 0)
    async with served(server.serve) as url, client(url, backend) as sm:
        for number in range(12):
            answered = await sm.call(ONCE, {"mark": str(number)})
            assert answered["n"] == number
    assert server.seen == [str(number) for number in range(12)]


@pytest.mark.sampled
@over_each_scheme
@pytest.mark.parametrize("every", [1, 2, 3])
async def test_a_second_answer_in_the_same_piece_is_not_taken_for_the_next_one(
    backend: str, scheme: str, every: int
) -> None:
    server = Doubling(None, lambda number: number % every == 0)
    async with served(server.serve, scheme) as url, client(url, backend) as sm:
        for number in range(12):
            assert (await sm.call(AGAIN, {"mark": str(number)}))["n"] == number


@over_each_scheme
@pytest.mark.parametrize("rest", [0.01, 0.05])
async def test_a_second_answer_on_an_idle_connection_is_not_taken_for_the_next_one(
    backend: str, scheme: str, rest: float
) -> None:
    server = Doubling(0.003, lambda _: True)
    async with served(server.serve, scheme) as url, client(url, backend) as sm:
        for number in range(5):
            assert (await sm.call(AGAIN, {"mark": str(number)}))["n"] == number
            await anyio.sleep(rest)
    assert server.connections == 5


@over_each_scheme
async def test_connections_of_a_correct_server_are_reused(backend: str, scheme: str) -> None:
    server = Doubling(None, lambda _: False)
    async with served(server.serve, scheme) as url, client(url, backend) as sm:
        for number in range(10):
            assert (await sm.call(AGAIN, {"mark": str(number)}))["n"] == number
    assert server.connections == 1


@pytest.mark.sampled
@over_each_scheme
@pytest.mark.parametrize("path", [ONCE, AGAIN])
async def test_a_second_answer_during_the_next_request_is_not_its_answer(backend: str, path: str, scheme: str) -> None:
    """The server sends it after a part of the next request; the rest does not fit into the socket buffers."""

    async def serve(stream: anyio.abc.ByteStream) -> None:
        wire, last = Wire(stream), None
        async with stream:
            try:
                while True:
                    length = length_in(await wire.head())
                    start = await wire.body(1000)
                    if last is not None:
                        await wire.send(answer(last))
                    last = int(json.loads(start + await wire.body(length - 1000))["mark"])
                    await wire.send(answer(last))
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass

    async with served(serve, scheme) as url, client(url, backend) as sm:
        for number in range(3):
            answered = await sm.call(path, {"mark": str(number), "filler": BODY["filler"]})
            assert answered["n"] == number


@pytest.mark.sampled
@pytest.mark.parametrize("late", [None, 0.0, 0.01, 0.05])
async def test_a_run_accepts_no_more_events_than_the_server_made(backend: str, late: float | None) -> None:
    made: list[str] = []
    shown: list[Any] = []
    requests = 0

    async def serve(stream: anyio.abc.ByteStream) -> None:
        nonlocal requests
        wire = Wire(stream)
        async with stream:
            try:
                while True:
                    head = await wire.head()
                    body = json.loads(await wire.body(length_in(head)))
                    if "email" in body:  # a refused event is looked up
                        contact = {"id": "1", "email": "a@example.com", "contactExtEvents": shown}
                        await wire.send(said({"success": True, "message": [], "contacts": [contact]}))
                        continue
                    requests += 1
                    await answer_to(wire, requests, body["events"])
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass

    async def answer_to(wire: Wire, number: int, events: list[Any]) -> None:
        if number % 4 == 2:
            await wire.send(said({"success": False, "message": ["is refused"]}))
            return
        made.extend(event["contactEvent"]["externalId"] for event in events)
        shown.extend(event["contactEvent"] for event in events)
        taken = said({"success": True, "createdAmount": len(events), "failedContacts": []})
        if number % 2:
            await wire.send(taken)
            return
        if late is None:
            await wire.send(taken, taken)
        else:
            await wire.send(taken)
            await anyio.sleep(late)
            await wire.send(taken)

    rows = [
        {
            "email": "a@example.com",
            "contactExtEventType": "VISIT",
            "date": 1_700_000_000_000 + 60_000 * n,
            "externalId": str(n),
        }
        for n in range(20)
    ]
    async with served(serve) as url, client(url, backend, poll_interval=0.01, concurrency=2) as sm:
        report = await sm.events.add_many(rows, batch_size=1)
    assert report.accepted == len(made) == len(set(made))
    assert report.rejected == 20 - len(made) > 0


def said(body: dict[str, Any], status: str = "200 OK") -> bytes:
    content = json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


# Answers that arrive before the request is sent completely

PAGE = b"<html>413 Request Entity Too Large</html>"


def answering_early(page: bytes, then: str) -> Callable[[anyio.abc.ByteStream], Awaitable[None]]:
    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await stream.receive(1000)
            await stream.send(page)
            try:
                if then == "reads on":
                    while True:
                        await stream.receive()
                elif then == "waits":
                    await anyio.sleep(30)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass

    return serve


@pytest.mark.sampled
@over_each_scheme
@pytest.mark.parametrize("path", [ONCE, AGAIN])
@pytest.mark.parametrize("then", ["reads on", "waits", "closes"])
async def test_an_early_error_is_read(backend: str, scheme: str, path: str, then: str) -> None:
    head = f"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: {len(PAGE)}\r\n\r\n".encode()
    async with (
        served(answering_early(head + PAGE, then), scheme) as url,
        client(url, backend, retries=Retries(tries=1)) as sm,
    ):
        with anyio.fail_after(15), pytest.raises(SalesManagoError) as raised:
            await sm.call(path, BODY)
    assert getattr(raised.value, "status", None) == 413, raised.value


@over_each_scheme
async def test_an_early_error_on_a_connection_that_was_used_before_is_read_on_a_new_one(
    backend: str, scheme: str
) -> None:
    heads: list[int] = []

    async def serve(stream: anyio.abc.ByteStream) -> None:
        wire = Wire(stream)
        async with stream:
            try:
                while (length := length_in(await wire.head())) < 1_000_000:
                    heads.append(length)
                    await wire.body(length)
                    await wire.send(answer(1))
                heads.append(length)
                await wire.send(said({"success": False, "message": ["too large"]}, "413 Too Large"))
                await anyio.sleep(30)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass

    async with served(serve, scheme) as url, client(url, backend, retries=Retries(tries=1)) as sm:
        await sm.call(AGAIN, {"mark": "1"})
        with anyio.fail_after(15), pytest.raises(SalesManagoError) as raised:
            await sm.call(AGAIN, BODY)
    assert getattr(raised.value, "status", None) == 413, raised.value
    assert [length > 1_000_000 for length in heads] == [False, True, True]


@over_each_scheme
async def test_an_early_success_is_not_an_answer(backend: str, scheme: str) -> None:
    server = answering_early(answer(1), "reads on")
    async with served(server, scheme) as url, client(url, backend) as sm:
        with pytest.raises(NoAnswer) as raised:
            await sm.call(ONCE, BODY)
    assert raised.value.in_doubt


@pytest.mark.sampled
@over_each_scheme
async def test_an_interim_answer_does_not_stop_the_writing(backend: str, scheme: str) -> None:
    async def serve(stream: anyio.abc.ByteStream) -> None:
        wire = Wire(stream)
        async with stream:
            length = length_in(await wire.head())
            await wire.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            await wire.body(length)
            await wire.send(answer(1))

    async with served(serve, scheme) as url, client(url, backend) as sm:
        assert (await sm.call(ONCE, BODY))["n"] == 1
