"""Through a proxy that made no tunnel a request was surely not sent; in a tunnel it may have been. Raw sockets."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.abc
import pytest

from salesmanago_async import NoAnswer, Retries, Timeouts
from tests.connection.test_two_answers import BOTH_LOOPS, LOCALHOST, Wire, answer, client, length_in, served

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize(("anyio_backend", "backend"), BOTH_LOOPS)]

ONCE = "contact/addContactExtEvent"
"""A path that is not repeatable."""
over_each_proxy = pytest.mark.parametrize("proxy", ["http", "https"])
Handle = Callable[[Wire], Awaitable[None]]


@pytest.fixture(autouse=True)
def _certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(LOCALHOST))


async def closes(_: Wire) -> None:
    """Close before anything was read, which resets the connection."""


async def reads_and_closes(wire: Wire) -> None:
    assert (await wire.head()).startswith(b"CONNECT ")


async def begins_to_answer(wire: Wire) -> None:
    await wire.head()
    await wire.send(b"HTTP/1.1 200 Conn")


async def says_what_is_not_http(wire: Wire) -> None:
    await wire.head()
    await wire.send(b"SSH-2.0-OpenSSH\r\n\r\n")


async def refuses(wire: Wire) -> None:
    await wire.head()
    await wire.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")


async def hangs(wire: Wire) -> None:
    await wire.head()
    await anyio.sleep_forever()


async def closes_the_tunnel(wire: Wire) -> None:
    await wire.head()
    await wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")


async def closes_the_tunnel_in_the_handshake(wire: Wire) -> None:
    await wire.head()
    await wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await wire.stream.receive()


WITHOUT_TUNNEL: list[Handle] = [
    closes, reads_and_closes, begins_to_answer, says_what_is_not_http, refuses, hangs, closes_the_tunnel,
    closes_the_tunnel_in_the_handshake,
]  # fmt: skip


class Proxy:
    """A proxy that handles the first connections in one way, and makes tunnels from then on."""

    def __init__(self, handle: Handle, times: int) -> None:
        self.connections = 0
        self._handle = handle
        self._times = times

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        self.connections += 1
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                await (self._handle if self.connections <= self._times else tunnels)(Wire(stream))


async def tunnels(wire: Wire) -> None:
    """Connect with the server, and pass on what either side sends."""
    method, target, _ = (await wire.head()).decode().split("\r\n")[0].split(" ")
    assert method == "CONNECT"
    host, _, port = target.rpartition(":")
    async with await anyio.connect_tcp(host, int(port)) as server, anyio.create_task_group() as tasks:
        await wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        tasks.start_soon(_pass_on, wire.stream, server, tasks.cancel_scope)
        tasks.start_soon(_pass_on, server, wire.stream, tasks.cancel_scope)


async def _pass_on(source: Any, target: Any, ended: anyio.CancelScope) -> None:
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while True:
            await target.send(await source.receive())
    ended.cancel()


class Server:
    """Counts the requests that arrive whole, and answers them, or closes the connection."""

    def __init__(self, *, answers: bool = True) -> None:
        self.requests = 0
        self._answers = answers

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        wire = Wire(stream)
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    await wire.body(length_in(await wire.head()))
                    self.requests += 1
                    if not self._answers:
                        return
                    await wire.send(answer(self.requests))


def quick(url: str, backend: str, **options: Any) -> Any:
    return client(url, backend, timeouts=Timeouts(connect=20, read=0.5, write=20), **options)


@over_each_proxy
@pytest.mark.parametrize("handle", WITHOUT_TUNNEL)
async def test_a_request_without_a_tunnel_was_surely_not_sent(
    backend: str, proxy: str, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    async with served(server.serve, "https") as url, served(Proxy(handle, 9).serve, proxy) as proxy_url:
        monkeypatch.setenv("HTTPS_PROXY", proxy_url)
        async with quick(url, backend, retries=Retries(tries=1)) as sm:
            with pytest.raises(NoAnswer) as caught:
                await sm.call(ONCE, {})
    error = caught.value
    assert (error.sent, error.in_doubt, error.maybe_applied) == (False, False, False)
    assert error.timed_out is (handle is hangs)
    assert re.match(r"127\.0\.0\.1:\d+ cannot be reached: no ", str(error))
    assert server.requests == 0


@over_each_proxy
@pytest.mark.parametrize("handle", WITHOUT_TUNNEL)
async def test_it_is_sent_again_and_arrives_once(
    backend: str, proxy: str, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, between = Server(), Proxy(handle, 2)
    async with served(server.serve, "https") as url, served(between.serve, proxy) as proxy_url:
        monkeypatch.setenv("HTTPS_PROXY", proxy_url)
        async with quick(url, backend) as sm:
            assert (await sm.call(ONCE, {}))["n"] == 1
    assert (between.connections, server.requests) == (3, 1)


@over_each_proxy
@pytest.mark.parametrize("before", [0, 2])
async def test_a_request_that_is_lost_in_a_tunnel_is_in_doubt(
    backend: str, proxy: str, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(answers=False)
    between = Proxy(reads_and_closes, before)
    async with served(server.serve, "https") as url, served(between.serve, proxy) as proxy_url:
        monkeypatch.setenv("HTTPS_PROXY", proxy_url)
        async with quick(url, backend) as sm:
            with pytest.raises(NoAnswer) as caught:
                await sm.call(ONCE, {})
    assert (caught.value.sent, caught.value.in_doubt) == (None, True)
    assert server.requests == 1


async def test_a_request_without_tls_needs_no_tunnel_and_is_in_doubt_if_the_proxy_closes(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy gets the whole request, and may have passed it on."""
    between = Server(answers=False)
    async with served(between.serve) as proxy_url:
        monkeypatch.setenv("HTTP_PROXY", proxy_url)
        async with quick("http://127.0.0.1:9", backend) as sm:
            with pytest.raises(NoAnswer) as caught:
                await sm.call(ONCE, {})
    assert (caught.value.sent, caught.value.in_doubt) == (None, True)
    assert between.requests == 1
