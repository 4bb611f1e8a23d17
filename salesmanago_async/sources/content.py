"""The bytes of a source, wherever they are: in a file, a gzip file, a pipe, a device, or standard input.

    path   ───────────────────────────────┐
    pipe, device, "-" ─► Spooled (a copy) ─┴─► gzip? ─► Unpacking ─► bytes, read any number of times

A source is read at least twice: its beginning when it is opened, and the whole of it during the run. So a pipe is
copied to a temporary file first, to its end, before anything is sent.
"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

from ..errors import Invalid
from .compression import GZIP_MAGIC, DamagedGzip, Unpacking
from .spooled import Spooled

STDIN = Path("-")
"""The path that stands for standard input."""


class Content:
    """The unpacked bytes of a source. `total_bytes` is its size before unpacking.

    `spooled` are the bytes if they are not those at the path. Raises `Invalid` for a folder, and an `OSError` if the
    source cannot be opened.
    """

    def __init__(self, path: Path, spooled: Spooled | None = None) -> None:
        if path != STDIN and path.is_dir():
            raise Invalid("is a folder; give its files one by one")
        self.path = path
        self._spooled = spooled or (_spooled(path) if can_be_read_once_only(path) else None)
        self._unpacked: Spooled | None = None
        self.total_bytes = self._spooled.length if self._spooled else path.stat().st_size
        with self._packed() as packed:
            self.is_packed = packed.read(len(GZIP_MAGIC)) == GZIP_MAGIC

    def open(self) -> tuple[BufferedReader, IO[bytes]]:
        """Return a reader of the unpacked bytes, and the file below it, whose position is in packed bytes.

        Closing the reader closes both.
        """
        packed = self._packed()
        return BufferedReader(cast("Any", Unpacking(packed) if self.is_packed else packed)), packed

    @contextmanager
    def unpacked(self) -> Iterator[Path | IO[bytes]]:
        """Return the path of the unpacked bytes, or a file of them that can be read in any order.

        A gzip file is copied to a temporary file, unpacked. Raises `Invalid` if the gzip file is damaged.
        """
        if not (self.is_packed or self._spooled):
            yield self.path
            return
        if self.is_packed and not self._unpacked:
            reader, _ = self.open()
            with reader:
                self._unpacked = Spooled.copy_of(reader)
        spooled = self._unpacked or self._spooled
        assert spooled
        with BufferedReader(spooled.open()) as file:
            yield file

    def beginning(self, most: int) -> bytes:
        """Return the first bytes, as far as they can be unpacked."""
        found = bytearray()
        reader, _ = self.open()
        with reader:
            try:
                while len(found) < most and (piece := reader.read1(most - len(found))):
                    found += piece
            except DamagedGzip:  # reported with its line when it is reached
                pass
        return bytes(found)

    def _packed(self) -> IO[bytes]:
        return cast("IO[bytes]", self._spooled.open() if self._spooled else self.path.open("rb", buffering=0))


def content_of(given: Path | Content) -> Content:
    """Return the content of a path; a content is returned as it is."""
    return given if isinstance(given, Content) else Content(given)


def can_be_read_once_only(path: Path) -> bool:
    """Return whether a path is standard input, a pipe or a device."""
    return path == STDIN or (path.exists() and not path.is_file() and not path.is_dir())


def _spooled(path: Path) -> Spooled:
    if path == STDIN or _is_standard_input(path):
        return _standard_input()
    with path.open("rb", buffering=0) as stream:
        return Spooled.copy_of(stream)


@cache
def _standard_input() -> Spooled:
    """Return the copy of standard input: the process has one, so opening the input again returns the same bytes."""
    if sys.stdin is None:
        raise Invalid("there is no standard input")
    return Spooled.copy_of(sys.stdin.buffer)


def _is_standard_input(path: Path) -> bool:
    try:
        found, given = os.fstat(0), path.stat()
    except OSError:
        return False
    return stat.S_ISFIFO(given.st_mode) and os.path.samestat(found, given)
