"""A transport of one connection that never takes bytes from before a request for the answer to it.

HTTP/1.1 has no number that ties an answer to its request: the next bytes on a connection are the answer. If a proxy or
a server sends two answers to one request, the second one is waiting when the next request is sent, and all later
answers are shifted by one. The protection against that:

- If bytes follow an answer (in the parser, or decrypted but not yet read), its connection is closed. If the connection
  had been used before, the answer is discarded too, because it may belong to the previous request.
- A connection is checked before it is reused (httpcore does that, and reconnects), and again before a body is written
  after its headers. If bytes are waiting, the request is not completed, so it was certainly not processed.
  `UnsolicitedBytes` then makes the caller send it over a new connection.
- While a long piece is written, the other side is read. An early error (413, for example) stops the writing and is
  read; any other early answer is discarded.

A SOCKS proxy is greeted within the time-out of connecting, and whatever goes wrong meanwhile is an error of the proxy,
after which the request was certainly not sent: httpcore would wait for ever, and raises errors of another library.

A request to an https address through a proxy is written after the TLS handshake with its server. A failure before that
handshake is one of the proxy, whatever httpcore calls it: the request was certainly not sent.

A second answer that arrives after the next request was written cannot be detected. So requests that must not be sent
twice use a connection that was never used before (`FRESH`).
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import httpcore
import httpx

from .backend import EARLY_ANSWER, CheckAddress

FRESH = "salesmanago_fresh"
"""The request extension that demands a new connection; True or False."""

CHECK_ADDRESS = "salesmanago_check_address"
"""The request extension with a function that gets the peer's address, and raises to refuse it."""

WRITTEN = "salesmanago_written"
"""The request extension with a function that is called when the first bytes of the request are written."""

LONG_PIECE = 64 * 1024
"""Bytes. Writing a shorter piece does not wait for the other side, so there is no need to read meanwhile."""

GREETING = "socks.setup_socks5_connection."
"""How the names of httpcore's events begin while a SOCKS proxy is greeted."""

Written = Callable[[], None]

NO_GREETING = "it does not answer as a SOCKS proxy does"
NO_TUNNEL = "it made no connection to the server"
"""What went wrong before a proxy had connected a request with its server."""


class UnsolicitedBytes(Exception):
    """The connection has bytes that no request asked for; the current request was not completed."""


class OneConnection(httpx.AsyncHTTPTransport):
    """A transport that sends one request at a time over one connection, which is opened on first use.

    `keepalive_expiry` is in seconds. Raises `AttributeError` if the private attributes of this httpx version are
    unknown.
    """

    def __init__(self, context: ssl.SSLContext, *, keepalive_expiry: float, proxy: str | None = None) -> None:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=keepalive_expiry)
        super().__init__(verify=context, limits=limits, proxy=proxy)
        self._network = _Network(self._pool._network_backend, has_proxy=proxy is not None)
        self._is_socks = proxy is not None and proxy.startswith("socks")
        self._layers_to_proxy = None if proxy is None else int(proxy.startswith("https:"))
        self._pool._network_backend = self._network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise `UnsolicitedBytes` if it must be sent over another connection."""
        stream = self._network.stream
        if stream:
            stream.begin_request()
        self._network.check_address = request.extensions.get(CHECK_ADDRESS)
        self._network.written = request.extensions.get(WRITTEN)
        request.stream = _Bytes(await request.aread())
        if self._is_socks:
            request.extensions = {**request.extensions, "trace": self._network.note_event}
        try:
            response = await super().handle_async_request(request)
        except Exception as error:
            problem = self._problem_of_proxy(request, error)
            if problem is None:
                raise
            timed_out = isinstance(error, httpx.TimeoutException)
            raise (httpx.ConnectTimeout if timed_out else httpx.ProxyError)(problem) from error
        if self._network.answered_early and response.status_code < 400:
            await response.aclose()
            raise httpx.RemoteProtocolError(EARLY_ANSWER)
        return response

    def _problem_of_proxy(self, request: httpx.Request, error: Exception) -> str | None:
        """Return what failed before a proxy had connected the request with its server; None if that did not fail."""
        if isinstance(error, httpx.ProxyError):
            return None
        if self._network.is_greeting:
            return NO_GREETING
        is_of_network = isinstance(error, httpx.TimeoutException | httpx.NetworkError | httpx.RemoteProtocolError)
        return NO_TUNNEL if is_of_network and not self._has_tunnel_for(request) else None

    def _has_tunnel_for(self, request: httpx.Request) -> bool:
        """Return whether the request may have been written: it needs no tunnel through a proxy, or there is one."""
        if self._layers_to_proxy is None or request.url.scheme != "https":
            return True
        stream = self._network.stream
        return stream is not None and stream.layers > self._layers_to_proxy

    async def aclose(self) -> None:
        """Close the connection, also one whose SOCKS proxy was not greeted to the end: the pool has none then."""
        await super().aclose()
        if self._is_socks and self._network.stream:
            await self._network.stream.aclose()

    @property
    def has_surplus(self) -> bool | None:
        """Whether more bytes were read than the answers needed; None if that cannot be known."""
        stream = self._network.stream
        if stream and stream.has_unread_bytes():
            return True
        return _is_parser_ahead(self._pool)

    @property
    def was_used_before(self) -> bool:
        """Whether the current request is not the first one on the connection."""
        stream = self._network.stream
        return stream is not None and stream.is_used


class _Bytes(httpx.AsyncByteStream):
    """A body in one piece. It is not a generator, because an interrupted write would leave the generator unfinished."""

    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._content is None:
            raise StopAsyncIteration
        content, self._content = self._content, None
        return content


def _is_parser_ahead(pool: Any) -> bool | None:
    """Return whether the HTTP parser holds bytes after the answer; None if this version of httpcore hides them."""
    try:
        connection: Any = pool.connections[0]
        while (inner := getattr(connection, "_connection", None)) is not None:
            connection = inner
        return bool(connection._h11_state.trailing_data[0])
    except (AttributeError, IndexError):
        return None


@asynccontextmanager
async def _closed_on_failure(stream: httpcore.AsyncNetworkStream) -> AsyncGenerator[None]:
    """Close a stream if the block fails or is cancelled."""
    try:
        yield
    except BaseException:
        with anyio.CancelScope(shield=True):
            await stream.aclose()
        raise


class _Network(httpcore.AsyncNetworkBackend):
    """A network backend that connects with `inner`, and keeps the stream of the current connection."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend, *, has_proxy: bool) -> None:
        self.stream: _Stream | None = None
        self.check_address: CheckAddress | None = None
        self.written: Written | None = None
        self.is_greeting = False
        self._inner = inner
        self._has_proxy = has_proxy

    @property
    def answered_early(self) -> bool:
        return self.stream is not None and self.stream.answered_early

    async def note_event(self, name: str, _: Mapping[str, Any]) -> None:
        """Note whether a SOCKS proxy is being greeted, or failed to be."""
        if name.startswith(GREETING):
            self.is_greeting = not name.endswith("complete")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        async with _closed_on_failure(stream):
            self._check_peer(stream)
        return self._watched(stream, timeout)

    def _check_peer(self, stream: httpcore.AsyncNetworkStream) -> None:
        """Check the address that the name led to; behind a proxy, only the proxy knows it."""
        if self.check_address and not self._has_proxy:
            self.check_address(str(stream.get_extra_info("server_addr")[0]))

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return self._watched(await self._inner.connect_unix_socket(path, timeout, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)

    def _watched(
        self, stream: httpcore.AsyncNetworkStream, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        self.stream = _Stream(stream, self._secured, self._begins, timeout)
        return self.stream

    def _secured(self, stream: httpcore.AsyncNetworkStream, layers: int) -> httpcore.AsyncNetworkStream:
        self.stream = _Stream(stream, self._secured, self._begins, None, layers)
        return self.stream

    def _begins(self) -> None:
        if self.written:
            self.written()


class _Stream(httpcore.AsyncNetworkStream):
    """The bytes of a connection, inside so many `layers` of TLS. `secured` wraps the TLS stream that is made from it.

    `begins` is called before the first bytes of each request; with a proxy, before those of CONNECT, too. `timeout` is
    for reads and writes that have none: httpcore greets SOCKS proxies so.
    `answered_early` becomes True if bytes of an answer arrive while a request is being written.
    """

    def __init__(
        self,
        inner: httpcore.AsyncNetworkStream,
        secured: Callable[[httpcore.AsyncNetworkStream, int], httpcore.AsyncNetworkStream],
        begins: Callable[[], None],
        timeout: float | None,
        layers: int = 0,
    ) -> None:
        self.layers = layers
        self.is_used = False
        self.answered_early = False
        self._is_begun = False
        self._inner = inner
        self._secured = secured
        self._begins = begins
        self._timeout = timeout
        self._is_closed = False
        self._early = b""
        self._tls: Any = inner.get_extra_info("ssl_object")

    def begin_request(self) -> None:
        """Note that the next write begins another request."""
        self.is_used = True
        self._is_begun = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if not self._early:
            return await self._inner.read(max_bytes, self._timeout if timeout is None else timeout)
        read, self._early = self._early[:max_bytes], self._early[max_bytes:]
        return read

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        timeout = self._timeout if timeout is None else timeout
        if self.is_used and self._is_begun and (self._has_arrived() or self.has_unread_bytes()):
            raise UnsolicitedBytes
        if not self._is_begun:
            self._is_begun = True
            self._begins()
        if len(buffer) <= LONG_PIECE:
            await self._inner.write(buffer, timeout)
        else:
            await self._write_and_read(buffer, timeout)

    async def _write_and_read(self, buffer: bytes, timeout: float | None) -> None:
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._read_early, tasks.cancel_scope)
            try:
                await self._inner.write(buffer, timeout)
            except Exception as error:
                failure = error
            tasks.cancel_scope.cancel()
        if self.answered_early:
            # httpcore reacts to a WriteError by reading the answer that is there
            raise UnsolicitedBytes if self.is_used else httpcore.WriteError("answered before all was sent")
        if failure:
            raise failure

    async def _read_early(self, writing: anyio.CancelScope) -> None:
        """Read until an answer begins, then cancel the writing; interim answers (1xx) do not count."""
        with suppress(httpcore.NetworkError):  # the write, or the read after it, fails with the same error
            while piece := await self._inner.read(LONG_PIECE):
                self._early += piece
                if piece[9:10] != b"1":
                    self.answered_early = True
                    writing.cancel()
                    return

    def _has_arrived(self) -> bool:
        """Return whether the socket is readable: it has bytes, or was closed by the other side."""
        return bool(self._inner.get_extra_info("is_readable"))

    def has_unread_bytes(self) -> bool:
        """Return whether bytes were taken from the socket but not read by the client.

        If TLS holds such bytes, the check consumes one of them: the connection is unusable then.
        """
        if self._early or self._tls is None:
            return bool(self._early)
        try:
            return bool(self._tls.read(1))
        except ssl.SSLError:  # there are no bytes, or the connection has ended: the next read or write reports that
            return False

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        async with _closed_on_failure(self._inner):  # httpcore forgets it if the handshake is cancelled
            return self._secured(await self._inner.start_tls(ssl_context, server_hostname, timeout), self.layers + 1)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
