"""The digests of all records that earlier runs sent, as a multiset. Pure: no I/O.

It takes 13 bytes for each record: its digest, its number, and whether it was met. The records are in 256 groups, by a
part of their digests, so that one group after the other can be sorted while other tasks go on.
"""

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from ...stores.values import digest

_GROUPS = 256


class KnownDigests:
    """Lines of digests. Each digest of a line can be met once; of equal digests it does not matter which."""

    def __init__(self) -> None:
        self._groups = [_Group() for _ in range(_GROUPS)]
        self._firsts = array("Q")
        """The number of the first record of each line."""
        self.count = 0
        self.remaining = 0
        """How many were not met yet."""

    def add_line(self, digests: bytes) -> None:
        """Add the records of a line, 8 bytes for each; only before `sort`."""
        self._firsts.append(self.count)
        for value in array("Q", digests):
            self._groups[value % _GROUPS].add(value, self.count)
            self.count += 1
        self.remaining = self.count

    def sort(self) -> Iterator[None]:
        """Prepare for `meet`, in small steps."""
        for group in self._groups:
            group.sort()
            yield

    def meet(self, item: bytes) -> tuple[int, int] | None:
        """Meet an encoded record; return the index of its line and its index in the line, None if it is unknown."""
        value = int.from_bytes(digest(item), sys.byteorder)
        number = self._groups[value % _GROUPS].meet(value)
        if number is None:
            return None
        self.remaining -= 1
        line = bisect_right(self._firsts, number) - 1
        return line, number - self._firsts[line]


class _Group:
    def __init__(self) -> None:
        self._digests = array("Q")
        self._numbers = array("I")
        self._is_met = bytearray()
        self._next_alike: dict[int, int] = {}
        """Of digests that were met more than once: where the next one may be."""

    def add(self, value: int, number: int) -> None:
        self._digests.append(value)
        self._numbers.append(number)

    def sort(self) -> None:
        order = sorted(range(len(self._digests)), key=self._digests.__getitem__)
        self._digests = array("Q", map(self._digests.__getitem__, order))
        self._numbers = array("I", map(self._numbers.__getitem__, order))
        self._is_met = bytearray(len(order))

    def meet(self, value: int) -> int | None:
        index = bisect_left(self._digests, value)
        is_repeated = self._has(value, index) and self._is_met[index]
        if is_repeated:
            index = self._next_alike.get(value, index + 1)
        if not self._has(value, index):
            return None
        if is_repeated:
            self._next_alike[value] = index + 1
        self._is_met[index] = 1
        return self._numbers[index]

    def _has(self, value: int, index: int) -> bool:
        return index < len(self._digests) and self._digests[index] == value
