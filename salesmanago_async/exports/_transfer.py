"""Downloads a whole file from a link that lives for minutes, even if the link expires or the connection breaks.

A broken download resumes where it stopped, if the host can prove that the file is still the same: it sent a strong
ETag, and answers a request for the rest of that version with exactly that range. Otherwise the whole file is sent
again: its beginning is compared byte by byte with what is already here, and only what follows is added. So a reader
behind the transfer always reads one file, never the beginning of one and the end of another: exports are generated
again, and a new file need not begin like the old one. The known version is always the one of the answer that sent the
last byte, because all bytes here belong to that version.

An answer that does not fit (another file, another range, fewer bytes than promised) is a fault like a 5xx. It may mean
that the host is in trouble, so it is retried within the same limits. A link is used until it is dead or has led to an
unexpected answer.
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
from ._byte_ranges import UNKNOWN, ByteRange, Version, range_in, resume_headers
from ._spool import Memory, Spool

if TYPE_CHECKING:
    from ..connection.http import Download

FreshLink = Callable[[], Awaitable[str]]
"""Returns a new link at every call."""

MOST_FAULTS = 100
"""The most faults of one transfer. Faults in a row without a single new byte are limited by `Retries`."""

_DEAD = frozenset({403, 404, 410})
_MOST_LINKS = 3


class Transfer:
    """Downloads one file into a spool; `total` is its length in bytes, or None while it is unknown.

    `changed` is signalled when there are more bytes, and when the host has `answered` with the file.
    """

    def __init__(self, connection: Connection, fresh_link: FreshLink, spool: Spool | Memory) -> None:
        self.total: int | None = None
        self.answered = False
        self.changed = Signal()
        self._connection = connection
        self._fresh_link = fresh_link
        self._spool = spool
        self._link = ""
        self._dead_links = 0
        self._version = UNKNOWN
        self._supports_ranges = True
        self._faults = 0
        self._faults_without_progress = 0
        self._length_at_last_fault = 0
        self._last_heard = 0.0

    async def run(self) -> None:
        """Download until the file is whole.

        Raises `LinkExpired` if three links in a row are dead, any error of `fresh_link`, and the last fault if the host
        keeps failing.
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
        """Request what is missing, once; return whether the file is whole then."""
        version = self._version if self._supports_ranges else evolve(self._version, etag=None)
        length = self._spool.length
        async with self._connection.open(self._link, resume_headers(length, version)) as download:
            if download.status in _DEAD:
                self._drop_dead_link(download.status)
                return False
            self._dead_links = 0
            part = range_in(download.status, download.headers, length, version)
            if part is None:
                raise self._fault(download)
            self._note_answer(part.version)
            await self._append_new(part, download.chunks)
        return part.end == part.version.total

    def _note_answer(self, version: Version) -> None:
        self.total = version.total  # that of another version would end the reading too early
        self.answered = True
        self.changed.give()

    async def _append_new(self, part: ByteRange, chunks: AsyncIterator[bytes]) -> None:
        """Append the new bytes to the spool, and compare the others with the bytes that are there."""
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

    def _drop_dead_link(self, status: int) -> None:
        self._link = ""
        self._dead_links += 1
        if self._dead_links == _MOST_LINKS:
            raise LinkExpired(f"{_MOST_LINKS} links in a row answered {status}")

    def _fault(self, download: "Download") -> SalesManagoError:
        """Return the error that describes an answer without the file."""
        if download.status == 429 or download.status >= 500:
            now = datetime.fromtimestamp(self._connection.clock(), UTC)
            try:
                read_body(Reply(download.status, download.headers, b""), None, now)
            except SalesManagoError as error:
                return error
        if download.status in {206, 416}:
            self._supports_ranges = False
        return Unreadable(f"the file's host answered {download.status}", status=download.status)

    async def _wait_after(self, error: SalesManagoError) -> None:
        """Wait until the next try; raise the error if there must be none."""
        gained = self._spool.length > self._length_at_last_fault
        self._length_at_last_fault = self._spool.length
        self._faults += 1
        self._faults_without_progress = 1 if gained else self._faults_without_progress + 1
        wait = wait_before_retry(
            error,
            tries=self._faults_without_progress,
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
