"""The backend over a transport of httpx, or of httpx2, which has the same interface.

The transport gets its requests directly, without a client of httpx: that would look for cookies, redirects and
authentication, which `Http` decides itself, and would log the address of each request.

A caller's own transport may raise a plain `OSError`, and may have read and unpacked the body already.
"""

import logging
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import anyio
import httpx

from ..settings import Timeouts
from .backend import Answer, Call, Failure, Headers, system_failure
from .one_connection import CHECK_ADDRESS, FRESH, WRITTEN
from .problems import NO_CONNECTION, NOT_SENT_IN_TIME, problem_of_answer


class HttpxBackend:
    """Sends over a transport, which decides about connections; it knows the extensions of `OneConnection`, or not."""

    def __init__(self, transport: httpx.AsyncBaseTransport, timeouts: Timeouts) -> None:
        self.transport = transport
        self._library = library_of(transport)
        self._timeout = {
            "connect": timeouts.connect,
            "read": timeouts.read,
            "write": timeouts.write,
            "pool": timeouts.connect,
        }
        self._surely_not_sent = (
            self._library.ConnectError,
            self._library.ConnectTimeout,
            self._library.PoolTimeout,
            self._library.ProxyError,
        )
        self._known_head = lru_cache(maxsize=256)(self._head)

    async def send(self, call: Call) -> Answer:
        """Send a request over the transport."""
        response = await self.transport.handle_async_request(self._request(call))
        if response.is_stream_consumed:
            return _ReadAnswer(response)
        return _StreamedAnswer(response)

    def _request(self, call: Call) -> httpx.Request:
        address, headers = (self._head if call.is_link else self._known_head)(call.url, call.headers)
        extensions: dict[str, Any] = {"timeout": self._timeout, WRITTEN: call.written}
        if call.is_fresh:
            extensions[FRESH] = True
        if call.check_address:
            extensions[CHECK_ADDRESS] = call.check_address
        body = self._library.ByteStream(call.body)
        request: httpx.Request = self._library.Request(
            call.method, address, headers=headers, stream=body, extensions=extensions
        )
        if call.method != "GET":
            request.headers["Content-Length"] = str(len(call.body))
        request.read()  # transports of callers may look at `content`
        return request

    def _head(self, url: str, headers: Headers) -> tuple[Any, Any]:
        """Return address and headers as the library has them: to make them takes longer than all else of a request."""
        try:
            address = self._library.URL(url)
        except self._library.InvalidURL as error:
            raise ValueError(str(error)) from None
        return address, self._library.Headers((("Host", address.netloc.decode("ascii")), *headers))

    def failure_of(self, error: Exception) -> Failure | None:
        """Return what an error of the transport means."""
        error = self._corrected(error)
        if not isinstance(error, self._library.TransportError):
            return system_failure(error)
        if isinstance(error, self._library.UnsupportedProtocol | self._library.LocalProtocolError):
            return Failure(error, not_sent=True, is_our_fault=True)
        timed_out = isinstance(error, self._library.TimeoutException)
        problem, detail = self._problem_of(error)
        not_sent = isinstance(error, self._surely_not_sent)
        return Failure(error, not_sent=not_sent, timed_out=timed_out, problem=problem, detail=detail)

    def _problem_of(self, error: Exception) -> tuple[str | None, str]:
        """Return what only this library knows of an error, and its text where that says more."""
        if isinstance(error, self._library.WriteTimeout):
            return NOT_SENT_IN_TIME, ""
        if isinstance(error, self._library.ProxyError):
            return NO_CONNECTION, f"proxy: {error}"
        if isinstance(error, self._library.RemoteProtocolError) and not str(error).startswith("Server disconnected"):
            return problem_of_answer(str(error))
        return None, ""

    def _corrected(self, error: Exception) -> Exception:
        """Correct an error of httpx-aiohttp, which reports any lost connection as a time-out of connecting.

        Without the correction, events that had arrived would be sent again. aiohttp may not be installed, so its errors
        are recognized by the names of their classes.
        """
        is_named_so: bool = isinstance(error, self._library.ConnectTimeout)
        names = {kind.__name__ for kind in type(error.__cause__).__mro__}
        if not is_named_so or "ClientConnectionError" not in names or "ConnectionTimeoutError" in names:
            return error
        right: type[Exception] = self._library.ReadError
        if "ClientConnectorError" in names:
            right = self._library.ConnectError
        return right(str(error))

    async def aclose(self) -> None:
        """Close the transport."""
        await self.transport.aclose()


def library_of(transport: object) -> Any:
    """Return the module that a transport is made for: httpx2 if it is of that library, otherwise httpx."""
    other = sys.modules.get("httpx2")
    return other if other and isinstance(transport, other.AsyncBaseTransport) else httpx


class _StreamedAnswer:
    """An answer whose body is still to be read."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._unfinished: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._unfinished = aiter(self._response.stream)  # type: ignore[arg-type]  # of an asynchronous transport
        return self

    async def __anext__(self) -> bytes:
        pieces, self._unfinished = self._unfinished, None
        if pieces is None:
            raise StopAsyncIteration
        piece = await anext(pieces)  # at the end, or after an error, there is nothing left to finish
        self._unfinished = pieces
        return piece

    async def aclose(self) -> None:
        """Close the answer, and let the generators of the transport finish: trio would warn about them."""
        with anyio.CancelScope(shield=True):
            await self._response.aclose()
        if self._unfinished:
            with suppress(Exception):
                async for _ in self._unfinished:
                    pass


class _ReadAnswer:
    """An answer that its transport has read, and unpacked if it was packed."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        if "content-encoding" in response.headers:
            described = {"content-encoding", "content-length"}  # what is no longer there
            self.headers = {name: text for name, text in response.headers.items() if name not in described}
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._response.content

    async def aclose(self) -> None:
        await self._response.aclose()


class _HideLinks(logging.Filter):
    """Removes links from httpcore's lines about redirects and bad answers."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _QUOTED.sub("…", _LOCATION.sub(r"\1…", str(record.msg)))
        return True


_LOCATION = re.compile(r"(\(b'(?:content-)?location', b)(?:'[^']*'|\"[^\"]*\")", re.IGNORECASE)
_QUOTED = re.compile(r"bytearray\(b.*", re.DOTALL)
for _name in ("httpcore.http11", "httpcore.http2"):
    logging.getLogger(_name).addFilter(_HideLinks())
