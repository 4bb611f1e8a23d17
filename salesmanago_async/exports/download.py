"""Open the file behind a link that lives for minutes: a dead link is asked for anew, a fault is tried again."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

import anyio

from .._connection import Connection
from .._retry import wait_before_retry
from .._wire import Reply, read_body
from ..errors import LinkExpired, SalesManagoError, Unreadable

if TYPE_CHECKING:
    from .._http import Download

FreshLink = Callable[[], Awaitable[str]]

_DEAD = frozenset({403, 404, 410})
_MOST_LINKS = 3


@asynccontextmanager
async def open_file(connection: Connection, fresh_link: FreshLink) -> AsyncGenerator["Download"]:
    """Open the file; `fresh_link` gives a link, anew at every call.

    Raises `LinkExpired` when three links in a row are dead, and the last error when the host keeps failing.
    """
    async with AsyncExitStack() as stack:
        yield await _open(connection, fresh_link, stack)


async def _open(connection: Connection, fresh_link: FreshLink, stack: AsyncExitStack) -> "Download":
    started = anyio.current_time()
    dead_links = 0
    for tries in count(1):
        link = await fresh_link()
        try:
            download = await stack.enter_async_context(connection.open(link))
            if download.status == 200:
                return download
            if download.status not in _DEAD:
                raise _fault(download, connection)
            dead_links += 1
            if dead_links == _MOST_LINKS:
                raise LinkExpired(f"{_MOST_LINKS} links in a row answered {download.status}")
            await stack.aclose()
        except LinkExpired:
            raise
        except SalesManagoError as error:
            dead_links = 0
            wait = wait_before_retry(
                error,
                tries=tries,
                elapsed=anyio.current_time() - started,
                repeatable=True,
                retries=connection.retries,
                random=connection.random,
            )
            if wait is None:
                raise
            await stack.aclose()
            await anyio.sleep(wait)
    raise AssertionError("unreachable: the loop ends by return or raise")


def _fault(download: "Download", connection: Connection) -> SalesManagoError:
    """Return the error that a status other than 200 is; a redirect or a 206 nobody asked for is unreadable too."""
    if download.status == 429 or download.status >= 500:
        now = datetime.fromtimestamp(connection.clock(), UTC)
        try:
            read_body(Reply(download.status, download.headers, b""), None, now)
        except SalesManagoError as error:
            return error
    return Unreadable(f"the file's host answered {download.status}", status=download.status)


async def read_whole(download: "Download", *, limit: int) -> bytes:
    """Return the file's bytes; raise `Unreadable` past `limit` bytes."""
    content = bytearray()
    async for chunk in download.chunks:
        content += chunk
        if len(content) > limit:
            raise Unreadable(f"the file is longer than {limit} bytes")
    return bytes(content)
