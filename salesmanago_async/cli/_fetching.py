"""Reads a page from a file or from the web: at most 5 MB, and over https unless the server is this machine."""

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies

import anyio
import click

from .._version import __version__
from ..connection.proxies import proxies_of
from ..connection.tls import Tls
from ..errors import Invalid, NoAnswer
from ..settings import is_safe_url

if TYPE_CHECKING:
    import httpx

LONGEST_PAGE = 5_000_000
"""Bytes, after decompression."""

SECONDS = 30.0
"""The most time that a page may take to arrive, including redirects."""

MOST_REDIRECTS = 5
_WANTED = {"Accept": "text/html", "Accept-Encoding": "gzip"}


def read_page(file: BinaryIO, name: str) -> str:
    """Return the page that is in a file; raise `Invalid` if it is too long."""
    return _decoded(file.read(LONGEST_PAGE + 1), name)


async def fetch_page(url: str) -> str:
    """Return the page at an address, and print each redirect on stderr.

    Raises `Invalid` if there is no page at the address, and `NoAnswer` if the network fails or 30 seconds pass.
    """
    import httpx

    try:
        with anyio.fail_after(SECONDS):
            return await _follow(url)
    except TimeoutError:
        raise NoAnswer(
            f"{shown_address(url)} did not answer within {SECONDS:.0f} s", sent=None, timed_out=True
        ) from None
    except (httpx.TransportError, zlib.error) as error:
        raise NoAnswer(
            f"{shown_address(url)} cannot be fetched: {type(error).__name__}{f' ({error})' if str(error) else ''}",
            sent=None,
        ) from error
    except httpx.InvalidURL as error:
        raise Invalid(f"is not a valid address: {error}", field=shown_address(url)) from None


async def _follow(url: str) -> str:
    tls, proxies = Tls(), proxies_of(getproxies())
    for _ in range(MOST_REDIRECTS + 1):
        if not is_safe_url(_joined(url, "")):
            raise Invalid("is not https", field=shown_address(url))
        async with _client(tls, proxies.for_url(url)) as client, client.stream("GET", url, headers=_WANTED) as response:
            if not response.has_redirect_location:
                return await _content(response, url)
            url = _joined(url, response.headers["location"])
            click.echo(f"{response.status_code} redirects to {shown_address(url)}", err=True)
    raise Invalid(
        f"needs more than {MOST_REDIRECTS} redirects",
        field=shown_address(url),
    )


def _client(tls: Tls, proxy: str | None) -> "httpx.AsyncClient":
    import httpx

    headers = {"User-Agent": f"salesmanago-async/{__version__}"}
    return httpx.AsyncClient(proxy=proxy, verify=tls.context, headers=headers, trust_env=False)


def _joined(url: str, location: str) -> str:
    """Return the address that a redirect leads to; raise `Invalid` if it is not valid."""
    try:
        joined = urljoin(url, location)
        _ = urlsplit(joined).port  # urlsplit checks the port only when it is asked for
    except ValueError as error:
        raise Invalid(f"redirects to an address that is not valid: {error}", field=shown_address(url)) from None
    return joined


async def _content(response: "httpx.Response", url: str) -> str:
    kind = response.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
    if response.status_code != 200:
        raise Invalid(f"answers {response.status_code} {response.reason_phrase}".rstrip(), field=shown_address(url))
    if "html" not in kind:
        raise Invalid(f"is {kind}, not HTML", field=shown_address(url))
    decompressed = _decompressor(response.headers.get("content-encoding", ""), shown_address(url))
    content = bytearray()
    async for piece in response.aiter_raw():
        content += decompressed(piece, LONGEST_PAGE + 1 - len(content))
        if len(content) > LONGEST_PAGE:
            break
    return _decoded(bytes(content), shown_address(url))


def _decompressor(encoding: str, where: str) -> Callable[[bytes, int], bytes]:
    """Return a function that decompresses a piece to at most so many bytes; httpx itself has no such limit."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return lambda piece, _most: piece
    if name != "gzip":
        raise Invalid(f"is compressed as {name}, which was not requested", field=where)
    return zlib.decompressobj(wbits=31).decompress


def _decoded(content: bytes, where: str) -> str:
    """Return the text of a page; everything the check reads is ASCII, so only UTF-16 needs another decoder."""
    if len(content) > LONGEST_PAGE:
        raise Invalid(f"is longer than {LONGEST_PAGE:,} bytes", field=where)
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    return content.decode(encoding, "replace")


def shown_address(url: str) -> str:
    """Return an address without the user name and password that it may contain."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the address"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
