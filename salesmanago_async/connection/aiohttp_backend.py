"""The backend over aiohttp: asyncio only, with its parser in C.

The library is used as it is, with one session for connections that are reused and one for those that are not, and with
three additions at its public interfaces:

- The connector skips connections that received bytes while they were idle: aiohttp would take them for the next answer.
- The resolver checks the addresses of a name for a request that asks for that. Names are looked up for each connection,
  because a result that was kept, or is shared with another request, would not be checked.
- The body is written in pieces. Each of them has a time-out, and an answer that arrives before the last one was begun
  is no answer to the whole request, unless it is an error. On a connection that was used before, it may be an answer to
  another request: then the writing ends, and the request is sent over a new connection.

The connector and the resolver do not get the request. They find what they need of it in a context variable.
"""

import select
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
from socket import AF_UNSPEC, SHUT_RDWR
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter, ResolveResult
from anyio import current_time, fail_after
from attrs import define
from multidict import CIMultiDict
from yarl import URL

from ..settings import Timeouts
from ..telemetry import tell
from ..telemetry.connection_events import SurplusAnswer
from .backend import (
    EARLY_ANSWER,
    LONGEST_REST,
    TWO_ANSWERS,
    Answer,
    Call,
    CheckAddress,
    Failure,
    Headers,
    system_failure,
)
from .one_connection import UnsolicitedBytes
from .problems import NOT_SENT_IN_TIME, problem_of_answer
from .tls import Tls

PIECE = 64 * 1024
"""The most bytes of a body that are written at once."""

LONGEST_HEAD = 100 * 1024
"""The most bytes of one header of an answer: httpx reads heads of that length."""

MOST_HEADERS = 2000


@define
class _Exchange:
    """What the connector and the resolver need of a request, and the connection that it got.

    It has no body, because a context may live as long as the connection.
    """

    check_address: CheckAddress | None
    written: Callable[[], None] | None
    protocol: Any = None
    transport: Any = None
    socket: Any = None
    is_reused: bool = False

    def drop_unwritten(self) -> None:
        """Close a connection that is closing without the bytes that wait to be written.

        A connection waits for the server to read them before it closes, and a server that answers early, or hangs, may
        never do that. A transport of TLS that was closed twice does not abort; uvloop shuts no socket down. The
        transport of a socket that is closed already must not be told to abort: it has let go of its event loop.
        """
        if self.transport is not None and self.transport.is_closing() and self.socket.fileno() >= 0:
            self.transport.abort()
            with suppress(OSError, TypeError):
                self.socket.shutdown(SHUT_RDWR)


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


class AiohttpBackend:
    """Sends over aiohttp, without cookies and without a limit on the number of connections."""

    def __init__(self, timeouts: Timeouts, tls: Tls) -> None:
        self._timeouts = timeouts
        self._tls = tls
        self._sessions: dict[bool, aiohttp.ClientSession] = {}  # by whether a request needs a fresh connection
        self._known_address = lru_cache(maxsize=256)(_address)
        self._known_headers = lru_cache(maxsize=16)(_multi_dict)

    async def send(self, call: Call) -> Answer:
        """Send a request over a connection of the pool, or over one of its own."""
        try:
            return await self._send(call, is_fresh=call.is_fresh)
        except UnsolicitedBytes:
            return await self._send(call, is_fresh=True)

    async def _send(self, call: Call, *, is_fresh: bool) -> Answer:
        """Send a request; raise `UnsolicitedBytes` if it was not completed, and is to be sent over a new connection."""
        session = self._sessions.get(is_fresh) or self._open_session(is_fresh=is_fresh)
        exchange = _Exchange(call.check_address, call.written)
        body = _Body(call.body, self._timeouts.write)
        token = _exchange.set(exchange)
        try:
            response = await session.request(
                call.method,
                _address(call.url) if call.is_link else self._known_address(call.url),
                headers=self._known_headers(call.headers),
                data=body if call.body else None,
                allow_redirects=False,
                ssl=self._tls.context if call.url.startswith("https:") else True,
            )
        except BaseException:
            exchange.drop_unwritten()
            raise
        finally:
            _exchange.reset(token)
        if not body.is_written and (response.status < 400 or exchange.is_reused):
            await _Answer(response, exchange).aclose()
            raise UnsolicitedBytes if exchange.is_reused else aiohttp.ClientPayloadError(EARLY_ANSWER)
        return _Answer(response, exchange)

    def _open_session(self, *, is_fresh: bool) -> aiohttp.ClientSession:
        timeouts = self._timeouts
        connector = _CleanConnector(
            limit=0,
            resolver=_CheckingResolver(),
            use_dns_cache=False,
            force_close=is_fresh,
            keepalive_timeout=None if is_fresh else LONGEST_REST,
        )
        session = self._sessions[is_fresh] = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=LONGEST_HEAD,
            max_field_size=LONGEST_HEAD,
            max_headers=MOST_HEADERS,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=timeouts.connect, sock_connect=timeouts.connect, sock_read=timeouts.read
            ),
        )
        return session

    def failure_of(self, error: Exception) -> Failure | None:
        """Return what an error of aiohttp means: it was surely not sent if there was no connection."""
        if isinstance(error, aiohttp.InvalidURL):
            return None
        timed_out = isinstance(error, TimeoutError)
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return Failure(error, not_sent=True, timed_out=timed_out)
        if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
            problem, detail = problem_of_answer(str(error))
            return Failure(error, problem=problem, detail=detail)
        if type(error) is TimeoutError and error.errno is None:
            return Failure(error, timed_out=True, problem=NOT_SENT_IN_TIME)
        if isinstance(error, aiohttp.ClientError):
            return Failure(error, timed_out=timed_out)
        return system_failure(error)

    async def aclose(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()


def _multi_dict(headers: Headers) -> CIMultiDict[str]:
    return CIMultiDict(headers)


def _address(url: str) -> URL:
    return URL(url, encoded=True)


class _Answer:
    """An answer of aiohttp; its connection is given back, or closed, when the last byte has arrived."""

    def __init__(self, response: aiohttp.ClientResponse, exchange: _Exchange) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._exchange = exchange

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._response.content.readany()
        if not piece:
            self._check_end()
            raise StopAsyncIteration
        return piece

    def _check_end(self) -> None:
        """Raise if the end of the connection is not that of the body, or if the answer may belong to another request.

        aiohttp takes a reset for the end of a body whose length is not known. A further answer is logged; if the
        connection had been used before, this one may be that of the previous request.
        """
        protocol = self._exchange.protocol
        lost = protocol.exception()
        if isinstance(lost, OSError) and not self.headers.keys() & {"Content-Length", "Transfer-Encoding"}:
            raise aiohttp.ClientOSError(*lost.args) from lost
        if len(protocol):
            tell(SurplusAnswer())
            if self._exchange.is_reused:
                raise aiohttp.ClientPayloadError(TWO_ANSWERS)

    async def aclose(self) -> None:
        self._response.close()
        self._exchange.drop_unwritten()


class _Body(aiohttp.Payload):
    """The body of a request; `is_written` is True from when its last piece is handed to the connection."""

    def __init__(self, content: bytes, seconds: float) -> None:
        super().__init__(content)
        self._size = len(content)
        self._seconds = seconds
        self.is_written = not content

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the pieces, each within the time-out."""
        if len(self._value) <= PIECE:
            self.is_written = True
            await writer.write(self._value)
            return
        content = memoryview(self._value)
        start = 0
        while start < len(content):
            with fail_after(self._seconds) as scope:
                # if nothing ran for long, a piece may be written and its time over at once: the next needs a new scope
                while start < len(content) and not scope.cancel_called:
                    self.is_written = start + PIECE >= len(content)
                    scope.deadline = current_time() + self._seconds
                    await writer.write(content[start : start + PIECE])
                    start += PIECE

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text, which aiohttp asks of every payload."""
        return str(self._value, encoding, errors)


class _CheckingResolver(AbstractResolver):
    """Checks the addresses of a name if the request asks for that."""

    def __init__(self) -> None:
        self._inner = aiohttp.DefaultResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = AF_UNSPEC) -> list[ResolveResult]:
        """Return the addresses of a host; raise the error of the check."""
        found = await self._inner.resolve(host, port, family)
        check = _exchange.get().check_address
        if check:
            for result in found:
                check(result["host"])
        return found

    async def close(self) -> None:
        """Close the resolver of aiohttp."""
        await self._inner.close()


class _CleanConnector(aiohttp.TCPConnector):
    """Hands out connections on which no byte is waiting, and tells the request that it is about to be written."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._used: WeakSet[object] = WeakSet()

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        """Return a connection of the pool, or a new one; at most one for each request.

        aiohttp sends a GET again if its connection was lost. Here retries are decided, and counted, in one place.
        """
        exchange = _exchange.get()
        if exchange.protocol is not None:
            raise aiohttp.ServerDisconnectedError
        connection = await super().connect(req, traces, timeout)
        while connection.protocol in self._used and _is_spoilt(connection):
            connection.close()
            connection = await super().connect(req, traces, timeout)
        exchange.protocol = connection.protocol
        exchange.transport = connection.transport
        exchange.socket = exchange.transport.get_extra_info("socket")
        exchange.is_reused = connection.protocol in self._used
        self._used.add(connection.protocol)
        if exchange.written:
            exchange.written()
        return connection


def _is_spoilt(connection: Any) -> bool:
    """Return whether bytes have arrived on an idle connection, or the other side has closed it."""
    return connection.protocol.should_close or _is_readable(connection.transport.get_extra_info("socket"))


def _is_readable(socket: Any) -> bool:
    """Return whether a socket is readable without waiting."""
    if not hasattr(select, "poll"):
        return bool(select.select([socket], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(socket, select.POLLIN)
    return bool(waiting.poll(0))
