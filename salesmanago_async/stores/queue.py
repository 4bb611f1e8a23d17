"""The queue of a buffer, stored in a file or a database. It makes values (see queue_values.py); a store writes them.

A record has its row before it counts as taken, and loses the row when it is accepted. A rejected record keeps its row,
with the reason, until it is removed by a user.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import anyio.to_thread

from ..errors import Invalid
from ..extras import check_postgresql
from ..outcome import State
from .addresses import JournalPlace
from .group_commit import GroupCommit, Store
from .queue_rows import SqliteQueue
from .queue_values import Delete, Insert, Mark, QueueChange, QueuedLine
from .refusals import IN_USE, IN_USE_BY_APP, InUse


class StoredQueue:
    """An open queue; no other process can open it meanwhile."""

    def __init__(self, store: Store[QueueChange]) -> None:
        self._commits: GroupCommit[Store[QueueChange], QueueChange] = GroupCommit(store)

    @classmethod
    async def open(
        cls, place: JournalPlace, identity: Mapping[str, Any], *, waits: bool = False
    ) -> tuple[Self, list[QueuedLine]]:
        """Open a queue, or begin one, that belongs to `identity`; return it with all its records.

        `waits` gives a process that was just killed a moment to free the queue. Raises `Invalid` that names the place
        if it cannot be used, `InUse` if another process has it open.
        """
        store, lines = await anyio.to_thread.run_sync(_opened, place, identity, waits)
        return cls(store), lines

    @classmethod
    async def reopen(cls, place: JournalPlace) -> tuple[Self, list[QueuedLine]]:
        """Open an existing queue, whatever it belongs to; raise `Invalid` that names the place if it cannot be used."""
        if isinstance(place, Path) and not place.is_file():
            raise Invalid("there is no such file", field=str(place))
        store, lines = await anyio.to_thread.run_sync(_opened, place, None, True)
        return cls(store), lines

    async def confirm(self) -> None:
        """Raise `JournalFailed` if another process may have taken over the file."""
        await self._commits.confirm()

    async def insert(self, number: int, item: bytes) -> None:
        """Write a record."""
        await self._commits.write(Insert(number, item))

    async def mark(
        self,
        numbers: Sequence[int],
        state: State,
        chunk: int | None = None,
        request_id: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Write the state of records."""
        await self._commits.write(Mark(tuple(numbers), state, chunk, request_id, reason))

    async def delete(self, numbers: Sequence[int]) -> None:
        """Delete records."""
        await self._commits.write(Delete(tuple(numbers)))

    async def aclose(self) -> None:
        """Close the file."""
        await self._commits.aclose()


def _opened(
    place: JournalPlace, identity: Mapping[str, Any] | None, waits: bool
) -> tuple[Store[QueueChange], list[QueuedLine]]:
    try:
        if isinstance(place, Path):
            return SqliteQueue.open(place, identity)
        check_postgresql("journal")
        from .postgresql_queue import PostgresqlQueue  # here: few programs need it, and psycopg may be missing

        return PostgresqlQueue.open(place, identity, waits=waits)
    except InUse as error:  # a store knows runs, which end by themselves; an app does not
        raise InUse(error.rule.replace(IN_USE, IN_USE_BY_APP), field=error.field) from error


# One queue for each worker of an app


def of_worker(place: JournalPlace, number: int) -> JournalPlace:
    """Return the place of the queue of a worker: the first one has the name, the others signups.2.db or signups.2."""
    if number == 1:
        return place
    if isinstance(place, Path):
        return place.with_name(f"{place.stem}.{number}{place.suffix}")
    return place.of_run(f"{place.run}.{number}")


async def places_of_workers(place: JournalPlace) -> list[JournalPlace]:
    """Return the places of the queues that workers have begun."""
    if isinstance(place, Path):
        names = [path.name for path in place.absolute().parent.iterdir()]
        found = sorted(filter(_form(place.stem, place.suffix).fullmatch, names))
        return [place.absolute().with_name(name) for name in found]
    from .postgresql_queue import names_of_queues

    names = await anyio.to_thread.run_sync(names_of_queues, place)
    return [place.of_run(name) for name in sorted(filter(_form(place.run or "", "").fullmatch, names))]


async def places_beside(place: JournalPlace) -> list[JournalPlace]:
    """Return the places of the queues that other workers of the same app have begun, whichever this one is."""
    first = _first_worker(place)
    found = {*await places_of_workers(place), *(await places_of_workers(first) if first else ())}
    own = place.absolute() if isinstance(place, Path) else place
    return sorted(found - {own}, key=str)


def _first_worker(place: JournalPlace) -> JournalPlace | None:
    """Return the place of the first worker's queue, if this one may be that of another worker."""
    name = place.stem if isinstance(place, Path) else place.run or ""
    numbered = re.fullmatch(r"(.+)\.\d+", name)
    if not numbered:
        return None
    return place.with_name(f"{numbered[1]}{place.suffix}") if isinstance(place, Path) else place.of_run(numbered[1])


def _form(stem: str, suffix: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(stem)}(\.\d+)?{re.escape(suffix)}")
