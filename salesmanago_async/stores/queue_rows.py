"""The queue of a buffer as rows of a SQLite file (see sqlite.py); each row has its own checksum.

The file holds the records themselves. Deleted rows are overwritten.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self, get_args

from ..errors import Invalid
from ..outcome import State
from .queue_values import Delete, Insert, Mark, QueueChange, QueuedLine
from .refusals import IS_OF_AN_IMPORT, other_buffer
from .rows import json_text
from .sqlite import (
    SqliteStore,
    Statement,
    begin_run,
    closed_if_unusable,
    connect,
    identity_difference,
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
                raise Invalid(IS_OF_AN_IMPORT, field=str(path))
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


def _check_same(path: Path, connection: sqlite3.Connection, identity: Mapping[str, Any]) -> None:
    """Raise `Invalid` if the records in a queue belong to something else."""
    other = identity_difference(connection, identity)
    if other:
        raise Invalid(other_buffer(other.name, other.servers), field=str(path))


def _lines(connection: sqlite3.Connection) -> Iterator[QueuedLine]:
    for *values, is_intact in connection.execute(_READ):
        line = QueuedLine(*values)
        if not is_intact or line.state not in get_args(State):
            raise ValueError(f"record {line.number} is not as it was written")
        yield line
