"""The options of buffers, as callers give them by keyword."""

from collections.abc import Callable, Sequence
from typing import TypedDict

from ..imports.settings import InDoubt
from ..outcome import Outcome
from ..stores.addresses import GivenPlace
from .settings import After, WhenFull


class CommonBufferOptions(TypedDict, total=False):
    """The options of every buffer.

    A request is sent when it has `batch_size` records (1000, or 100 products) or `max_bytes` (4 MiB), or when its first
    record has waited for `max_delay` seconds (1). `max_pending` (50,000, of some 2 KB each) is the most records in the
    buffer, counted from the moment they are taken until their outcome is known. When it is full, `add` waits, or raises
    `BufferFull`, as `when_full` says ("wait" or "raise"). Texts of mappings are trimmed, and blank ones leave a field
    as it is; a `Contact` or an `ExternalEvent` is sent as it is.

    `journal` is the path of a SQLite file, private to its owner. A record is in it before `add` returns, until it is
    accepted: the next buffer on that file sends what a killed process has left. If another worker of the app has the
    file open, this one uses "signups.2.db" beside "signups.db", and so on; the next worker that starts sends what dead
    workers left. A record that the server rejects stays in the file, with the reason. A file with records that were
    taken for another account or server is refused; a simulated server is a different one. With
    "postgresql://host/database?run=signups" (extra `postgres`) the records are in that database: its workers may be on
    several machines, and the next one that starts, on any of them, sends what dead ones left. A buffer that has lost
    its database takes no more records (`JournalFailed`); nothing is lost, but the app has to be started again.

    `on_outcome` is called with the `Outcome` of each record as it becomes known; its `position` is the number of the
    record in the buffer, from 1. `drain_within` (20 seconds) is how long closing may take to send everything.
    """

    max_delay: float
    max_pending: int
    when_full: WhenFull
    journal: GivenPlace | None
    on_outcome: Callable[[Outcome], None]
    drain_within: float
    batch_size: int
    max_bytes: int


class BufferOptions(CommonBufferOptions, total=False):
    """The options of a buffer of contacts or events: those of `CommonBufferOptions`, and `owner`.

    `wait` (True) follows each server job to its end, so that an outcome is certain, at the earliest one poll interval
    later. With False, the outcome is "submitted" as soon as the server has taken the records.
    """

    wait: bool
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
    its jobs end, its events wait for as long. `path`, `any_location` and `in_doubt` are as in
    `EventRunOptions`.
    """

    after: After
    path: str
    any_location: bool
    in_doubt: InDoubt


class ProductBufferOptions(CommonBufferOptions, total=False):
    """The options of a buffer of products, quantities or prices: those of `CommonBufferOptions`.

    There are no server jobs: an outcome is certain as soon as the server has answered. What got no answer is sent again
    until there is one, which does no harm. After a try without an answer, later records of its products wait for five
    times the `poll_interval` of the client, so that the last version wins.
    """
