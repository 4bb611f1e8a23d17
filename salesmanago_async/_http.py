"""Bytes out, bytes in, the network's failures as `NoAnswer`: with the transports below it, all that knows httpx.

A transport of the caller's own may raise plain `OSError`s, which count as the network's too. One that names a file does
not: that is a mistake somewhere in the program, and stays what it is.

httpx is imported with this module, and this module when a client is made: reading `--help` costs no HTTP stack.
"""

import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin, urlsplit

import anyio
import httpx
from attrs import field, frozen

from ._identity import SIMULATED
from ._transport import Transport, answers_in_process, transports
from ._version import __version__
from ._wire import FormFile, Reply
from .errors import Invalid, NoAnswer, Unreadable
from .settings import Timeouts, is_safe_url

_SURELY_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    ConnectionRefusedError,
)
_MOST_REDIRECTS = 5


@frozen
class Download:
    """An open file link: its status and headers, and the body as it arrives."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes] = field(repr=False)


class _Link(httpx.URL):
    """A signed link. It is a class of its own so that what logs it can be told to hide it."""

    def __repr__(self) -> str:
        return f"{self.scheme}://{self.host}/…"


class _NoCookies(httpx.Cookies):
    """An empty jar; httpx takes longer to look for cookies in an answer than to read its body."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them where they are."""


class _Client(httpx.AsyncClient):
    """A client that takes no cookies, and so sends none."""

    _jar = _NoCookies()

    @property
    def cookies(self) -> httpx.Cookies:
        return self._jar

    @cookies.setter
    def cookies(self, cookies: Any) -> None:
        raise AttributeError("this client takes no cookies")


class Http:
    """One client, for the API and for file links."""

    def __init__(
        self,
        base_url: str,
        *,
        timeouts: Timeouts,
        transport: Transport,
        connections: int,
    ) -> None:
        direct, proxied = transports(transport, connections)
        self._client = _Client(
            transport=direct,
            mounts=proxied,
            timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect, write=timeouts.write, pool=timeouts.connect),
            headers={"User-Agent": f"salesmanago-async/{__version__}", "Accept": "application/json"},
        )
        self._headers = httpx.Headers({**self._client.headers, "Content-Type": "application/json;charset=UTF-8"})
        self._extensions = {"timeout": self._client.timeout.as_dict()}
        self._base_url = base_url
        self._host = _host_of(base_url)
        self._is_simulated = answers_in_process(transport)

    @property
    def server(self) -> str:
        """Who answers, by a name that two addresses of one server share."""
        return SIMULATED if self._is_simulated else _server_of(self._base_url)

    async def post(self, path: str, content: bytes, file: FormFile | None = None) -> Reply:
        """Send one signed body, or a form of it and a file; return the reply whatever its status."""
        try:
            with _network_to(self._host):
                response = await self._client.send(self._request(path, content, file))
        except httpx.DecodingError as error:
            raise Unreadable(f"{self._host} sent an answer that cannot be unpacked: {error}") from None
        return Reply(response.status_code, response.headers, response.content)

    def _request(self, path: str, content: bytes, file: FormFile | None) -> httpx.Request:
        """Make a request; the client would read the address and merge the headers anew, a tenth of the whole cost."""
        url = _address(self._base_url, path)
        if file:
            return self._client.build_request("POST", url, files=_parts(content, file))
        return httpx.Request("POST", url, headers=self._headers, content=content, extensions=self._extensions)

    @asynccontextmanager
    async def open(self, link: str, headers: Mapping[str, str] | None = None) -> AsyncGenerator[Download]:
        """GET a file link, without credentials or cookies; redirects never leave https (or this machine)."""
        host = _host_of(link)
        try:
            with _network_to(host):
                response = await self._follow(link, {"Accept": "*/*", **(headers or {})})
        except Invalid:
            raise
        except (httpx.InvalidURL, ValueError) as error:
            raise Invalid(f"the link to a file is no address: {type(error).__name__}") from None
        chunks = _chunks(response, host)
        try:
            yield Download(response.status_code, response.headers, chunks)
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()
            with suppress(Exception):  # the generators inside httpx end by themselves, or trio misses them
                async for _ in chunks:
                    pass

    async def _follow(self, link: str, headers: Mapping[str, str]) -> httpx.Response:
        for _ in range(_MOST_REDIRECTS + 1):
            if not is_safe_url(link):
                raise Invalid(f"the link to a file at {_host_of(link)} is not https")
            address = _Link(link)
            request = self._client.build_request("GET", address, headers=headers)
            request.url = address
            response = await self._client.send(request, stream=True, follow_redirects=False)
            if not response.has_redirect_location:
                return response
            await response.aclose()
            onward = urljoin(link, response.headers["location"])
            if urlsplit(onward).scheme != urlsplit(link).scheme:
                raise Invalid(f"{_host_of(link)} redirects from {urlsplit(link).scheme} to another scheme")
            link = onward
        raise Unreadable(f"{_host_of(link)} redirects in circles")

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


@lru_cache(maxsize=256)
def _address(base_url: str, path: str) -> httpx.URL:
    return httpx.URL(f"{base_url}/api/{path}")


def _parts(content: bytes, file: FormFile) -> list[tuple[str, tuple[str | None, bytes, str | None]]]:
    """Return the parts of a form in the documented order; the JSON has neither a name nor a type, as in its sample."""
    return [(file.part, (file.name, file.content, file.media_type)), (file.body, (None, content, None))]


def _server_of(base_url: str) -> str:
    """Return the host of an address, with a port and a path only where they are not the usual ones."""
    url = httpx.URL(base_url)
    host = url.raw_host.decode().rstrip(".")
    return f"{f'[{host}]' if ':' in host else host}{f':{url.port}' if url.port else ''}{url.path.rstrip('/')}"


def _host_of(url: str) -> str:
    """Return host and port of an address, without the user and password it may hold."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "nowhere"
    except ValueError:
        return "an unreadable address"


class _HideLinks(logging.Filter):
    """Takes links out of httpx's line about a request, and out of httpcore's about where a redirect leads."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _LOCATION.sub(r"\1…", str(record.msg))
        if isinstance(record.args, tuple):
            record.args = tuple(repr(part) if isinstance(part, _Link) else part for part in record.args)
        return True


_LOCATION = re.compile(r"(\(b'(?:content-)?location', b)(?:'[^']*'|\"[^\"]*\")", re.IGNORECASE)
for _name in ("httpx", "httpcore.http11", "httpcore.http2"):
    logging.getLogger(_name).addFilter(_HideLinks())


async def _chunks(response: httpx.Response, host: str) -> AsyncGenerator[bytes]:
    arrived = 0
    try:
        with _network_to(host):
            async for piece in response.aiter_bytes():
                arrived += len(piece)
                yield piece
    except httpx.DecodingError as error:
        raise Unreadable(f"{host} sent a file that cannot be unpacked: {error}") from None
    promised = response.headers.get("content-length", "")
    if promised.isdecimal() and "content-encoding" not in response.headers and arrived != int(promised):
        raise Unreadable(f"{host} sent {arrived} bytes of a file of {promised}")


@contextmanager
def _network_to(host: str) -> Generator[None]:
    """Raise what the network does to the block as `NoAnswer`."""
    try:
        yield
    except (httpx.TransportError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise _no_answer(host, error) from error


def _no_answer(host: str, raised: httpx.TransportError | OSError) -> NoAnswer:
    error = _rightly_named(raised)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return NoAnswer(f"{host} cannot be asked: {error}", sent=False)
    kind = type(error).__name__
    detail = f" ({error})" if str(error) else ""
    timed_out = isinstance(error, httpx.TimeoutException | TimeoutError)
    if isinstance(error, _SURELY_NOT_SENT):
        return NoAnswer(f"{host} cannot be reached: {kind}{detail}", sent=False, timed_out=timed_out)
    return NoAnswer(f"{host} did not answer: {kind}{detail}", sent=None, timed_out=timed_out)


def _rightly_named(error: httpx.TransportError | OSError) -> httpx.TransportError | OSError:
    """Return what httpx-aiohttp should have raised: to it, any lost connection is a time-out of connecting.

    Believed, it would have events sent again that had arrived. aiohttp need not be there: its errors are known by name.
    """
    names = {kind.__name__ for kind in type(error.__cause__).__mro__}
    misnamed = "ClientConnectionError" in names and "ConnectionTimeoutError" not in names
    if not (misnamed and isinstance(error, httpx.ConnectTimeout)):
        return error
    return httpx.ConnectError(str(error)) if "ClientConnectorError" in names else httpx.ReadError(str(error))
