"""A connection is used by one request at a time, reused, and never lost."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import httpx
import pytest
from attrs import define, field

from salesmanago_async.connection.backend import LONGEST_REST
from salesmanago_async.connection.channels import Channels
from tests.connection.backends import MAKERS, OURS
from tests.connection.test_http import client, http, running, say

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]
over_ours_on_asyncio = pytest.mark.parametrize(("anyio_backend", "backend"), [("asyncio", name) for name in OURS])

API, FILES = "https://api.example.com/", "https://files.example.com/"


@define(eq=False)
class Line(httpx.AsyncBaseTransport):
    """A transport that takes `delay` to answer and the same time for the body, and detects misuse."""

    delay: float = 0.0
    fails: bool = False
    hosts: list[str] = field(factory=list)
    busy: bool = False
    closed: bool = False
    has_surplus: bool | None = False

    @property
    def was_used_before(self) -> bool:
        return len(self.hosts) > 1

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert not self.busy, "two requests at a time"
        assert not self.closed, "a request after the end"
        self.busy = True
        self.hosts.append(request.url.host)
        await anyio.sleep(self.delay)
        if self.fails:
            raise httpx.ReadError("reset")
        return httpx.Response(200, stream=_Answer(self))

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.closed = True


@define(eq=False)
class _Answer(httpx.AsyncByteStream):
    line: Line

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"first "
        await anyio.sleep(self.line.delay)
        yield b"last"

    async def aclose(self) -> None:
        self.line.busy = False


@define
class Exchange:
    """Creates the connections, and records all of them and the open ones."""

    delay: float = 0.0
    lines: list[Line] = field(factory=list)

    def make(self, *, is_secure: bool) -> Line:
        assert is_secure
        self.lines.append(Line(self.delay))
        return self.lines[-1]

    @property
    def open(self) -> list[Line]:
        return [line for line in self.lines if not line.closed]


@asynccontextmanager
async def calling(exchange: Exchange, most_idle: int = 8) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=Channels(exchange.make, most_idle=most_idle)) as client:
        yield client
    assert exchange.open == []


async def call_at_once(client: httpx.AsyncClient, count: int, url: str = API) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(client.get, url)


async def test_consecutive_requests_share_one_connection() -> None:
    exchange = Exchange()
    async with calling(exchange) as client:
        for _ in range(3):
            assert (await client.get(API)).content == b"first last"
    assert len(exchange.lines) == 1


async def test_no_request_waits_for_a_connection() -> None:
    exchange = Exchange(delay=1.0)
    async with calling(exchange, most_idle=2) as client:
        started = anyio.current_time()
        await call_at_once(client, 20)
        assert anyio.current_time() - started == pytest.approx(2.0)
        assert len(exchange.lines) == 20
        assert len(exchange.open) == 2


async def test_requests_to_other_hosts_do_not_affect_existing_connections() -> None:
    exchange = Exchange(delay=1.0)
    async with calling(exchange) as client:
        await call_at_once(client, 3)
        await call_at_once(client, 2, FILES)
        await call_at_once(client, 3)
    assert [set(line.hosts) for line in exchange.lines] == [{"api.example.com"}] * 3 + [{"files.example.com"}] * 2
    assert [len(line.hosts) for line in exchange.lines] == [2, 2, 2, 1, 1]


async def test_a_connection_that_is_idle_for_too_long_is_closed() -> None:
    exchange = Exchange(delay=1.0)
    async with calling(exchange) as client:
        await call_at_once(client, 4)
        assert len(exchange.open) == 4
        await anyio.sleep(LONGEST_REST)
        await client.get(API)
        assert len(exchange.open) == 1
    assert len(exchange.lines) == 4


async def test_a_connection_is_held_until_the_answer_is_closed() -> None:
    exchange = Exchange()
    async with calling(exchange) as client:
        async with client.stream("GET", API) as slow:
            await client.get(API)
            assert await slow.aread() == b"first last"
        await client.get(API)
    assert [len(line.hosts) for line in exchange.lines] in ([1, 2], [2, 1])


async def test_an_answer_that_is_not_read_to_its_end_closes_its_connection() -> None:
    exchange = Exchange()
    async with calling(exchange) as client:
        async with client.stream("GET", API):
            pass
        assert exchange.open == []
        await client.get(API)
    assert len(exchange.lines) == 2


async def test_a_failure_closes_its_connection() -> None:
    exchange = Exchange()
    async with calling(exchange) as client:
        await client.get(API)
        exchange.lines[0].fails = True
        with pytest.raises(httpx.ReadError):
            await client.get(API)
        assert exchange.lines[0].closed
        await client.get(API)
    assert len(exchange.lines) == 2


async def test_closing_also_closes_connections_in_use() -> None:
    exchange = Exchange()
    client = httpx.AsyncClient(transport=Channels(exchange.make, most_idle=8))
    await client.get(API)
    async with client.stream("GET", API) as answer:
        await client.aclose()
        assert exchange.open == []
        await answer.aread()
    assert exchange.open == []


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(30))
async def test_no_connection_is_lost_or_shared_whatever_is_cancelled(seed: int) -> None:
    chosen = random.Random(seed)
    exchange = Exchange(delay=1.0)

    async def call(client: httpx.AsyncClient) -> None:
        await anyio.sleep(chosen.uniform(0, 20))
        with anyio.move_on_after(chosen.choice([0, 0.5, 1.0, 1.5, 2.0, 9.0])):
            async with client.stream("GET", chosen.choice([API, FILES])) as answer:
                if chosen.random() < 0.8:
                    await answer.aread()

    async with calling(exchange, most_idle=5) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(call, client)
        assert len(exchange.open) <= 5
        assert not any(line.busy for line in exchange.open)
        await call_at_once(client, 5)
        assert len(exchange.open) == 5


# Over a socket, in real time


@pytest.mark.sampled
@over_ours_on_asyncio
@pytest.mark.parametrize("seed", range(3))
async def test_a_cancellation_at_any_moment_blocks_no_later_request(seed: int, backend: str) -> None:
    """asyncio's own cancellation ignores shields: it may interrupt the release of a connection."""
    chosen = random.Random(seed)

    async def answer(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(chosen.choice([0, 0, 0.001]))
        writer.write(http())

    async with running(answer) as server, client(server.url, concurrency=10, transport=MAKERS[backend]()) as sm:
        for _ in range(15):
            tasks = [asyncio.create_task(sm.contacts.has("ann@example.com")) for _ in range(10)]
            for task in tasks:
                for _ in range(chosen.randrange(40)):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(sm.contacts.has("ann@example.com"))


@over_ours_on_asyncio
async def test_there_are_no_more_connections_than_requests_in_flight(backend: str) -> None:
    async with running(say(http())) as server, client(server.url, concurrency=5, transport=MAKERS[backend]()) as sm:
        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(sm.contacts.has("ann@example.com"))
        assert len(server.seen) == 100
        assert server.connections <= 5


@over_ours_on_asyncio
async def test_connections_closed_by_the_server_cause_no_errors(backend: str) -> None:
    async def answer_and_close(writer: asyncio.StreamWriter) -> None:
        writer.write(http(body=b'{"success":true,"eventId":"e"}'))
        await writer.drain()
        writer.close()

    async with (
        running(answer_and_close) as server,
        client(server.url, concurrency=10, transport=MAKERS[backend]()) as sm,
    ):
        for _ in range(5):
            async with asyncio.TaskGroup() as group:
                for _ in range(10):
                    group.create_task(sm.call("contact/addNote", {}))  # not repeatable: a lost one would be in doubt
            await asyncio.sleep(0.02)
    assert len(server.seen) == 50
