"""What was handled already: the last keys, in memory or in a SQLite file that outlives a restart."""

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
    """The last `limit` keys that were added, of which an app adds two for each chat.

    With a path they are kept in that file, its owner's alone, which several processes may share; without one they end
    with this object. Raises `Invalid` for a file that cannot be that.
    """

    def __init__(self, path: str | PathLike[str] | None = None, *, limit: int = 20_000) -> None:
        if limit < 1:
            raise Invalid(f"is {limit}; at least 1 key has to be kept", field="limit")
        self._keys = _InFile(Path(path), limit) if path is not None else _InMemory(limit)

    async def has(self, key: str) -> bool:
        """Tell whether a key was added, and not yet pushed out by later ones."""
        return await self._keys.has(key)

    async def add(self, key: str) -> None:
        """Keep a key; where there is a file, it is on the disk when this returns."""
        await self._keys.add(key)

    def close(self) -> None:
        """Close the file, where there is one; nothing can be asked after that."""
        self._keys.close()


class _InMemory:
    """Keys that end with this object: an app without a file has nothing that it would have to close."""

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


class _InFile:
    """Keys in a SQLite file, which is read and written in threads, one at a time."""

    def __init__(self, path: Path, limit: int) -> None:
        self._limit = limit
        self._turn = Lock()
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
        with self._turn:
            self._database.close()

    async def _in_thread(self, act: Callable[[], ReturnT]) -> ReturnT:
        def in_turn() -> ReturnT:
            with self._turn:
                return act()

        return await anyio.to_thread.run_sync(in_turn)


def _open(path: Path) -> sqlite3.Connection:
    """Open the file, for its owner only where it is new."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        return _connect(str(path))
    except OSError as error:
        raise Invalid(f"cannot be written: {error.strerror}", field=str(path)) from error
    except (sqlite3.Error, Invalid) as error:
        raise Invalid(f"cannot keep what was seen: {error}", field=str(path)) from error


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
