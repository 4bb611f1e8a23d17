"""Writes a state file (see known.py) in one pass; it replaces the one of its name when it is complete."""

import struct
from array import array
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self
from zlib import crc32

from ..atomic_file import AtomicFile
from .columns import KnownColumns
from .header import SIZE, Header, StateOf
from .known import NO_PARTS, UNKNOWN, Known

_ENTRY = struct.Struct("=QQ")
_READ = 1 << 20
_AT_A_TIME = 1 << 16
"""How many rows are copied at a time."""


class KnownWriter:
    """Takes rows in the order of the source; a context that leaves nothing behind without a `commit`."""

    def __init__(self, path: Path, of: StateOf, columns: KnownColumns = None) -> None:
        self._of = of
        self._columns = columns
        self._rows = 0
        self._checksum = 0
        self._unwritten = bytearray()
        self._end = 0
        self._output = AtomicFile(path, private=True)
        with ExitStack() as stack:
            stack.callback(self._output.discard)
            self._parts = stack.enter_context(TemporaryFile(dir=path.parent))
            self._ends = stack.enter_context(TemporaryFile(dir=path.parent))
            self._names = stack.enter_context(TemporaryFile(dir=path.parent))
            self._output.file.write(b" " * SIZE)
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, key: int, content: int, name: bytes = b"", parts: bytes = NO_PARTS) -> None:
        """Write one row."""
        self._rows += 1
        self._write(_ENTRY.pack(key, content))
        self._add_parts(parts)
        self._add_names([len(name)], name)

    def copy(self, known: Known, start: int, stop: int, *, keeps_contents: bool) -> None:
        """Write rows of another state, with or without what is known of their contents."""
        for first in range(start, stop, _AT_A_TIME):
            last = min(stop, first + _AT_A_TIME)
            rows = known.rows(first, last)
            self._rows += last - first
            self._write(rows if keeps_contents else _without_contents(rows))
            self._add_parts(known.parts(first, last) if keeps_contents else NO_PARTS * (last - first))
            if self._of.has_names:
                self._add_names(known.name_lengths(first, last), known.names(first, last))

    def commit(self) -> None:
        """Write everything to the disk, and give the file its name."""
        for section in (self._parts, self._ends, self._names):
            section.seek(0)
            while content := section.read(_READ):
                self._write(content)
        self._flush()
        header = Header(of=self._of, rows=self._rows, checksum=self._checksum, columns=self._columns)
        self._output.file.seek(0)
        self._output.file.write(header.line())
        self._output.commit()

    def _write(self, content: bytes) -> None:
        self._unwritten += content  # a source in another order comes row by row
        if len(self._unwritten) > _READ:
            self._flush()

    def _flush(self) -> None:
        self._checksum = crc32(self._unwritten, self._checksum)
        self._output.file.write(self._unwritten)
        self._unwritten.clear()

    def _add_parts(self, parts: bytes) -> None:
        if self._of.has_parts:
            self._parts.write(parts)

    def _add_names(self, lengths: list[int], names: bytes) -> None:
        if not self._of.has_names:
            return
        ends = array("Q")
        for length in lengths:
            self._end += length
            ends.append(self._end)
        self._ends.write(ends.tobytes())
        self._names.write(names)


def _without_contents(rows: bytes) -> bytes:
    words = array("Q", rows)
    words[1::2] = array("Q", [UNKNOWN]) * (len(words) // 2)
    return words.tobytes()
