"""The journal of a run, with which another process can resume it. It makes values (see values.py); a store writes them.

    run      what the run is, and how it was called
    chunks   one line for each batch: the positions of its records, a CRC-32 of each record, and what is known of them

Nothing is sent before its line is durable, and nothing is reported as accepted before that is. A line begins as
*in_doubt*, so it is true after a kill at any moment. The journal holds no rows and no secrets; reasons are written
without the data of the records that they are about (see imports/engine/redaction.py).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import anyio.to_thread

from ..extras import check_postgresql
from ..outcome import Verdicts
from . import journal_rows
from .addresses import JournalPlace
from .group_commit import GroupCommit, Store
from .journal_rows import SqliteJournal
from .values import Begin, Entry, Forget, JournalChange, Replace, RowChecksums, Settle, Submitted
from .waiting import LOCK_TIMEOUT, when_free

WhenBusy: TypeAlias = Literal["refuse", "wait"]
"""What to do while another process has the journal open."""


class RunJournal(Protocol):
    """What a run writes into: a `Journal`, or the queue of a buffer. Each method may raise `JournalFailed`."""

    async def begin(self, row_checksums: RowChecksums) -> int:
        """Write down, before a batch is sent, that it may have been sent; return its number."""
        ...

    async def confirm(self) -> None:
        """Raise `JournalFailed` if another process may have taken over the journal; asked before each request."""
        ...

    async def checksums(self, number: int) -> bytes:
        """Return the checksums of a batch's records, one after another, in the order of their positions."""
        ...

    async def split(self, number: int, parts: Sequence[RowChecksums]) -> list[int]:
        """Replace a batch by its parts, each in doubt; there may be none. Return their numbers."""
        ...

    async def submitted(self, number: int, request_id: int) -> None:
        """Write down that the server has taken a batch, and the number of its job."""
        ...

    async def settle(self, number: int, verdicts: Verdicts, positions: Sequence[int]) -> None:
        """Write down what became of the records of a batch."""
        ...

    async def forget(self, number: int) -> None:
        """Write down that a batch was surely not processed."""
        ...

    async def aclose(self) -> None:
        """Close the journal: the run has ended."""
        ...


class JournalStore(Store[JournalChange], Protocol):
    """The database of a journal: opened with the entries of earlier runs, then written until it is closed."""

    def checksums(self, number: int) -> bytes:
        """Return the checksums of a batch's records, one after another, in the order of their positions."""
        ...


class Journal:
    """An open journal; no other process can open it meanwhile."""

    def __init__(self, store: JournalStore, last: int) -> None:
        self._commits: GroupCommit[JournalStore, JournalChange] = GroupCommit(store)
        self._last = last

    async def confirm(self) -> None:
        """Raise `JournalFailed` if another process may have taken over the journal."""
        await self._commits.confirm()

    async def checksums(self, number: int) -> bytes:
        """Return the checksums of a batch's records, one after another, in the order of their positions."""
        return await self._commits.read(lambda store: store.checksums(number))

    async def begin(self, row_checksums: RowChecksums) -> int:
        """Write down, before a batch is sent, that it may have been sent; return its number."""
        change = self._begin(row_checksums)
        await self._commits.write(change)
        return change.number

    async def split(self, number: int, parts: Sequence[RowChecksums]) -> list[int]:
        """Replace a batch by its parts, each in doubt; there may be none. Return their numbers."""
        changes = tuple(self._begin(part) for part in parts)
        await self._commits.write(Replace(number, changes))
        return [change.number for change in changes]

    async def submitted(self, number: int, request_id: int) -> None:
        """Write down that the server has taken a batch, and the number of its job."""
        await self._commits.write(Submitted(number, request_id))

    async def settle(self, number: int, verdicts: Verdicts, positions: Sequence[int]) -> None:
        """Write down what became of the records of a batch."""
        others = {positions[index]: verdict for index, verdict in verdicts.others.items()}
        await self._commits.write(Settle(number, verdicts.state, verdicts.reason, others))

    async def forget(self, number: int) -> None:
        """Write down that a batch was surely not processed: the journal forgets it."""
        await self._commits.write(Forget(number))

    async def aclose(self) -> None:
        """Close the journal; what was written is kept in any case."""
        await self._commits.aclose()

    def _begin(self, row_checksums: RowChecksums) -> Begin:
        self._last += 1
        return Begin(self._last, row_checksums)


async def open_journal(
    place: JournalPlace,
    identity: Mapping[str, Any],
    note: Mapping[str, Any] | None,
    *,
    when_busy: WhenBusy = "refuse",
    lock_timeout: float = LOCK_TIMEOUT,
) -> tuple[Journal, list[Entry]]:
    """Open the journal of a run, or begin one; return it with what it knows about every batch.

    `identity` (what the run is) must equal that of the run that began the journal; the `note` of that run stays. While
    another process has it open, "wait" waits for the end of that, at most `lock_timeout` seconds. Raises `Invalid` that
    names the place if it cannot be used, `InUse` if another process (still) has it open.
    """

    async def opened() -> tuple[JournalStore, list[Entry]]:
        return await anyio.to_thread.run_sync(_opened, place, identity, note)

    store, entries = await (opened() if when_busy == "refuse" else when_free(opened, lock_timeout))
    return Journal(store, max((entry.number for entry in entries), default=0)), entries


def _opened(
    place: JournalPlace, identity: Mapping[str, Any], note: Mapping[str, Any] | None
) -> tuple[JournalStore, list[Entry]]:
    if isinstance(place, Path):
        return SqliteJournal.open(place, identity, note)
    check_postgresql("journal")
    from .postgresql_journal import PostgresqlJournal  # here: few programs need it, and psycopg may be missing

    return PostgresqlJournal.open(place, identity, note)


def read_note(place: JournalPlace) -> Any:
    """Return the note that a journal was begun with, None if there was none.

    Raises `NotBegun` for an empty journal, `Invalid` for one that cannot be used.
    """
    if isinstance(place, Path):
        return journal_rows.read_note(place)
    check_postgresql("journal")
    from . import postgresql_journal

    return postgresql_journal.read_note(place)


def read_digest(place: JournalPlace, file: Path) -> str | None:
    """Return the digest of a file with this name that runs of this journal wrote; None if there is none."""
    if isinstance(place, Path):
        return journal_rows.read_digest(place, file.name)
    from . import postgresql_journal

    return postgresql_journal.read_digest(place, file.name)


def write_digest(place: JournalPlace, file: Path, digest: str | None) -> None:
    """Remember the digest of a file that was written for a journal; None if that file is gone."""
    if isinstance(place, Path):
        journal_rows.write_digest(place, file.name, digest)
        return
    from . import postgresql_journal

    postgresql_journal.write_digest(place, file.name, digest)
