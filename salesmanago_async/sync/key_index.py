"""An index of the keys of a state: says where a key is, whatever the order of the rows.

It has one number of 8 bytes for each row, in ascending order, in a temporary file that is mapped into memory:

    the first bits of the key | the place of the row, in as many bits as the number of rows needs

Keys with the same first bits are compared in the state itself.
"""

import mmap
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from tempfile import TemporaryFile
from typing import IO

from .known import WORD, Known

_AT_ONCE = 250_000
"""About how many numbers are sorted in memory."""
_IN_A_RANGE = 8
"""About how many keys begin with the same bits: where these begin in the index is held in memory."""


class KeyIndex:
    """Finds rows by their keys. It must be closed before the state is."""

    def __init__(self, known: Known) -> None:
        self._entries = known.entries
        self._places = (1 << len(known).bit_length()) - 1
        with TemporaryFile() as parts, TemporaryFile() as file:
            self._write_parts(parts, len(known))
            with _mapped(parts) as numbers:
                _merge(numbers, file)
            self._file = _map(file)
        self._numbers = memoryview(self._file).cast("Q")
        bits = (len(known) // _IN_A_RANGE).bit_length()
        self._shift = 8 * WORD - bits
        starts = (bisect_left(self._numbers, part << self._shift) for part in range(1 << bits))
        self._starts = array("Q", chain(starts, [len(known)]))

    def place(self, key: int) -> int | None:
        """Return the place of the row with this key; None if there is none."""
        numbers, beginning = self._numbers, key & ~self._places
        part = key >> self._shift
        at = bisect_left(numbers, beginning, self._starts[part], self._starts[part + 1])
        while at < len(numbers) and numbers[at] & ~self._places == beginning:
            place = numbers[at] & self._places
            if self._entries[2 * place] == key:
                return place
            at += 1
        return None

    def close(self) -> None:
        """Remove the temporary file."""
        self._numbers.release()
        if isinstance(self._file, mmap.mmap):
            self._file.close()

    def _write_parts(self, file: IO[bytes], rows: int) -> None:
        """Write the numbers of so many rows at a time, sorted."""
        others = ~self._places
        for first in range(0, rows, _AT_ONCE):
            keys = self._entries[2 * first : 2 * (first + _AT_ONCE)].tolist()[::2]
            file.write(array("Q", sorted([key & others | place for place, key in enumerate(keys, first)])).tobytes())


def _merge(numbers: memoryview, file: IO[bytes]) -> None:
    """Write sorted parts as one: a range of numbers at a time, which the parts have about as many of each."""
    parts = [numbers[first : first + _AT_ONCE] for first in range(0, len(numbers), _AT_ONCE)]
    starts = [0] * len(parts)
    for number in range(1, len(parts) + 1):
        end = (number << 8 * WORD) // len(parts)
        ends = [bisect_left(part, end) for part in parts]
        found = [part[start:stop].tolist() for part, start, stop in zip(parts, starts, ends, strict=True)]
        file.write(array("Q", sorted(chain.from_iterable(found))).tobytes())
        starts = ends
    for part in parts:
        part.release()


def _map(file: IO[bytes]) -> mmap.mmap | bytes:
    file.flush()
    is_empty = not file.seek(0, 2)  # an empty file cannot be mapped
    return b"" if is_empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


@contextmanager
def _mapped(file: IO[bytes]) -> Iterator[memoryview]:
    mapped = _map(file)
    with memoryview(mapped) as view, view.cast("Q") as numbers:
        yield numbers
    if isinstance(mapped, mmap.mmap):
        mapped.close()
