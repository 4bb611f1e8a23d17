"""The queue of a buffer on the disk: a table in a SQLite file, which holds the records themselves.

A record has its row before it counts as taken, and loses the row when it is accepted; deleted rows are overwritten. A
rejected record keeps its row, with the reason, until it is removed by a user.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeAlias, get_args

import anyio.to_thread
from attrs import frozen

from ..errors import Invalid
from ..outcome import State
from .group_commit import GroupCommit
from .sqlite import (
    SqliteStore,
    Statement,
    begin_run,
    closed_if_unusable,
    connect,
    identity_difference,
    json_text,
)

_INSERT = """
INSERT INTO queue (number, item, state, row_checksum)
VALUES (:number, :item, 'not_sent', row_checksum(:number, :item, 'not_sent', NULL, NULL, NULL))
"""
_MARK = """
UPDATE queue SET state = :state, chunk = :chunk, request_id = :request_id, reason = :reason,
    row_checksum = row_checksum(number, item, :state, :chunk, :request_id, :reason)
WHERE number IN (SELECT value FROM json_each(:numbers))
"""
_DELETE = "DELETE FROM queue WHERE number IN (SELECT value FROM json_each(?))"
_READ = """
SELECT number, item, state, chunk, request_id, reason,
    row_checksum = row_checksum(number, item, state, chunk, request_id, reason)
FROM queue ORDER BY number
"""


@frozen
class QueuedLine:
    """What the file knows about a record. `item` is its JSON object, as in a request."""

    number: int
    item: bytes
    state: State
    chunk: int | None = None
    request_id: int | None = None
    reason: str | None = None


@frozen
class Insert:
    """A record was taken."""

    number: int
    item: bytes


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


class SqliteQueue(SqliteStore[QueueChange]):
    """The store of one queue."""

    @classmethod
    def open(cls, path: Path, identity: Mapping[str, Any] | None) -> tuple[Self, list[QueuedLine]]:
        """Open a file, or begin one, and return it with its records.

        `identity` is what the queue belongs to; None opens the queue whatever it belongs to.
        """
        connection = connect(path)
        with closed_if_unusable(path, connection):
            connection.execute("PRAGMA secure_delete = ON")
            if connection.execute("SELECT 1 FROM chunks").fetchone():
                raise Invalid("is the journal of an import, not of a buffer", field=str(path))
            lines = list(_lines(connection))
            if identity is not None and lines:
                _check_same(path, connection, identity)
            if identity is not None and not lines:
                begin_run(connection, identity)
            return cls(path, connection), lines

    @staticmethod
    def statements(change: QueueChange) -> Iterator[Statement]:
        """Yield what writes a change."""
        match change:
            case Insert(number, item):
                yield _INSERT, {"number": number, "item": item}
            case Mark(numbers, state, chunk, request_id, reason):
                known = {"state": state, "chunk": chunk, "request_id": request_id, "reason": reason}
                yield _MARK, {**known, "numbers": json_text(numbers)}
            case Delete(numbers):
                yield _DELETE, (json_text(numbers),)


class QueueFile:
    """An open queue; no other process can open it meanwhile."""

    def __init__(self, store: SqliteQueue) -> None:
        self._commits: GroupCommit[SqliteQueue, QueueChange] = GroupCommit(store)

    @classmethod
    async def open(cls, path: Path, identity: Mapping[str, Any]) -> tuple[Self, list[QueuedLine]]:
        """Open a queue, or begin one, that belongs to `identity`; return it with all its records.

        Raises `Invalid` that names the file if it cannot be used, `InUse` if another process has it open.
        """
        store, lines = await anyio.to_thread.run_sync(SqliteQueue.open, path, identity)
        return cls(store), lines

    @classmethod
    async def reopen(cls, path: Path) -> tuple[Self, list[QueuedLine]]:
        """Open an existing queue, whatever it belongs to; raise `Invalid` that names the file if it cannot be used."""
        if not path.is_file():
            raise Invalid("there is no such file", field=str(path))
        store, lines = await anyio.to_thread.run_sync(SqliteQueue.open, path, None)
        return cls(store), lines

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


def _check_same(path: Path, connection: sqlite3.Connection, identity: Mapping[str, Any]) -> None:
    """Raise `Invalid` if the records in a queue belong to something else."""
    other = identity_difference(connection, identity)
    if other and other.servers:
        raise Invalid(f"holds records; it {other.servers}: give this buffer a file of its own", field=str(path))
    if other:
        raise Invalid(f"holds records that were taken for another {other.name}", field=str(path))


def _lines(connection: sqlite3.Connection) -> Iterator[QueuedLine]:
    for *values, is_intact in connection.execute(_READ):
        line = QueuedLine(*values)
        if not is_intact or line.state not in get_args(State):
            raise ValueError(f"record {line.number} is not as it was written")
        yield line
