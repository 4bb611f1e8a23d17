"""Keeps a download in an unnamed temporary file until it is read, so that memory does not grow with it.

Only its owner can read the file. It disappears when it is closed, or when the process ends for any reason. It is in the
operating system's folder for temporary files (TMPDIR changes that). The last bytes stay in memory until there are
enough for a write: so a small file never reaches the disk, and a reader right behind the download does not read from
the disk. Reads and writes run in a thread, because a disk may be slow, in blocks so large that the thread costs little.
"""

import tempfile
from io import BytesIO
from threading import Lock
from typing import IO, BinaryIO, cast

import anyio
import anyio.to_thread

BLOCK = 512 * 1024


class TooLong(Exception):
    """A download is longer than what may be kept in memory."""


class Memory:
    """A download that is kept in memory only, up to `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._content = bytearray()

    @property
    def length(self) -> int:
        """How many bytes there are."""
        return len(self._content)

    async def append(self, content: bytes) -> None:
        """Add bytes at the end; raise `TooLong` past the limit."""
        self._content += content
        if len(self._content) > self._limit:
            raise TooLong

    async def read(self, offset: int, most: int) -> bytes:
        """Return `most` bytes from `offset` on; fewer only if there are no more."""
        return bytes(self._content[offset : offset + most])

    def whole(self) -> bytes:
        """Return all bytes."""
        return bytes(self._content)


class Spool:
    """A file that grows at its end while it is read. Only one task may append; a write has at least `block` bytes."""

    def __init__(self, *, block: int = BLOCK) -> None:
        self._block = block
        self._file: IO[bytes] | None = None
        self._lock = Lock()  # the file has one position, and a thread may go on after its task was cancelled
        self._written = 0
        self._tail = bytearray()

    @property
    def length(self) -> int:
        """How many bytes there are."""
        return self._written + len(self._tail)

    async def append(self, content: bytes) -> None:
        """Add bytes at the end; raise an `OSError` that names the folder if the disk cannot take more."""
        self._tail += content
        if len(self._tail) >= self._block:
            await self._write_tail()

    async def read(self, offset: int, most: int) -> bytes:
        """Return `most` bytes from `offset` on; fewer only if there are no more."""
        in_file = min(most, self._written - offset)
        if in_file <= 0:
            start = offset - self._written
            return bytes(self._tail[start : start + most])
        found = await anyio.to_thread.run_sync(self._read, offset, in_file)
        return found if in_file == most else found + await self.read(offset + in_file, most - in_file)

    async def whole(self) -> BinaryIO:
        """Return the file itself, at its beginning, when nothing more will be appended. The spool closes the file."""
        if not self._written:
            return BytesIO(self._tail)
        await self._write_tail()
        file = self._opened()
        file.seek(0)
        return cast("BinaryIO", file)

    async def aclose(self) -> None:
        """Release the memory and the file, even if the task is cancelled."""
        self._tail = bytearray()
        if self._file:
            try:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._close)  # freeing gigabytes takes a while
            finally:
                self._close()  # a native asyncio cancellation ignores the shield

    async def _write_tail(self) -> None:
        await anyio.to_thread.run_sync(self._write)
        self._written += len(self._tail)
        self._tail = bytearray()

    def _write(self) -> None:
        with self._lock:
            try:
                file = self._opened()
                file.seek(self._written)
                rest = memoryview(self._tail)
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError as error:
                message = f"{error.strerror or error}, where the download is kept"
                raise OSError(error.errno, message, tempfile.gettempdir()) from error

    def _read(self, offset: int, length: int) -> bytes:
        with self._lock:
            file = self._opened()
            file.seek(offset)
            return file.read(length)

    def _close(self) -> None:
        with self._lock:
            self._opened().close()

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115 - closed by aclose
        return self._file
