"""A transport that spreads requests over many httpx transports of one connection each.

httpx's pool searches all its connections whenever a request begins or ends, which becomes slow with many requests in
flight. A pool of one connection has nothing to search, and keeps all other features: it detects that the server has
closed the connection before it sends, reconnects, and closes broken connections. So this transport holds many pools of
one connection. Each of them is a *channel*:

    idle  →  held by one request, from before it is sent until its answer is closed  →  idle, or closed

A channel becomes idle again only if its answer was read to the end and no bytes followed it. In all other cases it is
closed, also after a cancellation: a pool that was interrupted may count its connection as in use for ever. An idle
channel is reused for the host that it is connected to, the most recently used one first. Idle channels are closed if
there are too many, or after some seconds. A request that is marked `FRESH` gets a new channel. No request waits for a
channel: the pace limits the requests in flight, and downloads, which need no permit, must not block other requests.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Protocol, cast

import anyio
import httpx
from attrs import define

from ..telemetry import tell
from ..telemetry.connection_events import SurplusAnswer
from .backend import LONGEST_REST, TWO_ANSWERS
from .one_connection import CHECK_ADDRESS, FRESH, UnsolicitedBytes

_Origin = tuple[bytes, bytes, int | None, bool]
"""Scheme, host, port, and whether the address of the host is checked."""


class MakeConnection(Protocol):
    """Makes the transport of a channel."""

    def __call__(self, *, is_secure: bool) -> "SingleConnection":
        """Make a transport for one connection, with TLS or without."""
        ...


class SingleConnection(Protocol):
    """The transport of one channel, as `OneConnection` implements it."""

    @property
    def has_surplus(self) -> bool | None:
        """Whether bytes have arrived that no request asked for; None if that cannot be known."""
        ...

    @property
    def was_used_before(self) -> bool:
        """Whether the current request is not the first one on the connection."""
        ...

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the answer."""
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


@define(eq=False)
class _Channel:
    """One connection to an origin, opened on first use; `idle_since` is in seconds of the event loop's clock."""

    origin: _Origin
    transport: SingleConnection
    idle_since: float = 0.0

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await self.transport.aclose()


class Channels(httpx.AsyncBaseTransport):
    """A transport of channels, which `make` creates. At most `most_idle` idle ones are kept for reuse."""

    def __init__(self, make: MakeConnection, *, most_idle: int) -> None:
        self._make = make
        self._most_idle = most_idle
        self._held: set[_Channel] = set()
        self._idle: list[_Channel] = []  # the one that is idle longest is first

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over its own channel, which is held until the response is closed."""
        url = request.url
        origin = (url.raw_scheme, url.raw_host, url.port, CHECK_ADDRESS in request.extensions)
        idle = None if request.extensions.get(FRESH) else self._take_idle(origin)
        if idle:
            with suppress(UnsolicitedBytes):
                return await self._send(idle, request)
        return await self._send(_Channel(origin, self._make(is_secure=url.scheme == "https")), request)

    def _take_idle(self, origin: _Origin) -> _Channel | None:
        for index in reversed(range(len(self._idle))):
            if self._idle[index].origin == origin:
                return self._idle.pop(index)
        return None

    async def _send(self, channel: _Channel, request: httpx.Request) -> httpx.Response:
        self._held.add(channel)
        try:
            response = await channel.transport.handle_async_request(request)
        except BaseException:
            await self._close(channel)
            raise
        body = cast("httpx.AsyncByteStream", response.stream)
        response.stream = _Body(body, channel.transport, partial(self._release, channel))
        return response

    async def _release(self, channel: _Channel, *, whole: bool) -> None:
        if not whole:
            await self._close(channel)
            return
        channel.idle_since = anyio.current_time()
        self._held.discard(channel)
        self._idle.append(channel)
        while len(self._idle) > self._most_idle or self._has_expired(channel.idle_since):
            await self._idle.pop(0).aclose()

    def _has_expired(self, now: float) -> bool:
        return bool(self._idle) and now - self._idle[0].idle_since > LONGEST_REST

    async def _close(self, channel: _Channel) -> None:
        self._held.discard(channel)
        await channel.aclose()

    async def aclose(self) -> None:
        """Close every connection, including those in use."""
        channels = [*self._idle, *self._held]
        self._idle.clear()
        self._held.clear()
        for channel in channels:
            await channel.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer. On closing, it reports whether it was read to its end without bytes behind it."""

    def __init__(
        self, stream: httpx.AsyncByteStream, transport: SingleConnection, release: Callable[..., Awaitable[None]]
    ) -> None:
        self._stream = stream
        self._transport = transport
        self._release = release
        self._whole = self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part
        has_surplus = self._transport.has_surplus
        if has_surplus:
            self._handle_surplus()
        self._whole = has_surplus is False

    def _handle_surplus(self) -> None:
        """Log bytes behind an answer; raise if the answer may belong to the previous request on the connection."""
        tell(SurplusAnswer())
        if self._transport.was_used_before:
            raise httpx.RemoteProtocolError(TWO_ANSWERS)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            await self._stream.aclose()
        except BaseException:
            await self._release(whole=False)
            raise
        await self._release(whole=self._whole)
