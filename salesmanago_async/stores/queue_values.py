"""What the queue of a buffer holds, and its changes, as values. Pure: no SQL, no I/O."""

from collections import Counter
from collections.abc import Iterable
from typing import Self, TypeAlias

from attrs import field, frozen

from ..outcome import State


@frozen
class QueuedLine:
    """What the file knows about a record. `item` is its JSON object, as in a request."""

    number: int
    item: bytes = field(repr=False)
    state: State
    chunk: int | None = None
    request_id: int | None = None
    reason: str | None = None


@frozen
class Insert:
    """A record was taken."""

    number: int
    item: bytes = field(repr=False)


@frozen
class Mark:
    """The state of records has changed."""

    numbers: tuple[int, ...]
    state: State
    chunk: int | None = None
    request_id: int | None = None
    reason: str | None = None


@frozen
class Delete:
    """These records are done."""

    numbers: tuple[int, ...]


@frozen
class Left:
    """How many records of a queue have no outcome yet.

    The next start sends those that are `unsent`, as their requests were never made or got no answer (events are looked
    for first). Those that are `unconfirmed` were taken by the server, and the next start polls their jobs.
    """

    unsent: int
    unconfirmed: int

    @classmethod
    def of(cls, states: Iterable[State]) -> Self:
        """Count records by their states."""
        found = Counter(states)
        return cls(unsent=found["not_sent"] + found["in_doubt"], unconfirmed=found["submitted"])


QueueChange: TypeAlias = Insert | Mark | Delete
