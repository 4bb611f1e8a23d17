"""Where queues are stored: one for each worker of an app, and those that dead workers have left.

    signups.db  signups.2.db  signups.3.db …         or, in a database, the runs signups  signups.2  signups.3 …

A worker opens the first queue that no other worker has open. When it starts, it also sends the records in the queues
that no worker has open.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, TypeAlias

from ..errors import Invalid
from ..stores.addresses import JournalPlace
from ..stores.queue import StoredQueue, of_worker, places_of_workers
from ..stores.queue_values import QueuedLine
from ..stores.refusals import InUse
from ..telemetry import tell
from ..telemetry.buffer_events import LeftoversUnusable

MAX_WORKERS = 256
"""The most queues that are tried: on a file system that cannot lock, every file would be refused."""

Opened: TypeAlias = tuple[StoredQueue, list[QueuedLine]]


async def claim(place: JournalPlace, identity: Mapping[str, Any]) -> Opened:
    """Open the first queue that no other worker has open, or begin a new one; raise `Invalid` if it cannot be used."""
    for number in range(1, MAX_WORKERS):
        try:
            return await StoredQueue.open(of_worker(place, number), identity, waits=number == 1)
        except InUse:
            continue
    return await StoredQueue.open(of_worker(place, MAX_WORKERS), identity)


async def orphaned_queues(place: JournalPlace, identity: Mapping[str, Any]) -> AsyncGenerator[Opened]:
    """Open the other queues that no worker has open and that hold records to be sent; log those that cannot be used."""
    for left in await places_of_workers(place):
        try:
            queue, lines = await StoredQueue.open(left, identity)
        except InUse:
            continue
        except Invalid as error:
            tell(LeftoversUnusable(failure=str(error)))
            continue
        if any(line.state != "rejected" for line in lines):
            yield queue, lines
        else:
            await queue.aclose()
