"""Where a download lies until it is read: a file without a name, so that memory does not grow with it.

Only its owner can read it, and it is gone when it is closed, or the process ends in whatever way. It lies where the
operating system keeps such files (TMPDIR says otherwise). What came last stays in memory until it is worth a write: a
small file never gets to the disk, and who reads right behind the download reads no disk. Reads and writes are done in
a thread, since a disk may be slow, in blocks large enough that the way there costs nothing.
"""

import tempfile
from io import BytesIO
from threading import Lock
from typing import IO, BinaryIO, cast

import anyio
import anyio.to_thread

BLOCK = 512 * 1024


class Spool:
    """A file that grows at its end while it is read. One task appends; `block` bytes are worth a write."""

    def __init__(self, *, block: int = BLOCK) -> None:
        self._block = block
        self._file: IO[bytes] | None = None
        self._lock = Lock()  # the file has one position, and a thread may outlive the task that waited for it
        self._written = 0
        self._tail = bytearray()

    @property
    def length(self) -> int:
        """How many bytes there are."""
        return self._written + len(self._tail)

    async def append(self, content: bytes) -> None:
        """Add bytes at the end; raise an `OSError` that names the place where the disk takes no more."""
        self._tail += content
        if len(self._tail) >= self._block:
            await self._write_tail()

    async def read(self, offset: int, most: int) -> bytes:
        """Return `most` bytes from `offset` on, fewer only where there are no more."""
        in_file = min(most, self._written - offset)
        if in_file <= 0:
            start = offset - self._written
            return bytes(self._tail[start : start + most])
        found = await anyio.to_thread.run_sync(self._read, offset, in_file)
        return found if in_file == most else found + await self.read(offset + in_file, most - in_file)

    async def whole(self) -> BinaryIO:
        """Return the file itself, at its beginning, once nothing will be appended. It is the spool's to close."""
        if not self._written:
            return BytesIO(self._tail)
        await self._write_tail()
        file = self._opened()
        file.seek(0)
        return cast("BinaryIO", file)

    async def aclose(self) -> None:
        """Let go of everything, also where the task is cancelled."""
        self._tail = bytearray()
        if self._file:
            try:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._close)  # to free gigabytes takes a while
            finally:
                self._close()  # asyncio's own cancellation knows no shield

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
                said = f"{error.strerror or error}, where the download is kept"
                raise OSError(error.errno, said, tempfile.gettempdir()) from error

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
