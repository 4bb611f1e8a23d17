"""Unpacks gzip files while they are read, in constant memory."""

import gzip
import zlib
from io import RawIOBase
from typing import IO, Any

from ..errors import Invalid

GZIP_MAGIC = b"\x1f\x8b"
"""The first bytes of every gzip file."""


class DamagedGzip(Invalid):
    """A gzip file is damaged, or its end is missing."""


class Unpacking(RawIOBase):
    """The unpacked bytes of a gzip file; concatenated gzip files are read one after another.

    Everything before the damage is returned before `DamagedGzip` is raised.
    """

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._unpacked = gzip.GzipFile(fileobj=packed, mode="rb")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into the buffer; return the number of bytes, 0 at the end."""
        try:
            piece = self._unpacked.read1(len(buffer))  # read() would lose what it has read before an error
        except EOFError:
            raise DamagedGzip("the gzip file is incomplete: its end is missing") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DamagedGzip(f"the gzip file is damaged: {error}") from None
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Close the gzip file."""
        self._packed.close()
        super().close()
