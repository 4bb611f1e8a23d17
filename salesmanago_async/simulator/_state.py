"""The state file, in which an account outlives the process: SQLite, readable only by its owner.

It holds the calls that changed the account, without credentials, each with its time and its random seed. Executing them
again produces the same account. The file grows with every call. The calls are in the table `deeds`: this name is part
of the format of existing files.
"""

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import orjson

from ..errors import Invalid
from ._calls import RecordedCall

_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""Errors of sqlite3 for a damaged file; the second occurs if SQLite's message contains bytes that are not text."""

_APPLICATION, _VERSION = 0x534D5331, 1
_TABLES = """
BEGIN;
CREATE TABLE deeds (
    number INTEGER PRIMARY KEY, moment REAL, seed INTEGER, path TEXT, body BLOB, job_seconds REAL, job_fails INTEGER
);
CREATE TABLE owners (number INTEGER PRIMARY KEY, owner TEXT UNIQUE);
PRAGMA application_id = {application};
PRAGMA user_version = {version};
COMMIT;
"""


class StateFile:
    """An open state file, created if it does not exist. Only one simulator can open it at a time.

    Raises `Invalid` if the file is something else, has a later version, is in use, or cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise Invalid(f"cannot be written: {error.strerror}", field=str(self._path)) from None
        self._database = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._open()
        except BaseException as error:
            self.close()
            if not isinstance(error, _UNREADABLE):
                raise
            why = "is in use by another simulator" if "locked" in str(error) else f"is not a state file: {error}"
            raise Invalid(why, field=str(self._path)) from None

    def _open(self) -> None:
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("BEGIN IMMEDIATE")  # this takes the lock, which is then kept
        self._database.execute("COMMIT")
        ((tables,),) = self._database.execute("SELECT count(*) FROM sqlite_master")
        if not tables:
            self._database.executescript(_TABLES.format(application=_APPLICATION, version=_VERSION))
        ((application,),) = self._database.execute("PRAGMA application_id")
        ((version,),) = self._database.execute("PRAGMA user_version")
        if (application, version) != (_APPLICATION, _VERSION):
            raise Invalid("is not a state file of this version of the simulator", field=str(self._path))
        self._database.execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raise `Invalid` for whatever SQLite finds damaged in the file inside the block."""
        try:
            yield
        except _UNREADABLE as error:
            raise Invalid(f"is damaged, or cannot be read: {error}", field=str(self._path)) from None

    def owners(self, given: Collection[str]) -> list[str]:
        """Add the given owners, and return all owners that the account ever had."""
        self._database.executemany("INSERT OR IGNORE INTO owners (owner) VALUES (?)", [(owner,) for owner in given])
        owners = [owner for (owner,) in self._database.execute("SELECT owner FROM owners ORDER BY number")]
        if not all(isinstance(owner, str) for owner in owners):
            raise Invalid("is damaged: one of its owners is not text", field=str(self._path))
        return owners

    def calls(self) -> Iterator[RecordedCall]:
        """Yield the recorded calls in order."""
        rows = self._database.execute(
            "SELECT moment, seed, path, body, job_seconds, job_fails FROM deeds ORDER BY number"
        )
        for number, row in enumerate(rows, 1):
            yield self._call_of(number, *row)

    def _call_of(self, number: int, *row: Any) -> RecordedCall:
        """Convert a row to a recorded call; raise `Invalid` if the row is damaged."""
        moment, seed, path, body, job_seconds, job_fails = row
        try:
            content = orjson.loads(body)
        except (orjson.JSONDecodeError, TypeError):
            content = None
        numbers = isinstance(moment, int | float) and isinstance(seed, int) and isinstance(job_seconds, int | float)
        if not (numbers and isinstance(path, str) and isinstance(content, dict)):
            raise Invalid(f"is damaged: its call {number} is not readable", field=str(self._path))
        return RecordedCall(moment, seed, path, cast("dict[str, Any]", content), job_seconds, bool(job_fails))

    def keep(self, call: RecordedCall) -> None:
        """Store a call. After this returns, the call survives any end of the process."""
        self._database.execute(
            "INSERT INTO deeds (moment, seed, path, body, job_seconds, job_fails) VALUES (?, ?, ?, ?, ?, ?)",
            (call.moment, call.seed, call.path, orjson.dumps(call.body), call.job_seconds, call.job_fails),
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()
