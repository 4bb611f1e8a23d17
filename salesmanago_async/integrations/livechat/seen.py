"""`Seen` remembers what was handled: the last keys, in memory, or in a SQLite file that survives a restart."""

import os
import sqlite3
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import TypeVar

import anyio.to_thread
from attrs import define, field

from ...errors import Invalid
from ...support.own_process import WHERE, OwnProcess

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

    An object that was made before a fork, as with `--preload` of gunicorn, opens the file in each child. If it was used
    before, using it in a child raises `RuntimeError`: SQLite's locks do not hold there.
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


@define
class _OpenFile:
    """The file, opened in one process, and the lock of its threads."""

    database: sqlite3.Connection
    process: OwnProcess = field(factory=OwnProcess)
    lock: Lock = field(factory=Lock)


class _FileKeys:
    """Keys in a SQLite file. Reads and writes run in threads, one at a time. The first of them opens the file."""

    def __init__(self, path: Path, limit: int) -> None:
        self._limit = limit
        self._path = path.absolute()
        self._file: _OpenFile | None = None
        self._is_closed = False
        _open(path).close()  # raises now if the file is not usable

    async def has(self, key: str) -> bool:
        def find(database: sqlite3.Connection) -> bool:
            return database.execute("SELECT 1 FROM seen WHERE key = ?", (key,)).fetchone() is not None

        return await self._in_thread(find)

    async def add(self, key: str) -> None:
        def insert(database: sqlite3.Connection) -> None:
            with database:
                database.execute("BEGIN IMMEDIATE")
                database.execute("INSERT OR IGNORE INTO seen (key) VALUES (?)", (key,))
                database.execute("DELETE FROM seen WHERE number <= (SELECT max(number) FROM seen) - ?", (self._limit,))

        await self._in_thread(insert)

    def close(self) -> None:
        self._is_closed = True
        if self._file and self._file.process.is_here:
            with self._file.lock:
                self._file.database.close()

    async def _in_thread(self, act: Callable[[sqlite3.Connection], ReturnT]) -> ReturnT:
        file = self._opened()

        def locked() -> ReturnT:
            with file.lock:
                return act(file.database)

        return await anyio.to_thread.run_sync(locked)

    def _opened(self) -> _OpenFile:
        if self._file is None and not self._is_closed:
            self._file = _OpenFile(_open(self._path))
        if self._file is None:
            raise RuntimeError("it is closed; make another Seen")
        if not self._file.process.is_here:
            raise RuntimeError(f"it was used before this process was forked: make a Seen here, {WHERE}")
        return self._file


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
