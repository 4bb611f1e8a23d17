"""SQLite files of this library: private to their owner, open in one process only, durable when a write returns.

A committed write is completely in the one file, which may be copied or moved alone: SQLite keeps a rollback journal and
no write-ahead log. The rollback journal is a file NAME-journal. It is empty between two commits, and is removed when
the file is closed. A write survives a power cut. proof.py explains how a file proves to be complete.
"""

import os
import sqlite3
import stat
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar
from zlib import crc32

import orjson

from ..connection.identity import Difference, difference
from ..errors import Invalid
from .group_commit import StoreLost
from .proof import (
    APPLICATION_ID,
    COUNT_COMMIT,
    PROOF_SCHEMA,
    VERSION,
    check_complete,
    checked_rollback_file,
    damaged,
    is_new,
)
from .refusals import IN_USE, InUse
from .rows import json_text

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE queue (
    number INTEGER PRIMARY KEY,
    item BLOB NOT NULL,
    state TEXT NOT NULL,
    chunk INTEGER,
    request_id INTEGER,
    reason TEXT,
    row_checksum INTEGER
);
CREATE TABLE run (what TEXT NOT NULL, note TEXT, row_checksum INTEGER NOT NULL);
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY,
    spans TEXT NOT NULL,
    checksums BLOB NOT NULL,
    state TEXT NOT NULL,
    request_id INTEGER,
    reason TEXT,
    others TEXT,
    row_checksum INTEGER
);
CREATE TABLE files (name TEXT PRIMARY KEY, digest TEXT NOT NULL);
{PROOF_SCHEMA}
"""
"""The tables of journals (`run`, `chunks`, `files`: see journal_rows.py) and of buffers (`queue`: see queue_rows.py).

`queue` comes first, so that the last page of a journal belongs to `chunks`: SQLite does not notice the loss of a last
page that is empty.
"""

Statement: TypeAlias = tuple[str, tuple[Any, ...] | Mapping[str, Any]]
"""A statement and its values."""

_OPENING = threading.Lock()
"""Only one file is opened at a time: while a file is copied, no other thread may get its lock (see `connect`)."""


def _begin_anew() -> None:
    """Make the lock anew in a forked child: the thread that had it at that moment does not exist there."""
    global _OPENING
    _OPENING = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


ChangeT = TypeVar("ChangeT")


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, create the tables if it is new, and lock out other processes.

    Raises `Invalid` that names the file if it cannot be used, `InUse` if another process has it open.
    """
    with _OPENING:  # closing a copy of a file would release the lock that this process has on the file
        _make_private(path)
        with _unusable_named(path), checked_rollback_file(path):
            return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    with closed_if_unusable(path, connection, act=sqlite3.Connection.close):  # the file may belong to another program
        connection.create_function("row_checksum", -1, _row_checksum, deterministic=True)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        connection.executescript("BEGIN EXCLUSIVE; COMMIT;")  # takes the lock and keeps it
        if has_tables := not is_new(path, connection):
            check_complete(connection)
        connection.execute("PRAGMA journal_mode = TRUNCATE").fetchall()
        connection.execute("PRAGMA synchronous = NORMAL")  # this is enough: see proof.py
        if not has_tables:
            connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")
    return connection


def close(connection: sqlite3.Connection) -> None:
    """Close a file, and remove its rollback journal, which is empty then."""
    with suppress(sqlite3.Error):  # what was committed is durable in any case
        connection.rollback()
        for pragma in ("PRAGMA locking_mode = NORMAL", "PRAGMA journal_mode = DELETE"):
            connection.execute(pragma).fetchall()
    connection.close()


def begin_run(
    connection: sqlite3.Connection, identity: Mapping[str, Any], note: Mapping[str, Any] | None = None
) -> None:
    """Write down what the file belongs to; replaces what was there."""
    line = {"what": json_text(identity), "note": json_text(note) if note is not None else None}
    begun = "INSERT INTO run VALUES (:what, :note, row_checksum(:what, :note))"
    execute_all(connection, [("DELETE FROM run", ()), (begun, line)])


def execute_all(connection: sqlite3.Connection, statements: Iterable[Statement]) -> None:
    """Execute statements in one transaction, which is durable when this returns."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(COUNT_COMMIT)
        for statement, values in statements:
            connection.execute(statement, values)


class SqliteStore(ABC, Generic[ChangeT]):
    """An open file as a store (see group_commit.py), used by one thread at a time."""

    failures = (sqlite3.Error, StoreLost)
    confirms_at_once = True

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.name = str(path)
        self._connection = connection
        self._path = path.absolute()
        self._file = _file_at(self._path)

    @staticmethod
    @abstractmethod
    def statements(change: ChangeT) -> Iterable[Statement]:
        """Return what writes a change."""

    def commit(self, changes: Sequence[ChangeT]) -> None:
        """Write changes durably, all or none of them."""
        execute_all(self._connection, chain.from_iterable(map(self.statements, changes)))

    def confirm(self) -> None:
        """Raise `StoreLost` if the file was removed or replaced: another run may have begun a new one there."""
        if _file_at(self._path) != self._file:
            raise StoreLost("the file was removed or replaced")

    def close(self) -> None:
        """Close the file."""
        close(self._connection)


def _file_at(path: Path) -> tuple[int, int] | None:
    """Return the device and the number of the file with this name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def read_run(connection: sqlite3.Connection) -> tuple[Any, Any] | None:
    """Return what the file belongs to, and its note; None if nothing was begun in it."""
    line = connection.execute("SELECT what, note, row_checksum = row_checksum(what, note) FROM run").fetchone()
    if line is None:
        return None
    identity, note, is_intact = line
    if not is_intact:
        raise ValueError("what the run is, is not as it was written")
    return orjson.loads(identity), orjson.loads(note or "null")


def identity_difference(connection: sqlite3.Connection, given: Mapping[str, Any]) -> Difference | None:
    """Return the first difference between what is given and what the file belongs to; None if there is none."""
    run = read_run(connection)
    if run is None:
        raise ValueError("it does not say what it belongs to")
    return difference(run[0], orjson.loads(json_text(given)))


@contextmanager
def closed_if_unusable(
    path: Path, connection: sqlite3.Connection, *, act: Callable[[sqlite3.Connection], None] = close
) -> Iterator[None]:
    """Close a database (by `act`) if it cannot be used, and raise `Invalid` that says why."""
    try:
        with _unusable_named(path):
            yield
    except BaseException:
        act(connection)
        raise


@contextmanager
def _unusable_named(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    except Invalid:
        raise
    except BlockingIOError as error:
        raise InUse(IN_USE, field=str(path)) from error
    except OSError as error:
        raise Invalid(f"cannot be read: {error.strerror}", field=str(path)) from error
    except (ValueError, TypeError, KeyError) as error:  # its content is not what was written
        raise damaged(path, error) from error
    except MemoryError as error:  # SQLite's answer to damage that makes a value of some gigabytes
        raise damaged(path, "it does not fit into memory") from error


def _make_private(path: Path) -> None:
    """Create the file, for its owner only, if there is none; SQLite gives its other files the same rights."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise Invalid("is no file", field=str(path)) from None
        if not path.stat().st_mode & stat.S_IWUSR:
            raise Invalid("is read-only; a journal is written to", field=str(path)) from None
    except OSError as error:
        raise Invalid(f"cannot be made: {error.strerror}", field=str(path)) from error


def _unusable(path: Path, error: sqlite3.Error) -> Invalid:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return InUse(IN_USE, field=str(path))
    if name == "SQLITE_NOTADB":
        return Invalid("is no journal", field=str(path))
    if name.startswith("SQLITE_CORRUPT"):
        return damaged(path, error)
    return Invalid(f"cannot be used: {error}", field=str(path))


def _row_checksum(*values: object) -> int:
    """Return the checksum of a row.

    SQLite notices damage to the structure of a file, but not to every value in it.
    """
    return crc32(b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values))
