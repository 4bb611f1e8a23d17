"""SQLite files of our own: their owner's alone, open in one process, on the disk when a write returns.

SQLite works in a thread, one write at a time; writes that come while one is going on share the next commit. A task of
nobody's sees to that, as whoever asked for a write may be cancelled in the middle of it. WAL with
`synchronous=FULL` outlives a power cut.
"""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from zlib import crc32

import anyio
import anyio.to_thread
import orjson
from attrs import define, field

from .._beside import start_beside
from ..errors import Invalid, JournalFailed

APPLICATION_ID = 0x534D4A4E
VERSION = 1

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
    seal INTEGER
);
CREATE TABLE run (what TEXT NOT NULL, note TEXT, seal INTEGER NOT NULL);
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY,
    spans TEXT NOT NULL,
    marks BLOB NOT NULL,
    state TEXT NOT NULL,
    request_id INTEGER,
    reason TEXT,
    others TEXT,
    seal INTEGER
);
"""
"""`run` and `chunks` are what _journal.py reads and writes; `queue` is the buffers', and holds records.

It stands first, so that the last page of a journal is one of its own: SQLite does not miss the end of an empty one.
"""

ReturnT = TypeVar("ReturnT")
Change: TypeAlias = tuple[str, tuple[Any, ...]]
"""A statement and its values."""


class InUse(Invalid):
    """The file is open in another process, or twice in this one."""


@define
class _Write:
    changes: Sequence[Change]
    done: anyio.Event = field(factory=anyio.Event)
    error: Exception | None = None


class Database:
    """An open file, which nobody else can open meanwhile."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._writes: list[_Write] = []
        self._is_writing = False
        self._turn = anyio.Lock()
        self._thread = anyio.CapacityLimiter(1)  # of our own: the host's threads may all be busy

    async def read(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return the lines that a query finds; raise `JournalFailed`."""
        async with self._turn:
            try:
                return await self._in_thread(lambda: self._connection.execute(query, values).fetchall())
            except sqlite3.Error as error:
                raise JournalFailed(f"{self.path} cannot be read: {error}") from error

    async def write(self, *changes: Change) -> None:
        """Have the changes on the disk, all or none of them; raise `JournalFailed`.

        They are written also where the caller is cancelled meanwhile.
        """
        mine = _Write(changes)
        self._writes.append(mine)
        if not self._is_writing:
            self._is_writing = True
            start_beside(self._write_all)
        with anyio.CancelScope(shield=True):  # so that what is written is also told, where only anyio cancels
            await mine.done.wait()
        if mine.error:
            raise JournalFailed(f"{self.path} cannot be written: {mine.error}") from mine.error

    async def _write_all(self) -> None:
        """Write until nothing is left to be written."""
        async with self._turn:
            while self._writes:
                writes, self._writes = self._writes, []
                error: Exception | None = RuntimeError("the program is ending")
                try:
                    error = await self._in_thread(lambda: self._commit(writes))  # noqa: B023 - awaited here
                except Exception as raised:
                    error = raised
                finally:
                    for write in writes:
                        write.error = error
                        write.done.set()
            self._is_writing = False

    def _commit(self, writes: Sequence[_Write]) -> sqlite3.Error | None:
        """Write them in one transaction, and return what keeps it from being so; runs in the thread."""
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                for write in writes:
                    for statement, values in write.changes:
                        self._connection.execute(statement, values)
        except sqlite3.Error as error:
            return error
        return None

    async def aclose(self) -> None:
        """Close it; what was written is kept, whatever happens."""
        with anyio.CancelScope(shield=True):
            async with self._turn:
                await self._in_thread(self._connection.close)

    async def _in_thread(self, act: Callable[[], ReturnT]) -> ReturnT:
        return await anyio.to_thread.run_sync(act, limiter=self._thread)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, make the tables where it is new, and keep other processes out.

    Raises `Invalid` naming the file where it cannot be used, `InUse` where somebody else has it open.
    """
    _make_private(path)
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    with closed_where_unusable(path, connection):
        connection.create_function("seal", -1, _seal, deterministic=True)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        is_ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        if tables and not is_ours:
            raise Invalid("is no journal, but another database", field=str(path))
        if tables and version != VERSION:
            raise Invalid(f"is a journal of version {version}; this program writes {VERSION}", field=str(path))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise Invalid(f"{DAMAGED} ({damage})", field=str(path))
        if tables:
            connection.execute("BEGIN IMMEDIATE")  # takes the lock, which stays
            connection.execute("COMMIT")
        else:
            connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")
    return connection


def begin_run(connection: sqlite3.Connection, what: Mapping[str, Any], note: Mapping[str, Any] | None = None) -> None:
    """Write down what the file is of, in place of what stood there."""
    connection.executescript("BEGIN IMMEDIATE; DELETE FROM run;")
    line = (json_text(what), json_text(note) if note is not None else None)
    connection.execute("INSERT INTO run VALUES (?1, ?2, seal(?1, ?2))", line)
    connection.execute("COMMIT")


def read_run(connection: sqlite3.Connection) -> tuple[Any, Any]:
    """Return what the file is of, and its note."""
    what, note, is_sealed = connection.execute("SELECT what, note, seal = seal(what, note) FROM run").fetchone()
    if not is_sealed:
        raise ValueError("what the run is, is not as it was written")
    return orjson.loads(what), orjson.loads(note or "null")


def other_than_known(connection: sqlite3.Connection, given: Mapping[str, Any]) -> str | None:
    """Return the name of what is given otherwise than the file is of; None where nothing is."""
    known, given = read_run(connection)[0], orjson.loads(json_text(given))
    return next((name for name in {**known, **given} if known.get(name) != given.get(name)), None)


def json_text(value: object) -> str:
    """Return a value as the text of a cell."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


@contextmanager
def closed_where_unusable(path: Path, connection: sqlite3.Connection) -> Iterator[None]:
    """Close a database that turns out not to be usable, and raise `Invalid` that says why."""
    try:
        yield
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(path, error) from error
    except Invalid:
        connection.close()
        raise
    except (ValueError, TypeError, KeyError) as error:  # what is in it is not what was written
        connection.close()
        raise Invalid(f"{DAMAGED} ({error})", field=str(path)) from error


def _make_private(path: Path) -> None:
    """Make the file, for its owner only, where there is none; SQLite gives its other files the same rights."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise Invalid("is no file", field=str(path)) from None
        if not path.stat().st_mode & stat.S_IWUSR:
            raise Invalid("is read-only; a journal is written to", field=str(path)) from None
    except OSError as error:
        raise Invalid(f"cannot be made: {error.strerror}", field=str(path)) from error


DAMAGED = "is damaged, so nobody can tell any more what was sent"


def _unusable(path: Path, error: sqlite3.Error) -> Invalid:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return InUse("is in use by another run; wait for its end", field=str(path))
    if name == "SQLITE_NOTADB":
        return Invalid("is no journal", field=str(path))
    if name.startswith("SQLITE_CORRUPT"):
        return Invalid(f"{DAMAGED} ({error})", field=str(path))
    return Invalid(f"cannot be used: {error}", field=str(path))


def _seal(*values: object) -> int:
    """Return a checksum of a line: SQLite notices when its file is damaged, but not every byte of what is in it."""
    return crc32(b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values))
