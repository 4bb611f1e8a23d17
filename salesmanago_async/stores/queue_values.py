"""What the queue of a buffer holds, and its changes, as values. Pure: no SQL, no I/O."""

from typing import TypeAlias

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


QueueChange: TypeAlias = Insert | Mark | Delete
