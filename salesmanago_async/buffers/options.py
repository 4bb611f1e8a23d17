"""The options of buffers, as callers give them by keyword."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, TypedDict

from ..imports.settings import InDoubt
from ..outcome import Outcome
from .buffer import Buffer
from .settings import WhenFull


class BufferOptions(TypedDict, total=False):
    """What every buffer takes.

    A request goes out when it has `batch_size` records (1000) or `max_bytes` (4 MiB), or its first record has waited
    `max_delay` seconds (1). `max_pending` (50,000, of some 2 KB each) is the most records that are in the buffer at
    once, from the moment they are taken until their outcome is known. When it is full, `add` waits, or raises
    `BufferFull`, as `when_full` says.

    `journal` is the path of a SQLite file, its owner's alone, that a record lies in before `add` returns, until it is
    accepted: the next buffer on that file sends what a killed process has left. Where another worker of the app has it
    open, this one takes "signups.2.db" beside "signups.db", and so on; what dead workers left is sent by the next one
    that starts. A record that the server rejects stays in the file, with the reason. A file with records that were
    taken for another account or server is refused; a simulated one is another.

    `on_outcome` is called with the `Outcome` of each record as it becomes known; its `position` is the number of the
    record in the buffer, from 1. `drain_within` (20 seconds) is how long closing may take to have the server get
    everything.

    `wait` (True) follows each server job to its end, so that an outcome is sure, a poll interval later at the soonest;
    with False it is "submitted", as soon as the server has taken the records.
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
    """As `BufferOptions`, and: every contact gets `tags`, too.

    `use_api_double_opt_in` (False), `lang` and `fire_events` are as in `ContactRunOptions`.
    """

    tags: Sequence[str]
    use_api_double_opt_in: bool | None
    lang: str | None
    fire_events: bool | None


class EventBufferOptions(BufferOptions, total=False):
    """As `BufferOptions`, and: events wait while `after`, a buffer of contacts, holds any record of their contact.

    A contact that is upserted again and again, more often than its jobs are over, holds up its events for as long.

    `path` and `in_doubt` are as in `RunOptions`.
    """

    after: Buffer[Any]
    path: str
    in_doubt: InDoubt
