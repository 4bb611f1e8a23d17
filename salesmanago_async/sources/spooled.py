"""Keeps bytes that can be read only once, such as those of a pipe, in an unnamed temporary file.

Only its owner can read the file. It is in the operating system's folder for temporary files (TMPDIR changes that), and
disappears when the last reader is gone, or when the process ends for any reason.
"""

import tempfile
import weakref
from collections.abc import Callable
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from shutil import copyfileobj
from threading import Lock
from typing import IO, Any, Self

BLOCK = 256 * 1024


class Spooled:
    """The bytes that `write` puts into an unnamed temporary file; they can be read any number of times.

    Raises an `OSError` that names the folder if the disk cannot take them.
    """

    def __init__(self, write: Callable[[IO[bytes]], object]) -> None:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
        weakref.finalize(self, file.close)
        try:
            write(file)
            file.flush()
        except OSError as error:
            message = f"{error.strerror or error}, while the input was copied to a temporary file"
            file.close()
            raise OSError(error.errno, message, tempfile.gettempdir()) from error
        except BaseException:
            file.close()
            raise
        self._file = file
        self._lock = Lock()  # the file has only one position
        self.length = file.tell()

    @classmethod
    def copy_of(cls, stream: IO[bytes]) -> Self:
        """Return the bytes of a stream, from its current position to its end."""
        return cls(lambda file: copyfileobj(stream, file, BLOCK))

    def open(self) -> "SpoolReader":
        """Return a reader at the beginning."""
        return SpoolReader(self)

    def read_at(self, position: int, buffer: Any) -> int:
        """Read into the buffer from a position on; return the number of bytes."""
        with self._lock:
            self._file.seek(position)
            return self._file.readinto(buffer)


class SpoolReader(RawIOBase):
    """Reads spooled bytes, independently of other readers."""

    def __init__(self, spooled: Spooled) -> None:
        self._spooled = spooled
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Change the position; return the new one."""
        start = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self._spooled.length}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read into the buffer; return the number of bytes, 0 at the end."""
        count = self._spooled.read_at(self._position, buffer)
        self._position += count
        return count
