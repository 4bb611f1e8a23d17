"""The queue of a buffer on the disk: a table in a file like a journal's, which holds the records themselves.

A record has its line before it counts as taken, and loses it when it is accepted; what is deleted is overwritten. A
rejected one keeps its line, with the reason, until somebody takes it out.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, get_args

import anyio.to_thread
from attrs import frozen

from ..errors import Invalid
from ..outcome import State
from .sqlite import Database, begin_run, closed_where_unusable, connect, json_text, other_than_known

_INSERT = """
INSERT INTO queue (number, item, state, seal)
VALUES (:number, :item, 'not_sent', seal(:number, :item, 'not_sent', NULL, NULL, NULL))
"""
_MARK = """
UPDATE queue SET state = :state, chunk = :chunk, request_id = :request_id, reason = :reason,
    seal = seal(number, item, :state, :chunk, :request_id, :reason)
WHERE number IN (SELECT value FROM json_each(:numbers))
"""
_DELETE = "DELETE FROM queue WHERE number IN (SELECT value FROM json_each(?))"
_READ = """
SELECT number, item, state, chunk, request_id, reason,
    seal = seal(number, item, state, chunk, request_id, reason)
FROM queue ORDER BY number
"""


@frozen
class QueuedLine:
    """What the file knows of a record. `item` is its JSON object, as a request has it."""

    number: int
    item: bytes
    state: State
    chunk: int | None = None
    request_id: int | None = None
    reason: str | None = None


class QueueFile:
    """An open queue, which no other process can open meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path, what: Mapping[str, Any]) -> tuple[Self, list[QueuedLine]]:
        """Open a queue, or begin one, for `what` it is of; return it with everything that lies in it.

        Raises `Invalid` naming the file where it cannot be used, `InUse` where another process has it open.
        """
        connection, lines = await anyio.to_thread.run_sync(_open, path, what)
        return cls(Database(path, connection)), lines

    @classmethod
    async def reopen(cls, path: Path) -> tuple[Self, list[QueuedLine]]:
        """Open a queue that is there, whatever it is of; raise `Invalid` naming the file where it cannot be used."""
        if not path.is_file():
            raise Invalid("there is no such file", field=str(path))
        connection, lines = await anyio.to_thread.run_sync(_open, path, None)
        return cls(Database(path, connection)), lines

    async def insert(self, number: int, item: bytes) -> None:
        """Have a record on the disk."""
        await self._database.write((_INSERT, {"number": number, "item": item}))

    async def mark(
        self,
        numbers: Sequence[int],
        state: State,
        chunk: int | None = None,
        request_id: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Write down what is known of records."""
        known = {"state": state, "chunk": chunk, "request_id": request_id, "reason": reason}
        await self._database.write((_MARK, {**known, "numbers": json_text(list(numbers))}))

    async def delete(self, numbers: Sequence[int]) -> None:
        """Take records out."""
        await self._database.write((_DELETE, (json_text(list(numbers)),)))

    async def aclose(self) -> None:
        """Close it."""
        await self._database.aclose()


def _open(path: Path, what: Mapping[str, Any] | None) -> tuple[sqlite3.Connection, list[QueuedLine]]:
    connection = connect(path)
    with closed_where_unusable(path, connection):
        connection.execute("PRAGMA secure_delete = ON")
        if connection.execute("SELECT 1 FROM chunks").fetchone():
            raise Invalid("is the journal of an import, not of a buffer", field=str(path))
        lines = list(_lines(connection))
        if what is not None and lines:
            _check_same(path, connection, what)
        if what is not None and not lines:
            begin_run(connection, what)
        return connection, lines


def _check_same(path: Path, connection: sqlite3.Connection, what: Mapping[str, Any]) -> None:
    """Raise `Invalid` where the records in a queue are not for what is given."""
    other = other_than_known(connection, what)
    if other and other.servers:
        raise Invalid(f"holds records; it {other.servers}: give this buffer a file of its own", field=str(path))
    if other:
        raise Invalid(f"holds records that were taken for another {other.name}", field=str(path))


def _lines(connection: sqlite3.Connection) -> Iterator[QueuedLine]:
    for *values, is_sealed in connection.execute(_READ):
        line = QueuedLine(*values)
        if not is_sealed or line.state not in get_args(State):
            raise ValueError(f"record {line.number} is not as it was written")
        yield line
