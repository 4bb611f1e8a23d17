"""The options of buffers, as callers give them by keyword."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, TypedDict

from ..imports.settings import InDoubt
from ..outcome import Outcome
from .buffer import Buffer
from .settings import WhenFull


class BufferOptions(TypedDict, total=False):
    """The options of every buffer.

    A request is sent when it has `batch_size` records (1000) or `max_bytes` (4 MiB), or when its first record has
    waited for `max_delay` seconds (1). `max_pending` (50,000, of some 2 KB each) is the most records in the buffer,
    counted from the moment they are taken until their outcome is known. When it is full, `add` waits, or raises
    `BufferFull`, as `when_full` says ("wait" or "raise").

    `journal` is the path of a SQLite file, private to its owner. A record is in it before `add` returns, until it is
    accepted: the next buffer on that file sends what a killed process has left. If another worker of the app has the
    file open, this one uses "signups.2.db" beside "signups.db", and so on; the next worker that starts sends what dead
    workers left. A record that the server rejects stays in the file, with the reason. A file with records that were
    taken for another account or server is refused; a simulated server is a different one.

    `on_outcome` is called with the `Outcome` of each record as it becomes known; its `position` is the number of the
    record in the buffer, from 1. `drain_within` (20 seconds) is how long closing may take to send everything.

    `wait` (True) follows each server job to its end, so that an outcome is certain, at the earliest one poll interval
    later. With False, the outcome is "submitted" as soon as the server has taken the records.
    """

    max_delay: float
    max_pending: int
    when_full: WhenFull
    journal: str | PathLike[str] | None
    on_outcome: Callable[[Outcome], None]
    drain_within: float
    wait: bool
    batch_size: int
    max_bytes: int
    owner: str | None


class ContactBufferOptions(BufferOptions, total=False):
    """The options of a buffer of contacts: those of `BufferOptions`, and `tags` that every contact gets.

    `use_api_double_opt_in` (False), `lang` and `fire_events` are as in `ContactRunOptions`.
    """

    tags: Sequence[str]
    use_api_double_opt_in: bool | None
    lang: str | None
    fire_events: bool | None


class EventBufferOptions(BufferOptions, total=False):
    """The options of a buffer of events: those of `BufferOptions`, and `after`, a buffer of contacts.

    Events wait while `after` holds a record of their contact. If a contact is upserted again and again, more often than
    its jobs end, its events wait for as long. `path` and `in_doubt` are as in `RunOptions`.
    """

    after: Buffer[Any]
    path: str
    in_doubt: InDoubt
