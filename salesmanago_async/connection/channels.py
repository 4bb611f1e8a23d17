"""Channels: many of httpx's transports, with one connection each, behind one.

httpx's pool looks through all its connections whenever a request begins or ends, so that many in flight keep it busy
with itself. A pool of one has nothing to look through, and all of the care: it sees that the server has hung up before
it sends, connects anew, closes what broke. So here are many pools of one. A *channel* is one of them:

    idle  →  held by one request, from before it is sent until its answer is closed  →  idle, or closed

A channel is idle again only if its answer was read to the end and nothing came behind it. Whatever else happens closes
it, a cancellation too: a pool that was left in the middle of something may hold its connection to be in use for ever.
An idle channel is taken again for the host it is connected to, the one used last before the others, which are closed
once they are too many or have rested too long. A request that is marked `FRESH` gets a new channel. Nobody waits for a
channel: how many requests are in flight is for the pace to say, and downloads, which need no permit, must not stop the
sending.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Protocol, cast

import anyio
import httpx
from attrs import define

from .one_connection import CHECK_ADDRESS, FRESH, Unclean

LONGEST_REST = 5.0
"""The seconds after which a connection that is not used is closed: httpx's own default."""

_Origin = tuple[bytes, bytes, int | None, bool]
"""Scheme, host, port, and whether the address of the host is checked."""

_logger = logging.getLogger("salesmanago_async.connection")


class Single(Protocol):
    """What a channel needs of its transport: `OneConnection` has it."""

    @property
    def has_surplus(self) -> bool | None:
        """Whether bytes have arrived that no request asked for; None where that cannot be told."""
        ...

    @property
    def was_used_before(self) -> bool:
        """Whether a request was sent on it before."""
        ...

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the answer to it."""
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


@define(eq=False)
class _Channel:
    """One connection to an origin, made when it is needed; `idle_since` is in seconds of the event loop's clock."""

    origin: _Origin
    transport: Single
    idle_since: float = 0.0

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await self.transport.aclose()


class Channels(httpx.AsyncBaseTransport):
    """A transport of channels that `make` makes, of which at most `most_idle` are kept for later."""

    def __init__(self, make: Callable[[], Single], *, most_idle: int) -> None:
        self._make = make
        self._most_idle = most_idle
        self._held: set[_Channel] = set()
        self._idle: list[_Channel] = []  # by how long they have rested, the longest first

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over a channel of its own, which is held until the response is closed."""
        url = request.url
        origin = (url.raw_scheme, url.raw_host, url.port, CHECK_ADDRESS in request.extensions)
        idle = None if request.extensions.get(FRESH) else self._take_idle(origin)
        if idle:
            with suppress(Unclean):
                return await self._ask(idle, request)
        return await self._ask(_Channel(origin, self._make()), request)

    def _take_idle(self, origin: _Origin) -> _Channel | None:
        for place in reversed(range(len(self._idle))):
            if self._idle[place].origin == origin:
                return self._idle.pop(place)
        return None

    async def _ask(self, channel: _Channel, request: httpx.Request) -> httpx.Response:
        self._held.add(channel)
        try:
            response = await channel.transport.handle_async_request(request)
        except BaseException:
            await self._close(channel)
            raise
        body = cast("httpx.AsyncByteStream", response.stream)
        response.stream = _Body(body, channel.transport, partial(self._give_back, channel))
        return response

    async def _give_back(self, channel: _Channel, *, whole: bool) -> None:
        if not whole:
            await self._close(channel)
            return
        channel.idle_since = anyio.current_time()
        self._held.discard(channel)
        self._idle.append(channel)
        while len(self._idle) > self._most_idle or self._has_rested(channel.idle_since):
            await self._idle.pop(0).aclose()

    def _has_rested(self, now: float) -> bool:
        return bool(self._idle) and now - self._idle[0].idle_since > LONGEST_REST

    async def _close(self, channel: _Channel) -> None:
        self._held.discard(channel)
        await channel.aclose()

    async def aclose(self) -> None:
        """Close every connection, those in use as well."""
        channels = [*self._idle, *self._held]
        self._idle.clear()
        self._held.clear()
        for channel in channels:
            await channel.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer; once it is closed it says whether it was read to its end, with nothing behind it."""

    def __init__(
        self, stream: httpx.AsyncByteStream, transport: Single, give_back: Callable[..., Awaitable[None]]
    ) -> None:
        self._stream = stream
        self._transport = transport
        self._give_back = give_back
        self._whole = self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part
        has_surplus = self._transport.has_surplus
        if has_surplus:
            self._doubt()
        self._whole = has_surplus is False

    def _doubt(self) -> None:
        """Meet bytes behind an answer: on a connection that was used before, this may be the answer to the last one."""
        _logger.warning("a server or a proxy sent more than one answer to a request; its connection is closed")
        if self._transport.was_used_before:
            raise httpx.RemoteProtocolError("more than one answer came, and which of them belongs to it is unknown")

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            await self._stream.aclose()
        except BaseException:
            await self._give_back(whole=False)
            raise
        await self._give_back(whole=self._whole)
