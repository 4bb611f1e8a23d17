"""What a journal holds, and its changes, as values. Pure: no SQL, no I/O.

A journal makes these values, and a store writes them into its database.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Literal, Self, TypeAlias
from zlib import crc32

from attrs import field, frozen

from ..outcome import State, Verdicts

Span: TypeAlias = tuple[int, int]
"""The first and the last of a range of positions."""


KnownBy: TypeAlias = Literal["position", "content"]
"""How a run finds the records of earlier runs again: where they are in the source, or by their content alone."""

DIGEST_SIZE = 8
"""The bytes of the digest by which a record is known by its content."""

_SIZES: Mapping[KnownBy, int] = {"position": 4, "content": DIGEST_SIZE}


@frozen
class RowChecksums:
    """The records of a batch in a journal: their positions, and a checksum of each.

    A checksum has 4 bytes. Of records that are known by their content it is a digest of 8 bytes, and their positions
    mean nothing: `spans` is empty until the journal has numbered them.
    """

    spans: tuple[Span, ...]
    checksums: bytes = field(repr=False)
    known_by: KnownBy = "position"

    def __len__(self) -> int:
        return len(self.checksums) // _SIZES[self.known_by]

    @classmethod
    def of(cls, positions: Sequence[int], items: Iterable[bytes], known_by: KnownBy = "position") -> Self:
        """Return the checksums of these records, which are in the order of the source."""
        if known_by == "content":
            return cls((), b"".join(map(digest, items)), known_by)
        return cls(tuple(_spans(positions)), struct.pack(f">{len(positions)}I", *map(crc32, items)))

    def part(self, indices: Sequence[int], positions: Sequence[int]) -> "RowChecksums":
        """Return the checksums of the records at these indices, which have these positions."""
        size = _SIZES[self.known_by]
        each = (self.checksums[size * index : size * index + size] for index in indices)
        spans = tuple(_spans(positions)) if self.known_by == "position" else ()
        return RowChecksums(spans, b"".join(each), self.known_by)


def checksum(item: bytes) -> bytes:
    """Return the checksum that identifies an encoded record: its CRC-32, as 4 bytes."""
    return struct.pack(">I", crc32(item))


def digest(item: bytes) -> bytes:
    """Return the digest by which an encoded record is known by its content: 8 bytes of BLAKE2b."""
    return blake2b(item, digest_size=DIGEST_SIZE).digest()


@frozen
class Entry:
    """What the journal knows about a batch. `others` are the records, by position, that are not in `state`."""

    number: int
    spans: tuple[Span, ...]
    state: State
    request_id: int | None = None
    reason: str | None = None
    others: Mapping[int, tuple[State, str]] = field(factory=dict)

    @property
    def is_under_way(self) -> bool:
        """Whether the outcome of the batch is not known yet."""
        return self.state in {"in_doubt", "submitted"}

    @property
    def size(self) -> int:
        """How many records the batch has."""
        return sum(last - first + 1 for first, last in self.spans)

    def reasons(self) -> Counter[tuple[State, str | None]]:
        """Return the number of records with each state and reason."""
        return Verdicts(self.state, self.reason, self.others).reasons(self.size)


@frozen
class JournalLine:
    """A line of the journal of a run, with the checksums of its records, as a report reads it without the lock."""

    run: str
    entry: Entry
    checksums: bytes = field(repr=False)


@frozen
class Begin:
    """A batch may have been sent from now on: it is in doubt until its outcome is known."""

    number: int
    row_checksums: RowChecksums


@frozen
class Replace:
    """A batch was replaced by these parts, each in doubt. Without parts, the batch was not sent."""

    number: int
    parts: tuple[Begin, ...]


@frozen
class Submitted:
    """The server has taken a batch, and processes it as this job."""

    number: int
    request_id: int


@frozen
class Settle:
    """What became of a batch: `state` and `reason`, except for the `others`, by position."""

    number: int
    state: State
    reason: str | None = None
    others: Mapping[int, tuple[State, str]] = field(factory=dict)


@frozen
class Forget:
    """A batch was surely not processed: the journal forgets it."""

    number: int


JournalChange: TypeAlias = Begin | Replace | Submitted | Settle | Forget


def _spans(positions: Sequence[int]) -> Iterable[Span]:
    first = last = positions[0]
    if positions[-1] - first == len(positions) - 1:  # nearly always
        yield first, positions[-1]
        return
    for position in positions[1:]:
        if position != last + 1:
            yield first, last
            first = position
        last = position
    yield first, last
