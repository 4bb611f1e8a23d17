"""How much of an input comes again: counted by hashes, in 8 bytes a record. Pure: no I/O, no time.

The hashes are spread over buckets by some of their bits, so that equal ones meet in one bucket, and the buckets can be
counted one by one: a set of all of them would take several times the memory.
"""

from array import array
from collections.abc import Hashable, Iterable, Iterator

import orjson

from .chunks import Chunk

BUCKETS = 256


class DuplicateCounter:
    """Counts what was there before. Two things that share a 64-bit hash count as one, which is not worth a thought."""

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(BUCKETS)]

    def add(self, things: Iterable[Hashable]) -> None:
        """Take note of some more."""
        for number in map(hash, things):
            self._buckets[number % BUCKETS].append(number)

    def counts(self) -> Iterator[int]:
        """Yield, bucket by bucket, how many were there before; their sum is the number of all that were."""
        for bucket in self._buckets:
            yield len(bucket) - len(set(bucket))


def contacts_of(chunk: Chunk) -> Iterable[str]:
    """Return what tells the contacts of a chunk's records: the first of their names."""
    return chunk.keys


def events_of(chunk: Chunk) -> Iterator[bytes]:
    """Yield what tells a chunk's events: all of their fields, in whatever order these were given."""
    for item in chunk.items:
        yield orjson.dumps(orjson.loads(item), option=orjson.OPT_SORT_KEYS)
