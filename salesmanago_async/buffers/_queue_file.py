"""The queue of a buffer on the disk: a table in a file like a journal's, which holds the records themselves.

A record has its line before it counts as taken, and loses it when it is accepted; what is deleted is overwritten when
SQLite next takes its log over into the file, at the latest when that is closed. A rejected one keeps its line, with the
reason, until somebody takes it out.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, get_args

import anyio.to_thread
import orjson
from attrs import frozen

from ..errors import Invalid
from ..imports._database import Database, closed_where_unusable, connect
from ..imports.outcome import State

_BEGIN = "INSERT INTO run SELECT ?1, NULL, seal(?1, NULL) WHERE NOT EXISTS (SELECT 1 FROM run)"
_INSERT = "INSERT INTO queue (number, item, state, seal) VALUES (?1, ?2, 'not_sent', seal(?1, ?2))"
_MARK = """
UPDATE queue SET state = ?, chunk = ?, request_id = ?, reason = ? WHERE number IN (SELECT value FROM json_each(?))
"""
_DELETE = "DELETE FROM queue WHERE number IN (SELECT value FROM json_each(?))"
_READ = "SELECT number, item, state, chunk, request_id, reason, seal = seal(number, item) FROM queue ORDER BY number"


@frozen
class Line:
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

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._database.path

    @classmethod
    async def open(cls, path: Path, what: Mapping[str, Any]) -> tuple[Self, list[Line]]:
        """Open a queue, or begin one, for `what` it is of; return it with everything that lies in it.

        Raises `Invalid` naming the file where it cannot be used, `InUse` where another process has it open.
        """
        connection, lines = await anyio.to_thread.run_sync(_open, path, what)
        return cls(Database(path, connection)), lines

    @classmethod
    async def reopen(cls, path: Path) -> tuple[Self, list[Line]]:
        """Open a queue that is there, whatever it is of; raise `Invalid` naming the file where it cannot be used."""
        if not path.is_file():
            raise Invalid("there is no such file", field=str(path))
        connection, lines = await anyio.to_thread.run_sync(_open, path, None)
        return cls(Database(path, connection)), lines

    async def insert(self, number: int, item: bytes) -> None:
        """Have a record on the disk."""
        await self._database.write((_INSERT, (number, item)))

    async def mark(
        self,
        numbers: Sequence[int],
        state: State,
        chunk: int | None = None,
        request_id: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Write down what is known of records."""
        await self._database.write((_MARK, (state, chunk, request_id, reason, _json(numbers))))

    async def delete(self, numbers: Sequence[int]) -> None:
        """Take records out."""
        await self._database.write((_DELETE, (_json(numbers),)))

    async def aclose(self) -> None:
        """Close it."""
        await self._database.aclose()


def _open(path: Path, what: Mapping[str, Any] | None) -> tuple[sqlite3.Connection, list[Line]]:
    connection = connect(path)
    with closed_where_unusable(path, connection):
        connection.execute("PRAGMA secure_delete = ON")
        if connection.execute("SELECT 1 FROM chunks").fetchone():
            raise Invalid("is the journal of an import, not of a buffer", field=str(path))
        lines = list(_lines(connection))
        if what is not None:
            _begin(path, connection, what, is_empty=not lines)
        return connection, lines


def _begin(path: Path, connection: sqlite3.Connection, what: Mapping[str, Any], *, is_empty: bool) -> None:
    """Have it written down what the queue is of; raise `Invalid` where it holds what was taken for another."""
    text = orjson.dumps(what).decode()
    if is_empty:
        connection.execute("DELETE FROM run")
    connection.execute(_BEGIN, (text,))
    known = orjson.loads(connection.execute("SELECT what FROM run").fetchone()[0])
    for name in {**known, **what}:
        if known.get(name) != what.get(name):
            raise Invalid(f"holds records that were taken for another {name}", field=str(path))


def _lines(connection: sqlite3.Connection) -> Iterator[Line]:
    for *values, is_sealed in connection.execute(_READ):
        line = Line(*values)
        if not is_sealed or line.state not in get_args(State):
            raise ValueError(f"record {line.number} is not as it was written")
        yield line


def _json(numbers: Sequence[int]) -> str:
    return orjson.dumps(list(numbers)).decode()
