"""The runs in a PostgreSQL database, for whoever looks after it: prepared, listed, counted and removed.

Nothing here takes a run, except for its removal: a run is counted as it is at that moment, also while it goes on.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

import orjson
from attrs import evolve, frozen

from ..errors import Invalid
from ..outcome import State
from .addresses import DatabaseAddress
from .postgresql import Connection, lock_key, lock_run, opened_briefly, unlock_run
from .postgresql_journal import sealed
from .postgresql_schema import ensure_quota_tables, grant_to
from .refusals import NotBegun
from .rows import entry_of
from .values import JournalLine

_RUNS = """
SELECT name, kind, lines, begun, opened,
    (SELECT count(*) FROM salesmanago.chunks WHERE run = id AND state IN ('in_doubt', 'submitted'))
        + (SELECT count(*) FROM salesmanago.records WHERE run = id AND state <> 'rejected')
FROM salesmanago.runs WHERE name = %s OR %s::text IS NULL ORDER BY name
"""
_STATES = "SELECT name FROM salesmanago.states WHERE name = %s OR %s::text IS NULL ORDER BY name"
_LOCKED = """
SELECT (classid::bigint << 32) + objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_ENTRIES = """
SELECT number, spans, state, request_id, reason, others FROM salesmanago.chunks JOIN salesmanago.runs ON run = id
WHERE name = %s
"""
_LINES = """
SELECT name, number, spans, state, request_id, reason, others, checksums, row_checksum
FROM salesmanago.chunks JOIN salesmanago.runs ON run = id
WHERE starts_with(name, %s) ORDER BY name, number
"""
_NAMES = "SELECT name, what FROM salesmanago.runs WHERE starts_with(name, %s) AND kind = 'import' ORDER BY name"
_SUBMITTED = """
SELECT request_id FROM salesmanago.chunks JOIN salesmanago.runs ON run = id
WHERE name = %s AND state = 'submitted' AND request_id IS NOT NULL ORDER BY number
"""
_RECORDS = """
SELECT state, count(*) FROM salesmanago.records JOIN salesmanago.runs ON run = id WHERE name = %s GROUP BY state
"""
_REMOVE_RUN = "DELETE FROM salesmanago.runs WHERE name = %s"
_REMOVE_STATE = "DELETE FROM salesmanago.states WHERE name = %s"


@frozen
class RunSummary:
    """A run: the journal of an import, the queue of a worker of a buffer, or the state of an export.

    `unsettled` counts the lines whose outcome is not known, or the records that wait to be sent.
    """

    name: str
    kind: Literal["import", "buffer", "state"]
    lines: int = 0
    begun: datetime | None = None
    opened: datetime | None = None
    unsettled: int = 0
    is_in_use: bool = False


def prepare(address: DatabaseAddress, *, users: Sequence[str] = ()) -> None:
    """Create the tables if they are missing, and let these users keep journals and share quotas there."""
    with opened_briefly(address) as connection:
        ensure_quota_tables(connection)
        for user in users:
            grant_to(connection, user)


def runs_in(address: DatabaseAddress) -> list[RunSummary]:
    """Return the run that an address names, or, if it names none, all runs in the database."""
    with opened_briefly(address) as connection:
        return _summaries(connection, address.run)


def count_records(address: DatabaseAddress) -> Counter[State]:
    """Count the records of a run by their states."""
    counts: Counter[State] = Counter()
    with opened_briefly(address) as connection:
        for row in connection.execute(_ENTRIES, (address.run,)):
            for (state, _), count in entry_of(*row).reasons().items():
                counts[state] += count
        counts.update(dict(connection.execute(_RECORDS, (address.run,)).fetchall()))
    return +counts


def lines(address: DatabaseAddress, prefix: str) -> Iterator[JournalLine]:
    """Yield the lines of all runs whose names begin with `prefix`, as they are at this moment; nothing is locked.

    Raises `Invalid` if the database cannot be used, or a line is not as it was written.
    """
    with opened_briefly(address) as connection, connection.transaction(), connection.cursor("lines") as cursor:
        cursor.itersize = 100
        for run, *row, checksums, row_checksum in cursor.execute(_LINES, (prefix,)):
            if row_checksum != sealed(row[0], row[1], checksums):
                raise ValueError(f"line {row[0]} of run {run} is not as it was written")
            yield JournalLine(run, entry_of(*row), bytes(checksums))


def imports(address: DatabaseAddress, prefix: str) -> dict[str, Any]:
    """Return what each run is whose name begins with `prefix`, by their names: the runs of imports, also empty ones."""
    with opened_briefly(address) as connection:
        return {name: orjson.loads(what) for name, what in connection.execute(_NAMES, (prefix,)).fetchall()}


def submitted_jobs(address: DatabaseAddress) -> list[int]:
    """Return the ids of the server jobs of a run whose results are not known yet."""
    with opened_briefly(address) as connection:
        return [request_id for (request_id,) in connection.execute(_SUBMITTED, (address.run,))]


def remove_run(address: DatabaseAddress, *, even_unsettled: bool = False) -> None:
    """Remove a run.

    Raises `InUse` if somebody has it, and `Invalid` if there are outcomes that are not known, unless this is wanted.
    """
    assert address.run is not None
    with opened_briefly(address) as connection:
        lock_run(address, connection, grace=0.0)
        found = _summaries(connection, address.run)
        if not found:
            raise NotBegun("there is no such run", field=str(address))
        unsettled = sum(run.unsettled for run in found)
        if unsettled and not even_unsettled:
            raise Invalid(
                f"has {unsettled:,} lines or records whose outcome is not known; let it be resumed first, or remove it "
                "with --force",
                field=str(address),
            )
        with connection.transaction():
            connection.execute(_REMOVE_RUN, (address.run,))
            connection.execute(_REMOVE_STATE, (address.run,))
        unlock_run(connection, address.run)


def _summaries(connection: Connection, name: str | None) -> list[RunSummary]:
    locked = {key for (key,) in connection.execute(_LOCKED).fetchall()}
    runs = connection.execute(_RUNS, (name, name)).fetchall()
    states = connection.execute(_STATES, (name, name)).fetchall()
    return [
        *(evolve(RunSummary(*row), is_in_use=lock_key(row[0]) in locked) for row in runs),
        *(RunSummary(found, "state") for (found,) in states),
    ]
