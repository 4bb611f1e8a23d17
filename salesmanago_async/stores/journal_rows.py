"""The journal of a run as rows of a SQLite file (see sqlite.py); each row has its own checksum."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from ..errors import Invalid
from .refusals import HOLDS_A_BUFFER, NotBegun, NotOurs, OtherRun
from .rows import check_disjoint, entry_of, json_text
from .sqlite import (
    SqliteStore,
    Statement,
    begin_run,
    close,
    closed_if_unusable,
    connect,
    execute_all,
    identity_difference,
    read_run,
)
from .values import Begin, Entry, Forget, JournalChange, Replace, Settle, Submitted

_BEGIN = "INSERT INTO chunks (spans, checksums, state, number) VALUES (?, ?, 'in_doubt', ?)"
_SUBMITTED = "UPDATE chunks SET state = 'submitted', request_id = ? WHERE number = ?"
_SETTLE = "UPDATE chunks SET state = ?, reason = ?, others = ? WHERE number = ?"
_DELETE = "DELETE FROM chunks WHERE number = ?"
_WRITE_CHECKSUM = """
UPDATE chunks SET row_checksum = row_checksum(number, spans, checksums, state, request_id, reason, others)
WHERE number = ?
"""
_READ = """
SELECT number, spans, state, request_id, reason, others,
    row_checksum = row_checksum(number, spans, checksums, state, request_id, reason, others)
FROM chunks
"""


class SqliteJournal(SqliteStore[JournalChange]):
    """The store of one journal."""

    @classmethod
    def open(cls, path: Path, identity: Mapping[str, Any], note: Mapping[str, Any] | None) -> tuple[Self, list[Entry]]:
        """Open a file, or begin one, for the run with this `identity`; return it with its entries.

        Raises `Invalid` that names the file if it cannot be used.
        """
        connection = connect(path)
        with closed_if_unusable(path, connection):
            entries = _entries(connection)
            if entries:
                _check_same(path, connection, identity)
            else:  # nothing was sent, so another run may use the file
                if connection.execute("SELECT 1 FROM queue").fetchone():
                    raise NotOurs(HOLDS_A_BUFFER, field=str(path))
                begin_run(connection, identity, note)
            return cls(path, connection), entries

    def checksums(self, number: int) -> bytes:
        """Return the checksums of a batch's records, one after another, in the order of their positions."""
        [[found]] = self._connection.execute("SELECT checksums FROM chunks WHERE number = ?", (number,))
        return bytes(found)

    @staticmethod
    def statements(change: JournalChange) -> Iterator[Statement]:
        """Yield what writes a change."""
        match change:
            case Begin(number, rows):
                yield from _row(_BEGIN, (json_text(rows.spans), rows.checksums), number)
            case Replace(number, parts):
                yield _DELETE, (number,)
                for part in parts:
                    yield from SqliteJournal.statements(part)
            case Submitted(number, request_id):
                yield from _row(_SUBMITTED, (request_id,), number)
            case Settle(number, state, reason, others):
                yield from _row(_SETTLE, (state, reason, json_text(others) if others else None), number)
            case Forget(number):
                yield _DELETE, (number,)


def _row(statement: str, values: tuple[Any, ...], number: int) -> Iterator[Statement]:
    """Yield a statement that writes the row of a batch, and the one that writes the row's checksum."""
    yield statement, (*values, number)
    yield _WRITE_CHECKSUM, (number,)


def read_note(path: Path) -> Any:
    """Return the note that a journal was begun with, None if there was none.

    Raises `NotBegun` for an empty journal, `Invalid` for one that cannot be used.
    """
    if not path.is_file():
        raise Invalid("there is no such journal", field=str(path))
    with _opened_briefly(path) as connection:
        run = read_run(connection) if connection else None
        if run is None:
            raise NotBegun("is empty: no import was begun in it", field=str(path))
        return run[1]


def read_digest(path: Path, name: str) -> str | None:
    """Return the digest of a file with this name that runs of this journal wrote; None if there is none."""
    with _opened_briefly(path) as connection:
        if connection is None:
            return None
        found = connection.execute("SELECT digest FROM files WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else None


def write_digest(path: Path, name: str, digest: str | None) -> None:
    """Remember the digest of a file that was written next to a journal; None if that file is gone."""
    with _opened_briefly(path) as connection:
        if connection is None:
            return
        forgotten: Statement = ("DELETE FROM files WHERE name = ?", (name,))
        written: Statement = ("INSERT INTO files VALUES (?, ?)", (name, digest))
        execute_all(connection, [forgotten, *([written] if digest else [])])


@contextmanager
def _opened_briefly(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a journal for a moment; yield None, and create nothing, if the file is empty."""
    if not path.stat().st_size:
        yield None
        return
    connection = connect(path)
    with closed_if_unusable(path, connection):
        yield connection
    close(connection)


def _check_same(path: Path, connection: sqlite3.Connection, identity: Mapping[str, Any]) -> None:
    """Raise `Invalid` if a run is not the one that the journal was begun for."""
    if other := identity_difference(connection, identity):
        raise OtherRun(other, field=str(path))


def _entries(connection: sqlite3.Connection) -> list[Entry]:
    entries = [_entry(row) for row in connection.execute(_READ)]
    check_disjoint(entries)
    return entries


def _entry(row: Sequence[Any]) -> Entry:
    *values, is_intact = row
    if not is_intact:
        raise ValueError(f"line {values[0]} is not as it was written")
    return entry_of(*values)
