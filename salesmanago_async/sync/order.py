"""The order of a source, for the next state: which rows of the state follow each other, and between which sent rows.

    rows of the source       E0 E1 E2  new  E3 E4  changed  E6
    stretches of the state   [0, 3)         [3, 5)          [6, 7)
    sent rows before them     0              1               2

It is in a temporary file, 24 bytes a stretch. A sync that is cut off loses it, and nothing else: the next state has the
old order then.
"""

import struct
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import NamedTuple

from .sent import SentRows

_STRETCH = struct.Struct("=QQQ")
_READ = 1024 * _STRETCH.size


class Stretch(NamedTuple):
    """The rows of the state from `start` up to `stop`, which came after so many sent rows."""

    sent_before: int
    start: int
    stop: int


class Order:
    """The stretches of the source that was read so far."""

    def __init__(self, sent: SentRows) -> None:
        self._sent = sent
        self._file = TemporaryFile()  # noqa: SIM115 - closed by `close`

    def add(self, start: int, stop: int) -> None:
        """Add rows that were not sent."""
        self._file.write(_STRETCH.pack(self._sent.count, start, stop))

    def __iter__(self) -> Iterator[Stretch]:
        self._file.seek(0)
        while block := self._file.read(_READ):
            yield from map(Stretch._make, _STRETCH.iter_unpack(block))

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
