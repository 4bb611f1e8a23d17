"""Sends bytes, and turns network failures into `NoAnswer`.

What is the same for every library that carries the bytes is here: addresses, headers, redirects of file links,
unpacking and limits. The library itself is behind a `Backend`.

httpx is imported with this module, and this module is imported when a client is made, so that `--help` does not load an
HTTP library.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from urllib.parse import unquote, urljoin, urlsplit

import anyio
import httpx
from anyio.lowlevel import checkpoint
from attrs import field, frozen

from .._version import __version__
from ..errors import Invalid, Unreadable
from ..settings import Timeouts
from ..support.hidden import HiddenText
from ..telemetry.operations import RequestOperation
from .backend import Answer, Call, Headers
from .forms import encoded_form
from .identity import SIMULATED
from .links import Links
from .no_answer import network_to
from .tls import Tls
from .transport import Transport, answers_in_process, backend_of
from .unpacking import ACCEPT_ENCODING, STEP, Unpacker
from .wire import FormFile, Reply

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5

LONGEST_ANSWER = 64 * 1024 * 1024
"""The most bytes of an unpacked API answer. A page of the longest lists has a few MB. Files have no such limit."""


@frozen
class Download:
    """An open file link: its status, its headers, and its body as an iterator."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes] = field(repr=False)


class _Stopwatch:
    """Measures from its last start, or from when it was made: a caller's transport does not know it.

    To open a connection may take as long as the answer itself, and says nothing about what waits in the server.
    """

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self._started = anyio.current_time()

    @property
    def seconds(self) -> float:
        return anyio.current_time() - self._started


class Http:
    """The HTTP client for the API and for file links."""

    def __init__(
        self,
        base_url: str,
        *,
        timeouts: Timeouts,
        transport: Transport,
        connections: int,
        tls: Tls | None = None,
        root: str = "api/",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._backend = backend_of(transport, timeouts=timeouts, most_idle=connections, tls=tls or Tls())
        self._headers = _headers({"Content-Type": "application/json;charset=UTF-8", **(headers or {})})
        self._root = root
        self._base_url = base_url
        self._links = Links(base_url)
        self._host = _host_of(base_url)
        self._is_simulated = answers_in_process(transport)

    @property
    def server(self) -> str:
        """The name of the server; two base URLs of the same server have the same name."""
        return SIMULATED if self._is_simulated else _server_of(self._base_url)

    def operation(self, method: str, path: str, tries: int) -> RequestOperation:
        """Return the operation of one try of a call."""
        return RequestOperation(method=method, url=self._address(path), resend_count=tries - 1)

    def operation_of_link(self, link: str) -> RequestOperation:
        """Return the operation of a download; its address shows the host only."""
        return RequestOperation(method="GET", url=f"{link.partition(':')[0]}://{_host_of(link)}/REDACTED")

    async def send(
        self, method: str, path: str, content: bytes, file: FormFile | None = None, *, is_fresh: bool = False
    ) -> Reply:
        """Send one body, or a form with that body and a file; return the reply whatever its status.

        `is_fresh` sends it over a new connection, on which no answer to another request can be waiting. Raises
        `Unreadable` if the answer has more than `LONGEST_ANSWER` bytes.
        """
        headers = self._headers
        if file:
            kind, content = encoded_form(content, file)
            headers = _headers({"Content-Type": kind})
        stopwatch = _Stopwatch()
        call = Call(method, self._address(path), headers, content, is_fresh=is_fresh, written=stopwatch.start)
        with self._network_to(self._host):
            answer = await self._backend.send(call)
            body = await _read(answer, self._host)
        return Reply(answer.status, answer.headers, body, stopwatch.seconds)

    def _address(self, path: str) -> str:
        return f"{self._base_url}/{self._root}{path}"

    @asynccontextmanager
    async def open(self, link: str, headers: Mapping[str, str] | None = None) -> AsyncGenerator[Download]:
        """GET a file link without credentials or cookies; a redirect must not leave https (or this machine)."""
        host = _host_of(link)
        try:
            with self._network_to(host):
                answer = await self._follow(link, _headers({"Accept": "*/*", **(headers or {})}))
        except Invalid:
            raise
        except ValueError as error:
            raise Invalid(f"the link to a file is not a valid address: {type(error).__name__}") from None
        chunks = self._chunks(answer, host)
        try:
            yield Download(answer.status, answer.headers, chunks)
        finally:
            await answer.aclose()
            with suppress(RuntimeError):  # another task, which is to be cancelled, is reading
                await chunks.aclose()

    async def _follow(self, link: str, headers: Headers) -> Answer:
        for _ in range(_MOST_REDIRECTS + 1):
            self._links.check(link)
            answer = await self._backend.send(self._file_call(link, headers))
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            await answer.aclose()
            onward = HiddenText(urljoin(link, answer.headers["location"]))
            if urlsplit(onward).scheme != urlsplit(link).scheme:
                raise Invalid(
                    f"{_host_of(link)} redirects from {urlsplit(link).scheme} to another scheme; not followed"
                )
            link = onward
        raise Unreadable(f"{_host_of(link)} redirects too many times")

    def _file_call(self, link: str, headers: Headers) -> Call:
        check = None if self._links.is_of_own_host(link) else self._links.check_address
        return Call("GET", _encoded(link), headers, is_link=True, check_address=check)

    async def _chunks(self, answer: Answer, host: str) -> AsyncGenerator[bytes]:
        arrived = 0
        unpacker = Unpacker(host, answer.headers.get("content-encoding"))
        with self._network_to(host):
            try:
                async for raw in answer:
                    arrived += len(raw)
                    for piece in unpacker.pieces(raw):
                        yield piece
            except Unreadable:
                await answer.aclose()
                raise
        unpacker.end()
        promised = answer.headers.get("content-length", "")
        if promised.isdecimal() and "content-encoding" not in answer.headers and arrived != int(promised):
            raise Unreadable(f"{host} sent {arrived} bytes of a file of {promised}")

    def _network_to(self, host: str) -> AbstractContextManager[None]:
        return network_to(host, self._backend.failure_of)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._backend.aclose()


def _headers(more: Mapping[str, str]) -> Headers:
    """Return the headers of every request with some more, which take precedence."""
    common = {
        "User-Agent": f"salesmanago-async/{__version__}",
        "Accept": "application/json",
        "Accept-Encoding": ACCEPT_ENCODING,
    }
    return tuple({**common, **more}.items())


async def _read(answer: Answer, host: str) -> bytes:
    unpacker = Unpacker(host, answer.headers.get("content-encoding"), limit=LONGEST_ANSWER)
    found: list[bytes] = []
    try:
        async for raw in answer:
            for piece in unpacker.pieces(raw):
                found.append(piece)
                if len(piece) == STEP:
                    await checkpoint()  # one piece of wire data may unpack to many steps: let other tasks run
    finally:
        await answer.aclose()
    unpacker.end()
    return b"".join(found)


def _encoded(link: str) -> str:
    """Return a link as it is sent: without a user name and password; only what may not stand in it is escaped."""
    try:
        url = httpx.URL(link)
        return HiddenText(url.copy_with(userinfo=b"") if url.userinfo else url)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from None


def _server_of(base_url: str) -> str:
    """Return the host of an address, with its port and path if they are not the usual ones."""
    url = urlsplit(base_url)
    host = (url.hostname or "").rstrip(".")
    port = None if (url.scheme, url.port) in {("http", 80), ("https", 443)} else url.port
    return f"{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}{unquote(url.path).rstrip('/')}"


def _host_of(url: str) -> str:
    """Return host and port of an address, without a user name and password."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "nowhere"
    except ValueError:
        return "an unreadable address"
