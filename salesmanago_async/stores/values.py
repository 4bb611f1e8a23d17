"""What a journal holds, and its changes, as values. Pure: no SQL, no I/O.

A journal makes these values, and a store writes them into its database.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Self, TypeAlias
from zlib import crc32

from attrs import field, frozen

from ..outcome import State

Span: TypeAlias = tuple[int, int]
"""The first and the last of a range of positions."""


@frozen
class RowChecksums:
    """The records of a batch in a journal: their positions, and a checksum (4 bytes) of each."""

    spans: tuple[Span, ...]
    checksums: bytes = field(repr=False)

    @classmethod
    def of(cls, positions: Sequence[int], items: Iterable[bytes]) -> Self:
        """Return the checksums of these records, which are in the order of the source."""
        return cls(tuple(_spans(positions)), struct.pack(f">{len(positions)}I", *map(crc32, items)))

    def part(self, indices: Sequence[int], positions: Sequence[int]) -> "RowChecksums":
        """Return the checksums of the records at these indices, which have these positions."""
        each = (self.checksums[4 * index : 4 * index + 4] for index in indices)
        return RowChecksums(tuple(_spans(positions)), b"".join(each))


def checksum(item: bytes) -> bytes:
    """Return the checksum that identifies an encoded record: its CRC-32, as 4 bytes."""
    return struct.pack(">I", crc32(item))


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
