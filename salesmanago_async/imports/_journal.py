"""What a run remembers on disk, so that another process can go on with it: a SQLite file in WAL mode.

    run      what the run is, and how it was asked for: one line
    chunks   one line for each request: the positions it holds, a CRC-32 of each record, and what is known of it

Nothing is sent before its line is on the disk (`synchronous=FULL`: it outlives a power cut), and nothing is called
accepted before that is. A line begins as *in_doubt*, so that a kill at any instant leaves the truth behind. There are
no rows and no secrets in it; reasons are kept with the addresses in them struck out.

SQLite works in a thread, one write at a time; writes that come while one is going on share the next commit.
"""

import os
import re
import sqlite3
import stat
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar, get_args
from zlib import crc32

import anyio
import anyio.to_thread
import orjson
from attrs import define, field, frozen

from ..errors import Invalid, JournalFailed
from .outcome import State, Verdicts

APPLICATION_ID = 0x534D4A4E
VERSION = 1

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
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
_SEAL_LINE = "UPDATE chunks SET seal = seal(number, spans, marks, state, request_id, reason, others) WHERE number = ?"
_READ_LINES = """
SELECT number, spans, state, request_id, reason, others,
    seal = seal(number, spans, marks, state, request_id, reason, others)
FROM chunks
"""

ReturnT = TypeVar("ReturnT")
Span: TypeAlias = tuple[int, int]
"""The first and the last of some positions that follow each other."""
Change: TypeAlias = tuple[str, tuple[Any, ...]]
"""A statement and its values, of which the last is the number of a chunk."""


@frozen
class Entry:
    """What the journal knows of a chunk: `others` are the records, by position, that are in another state than it."""

    number: int
    spans: tuple[Span, ...]
    state: State
    request_id: int | None = None
    reason: str | None = None
    others: Mapping[int, tuple[State, str]] = field(factory=dict)


@frozen
class Marks:
    """What the journal keeps of a chunk's records: positions, and a checksum (4 bytes) of each."""

    spans: tuple[Span, ...]
    checksums: bytes = field(repr=False)

    @classmethod
    def of(cls, positions: Sequence[int], items: Iterable[bytes]) -> Self:
        """Return the marks of these records, which stand in the order of the source."""
        return cls(tuple(_spans(positions)), struct.pack(f">{len(positions)}I", *map(crc32, items)))

    def part(self, indices: Sequence[int], positions: Sequence[int]) -> "Marks":
        """Return the marks of the records at these indices, whose positions are given."""
        each = (self.checksums[4 * index : 4 * index + 4] for index in indices)
        return Marks(tuple(_spans(positions)), b"".join(each))


def checksum(item: bytes) -> bytes:
    """Return by what a record is known again: its CRC-32, as 4 bytes."""
    return struct.pack(">I", crc32(item))


@define
class _Write:
    changes: Sequence[Change]
    done: bool = False
    error: sqlite3.Error | None = None


class Journal:
    """An open journal, which no other process can open meanwhile."""

    def __init__(self, path: Path, database: sqlite3.Connection, last: int) -> None:
        self.path = path
        self._database = database
        self._writes: list[_Write] = []
        self._turn = anyio.Lock()
        self._thread = anyio.CapacityLimiter(1)  # of our own: the host's threads may all be busy
        self._last = last

    async def checksums(self, number: int) -> bytes:
        """Return the checksums of a chunk's records, 4 bytes each, in the order of its positions."""
        query = "SELECT marks FROM chunks WHERE number = ?"
        async with self._turn:
            try:
                found = await self._in_thread(lambda: self._database.execute(query, (number,)).fetchone())
            except sqlite3.Error as error:
                raise JournalFailed(f"{self.path} cannot be read: {error}") from error
        return bytes(found[0])

    async def begin(self, marks: Marks) -> int:
        """Write down, before it is sent, that a chunk may have been sent; return its number."""
        number = self._next_number()
        await self._write(_insertion(number, marks))
        return number

    async def split(self, number: int, parts: Sequence[Marks]) -> list[int]:
        """Put the parts of a chunk, each as begun, in its place; there may be none. Return their numbers."""
        numbers = [self._next_number() for _ in parts]
        changes = [_insertion(number, marks) for number, marks in zip(numbers, parts, strict=True)]
        await self._write(_deletion(number), *changes)
        return numbers

    async def submitted(self, number: int, request_id: int) -> None:
        """Write down that the server has taken a chunk, and the number of its job."""
        await self._write(
            ("UPDATE chunks SET state = 'submitted', request_id = ? WHERE number = ?", (request_id, number))
        )

    async def settle(self, number: int, verdicts: Verdicts, positions: Sequence[int]) -> None:
        """Write down what became of the records of a chunk."""
        others = {positions[index]: (state, _struck_out(why)) for index, (state, why) in verdicts.others.items()}
        line = (verdicts.state, _struck_out(verdicts.reason), _text(others) if others else None, number)
        await self._write(("UPDATE chunks SET state = ?, reason = ?, others = ? WHERE number = ?", line))

    async def forget(self, number: int) -> None:
        """Write down that a chunk has surely not been processed: it is as if it had never been sent."""
        await self._write(_deletion(number))

    async def aclose(self) -> None:
        """Close it; what was written is kept, whatever happens."""
        with anyio.CancelScope(shield=True):
            async with self._turn:
                await self._in_thread(self._database.close)

    def _next_number(self) -> int:
        self._last += 1
        return self._last

    async def _write(self, *changes: Change) -> None:
        """Have the changes on the disk, all or none of them; raise `JournalFailed`."""
        mine = _Write(changes)
        self._writes.append(mine)
        async with self._turn:
            if not mine.done:  # or else whoever had the turn before has written this, too
                writes, self._writes = self._writes, []
                await self._in_thread(lambda: self._commit(writes))
        if mine.error:
            raise JournalFailed(f"{self.path} cannot be written: {mine.error}") from mine.error

    def _commit(self, writes: Sequence[_Write]) -> None:
        """Write them in one transaction; runs in the thread."""
        error: sqlite3.Error | None = None
        try:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                for write in writes:
                    for statement, values in write.changes:
                        self._database.execute(statement, values)
                        self._database.execute(_SEAL_LINE, values[-1:])
        except sqlite3.Error as met:
            error = met
        for write in writes:
            write.done, write.error = True, error

    async def _in_thread(self, act: Callable[[], ReturnT]) -> ReturnT:
        return await anyio.to_thread.run_sync(act, limiter=self._thread)


async def open_journal(
    path: Path, what: Mapping[str, Any], note: Mapping[str, Any] | None
) -> tuple[Journal, list[Entry]]:
    """Open a run's journal, or begin one; return it with what it knows of every chunk.

    `what` the run is must be what it was when it began; the `note` of that time stays. Raises `Invalid` naming the file
    where it cannot be used.
    """
    database, entries = await anyio.to_thread.run_sync(_open, path, what, note)
    return Journal(path, database, max((entry.number for entry in entries), default=0)), entries


def _open(
    path: Path, what: Mapping[str, Any], note: Mapping[str, Any] | None
) -> tuple[sqlite3.Connection, list[Entry]]:
    database = _connect(path)
    with _closed_where_unusable(path, database):
        entries = _entries(database)
        if entries:
            _check_same(path, orjson.loads(_run(database)[0]), orjson.loads(_text(what)))
        else:  # nothing was sent, so it can as well be another run's
            line = (_text(what), _text(note) if note is not None else None)
            database.executescript("BEGIN IMMEDIATE; DELETE FROM run;")
            database.execute("INSERT INTO run VALUES (?1, ?2, seal(?1, ?2))", line)
            database.execute("COMMIT")
        return database, entries


def read_note(path: Path) -> Any:
    """Return the note that a journal was begun with, None where there was none; raise `Invalid` for an unusable one."""
    if not path.is_file():
        raise Invalid("there is no such journal", field=str(path))
    database = _connect(path)
    with _closed_where_unusable(path, database):
        note = orjson.loads(_run(database)[1] or "null")
    database.close()
    return note


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file, make the tables where it is new, and keep other processes out."""
    _make_private(path)
    database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    with _closed_where_unusable(path, database):
        database.create_function("seal", -1, _seal, deterministic=True)
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        version = database.execute("PRAGMA user_version").fetchone()[0]
        is_ours = database.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        if tables and not is_ours:
            raise Invalid("is no journal, but another database", field=str(path))
        if tables and version != VERSION:
            raise Invalid(f"is a journal of version {version}; this program writes {VERSION}", field=str(path))
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        damage = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise Invalid(f"{_DAMAGED} ({damage})", field=str(path))
        if tables:
            database.execute("BEGIN IMMEDIATE")  # takes the lock, which stays
            database.execute("COMMIT")
        else:
            database.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")
    return database


@contextmanager
def _closed_where_unusable(path: Path, database: sqlite3.Connection) -> Iterator[None]:
    """Close a database that turns out not to be usable, and raise `Invalid` that says why."""
    try:
        yield
    except sqlite3.Error as error:
        database.close()
        raise _unusable(path, error) from error
    except Invalid:
        database.close()
        raise
    except (ValueError, TypeError, KeyError) as error:  # what is in it is not what was written
        database.close()
        raise Invalid(f"{_DAMAGED} ({error})", field=str(path)) from error


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


_DAMAGED = "is damaged, so nobody can tell any more what was sent"


def _unusable(path: Path, error: sqlite3.Error) -> Invalid:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Invalid("is in use by another run; wait for its end", field=str(path))
    if name == "SQLITE_NOTADB":
        return Invalid("is no journal", field=str(path))
    if name.startswith("SQLITE_CORRUPT"):
        return Invalid(f"{_DAMAGED} ({error})", field=str(path))
    return Invalid(f"cannot be used: {error}", field=str(path))


def _check_same(path: Path, known: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise `Invalid` where a run is not the one that the journal was begun for."""
    for name in {**known, **given}:
        if known.get(name) != given.get(name):
            raise Invalid(
                f"belongs to a run with another {name}; go on as it was begun, or give a new run a journal of its own",
                field=str(path),
            )


def _text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


_ADDRESS = re.compile(r"[^\s@'\"<>(),;:]+@[^\s@'\"<>(),;:]+")


def _struck_out(reason: str | None) -> str | None:
    """Return a reason without the addresses that a server may have put into it."""
    return _ADDRESS.sub("…@…", reason) if reason else reason


def _insertion(number: int, marks: Marks) -> Change:
    line = (_text(marks.spans), marks.checksums, number)
    return "INSERT INTO chunks (spans, marks, state, number) VALUES (?, ?, 'in_doubt', ?)", line


def _deletion(number: int) -> Change:
    return "DELETE FROM chunks WHERE number = ?", (number,)


def _entries(database: sqlite3.Connection) -> list[Entry]:
    entries = [_entry(line) for line in database.execute(_READ_LINES)]
    spans = sorted(span for entry in entries for span in entry.spans)
    for (_, last), (first, _) in pairwise(spans):
        if first <= last:
            raise ValueError(f"record {first} is in two lines")
    return entries


def _run(database: sqlite3.Connection) -> tuple[str, str | None]:
    """Return what the run is, and its note."""
    what, note, is_sealed = database.execute("SELECT what, note, seal = seal(what, note) FROM run").fetchone()
    if not is_sealed:
        raise ValueError("what the run is, is not as it was written")
    return what, note


def _seal(*values: object) -> int:
    """Return a checksum of a line: SQLite notices when its file is damaged, but not every byte of what is in it."""
    return crc32(b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values))


def _entry(line: Sequence[Any]) -> Entry:
    number, spans, state, request_id, reason, others, is_sealed = line
    if not is_sealed or state not in get_args(State):
        raise ValueError(f"line {number} is not as it was written")
    return Entry(
        number=number,
        spans=tuple((first, last) for first, last in orjson.loads(spans)),
        state=state,
        request_id=request_id,
        reason=reason,
        others={int(position): (name, why) for position, (name, why) in orjson.loads(others or "{}").items()},
    )


def _spans(positions: Sequence[int]) -> Iterable[Span]:
    first = last = positions[0]
    if positions[-1] - first == len(positions) - 1:  # nearly always
        yield first, positions[-1]
        return
    for position in positions[1:]:
        if position != last + 1:
            yield first, last
            first = position
        last = position
    yield first, last
