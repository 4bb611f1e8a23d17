"""The queue of a buffer as rows of a PostgreSQL database (see postgresql.py); each row has a checksum of its record."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Self
from zlib import crc32

import orjson

from ..connection.identity import difference
from ..errors import Invalid
from .addresses import DatabaseAddress
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
from .queue_values import Delete, Insert, Mark, QueueChange, QueuedLine
from .refusals import IS_OF_AN_IMPORT, other_buffer
from .rows import json_text, known_state

_INSERT = """
INSERT INTO salesmanago.records (run, number, item, row_checksum, state)
SELECT id, number, item, row_checksum, 'not_sent'
FROM mine, unnest(%(numbers)s::bigint[], %(items)s::bytea[], %(row_checksums)s::bigint[])
    AS new (number, item, row_checksum)
"""
_MARK = """
UPDATE salesmanago.records SET state = %(state)s, chunk = %(chunk)s, request_id = %(request_id)s, reason = %(reason)s
FROM mine WHERE run = id AND number = ANY(%(numbers)s::bigint[])
"""
_DELETE = "DELETE FROM salesmanago.records USING mine WHERE run = id AND number = ANY(%(numbers)s::bigint[])"
_READ = """
SELECT row_checksum, number, item, state, chunk, request_id, reason FROM salesmanago.records WHERE run = %s
ORDER BY number
"""
_NAMES = "SELECT name FROM salesmanago.runs WHERE kind = 'buffer' AND starts_with(name, %s)"


class PostgresqlQueue(PostgresqlStore[QueueChange]):
    """The store of one queue."""

    @classmethod
    def open(
        cls, address: DatabaseAddress, identity: Mapping[str, Any] | None, *, waits: bool = False
    ) -> tuple[Self, list[QueuedLine]]:
        """Take a queue, or begin one, and return it with its records.

        `identity` is what the queue belongs to; None opens an existing queue whatever it belongs to.
        """
        grace, creates = LOCK_GRACE if waits else 0.0, identity is not None
        with taken(address, kind="buffer", grace=grace, creates=creates) as (connection, run):
            lines = _lines(connection, run)
            if identity is not None and lines:
                _check_same(address, run, identity)
            if identity is not None and not lines:
                begin_run(connection, run, kind="buffer", what=json_text(identity), note=None)
            epoch = raise_epoch(connection, run)
        return cls(address, connection, run, epoch), lines

    @staticmethod
    def statements(changes: Sequence[QueueChange]) -> Iterator[Fenced]:
        """Yield what writes some changes; records that come one after the other are inserted together."""
        for kind, several in groupby(changes, type):
            if kind is Insert:
                yield _inserting([change for change in several if isinstance(change, Insert)])
            else:
                yield from filter(None, map(_changing, several))


def names_of_queues(address: DatabaseAddress) -> list[str]:
    """Return the names of the queues in a database that begin with that of an address."""
    with opened_briefly(address) as connection:
        return [name for (name,) in connection.execute(_NAMES, (address.run,)).fetchall()]


def _inserting(inserts: Sequence[Insert]) -> Fenced:
    values = {
        "numbers": [insert.number for insert in inserts],
        "items": [insert.item for insert in inserts],
        "row_checksums": [_row_checksum(insert.number, insert.item) for insert in inserts],
    }
    return Fenced(_INSERT, values, rows=len(inserts), more=len(inserts))


def _changing(change: QueueChange) -> Fenced | None:
    """Return what writes a change of records that are there; None if it is about no record."""
    match change:
        case Mark(numbers, state, chunk, request_id, reason) if numbers:
            known = {"state": state, "chunk": chunk, "request_id": request_id, "reason": without_nul(reason)}
            return Fenced(_MARK, {**known, "numbers": list(numbers)}, rows=len(numbers))
        case Delete(numbers) if numbers:
            return Fenced(_DELETE, {"numbers": list(numbers)}, rows=len(numbers), more=-len(numbers))
        case _:
            return None


def _lines(connection: Connection, run: RunRow) -> list[QueuedLine]:
    """Return the records of a queue; raise an error if they are not those that were written."""
    if run.kind != "buffer":
        if run.lines:
            raise Invalid(IS_OF_AN_IMPORT)
        return []
    lines: list[QueuedLine] = []
    for row_checksum, number, item, state, *known in connection.execute(_READ, (run.id,)):
        if row_checksum != _row_checksum(number, item):
            raise ValueError(f"record {number} is not as it was written")
        lines.append(QueuedLine(number, bytes(item), known_state(number, state), *known))
    check_count(run, len(lines))
    return lines


def _check_same(address: DatabaseAddress, run: RunRow, identity: Mapping[str, Any]) -> None:
    """Raise `Invalid` if the records in a queue belong to something else."""
    if other := difference(orjson.loads(run.what), orjson.loads(json_text(identity))):
        raise Invalid(other_buffer(other.name, other.servers), field=str(address))


def _row_checksum(number: int, item: bytes) -> int:
    return crc32(b"%d\0%b" % (number, item))
