"""Unpacks a compressed body in small steps and within limits. Pure: pieces in, pieces out.

httpx unpacks everything that one read returned in one step: 64 KB of gzip can become 64 MB, while no other task can
run.
"""

import zlib
from collections.abc import Iterator

from ..errors import Unreadable

ACCEPT_ENCODING = "gzip"
"""The only encoding that requests accept, so that no other decoder is needed."""

STEP = 1024 * 1024
"""The most bytes that are unpacked in one step: about 1 ms of work."""

FREE_BYTES = 64 * 1024 * 1024
"""Bytes that may be unpacked whatever the compression ratio."""

MOST_TIMES = 200
"""The highest compression ratio after `FREE_BYTES`. JSON seldom reaches 50, a decompression bomb 1000."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_GZIP_MARK = b"\x1f\x8b"


class Unpacker:
    """Unpacks the body of one answer of `host`; at most `limit` bytes, None for no limit."""

    def __init__(self, host: str, encoding: str | None, *, limit: int | None = None) -> None:
        name = (encoding or "").strip().lower()
        self._host = host
        self._limit = limit
        self._unknown = "" if name in {"", "identity", "gzip", "x-gzip", "deflate"} else name[:40]
        self._inflater = None if name in {"", "identity"} else zlib.decompressobj(_GZIP_OR_ZLIB)
        self._received = 0
        self._unpacked = 0

    def pieces(self, raw: bytes) -> Iterator[bytes]:
        """Yield the unpacked bytes of a piece of the body, at most `STEP` bytes at a time.

        Raises `Unreadable` if the data is damaged, exceeds a limit, or has an unknown encoding.
        """
        if self._unknown:
            raise Unreadable(f"{self._host} sent an answer packed as {self._unknown!r}, which was not asked for")
        self._received += len(raw)
        for piece in self._inflated(raw) if self._inflater else (raw,):
            self._unpacked += len(piece)
            self._check_limits()
            yield piece

    def end(self) -> None:
        """Raise `Unreadable` if the body was cut off."""
        if self._inflater and self._received and not self._inflater.eof:
            raise Unreadable(f"{self._host} sent an answer that cannot be unpacked: it was cut off")

    def _inflated(self, raw: bytes) -> Iterator[bytes]:
        waiting = raw
        is_full = False  # if True, the inflater may still hold output of the input it has consumed
        while self._inflater and (waiting or is_full):
            if self._inflater.eof:
                if not waiting.startswith(_GZIP_MARK):
                    return  # other bytes after the end are ignored, as gzip itself does
                self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                piece = self._inflater.decompress(waiting, STEP)
            except zlib.error as error:
                raise Unreadable(f"{self._host} sent an answer that cannot be unpacked: {error}") from None
            waiting = self._inflater.unconsumed_tail or self._inflater.unused_data
            is_full = len(piece) == STEP
            if piece:
                yield piece

    def _check_limits(self) -> None:
        if self._limit is not None and self._unpacked > self._limit:
            raise Unreadable(f"{self._host} sent an answer of more than {self._limit:,} bytes, which is not read")
        if self._unpacked > max(FREE_BYTES, MOST_TIMES * self._received):
            raise Unreadable(
                f"{self._host} sent {self._received:,} bytes that unpack to more than {self._unpacked:,}: "
                "no real answer or export does"
            )
