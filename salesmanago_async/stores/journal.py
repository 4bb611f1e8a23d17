"""What a run remembers on disk, so that another process can go on with it: a SQLite file (see _database.py).

    run      what the run is, and how it was asked for: one line
    chunks   one line for each request: the positions it holds, a CRC-32 of each record, and what is known of it

Nothing is sent before its line is on the disk, and nothing is called accepted before that is. A line begins as
*in_doubt*, so that a kill at any instant leaves the truth behind. There are no rows and no secrets in it; reasons come
without what is of a record in them (see _struck_out.py).
"""

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, TypeAlias, get_args
from zlib import crc32

import anyio.to_thread
import orjson
from attrs import field, frozen

from ..errors import Invalid
from ..outcome import State, Verdicts
from .sqlite import (
    Change,
    Database,
    begin_run,
    close,
    closed_where_unusable,
    connect,
    json_text,
    other_than_known,
    read_run,
    write_now,
)

_SEAL_LINE = "UPDATE chunks SET seal = seal(number, spans, marks, state, request_id, reason, others) WHERE number = ?"
_READ_LINES = """
SELECT number, spans, state, request_id, reason, others,
    seal = seal(number, spans, marks, state, request_id, reason, others)
FROM chunks
"""


class NotBegun(Invalid):
    """The journal is empty: no import was begun in it, or not even its tables were made."""


Span: TypeAlias = tuple[int, int]
"""The first and the last of some positions that follow each other."""


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
class RowChecksums:
    """What the journal keeps of a chunk's records: positions, and a checksum (4 bytes) of each."""

    spans: tuple[Span, ...]
    checksums: bytes = field(repr=False)

    @classmethod
    def of(cls, positions: Sequence[int], items: Iterable[bytes]) -> Self:
        """Return the marks of these records, which stand in the order of the source."""
        return cls(tuple(_spans(positions)), struct.pack(f">{len(positions)}I", *map(crc32, items)))

    def part(self, indices: Sequence[int], positions: Sequence[int]) -> "RowChecksums":
        """Return the marks of the records at these indices, whose positions are given."""
        each = (self.checksums[4 * index : 4 * index + 4] for index in indices)
        return RowChecksums(tuple(_spans(positions)), b"".join(each))


def checksum(item: bytes) -> bytes:
    """Return by what a record is known again: its CRC-32, as 4 bytes."""
    return struct.pack(">I", crc32(item))


class Journal:
    """An open journal, which no other process can open meanwhile."""

    def __init__(self, database: Database, last: int) -> None:
        self._database = database
        self._last = last

    async def checksums(self, number: int) -> bytes:
        """Return the checksums of a chunk's records, 4 bytes each, in the order of its positions."""
        [[marks]] = await self._database.read("SELECT marks FROM chunks WHERE number = ?", (number,))
        return bytes(marks)

    async def begin(self, marks: RowChecksums) -> int:
        """Write down, before it is sent, that a chunk may have been sent; return its number."""
        number = self._next_number()
        await self._write(_insertion(number, marks))
        return number

    async def split(self, number: int, parts: Sequence[RowChecksums]) -> list[int]:
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
        others = {positions[index]: verdict for index, verdict in verdicts.others.items()}
        line = (verdicts.state, verdicts.reason, json_text(others) if others else None, number)
        await self._write(("UPDATE chunks SET state = ?, reason = ?, others = ? WHERE number = ?", line))

    async def forget(self, number: int) -> None:
        """Write down that a chunk has surely not been processed: it is as if it had never been sent."""
        await self._write(_deletion(number))

    async def aclose(self) -> None:
        """Close it; what was written is kept, whatever happens."""
        await self._database.aclose()

    def _next_number(self) -> int:
        self._last += 1
        return self._last

    async def _write(self, *changes: tuple[str, tuple[Any, ...]]) -> None:
        """Write lines, and seal each; the last value of a change is the number of its line."""
        await self._database.write(*(part for change in changes for part in (change, (_SEAL_LINE, change[1][-1:]))))


async def open_journal(
    path: Path, what: Mapping[str, Any], note: Mapping[str, Any] | None
) -> tuple[Journal, list[Entry]]:
    """Open a run's journal, or begin one; return it with what it knows of every chunk.

    `what` the run is must be what it was when it began; the `note` of that time stays. Raises `Invalid` naming the file
    where it cannot be used.
    """
    database, entries = await anyio.to_thread.run_sync(_open, path, what, note)
    return Journal(Database(path, database), max((entry.number for entry in entries), default=0)), entries


def _open(
    path: Path, what: Mapping[str, Any], note: Mapping[str, Any] | None
) -> tuple[sqlite3.Connection, list[Entry]]:
    database = connect(path)
    with closed_where_unusable(path, database):
        entries = _entries(database)
        if entries:
            _check_same(path, database, what)
        else:  # nothing was sent, so it can as well be another run's
            if database.execute("SELECT 1 FROM queue").fetchone():
                raise Invalid("holds the records of a buffer; give the run a journal of its own", field=str(path))
            begin_run(database, what, note)
        return database, entries


def read_note(path: Path) -> Any:
    """Return the note that a journal was begun with, None where there was none.

    Raises `NotBegun` for an empty one, `Invalid` for one that cannot be used.
    """
    if not path.is_file():
        raise Invalid("there is no such journal", field=str(path))
    with _looked_into(path) as database:
        run = read_run(database) if database else None
        if run is None:
            raise NotBegun("is empty: no import was begun in it", field=str(path))
        return run[1]


def read_digest(path: Path, file: Path) -> str | None:
    """Return the digest of a file that runs of this journal wrote, None where they wrote none of this name."""
    with _looked_into(path) as database:
        if database is None:
            return None
        line = database.execute("SELECT digest FROM files WHERE name = ?", (file.name,)).fetchone()
        return str(line[0]) if line else None


def write_digest(path: Path, file: Path, digest: str | None) -> None:
    """Remember the digest of a file that was written beside a journal, or, None, that it is gone."""
    with _looked_into(path) as database:
        if database is None:
            return
        forgotten: Change = ("DELETE FROM files WHERE name = ?", (file.name,))
        written: Change = ("INSERT INTO files VALUES (?, ?)", (file.name, digest))
        write_now(database, forgotten, *([written] if digest else []))


@contextmanager
def _looked_into(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Have a journal open for a moment; None, and nothing is made in it, where it is empty."""
    if not path.stat().st_size:
        yield None
        return
    database = connect(path)
    with closed_where_unusable(path, database):
        yield database
    close(database)


def _check_same(path: Path, database: sqlite3.Connection, what: Mapping[str, Any]) -> None:
    """Raise `Invalid` where a run is not the one that the journal was begun for."""
    if other := other_than_known(database, what):
        said = other.servers or f"belongs to a run with another {other.name}"
        raise Invalid(f"{said}; go on as it was begun, or give a new run a journal of its own", field=str(path))


def _insertion(number: int, marks: RowChecksums) -> tuple[str, tuple[Any, ...]]:
    line = (json_text(marks.spans), marks.checksums, number)
    return "INSERT INTO chunks (spans, marks, state, number) VALUES (?, ?, 'in_doubt', ?)", line


def _deletion(number: int) -> tuple[str, tuple[Any, ...]]:
    return "DELETE FROM chunks WHERE number = ?", (number,)


def _entries(database: sqlite3.Connection) -> list[Entry]:
    entries = [_entry(line) for line in database.execute(_READ_LINES)]
    spans = sorted(span for entry in entries for span in entry.spans)
    for (_, last), (first, _) in pairwise(spans):
        if first <= last:
            raise ValueError(f"record {first} is in two lines")
    return entries


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
