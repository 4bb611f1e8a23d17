"""The only room that knows httpx: bytes out, bytes in, the network's failures as `NoAnswer`.

httpx is imported with this module, and this module when a client is made: reading `--help` costs no HTTP stack.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import cast
from urllib.parse import urljoin, urlsplit

import httpx
from attrs import field, frozen

from ._version import __version__
from ._wire import Reply
from .errors import Invalid, NoAnswer, Unreadable
from .settings import Timeouts, is_safe_url

_SURELY_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_MOST_REDIRECTS = 5


@frozen
class Download:
    """An open file link: its status and headers, and the body as it arrives."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes] = field(repr=False)


class _Link(httpx.URL):
    """A signed link that shows no more than its host: httpx logs the address of every request."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}/…"

    __repr__ = __str__


class Http:
    """One connection pool, for the API and for file links."""

    def __init__(
        self,
        base_url: str,
        *,
        timeouts: Timeouts,
        transport: httpx.AsyncBaseTransport | None,
        connections: int,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"{base_url}/api/",
            transport=transport,
            timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect, write=timeouts.write, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=connections),
            headers={"User-Agent": f"salesmanago-async/{__version__}"},
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._host = urlsplit(base_url).netloc

    async def post(self, path: str, content: bytes) -> Reply:
        """Send one signed body, and return the reply whatever its status."""
        headers = {"Accept": "application/json", "Content-Type": "application/json;charset=UTF-8"}
        try:
            response = await self._client.post(path, content=content, headers=headers)
        except httpx.DecodingError as error:
            raise Unreadable(f"{self._host} sent an answer that cannot be unpacked: {error}") from None
        except httpx.TransportError as error:
            raise _no_answer(self._host, error) from error
        return Reply(response.status_code, response.headers, response.content)

    @asynccontextmanager
    async def open(self, link: str, headers: Mapping[str, str] | None = None) -> AsyncGenerator[Download]:
        """GET a file link, without credentials or cookies; redirects never leave https (or this machine)."""
        host = urlsplit(link).netloc
        try:
            response = await self._follow(link, headers or {})
        except httpx.TransportError as error:
            raise _no_answer(host, error) from error
        try:
            async with aclosing(_chunks(response, host)) as chunks:
                yield Download(response.status_code, response.headers, chunks)
        finally:
            await response.aclose()

    async def _follow(self, link: str, headers: Mapping[str, str]) -> httpx.Response:
        for _ in range(_MOST_REDIRECTS + 1):
            if not is_safe_url(link):
                raise Invalid(f"the link to {urlsplit(link).netloc or 'a file'} is not https")
            request = self._client.build_request("GET", link, headers={"Accept": "*/*", **headers})
            request.url = _Link(link)
            response = await self._client.send(request, stream=True, follow_redirects=False)
            if not response.has_redirect_location:
                return response
            await response.aclose()
            link = urljoin(link, response.headers["location"])
        raise Unreadable(f"{urlsplit(link).netloc} redirects in circles")

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


async def _chunks(response: httpx.Response, host: str) -> AsyncGenerator[bytes]:
    try:
        async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_bytes())) as pieces:
            async for piece in pieces:
                yield piece
    except httpx.DecodingError as error:
        raise Unreadable(f"{host} sent a file that cannot be unpacked: {error}") from None
    except httpx.TransportError as error:
        raise _no_answer(host, error) from error
    promised = response.headers.get("content-length", "")
    if promised.isdecimal() and response.num_bytes_downloaded != int(promised):
        raise Unreadable(f"{host} sent {response.num_bytes_downloaded} bytes of a file of {promised}")


def _no_answer(host: str, error: httpx.TransportError) -> NoAnswer:
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return NoAnswer(f"{host} cannot be asked: {error}", sent=False)
    kind = type(error).__name__
    detail = f" ({error})" if str(error) else ""
    if isinstance(error, _SURELY_NOT_SENT):
        return NoAnswer(f"{host} cannot be reached: {kind}{detail}", sent=False)
    return NoAnswer(f"{host} did not answer: {kind}{detail}", sent=None)
