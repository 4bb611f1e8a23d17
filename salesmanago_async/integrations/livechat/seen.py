"""`Seen` remembers what was handled: the last keys, in memory, or in a SQLite file that survives a restart."""

import os
import sqlite3
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import TypeVar

import anyio.to_thread

from ...errors import Invalid

APPLICATION_ID = 0x534D5345
ReturnT = TypeVar("ReturnT")

_SCHEMA = f"""
BEGIN IMMEDIATE;
PRAGMA application_id = {APPLICATION_ID};
CREATE TABLE IF NOT EXISTS seen (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
COMMIT;
"""


class Seen:
    """The last `limit` keys that were added; an app adds two keys for each chat.

    With a path the keys are kept in that file, which only its owner can read, and which several processes may share.
    Without a path they exist as long as this object. Raises `Invalid` for a file that is not usable.
    """

    def __init__(self, path: str | PathLike[str] | None = None, *, limit: int = 20_000) -> None:
        if limit < 1:
            raise Invalid(f"is {limit}; it must be at least 1", field="limit")
        self._keys = _FileKeys(Path(path), limit) if path is not None else _MemoryKeys(limit)

    async def has(self, key: str) -> bool:
        """Return whether a key was added, and not removed again by later keys."""
        return await self._keys.has(key)

    async def add(self, key: str) -> None:
        """Add a key; if there is a file, the key is on the disk when this returns."""
        await self._keys.add(key)

    def close(self) -> None:
        """Close the file, if there is one; the object cannot be used after that."""
        self._keys.close()


class _MemoryKeys:
    """Keys in memory; an app without a file need not close anything."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._keys: dict[str, None] = {}

    async def has(self, key: str) -> bool:
        return key in self._keys

    async def add(self, key: str) -> None:
        self._keys.setdefault(key)
        if len(self._keys) > self._limit:
            self._keys.pop(next(iter(self._keys)), None)

    def close(self) -> None:
        self._keys.clear()


class _FileKeys:
    """Keys in a SQLite file. Reads and writes run in threads, one at a time."""

    def __init__(self, path: Path, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._database = _open(path)

    async def has(self, key: str) -> bool:
        def find() -> bool:
            return self._database.execute("SELECT 1 FROM seen WHERE key = ?", (key,)).fetchone() is not None

        return await self._in_thread(find)

    async def add(self, key: str) -> None:
        def insert() -> None:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.execute("INSERT OR IGNORE INTO seen (key) VALUES (?)", (key,))
                self._database.execute(
                    "DELETE FROM seen WHERE number <= (SELECT max(number) FROM seen) - ?", (self._limit,)
                )

        await self._in_thread(insert)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    async def _in_thread(self, act: Callable[[], ReturnT]) -> ReturnT:
        def locked() -> ReturnT:
            with self._lock:
                return act()

        return await anyio.to_thread.run_sync(locked)


def _open(path: Path) -> sqlite3.Connection:
    """Open the file; a new file can be read only by its owner."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        return _connect(str(path))
    except OSError as error:
        raise Invalid(f"cannot be written: {error.strerror}", field=str(path)) from error
    except (sqlite3.Error, Invalid) as error:
        raise Invalid(f"cannot store the handled keys: {error}", field=str(path)) from error


def _connect(where: str) -> sqlite3.Connection:
    database = sqlite3.connect(where, isolation_level=None, check_same_thread=False)
    try:
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise Invalid("it is another database")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database
