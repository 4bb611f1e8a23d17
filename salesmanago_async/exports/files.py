"""A remote file, read while it downloads: the download goes to a spool at full speed, and readers follow behind it.

A slow reader never keeps the link open, because links live for minutes; the bytes wait for it on the disk.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import BinaryIO

import anyio

from ..connection.connection import Connection
from ..errors import Unreadable
from ..support.background import background
from ._spool import Memory, Spool, TooLong
from ._transfer import FreshLink, Transfer

LONGEST_PIECE = 256 * 1024


@asynccontextmanager
async def open_file(connection: Connection, fresh_link: FreshLink) -> AsyncGenerator["Spooled"]:
    """Open the file; `fresh_link` returns a new link at every call.

    A link is requested only when it is needed, and used immediately: no queue holds links, so none can expire there.
    The block begins when the host has answered with the file, and its end closes everything, even if the file was not
    read to its end. Raises `LinkExpired` if three links in a row are dead, and the last fault if the host keeps
    failing: here, or in the readers of the incomplete file. An `OSError` means that the disk is full.
    """
    spool = Spool()
    file = Spooled(spool, Transfer(connection, fresh_link, spool))
    try:
        async with background() as tasks:
            tasks.start_soon(file.fetch)
            await file.answered()
            yield file
    finally:
        file.close()
        await spool.aclose()


class Spooled:
    """A file that is downloaded, or being downloaded. Several tasks may read it, each from its beginning."""

    def __init__(self, spool: Spool, transfer: Transfer) -> None:
        self._spool = spool
        self._transfer = transfer
        self._ended = False
        self._error: BaseException | None = None

    @property
    def received(self) -> int:
        """How many bytes have been downloaded."""
        return self._spool.length

    @property
    def total(self) -> int | None:
        """How many bytes the file has, if the host said so."""
        return self._transfer.total

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the file from its beginning, behind the download, at most 256 KB at a time.

        Ends when the file is whole; otherwise raises the error of the download, after all bytes before it.
        """
        offset = 0
        while await self._has_more_than(offset):
            piece = await self._spool.read(offset, LONGEST_PIECE)
            offset += len(piece)
            yield piece

    async def beginning(self, length: int) -> bytes:
        """Return the first `length` bytes as soon as they are here; fewer if the file is shorter."""
        while self.received < length and await self._has_more_than(self.received):
            pass
        return await self._spool.read(0, length)

    async def whole(self) -> BinaryIO:
        """Wait for the end of the download; return the file, seekable and at its beginning. Do not close it.

        Raises the error of the download. All callers get the same file object, so only one may read it at a time.
        """
        while await self._has_more_than(self.received):
            pass
        return await self._spool.whole()

    async def answered(self) -> None:
        """Wait until the host has answered with the file; raise the error that prevents this."""
        while not self._transfer.answered:
            await self._wait()

    async def fetch(self) -> None:
        """Download the file; its readers raise what goes wrong."""
        try:
            await self._transfer.run()
            self._ended = True
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # whatever it is, nothing else would wake the readers
            self._error = error
        self._transfer.changed.give()

    def close(self) -> None:
        """Make the tasks that still read fail, because the file may be incomplete."""
        self._ended = False
        self._error = anyio.ClosedResourceError()
        self._transfer.changed.give()

    async def _has_more_than(self, length: int) -> bool:
        """Wait until there are more than `length` bytes; return False if there will not be."""
        while self.received <= length:
            if self._ended:
                return False
            await self._wait()
        return True

    async def _wait(self) -> None:
        if self._error:
            raise self._error
        await self._transfer.changed.wait()


async def read_whole(connection: Connection, fresh_link: FreshLink, *, limit: int) -> bytes:
    """Download a file into memory, and return its bytes; raise `Unreadable` past `limit` bytes.

    A small file needs neither a temporary file nor a task of its own. The errors are those of `open_file`.
    """
    content = Memory(limit)
    try:
        await Transfer(connection, fresh_link, content).run()
    except TooLong:
        raise Unreadable(f"the file is longer than {limit} bytes") from None
    return content.whole()
