"""A file on another host, read while it arrives: the download goes to a spool at full speed, readers follow behind it.

A slow reader never holds the link open, since links live for minutes; what waits for it waits on the disk.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import BinaryIO

import anyio

from ..connection.connection import Connection
from ..errors import Unreadable
from ..support.background import background
from ._spool import Spool
from ._transfer import FreshLink, Transfer

LONGEST_PIECE = 256 * 1024


@asynccontextmanager
async def open_file(connection: Connection, fresh_link: FreshLink) -> AsyncGenerator["Spooled"]:
    """Open the file; `fresh_link` gives a link, anew at every call.

    A link is asked for when it is going to be used, and used at once: no queue holds links, so that none has to be
    sorted by its expiry. The block begins when the host has answered with the file, and its end closes everything,
    whether all was read or not. Raises `LinkExpired` when three links in a row are dead, and the last fault when the
    host keeps failing, here or from the readers of what is incomplete. An `OSError` says that the disk is full.
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
    """A file that is here, or on its way here. Several may read it, each from its beginning."""

    def __init__(self, spool: Spool, transfer: Transfer) -> None:
        self._spool = spool
        self._transfer = transfer
        self._ended = False
        self._error: Exception | None = None

    @property
    def received(self) -> int:
        """How many of its bytes are here."""
        return self._spool.length

    @property
    def total(self) -> int | None:
        """How many bytes it has, as far as the host tells."""
        return self._transfer.total

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the file from its beginning, behind the download, at most 256 KB at a time.

        It ends when the file is whole; else what broke the download is raised, after all that came before.
        """
        offset = 0
        while await self._has_more_than(offset):
            piece = await self._spool.read(offset, LONGEST_PIECE)
            offset += len(piece)
            yield piece

    async def beginning(self, length: int) -> bytes:
        """Return the first bytes, as soon as they are here; fewer where the file is shorter."""
        while self.received < length and await self._has_more_than(self.received):
            pass
        return await self._spool.read(0, length)

    async def whole(self) -> BinaryIO:
        """Wait for the end of the download; return the file, seekable and at its beginning, to be read and not closed.

        What broke the download is raised. There is one such file, so one at a time may read it.
        """
        while await self._has_more_than(self.received):
            pass
        return await self._spool.whole()

    async def answered(self) -> None:
        """Wait until the host has answered with the file; raise what keeps it from that."""
        while not self._transfer.answered:
            await self._wait()

    async def fetch(self) -> None:
        """Download the file; what goes wrong is told to the readers."""
        try:
            await self._transfer.run()
            self._ended = True
        except Exception as error:
            self._error = error
        self._transfer.changed.give()

    def close(self) -> None:
        """Have those that still read fail: what is here may not be all."""
        self._ended = False
        self._error = anyio.ClosedResourceError()
        self._transfer.changed.give()

    async def _has_more_than(self, length: int) -> bool:
        """Wait until there are more bytes than that; False where there will not be."""
        while self.received <= length:
            if self._ended:
                return False
            await self._wait()
        return True

    async def _wait(self) -> None:
        if self._error:
            raise self._error
        await self._transfer.changed.wait()


async def read_whole(file: Spooled, *, limit: int) -> bytes:
    """Return the file's bytes; raise `Unreadable` past `limit` bytes."""
    content = bytearray()
    async with aclosing(file.pieces()) as pieces:
        async for piece in pieces:
            content += piece
            if len(content) > limit:
                raise Unreadable(f"the file is longer than {limit} bytes")
    return bytes(content)
