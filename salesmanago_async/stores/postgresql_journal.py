"""The journal of a run as rows of a PostgreSQL database (see postgresql.py).

What never changes in a line (its number, spans and checksums) has a checksum, which is compared when the checksums are
read. So no line has to be kept in memory until its batch is settled.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self
from zlib import crc32

import orjson

from ..connection.identity import difference
from .addresses import DatabaseAddress
from .group_commit import StoreLost
from .postgresql import (
    LOCK_GRACE,
    Connection,
    Fenced,
    PostgresqlStore,
    RunRow,
    begin_run,
    check_count,
    opened_briefly,
    raise_epoch,
    taken,
    without_nul,
)
from .refusals import HOLDS_A_BUFFER, NotBegun, NotOurs, OtherRun
from .rows import check_disjoint, entry_of, json_text
from .values import Begin, Entry, Forget, JournalChange, Replace, Settle, Submitted

_BEGIN = """
INSERT INTO salesmanago.chunks (run, number, spans, checksums, row_checksum, state)
SELECT id, %(number)s, %(spans)s, %(checksums)s, %(row_checksum)s, 'in_doubt' FROM mine
"""
_SUBMITTED = """
UPDATE salesmanago.chunks SET state = 'submitted', request_id = %(request_id)s
FROM mine WHERE run = id AND number = %(number)s
"""
_SETTLE = """
UPDATE salesmanago.chunks SET state = %(state)s, reason = %(reason)s, others = %(others)s
FROM mine WHERE run = id AND number = %(number)s
"""
_DELETE = "DELETE FROM salesmanago.chunks USING mine WHERE run = id AND number = %(number)s"
_READ = """
SELECT number, spans, state, request_id, reason, others FROM salesmanago.chunks WHERE run = %s ORDER BY number
"""
_CHECKSUMS = "SELECT spans, checksums, row_checksum FROM salesmanago.chunks WHERE run = %s AND number = %s"
_NOTE = "SELECT note FROM salesmanago.runs WHERE name = %s"
_DIGEST = (
    "SELECT digest FROM salesmanago.files JOIN salesmanago.runs ON run = id WHERE runs.name = %s AND files.name = %s"
)
_FORGET_DIGEST = (
    "DELETE FROM salesmanago.files USING salesmanago.runs WHERE run = id AND runs.name = %s AND files.name = %s"
)
_WRITE_DIGEST = """
INSERT INTO salesmanago.files SELECT id, %s, %s FROM salesmanago.runs WHERE name = %s
ON CONFLICT (run, name) DO UPDATE SET digest = excluded.digest
"""


class PostgresqlJournal(PostgresqlStore[JournalChange]):
    """The store of one journal."""

    @classmethod
    def open(
        cls,
        address: DatabaseAddress,
        identity: Mapping[str, Any],
        note: Mapping[str, Any] | None,
        *,
        grace: float = LOCK_GRACE,
    ) -> tuple[Self, list[Entry]]:
        """Take a run, or begin one, for the run with this `identity`; return it with its entries.

        Raises `Invalid` that names the address if it cannot be used, `InUse` if another process has the run after
        `grace` seconds.
        """
        with taken(address, kind="import", grace=grace) as (connection, run):
            entries = entries_of(connection, run)
            if run.lines:
                _check_same(address, run, identity)
            else:  # nothing was sent, so another run may use the name
                text = None if note is None else json_text(note)
                begin_run(connection, run, kind="import", what=json_text(identity), note=text)
            epoch = raise_epoch(connection, run)
        return cls(address, connection, run, epoch), entries

    def checksums(self, number: int) -> bytes:
        """Return the checksums of a batch's records, one after another, in the order of their positions."""
        with self._lost_if_it_fails():
            found = self._connection.execute(_CHECKSUMS, (self._run, number)).fetchall()
            if not found or sealed(number, *found[0][:2]) != found[0][2]:
                raise StoreLost(f"line {number} is not as it was written")
            return bytes(found[0][1])

    @staticmethod
    def statements(changes: Sequence[JournalChange]) -> Iterator[Fenced]:
        """Yield what writes some changes."""
        for change in changes:
            yield from _writing(change)


def _writing(change: JournalChange) -> Iterator[Fenced]:
    match change:
        case Begin(number, rows):
            spans = json_text(rows.spans)
            row_checksum = sealed(number, spans, rows.checksums)
            values = {"number": number, "spans": spans, "checksums": rows.checksums, "row_checksum": row_checksum}
            yield Fenced(_BEGIN, values, more=1)
        case Replace(number, parts):
            yield Fenced(_DELETE, {"number": number}, more=-1)
            for part in parts:
                yield from _writing(part)
        case Submitted(number, request_id):
            yield Fenced(_SUBMITTED, {"number": number, "request_id": request_id})
        case Settle(number, state, reason, others):
            kept = json_text(others) if others else None
            yield Fenced(_SETTLE, {"number": number, "state": state, "reason": without_nul(reason), "others": kept})
        case Forget(number):
            yield Fenced(_DELETE, {"number": number}, more=-1)


def entries_of(connection: Connection, run: RunRow) -> list[Entry]:
    """Return the entries of a run; raise an error if they are not those that were written."""
    if run.kind != "import":
        if run.lines:
            raise NotOurs(HOLDS_A_BUFFER)
        return []
    entries = [entry_of(*row) for row in connection.execute(_READ, (run.id,))]
    check_count(run, len(entries))
    check_disjoint(entries)
    return entries


def read_note(address: DatabaseAddress) -> Any:
    """Return the note that a journal was begun with, None if there was none; raise `NotBegun` if there is no run."""
    with opened_briefly(address) as connection:
        found = connection.execute(_NOTE, (address.run,)).fetchall()
    if not found:
        raise NotBegun("there is no such run: no import was begun in it", field=str(address))
    return orjson.loads(found[0][0] or "null")


def read_digest(address: DatabaseAddress, name: str) -> str | None:
    """Return the digest of a file with this name that runs of this journal wrote; None if there is none."""
    with opened_briefly(address) as connection:
        found = connection.execute(_DIGEST, (address.run, name)).fetchall()
    return str(found[0][0]) if found else None


def write_digest(address: DatabaseAddress, name: str, digest: str | None) -> None:
    """Remember the digest of a file that was written for a journal; None if that file is gone."""
    with opened_briefly(address) as connection:
        if digest is None:
            connection.execute(_FORGET_DIGEST, (address.run, name))
        else:
            connection.execute(_WRITE_DIGEST, (name, digest, address.run))


def _check_same(address: DatabaseAddress, run: RunRow, identity: Mapping[str, Any]) -> None:
    """Raise `Invalid` if a run is not the one that the journal was begun for."""
    if other := difference(orjson.loads(run.what), orjson.loads(json_text(identity))):
        raise OtherRun(other, field=str(address))


def sealed(number: int, spans: str, checksums: bytes) -> int:
    """Return the checksum of what never changes in a line."""
    return crc32(b"\0".join((str(number).encode(), spans.encode(), checksums)))
