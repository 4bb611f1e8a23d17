"""A transport of one connection, on which bytes that came before a request was sent are never taken for its answer.

HTTP/1.1 has no number that ties an answer to its request: the next bytes of a connection are the answer. Where a proxy
or a server sends two answers to one request, the second is waiting when the next request goes out, and all answers
shift by one. Against that:

- an answer with bytes behind it (in the parser, or decrypted and not read yet) ends its connection, and where the
  connection had been used before, it is no answer at all: nobody can tell which of the two belongs to the request;
- a connection that is used again is checked before it is (httpcore does that: it connects anew then), and again before
  a body is written behind its headers. If something is there, the request is not completed, so it was surely not
  processed, and `Unclean` has it sent over a new connection;
- while a long piece is written, the other side is listened to. An error that comes early (413, say) ends the writing
  and is read; anything else that comes early is no answer.

What cannot be noticed is a second answer that comes after the next request was written. So whatever must not be sent
twice is sent over a connection that was never used before (`FRESH`).
"""

import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import Any

import anyio
import httpcore
import httpx

FRESH = "salesmanago_fresh"
"""The extension of a request that must have a connection of its own; True or False."""

CHECK_ADDRESS = "salesmanago_check_address"
"""The extension of a request with what is to be called with the address it is connected to, to refuse by raising."""

LONG_PIECE = 64 * 1024
"""Bytes. The write of a shorter piece does not wait for the other side, so there is nothing to listen to meanwhile."""

CheckAddress = Callable[[str], None]


class Unclean(Exception):
    """There were bytes on a connection that no request of ours asked for; the request was not completed."""


class OneConnection(httpx.AsyncHTTPTransport):
    """A transport that sends one request at a time, over one connection, which is made when it is needed.

    `keepalive_expiry` is in seconds. Raises `AttributeError` with a version of httpx whose insides are not known.
    """

    def __init__(self, context: ssl.SSLContext, *, keepalive_expiry: float, proxy: str | None = None) -> None:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=keepalive_expiry)
        super().__init__(verify=context, limits=limits, proxy=proxy)
        self._network = _Network(self._pool._network_backend, has_proxy=proxy is not None)
        self._pool._network_backend = self._network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise `Unclean` where it must go over another connection."""
        stream = self._network.stream
        if stream:
            stream.begin_another()
        self._network.check_address = request.extensions.get(CHECK_ADDRESS)
        request.stream = _Bytes(await request.aread())
        response = await super().handle_async_request(request)
        if self._network.answered_early and response.status_code < 400:
            await response.aclose()
            raise httpx.RemoteProtocolError("an answer came before the request was sent")
        return response

    @property
    def has_surplus(self) -> bool | None:
        """Whether more bytes were read than the answers needed; None where that cannot be known."""
        stream = self._network.stream
        if stream and stream.has_unread_bytes():
            return True
        return _is_parser_ahead(self._pool)

    @property
    def was_used_before(self) -> bool:
        """Whether the request of now is not the first one of the connection."""
        stream = self._network.stream
        return stream is not None and stream.is_used


class _Bytes(httpx.AsyncByteStream):
    """A body in one piece. It is no generator, which would be left behind where the writing is broken off."""

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
    """Tell whether the HTTP parser holds bytes behind the answer it has read; None with an httpcore it is hidden in."""
    try:
        connection: Any = pool.connections[0]
        while (inner := getattr(connection, "_connection", None)) is not None:
            connection = inner
        return bool(connection._h11_state.trailing_data[0])
    except (AttributeError, IndexError):
        return None


class _Network(httpcore.AsyncNetworkBackend):
    """Connects as `inner` does, and keeps the stream of the connection that there is now."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend, *, has_proxy: bool) -> None:
        self.stream: _Stream | None = None
        self.check_address: CheckAddress | None = None
        self._inner = inner
        self._has_proxy = has_proxy

    @property
    def answered_early(self) -> bool:
        return self.stream is not None and self.stream.answered_early

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            self._refuse(stream)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await stream.aclose()
            raise
        return self._watched(stream)

    def _refuse(self, stream: httpcore.AsyncNetworkStream) -> None:
        """Check where a name has led to; where a proxy is, only that one knows."""
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

    def _watched(self, stream: httpcore.AsyncNetworkStream) -> httpcore.AsyncNetworkStream:
        self.stream = _Stream(stream, self._watched)
        return self.stream


class _Stream(httpcore.AsyncNetworkStream):
    """The bytes of a connection. `watched` makes a stream like this one of the one that TLS makes of it.

    `answered_early` is True once bytes of an answer came while a request was being written.
    """

    def __init__(
        self,
        inner: httpcore.AsyncNetworkStream,
        watched: Callable[[httpcore.AsyncNetworkStream], httpcore.AsyncNetworkStream],
    ) -> None:
        self.is_used = False
        self.answered_early = False
        self._is_begun = False
        self._inner = inner
        self._watched = watched
        self._heard = b""
        self._tls: Any = inner.get_extra_info("ssl_object")

    def begin_another(self) -> None:
        """Note that what is written next is another request."""
        self.is_used = True
        self._is_begun = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if not self._heard:
            return await self._inner.read(max_bytes, timeout)
        read, self._heard = self._heard[:max_bytes], self._heard[max_bytes:]
        return read

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        if self.is_used and self._is_begun and (self._has_arrived() or self.has_unread_bytes()):
            raise Unclean
        self._is_begun = True
        if len(buffer) <= LONG_PIECE:
            await self._inner.write(buffer, timeout)
        else:
            await self._write_and_listen(buffer, timeout)

    async def _write_and_listen(self, buffer: bytes, timeout: float | None) -> None:
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen, tasks.cancel_scope)
            try:
                await self._inner.write(buffer, timeout)
            except Exception as error:
                failure = error
            tasks.cancel_scope.cancel()
        if self.answered_early:
            # to httpcore, that it cannot write any more: it reads what there is then
            raise Unclean if self.is_used else httpcore.WriteError("answered before all was sent")
        if failure:
            raise failure

    async def _listen(self, writing: anyio.CancelScope) -> None:
        """Read until an answer begins, and break off the writing then; interim answers (1xx) are none."""
        with suppress(httpcore.NetworkError):  # the writing meets it as well, or else the reading after it
            while heard := await self._inner.read(LONG_PIECE):
                self._heard += heard
                if heard[9:10] != b"1":
                    self.answered_early = True
                    writing.cancel()
                    return

    def _has_arrived(self) -> bool:
        """Tell whether there is something to read from the socket: bytes, or its end."""
        return bool(self._inner.get_extra_info("is_readable"))

    def has_unread_bytes(self) -> bool:
        """Tell whether bytes were taken from the socket that nobody has read.

        Where TLS has some, one is lost by asking: the connection is of no use then.
        """
        if self._heard or self._tls is None:
            return bool(self._heard)
        try:
            return bool(self._tls.read(1))
        except ssl.SSLError:  # nothing there, or an end that the next read or write meets
            return False

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return self._watched(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
