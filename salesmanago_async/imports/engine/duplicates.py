"""Counts duplicates by their hashes, with 8 bytes for each record. Pure: no I/O, no time.

The hashes are spread over buckets by some of their bits. Equal hashes are in the same bucket, so the buckets can be
counted one by one. One set of all hashes would take several times the memory.
"""

from array import array
from collections.abc import Hashable, Iterable, Iterator

import orjson

from .chunks import Chunk

BUCKETS = 256


class DuplicateCounter:
    """Counts values that came before.

    Two different values with the same 64-bit hash count as equal, which is negligible.
    """

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(BUCKETS)]

    def add(self, things: Iterable[Hashable]) -> None:
        """Add values."""
        for number in map(hash, things):
            self._buckets[number % BUCKETS].append(number)

    def counts(self) -> Iterator[int]:
        """Yield the number of duplicates in each bucket; the sum is the total."""
        for bucket in self._buckets:
            yield len(bucket) - len(set(bucket))


def contacts_of(chunk: Chunk) -> Iterable[str]:
    """Return what identifies the contact, or the product, of each record: the first of its names."""
    return chunk.keys


def events_of(chunk: Chunk) -> Iterator[bytes]:
    """Yield what identifies each event: all of its fields, whatever their order."""
    for item in chunk.items:
        yield orjson.dumps(orjson.loads(item), option=orjson.OPT_SORT_KEYS)
