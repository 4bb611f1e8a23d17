"""From a link that lives for minutes to a file that is whole, whatever becomes of the link and of the connection.

What broke is gone on with where it stopped, if the host can tell that it is still the same file: it gave a strong ETag,
and answers a question for the rest of that version with just that. Otherwise the whole file comes again: what is here
already is compared with it, byte by byte, and only what follows is added. So whoever reads behind the transfer reads
one file, never the beginning of one and the end of another: exports are made anew, and another file need not begin
as this one did. What is known of the version is always what the answer told that brought the last byte, because its
bytes are the ones that are here, all of them.

An answer that does not fit (another file, another part, fewer bytes than it promised) is a fault like a 5xx: it may be
a sign of a host in trouble, so it is tried again within the same bounds. A link is used until it is dead or has led to
something strange.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
from attrs import evolve

from ..connection.connection import Connection
from ..connection.retry import wait_before_retry
from ..connection.wire import Reply, read_body
from ..errors import LinkExpired, NoAnswer, SalesManagoError, Unreadable
from ..support.signal import Signal
from ._parts import UNKNOWN, ByteRange, Version, headers_for_the_rest, part_in
from ._spool import Spool

if TYPE_CHECKING:
    from ..connection.http import Download

FreshLink = Callable[[], Awaitable[str]]
"""Gives a link, anew at every call."""

MOST_FAULTS = 100
"""The most faults of one transfer. Those in a row that gain not one byte are bounded by `Retries`."""

_DEAD = frozenset({403, 404, 410})
_MOST_LINKS = 3


class Transfer:
    """Brings one file into a spool; `total` is its length in bytes, as far as it is known.

    `changed` is given whenever there is more, and when the host has `answered` with the file.
    """

    def __init__(self, connection: Connection, fresh_link: FreshLink, spool: Spool) -> None:
        self.total: int | None = None
        self.answered = False
        self.changed = Signal()
        self._connection = connection
        self._fresh_link = fresh_link
        self._spool = spool
        self._link = ""
        self._dead_links = 0
        self._version = UNKNOWN
        self._has_parts = True
        self._faults = 0
        self._faults_in_vain = 0
        self._length_at_last_fault = 0
        self._last_heard = 0.0

    async def run(self) -> None:
        """Fetch until the file is whole.

        Raises `LinkExpired` when three links in a row are dead, what `fresh_link` raises, and the last fault when the
        host keeps failing.
        """
        whole = False
        while not whole:
            if not self._link:
                self._link = await self._fresh_link()
                self._last_heard = anyio.current_time()
            try:
                whole = await self._fetch()
            except SalesManagoError as error:
                whole = isinstance(error, NoAnswer) and self._version.total == self._spool.length
                if not whole:
                    await self._wait_after(error)

    async def _fetch(self) -> bool:
        """Fetch what is missing, once; tell whether the file is whole then."""
        version = self._version if self._has_parts else evolve(self._version, etag=None)
        length = self._spool.length
        async with self._connection.open(self._link, headers_for_the_rest(length, version)) as download:
            if download.status in _DEAD:
                self._bury_link(download.status)
                return False
            self._dead_links = 0
            part = part_in(download.status, download.headers, length, version)
            if part is None:
                raise self._fault(download)
            self._tell(part.version)
            await self._take(part, download.chunks)
        return part.end == part.version.total

    def _tell(self, version: Version) -> None:
        self.total = version.total or self.total
        self.answered = True
        self.changed.give()

    async def _take(self, part: ByteRange, chunks: AsyncIterator[bytes]) -> None:
        """Add to the spool what is new, and compare what is not."""
        at = part.start
        async for chunk in chunks:
            self._last_heard = anyio.current_time()
            if part.end is not None and at + len(chunk) > part.end:
                raise Unreadable(f"the file's host sent more bytes than the {part.end} that it promised")
            known = chunk[: self._spool.length - at]
            if known and await self._spool.read(at, len(known)) != known:
                raise Unreadable("the download broke off, and the file's host has another file there now")
            at += len(chunk)
            if len(chunk) > len(known):
                self._version = part.version
                await self._spool.append(chunk[len(known) :])
                self.changed.give()
        expected = max(part.end or 0, self._spool.length)
        if at < expected:
            raise Unreadable(f"the file's host sent {at} bytes of a file of {expected}")

    def _bury_link(self, status: int) -> None:
        self._link = ""
        self._dead_links += 1
        if self._dead_links == _MOST_LINKS:
            raise LinkExpired(f"{_MOST_LINKS} links in a row answered {status}")

    def _fault(self, download: "Download") -> SalesManagoError:
        """Return the error that an answer without the file is."""
        if download.status == 429 or download.status >= 500:
            now = datetime.fromtimestamp(self._connection.clock(), UTC)
            try:
                read_body(Reply(download.status, download.headers, b""), None, now)
            except SalesManagoError as error:
                return error
        if download.status in {206, 416}:
            self._has_parts = False
        return Unreadable(f"the file's host answered {download.status}", status=download.status)

    async def _wait_after(self, error: SalesManagoError) -> None:
        """Wait for the time of the next try; raise the error where there must be none."""
        gained = self._spool.length > self._length_at_last_fault
        self._length_at_last_fault = self._spool.length
        self._faults += 1
        self._faults_in_vain = 1 if gained else self._faults_in_vain + 1
        wait = wait_before_retry(
            error,
            tries=self._faults_in_vain,
            elapsed=anyio.current_time() - self._last_heard,
            repeatable=True,
            retries=self._connection.retries,
            random=self._connection.random,
        )
        if wait is None or self._faults == MOST_FAULTS:
            raise error
        if isinstance(error, Unreadable):
            self._link = ""
        await anyio.sleep(wait)
