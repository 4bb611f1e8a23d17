"""Sends bytes with httpx, and turns network failures into `NoAnswer`.

Only this module and the transports below it know httpx. A caller's own transport may raise a plain `OSError`, which
counts as a network failure too. An `OSError` that names a file does not: it is an error elsewhere in the program, and
is raised unchanged.

httpx is imported with this module, and this module is imported when a client is made, so that `--help` does not load an
HTTP library.
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
from anyio.lowlevel import checkpoint
from attrs import field, frozen

from .._version import __version__
from ..errors import Invalid, NoAnswer, Unreadable
from ..settings import Timeouts
from .identity import SIMULATED
from .links import Links
from .one_connection import CHECK_ADDRESS, FRESH
from .transport import Transport, answers_in_process, transport_of
from .unpacking import ACCEPT_ENCODING, STEP, Unpacker
from .wire import FormFile, Reply

_SURELY_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    ConnectionRefusedError,
)
_MOST_REDIRECTS = 5

LONGEST_ANSWER = 64 * 1024 * 1024
"""The most bytes of an unpacked API answer. A page of the longest lists has a few MB. Files have no such limit."""


@frozen
class Download:
    """An open file link: its status, its headers, and its body as an iterator."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes] = field(repr=False)


class _Link(httpx.URL):
    """A signed link. The class of its own lets the log filter below recognize and hide it."""

    def __repr__(self) -> str:
        return f"{self.scheme}://{self.host}/…"


class _NoCookies(httpx.Cookies):
    """A cookie jar that stays empty: httpx takes longer to look for cookies in an answer than to read its body."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Ignore the cookies of the answer."""


class _Client(httpx.AsyncClient):
    """A client that accepts no cookies, and so sends none."""

    _jar = _NoCookies()

    @property
    def cookies(self) -> httpx.Cookies:
        return self._jar

    @cookies.setter
    def cookies(self, cookies: Any) -> None:
        raise AttributeError("this client takes no cookies")


class Http:
    """The HTTP client for the API and for file links."""

    def __init__(
        self,
        base_url: str,
        *,
        timeouts: Timeouts,
        transport: Transport,
        connections: int,
    ) -> None:
        self._client = _Client(
            transport=transport_of(transport, connections),
            timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect, write=timeouts.write, pool=timeouts.connect),
            headers={
                "User-Agent": f"salesmanago-async/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": ACCEPT_ENCODING,
            },
        )
        self._headers = httpx.Headers({**self._client.headers, "Content-Type": "application/json;charset=UTF-8"})
        self._extensions = {"timeout": self._client.timeout.as_dict()}
        self._fresh = {**self._extensions, FRESH: True}
        self._base_url = base_url
        self._links = Links(base_url)
        self._host = _host_of(base_url)
        self._is_simulated = answers_in_process(transport)

    @property
    def server(self) -> str:
        """The name of the server; two base URLs of the same server have the same name."""
        return SIMULATED if self._is_simulated else _server_of(self._base_url)

    async def post(self, path: str, content: bytes, file: FormFile | None = None, *, is_fresh: bool = False) -> Reply:
        """Send one signed body, or a form with that body and a file; return the reply whatever its status.

        `is_fresh` sends it over a new connection, on which no answer to another request can be waiting. Raises
        `Unreadable` if the answer has more than `LONGEST_ANSWER` bytes.
        """
        with _network_to(self._host):
            response = await self._client.send(self._request(path, content, file, is_fresh), stream=True)
            answer = await self._read(response)
        return Reply(response.status_code, response.headers, answer)

    def _request(self, path: str, content: bytes, file: FormFile | None, is_fresh: bool) -> httpx.Request:
        """Build a request; httpx's own method parses the address and merges the headers again, a tenth of the cost."""
        url = _address(self._base_url, path)
        extensions = self._fresh if is_fresh else self._extensions
        if file:
            return self._client.build_request("POST", url, files=_parts(content, file), extensions=extensions)
        return httpx.Request("POST", url, headers=self._headers, content=content, extensions=extensions)

    async def _read(self, response: httpx.Response) -> bytes:
        raw_pieces, unpacker = _wire_of(response, self._host, limit=LONGEST_ANSWER)
        found: list[bytes] = []
        try:
            async for raw in raw_pieces:
                for piece in unpacker.pieces(raw):
                    found.append(piece)
                    if len(piece) == STEP:
                        await checkpoint()  # one piece of wire data may unpack to many steps: let other tasks run
        except BaseException:
            await _end(response, raw_pieces)
            raise
        unpacker.end()
        return b"".join(found)

    @asynccontextmanager
    async def open(self, link: str, headers: Mapping[str, str] | None = None) -> AsyncGenerator[Download]:
        """GET a file link without credentials or cookies; a redirect must not leave https (or this machine)."""
        host = _host_of(link)
        try:
            with _network_to(host):
                response = await self._follow(link, {"Accept": "*/*", **(headers or {})})
        except Invalid:
            raise
        except (httpx.InvalidURL, ValueError) as error:
            raise Invalid(f"the link to a file is not a valid address: {type(error).__name__}") from None
        chunks = _chunks(response, host)
        try:
            yield Download(response.status_code, response.headers, chunks)
        finally:
            await _end(response, chunks)

    async def _follow(self, link: str, headers: Mapping[str, str]) -> httpx.Response:
        for _ in range(_MOST_REDIRECTS + 1):
            self._links.check(link)
            address = _Link(link)
            request = self._client.build_request("GET", address, headers=headers)
            request.url = address
            if not self._links.is_of_own_host(link):
                request.extensions[CHECK_ADDRESS] = self._links.check_address
            response = await self._client.send(request, stream=True, follow_redirects=False)
            if not response.has_redirect_location:
                return response
            await response.aclose()
            onward = urljoin(link, response.headers["location"])
            if urlsplit(onward).scheme != urlsplit(link).scheme:
                raise Invalid(
                    f"{_host_of(link)} redirects from {urlsplit(link).scheme} to another scheme; not followed"
                )
            link = onward
        raise Unreadable(f"{_host_of(link)} redirects too many times")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


@lru_cache(maxsize=256)
def _address(base_url: str, path: str) -> httpx.URL:
    return httpx.URL(f"{base_url}/api/{path}")


def _parts(content: bytes, file: FormFile) -> list[tuple[str, tuple[str | None, bytes, str | None]]]:
    """Return the parts of a form in the documented order; as in the sample, the JSON has no name and no type."""
    return [(file.part, (file.name, file.content, file.media_type)), (file.body, (None, content, None))]


def _server_of(base_url: str) -> str:
    """Return the host of an address, with its port and path if they are not the usual ones."""
    url = httpx.URL(base_url)
    host = url.raw_host.decode().rstrip(".")
    return f"{f'[{host}]' if ':' in host else host}{f':{url.port}' if url.port else ''}{url.path.rstrip('/')}"


def _host_of(url: str) -> str:
    """Return host and port of an address, without a user name and password."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "nowhere"
    except ValueError:
        return "an unreadable address"


class _HideLinks(logging.Filter):
    """Removes links from httpx's line about a request, and from httpcore's lines about redirects and bad answers."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _QUOTED.sub("…", _LOCATION.sub(r"\1…", str(record.msg)))
        if isinstance(record.args, tuple):
            record.args = tuple(repr(part) if isinstance(part, _Link) else part for part in record.args)
        return True


_LOCATION = re.compile(r"(\(b'(?:content-)?location', b)(?:'[^']*'|\"[^\"]*\")", re.IGNORECASE)
_QUOTED = re.compile(r"bytearray\(b.*", re.DOTALL)
for _name in ("httpx", "httpcore.http11", "httpcore.http2"):
    logging.getLogger(_name).addFilter(_HideLinks())


async def _chunks(response: httpx.Response, host: str) -> AsyncGenerator[bytes]:
    arrived = 0
    raw_pieces, unpacker = _wire_of(response, host)
    with _network_to(host):
        try:
            async for raw in raw_pieces:
                arrived += len(raw)
                for piece in unpacker.pieces(raw):
                    yield piece
        except Unreadable:
            await _end(response, raw_pieces)
            raise
    unpacker.end()
    promised = response.headers.get("content-length", "")
    if promised.isdecimal() and "content-encoding" not in response.headers and arrived != int(promised):
        raise Unreadable(f"{host} sent {arrived} bytes of a file of {promised}")


async def _end(response: httpx.Response, pieces: AsyncIterator[bytes]) -> None:
    """Close an answer that was not read to its end, and let httpx's generators finish: trio would warn about them."""
    with anyio.CancelScope(shield=True):
        await response.aclose()
    with suppress(Exception):
        async for _ in pieces:
            pass


def _wire_of(response: httpx.Response, host: str, *, limit: int | None = None) -> tuple[AsyncIterator[bytes], Unpacker]:
    """Return the raw body and its unpacker; some transports of callers have already read and unpacked the body."""
    if response.is_stream_consumed:
        return aiter(httpx.ByteStream(response.content)), Unpacker(host, None, limit=limit)
    return response.aiter_raw(), Unpacker(host, response.headers.get("content-encoding"), limit=limit)


@contextmanager
def _network_to(host: str) -> Generator[None]:
    """Turn network errors of the block into `NoAnswer`, with the original error as cause if that shows no address."""
    try:
        yield
    except (httpx.TransportError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        is_shown = not _names_an_address(error)
        try:
            raise _no_answer(host, error) from (error if is_shown else None)
        except NoAnswer as ours:
            if not is_shown:
                ours.__context__ = None  # error reporters follow `__context__`, although a traceback hides it
            raise


def _no_answer(host: str, raised: httpx.TransportError | OSError) -> NoAnswer:
    error = _corrected(raised)
    text = _without_addresses(str(error))
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return NoAnswer(f"the request to {host} cannot be sent: {text}", sent=False)
    kind = type(error).__name__
    detail = f" ({text})" if text else ""
    timed_out = isinstance(error, httpx.TimeoutException | TimeoutError)
    if isinstance(error, _SURELY_NOT_SENT):
        return NoAnswer(f"{host} cannot be reached: {kind}{detail}", sent=False, timed_out=timed_out)
    return NoAnswer(f"{host} did not answer: {kind}{detail}", sent=None, timed_out=timed_out)


_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://|bytearray\(|['\"]).*", re.IGNORECASE | re.DOTALL)
"""How an address may begin in an error text of a backend: with its scheme, or with the quotes around bytes of a
server, which may repeat the request. Everything after it is cut off: a link is signed, and may contain anything,
even blanks."""


def _without_addresses(text: str) -> str:
    return _ADDRESS.sub("…", text)


def _names_an_address(error: BaseException | None) -> bool:
    """Return whether the text of an error, or of one of its causes, has an address: a traceback prints them all."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if any(_ADDRESS.search(str(part)) for part in (error, *error.args)):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def _corrected(error: httpx.TransportError | OSError) -> httpx.TransportError | OSError:
    """Correct an error of httpx-aiohttp, which reports any lost connection as a time-out of connecting.

    Without the correction, events that had arrived would be sent again. aiohttp may not be installed, so its errors are
    recognized by the names of their classes.
    """
    names = {kind.__name__ for kind in type(error.__cause__).__mro__}
    misnamed = "ClientConnectionError" in names and "ConnectionTimeoutError" not in names
    if not (misnamed and isinstance(error, httpx.ConnectTimeout)):
        return error
    return httpx.ConnectError(str(error)) if "ClientConnectorError" in names else httpx.ReadError(str(error))
