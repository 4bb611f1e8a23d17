"""SQLite files of our own: their owner's alone, open in one process, on the disk when a write returns.

SQLite works in a thread, one write at a time; writes that come while one is going on share the next commit. A task of
nobody's sees to that, as whoever asked for a write may be cancelled in the middle of it.

What a write returned for is wholly in the one file, which may be copied and moved alone: SQLite keeps a rollback
journal, and no log of writes. That is a file NAME-journal, empty between two commits, and gone when ours is closed.
A write outlives a power cut. How a file is known to be whole is in _proof.py.
"""

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from zlib import crc32

import anyio
import anyio.to_thread
import orjson
from attrs import define, field

from ..connection.identity import Difference, difference
from ..errors import Invalid, JournalFailed
from ..support.spawn import spawn
from .proof import (
    APPLICATION_ID,
    COUNT_COMMIT,
    PROOF_SCHEMA,
    VERSION,
    check_whole,
    damaged,
    is_new,
    second_file_settled,
)

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
CREATE TABLE files (name TEXT PRIMARY KEY, digest TEXT NOT NULL);
{PROOF_SCHEMA}
"""
"""`run` and `chunks` are what _journal.py reads and writes; `queue` is the buffers', and holds records.

It stands first, so that the last page of a journal is one of its own: SQLite does not miss the end of an empty one.
"""

ReturnT = TypeVar("ReturnT")
Values: TypeAlias = tuple[Any, ...] | Mapping[str, Any]
Change: TypeAlias = tuple[str, Values]
"""A statement and its values."""

_OPENING = threading.Lock()
"""One file is opened at a time: while a copy of one is made, no other thread may get its lock (see `connect`)."""


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
            spawn(self._write_all)
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
            write_now(self._connection, *chain.from_iterable(write.changes for write in writes))
        except sqlite3.Error as error:
            return error
        return None

    async def aclose(self) -> None:
        """Close it; what was written is kept, whatever happens."""
        with anyio.CancelScope(shield=True):
            async with self._turn:
                await self._in_thread(lambda: close(self._connection))

    async def _in_thread(self, act: Callable[[], ReturnT]) -> ReturnT:
        return await anyio.to_thread.run_sync(act, limiter=self._thread)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, make the tables where it is new, and keep other processes out.

    Raises `Invalid` naming the file where it cannot be used, `InUse` where somebody else has it open.
    """
    with _OPENING:  # a copy that is made of a file would, once it is closed, let go of the lock of this very process
        _make_private(path)
        with _unusable_named(path), second_file_settled(path):
            return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    with closed_where_unusable(path, connection, act=sqlite3.Connection.close):  # it may be anybody's still
        connection.create_function("seal", -1, _seal, deterministic=True)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        connection.executescript("BEGIN EXCLUSIVE; COMMIT;")  # takes the lock, which stays
        if has_tables := not is_new(path, connection):
            check_whole(connection)
        connection.execute("PRAGMA journal_mode = TRUNCATE").fetchall()
        connection.execute("PRAGMA synchronous = NORMAL")  # which is enough: see _proof.py
        if not has_tables:
            connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")
    return connection


def close(connection: sqlite3.Connection) -> None:
    """Close a file, and remove the one that SQLite has beside it, which is empty then."""
    with suppress(sqlite3.Error):  # what was written is on the disk whatever happens here
        connection.rollback()
        for pragma in ("PRAGMA locking_mode = NORMAL", "PRAGMA journal_mode = DELETE"):
            connection.execute(pragma).fetchall()
    connection.close()


def begin_run(connection: sqlite3.Connection, what: Mapping[str, Any], note: Mapping[str, Any] | None = None) -> None:
    """Write down what the file is of, in place of what stood there."""
    line = {"what": json_text(what), "note": json_text(note) if note is not None else None}
    begun = "INSERT INTO run VALUES (:what, :note, seal(:what, :note))"
    write_now(connection, ("DELETE FROM run", ()), (begun, line))


def write_now(connection: sqlite3.Connection, *changes: Change) -> None:
    """Have changes on the disk, all or none, as one commit."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(COUNT_COMMIT)
        for statement, values in changes:
            connection.execute(statement, values)


def read_run(connection: sqlite3.Connection) -> tuple[Any, Any] | None:
    """Return what the file is of, and its note; None where nothing was begun in it."""
    line = connection.execute("SELECT what, note, seal = seal(what, note) FROM run").fetchone()
    if line is None:
        return None
    what, note, is_sealed = line
    if not is_sealed:
        raise ValueError("what the run is, is not as it was written")
    return orjson.loads(what), orjson.loads(note or "null")


def other_than_known(connection: sqlite3.Connection, given: Mapping[str, Any]) -> Difference | None:
    """Return the first thing that is given otherwise than the file is of; None where nothing is."""
    run = read_run(connection)
    if run is None:
        raise ValueError("what it is of, is not in it")
    return difference(run[0], orjson.loads(json_text(given)))


def json_text(value: object) -> str:
    """Return a value as the text of a cell."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


@contextmanager
def closed_where_unusable(
    path: Path, connection: sqlite3.Connection, *, act: Callable[[sqlite3.Connection], None] = close
) -> Iterator[None]:
    """Close a database (by `act`) that turns out not to be usable, and raise `Invalid` that says why."""
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
    except (ValueError, TypeError, KeyError) as error:  # what is in it is not what was written
        raise damaged(path, error) from error


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


IN_USE = "is in use by another run; wait for its end"


def _unusable(path: Path, error: sqlite3.Error) -> Invalid:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return InUse(IN_USE, field=str(path))
    if name == "SQLITE_NOTADB":
        return Invalid("is no journal", field=str(path))
    if name.startswith("SQLITE_CORRUPT"):
        return damaged(path, error)
    return Invalid(f"cannot be used: {error}", field=str(path))


def _seal(*values: object) -> int:
    """Return a checksum of a line: SQLite notices when its file is damaged, but not every byte of what is in it."""
    return crc32(b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values))
