"""The tables in a PostgreSQL database, all in the schema `salesmanago`.

    version     the version of these tables
    runs        a run, by its name: the journal of an import, or the queue of a worker of a buffer
    chunks      the lines of journals: see journal.py
    records     the records in the queues of buffers: see queue.py
    files       the files that were written for a journal
    states      the states of exports: see postgresql_states.py
    quotas      how many requests the processes of an account may have in flight together: see the room quotas
    quota_slots     the places of a quota that somebody uses, or used when it was killed

Whoever opens the first run creates them. A user who may not do so has them created by `salesmanago journal init`.
"""

from typing import Any

import psycopg
from psycopg import sql

from ..errors import Invalid

VERSION = 1

_CREATING = 7_306_089_410_113_281
"""The advisory lock under which the tables are created: CREATE … IF NOT EXISTS fails if two sessions do it at once."""

_FIND = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'salesmanago' AND tablename = 'version'"

_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS salesmanago",
    "CREATE TABLE salesmanago.version (version integer NOT NULL)",
    """
    CREATE TABLE salesmanago.runs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        kind text NOT NULL CHECK (kind IN ('import', 'buffer')),
        what text NOT NULL,
        note text,
        epoch bigint NOT NULL DEFAULT 0,
        lines bigint NOT NULL DEFAULT 0 CHECK (lines >= 0),
        begun timestamptz NOT NULL DEFAULT now(),
        opened timestamptz
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE salesmanago.chunks (
        run bigint NOT NULL REFERENCES salesmanago.runs ON DELETE CASCADE,
        number bigint NOT NULL,
        spans text NOT NULL,
        checksums bytea NOT NULL,
        row_checksum bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('in_doubt', 'submitted', 'accepted', 'rejected', 'not_sent')),
        request_id bigint,
        reason text,
        others text,
        PRIMARY KEY (run, number)
    )
    """,
    "ALTER TABLE salesmanago.chunks ALTER checksums SET STORAGE EXTERNAL",  # they cannot be compressed
    """
    CREATE TABLE salesmanago.records (
        run bigint NOT NULL REFERENCES salesmanago.runs ON DELETE CASCADE,
        number bigint NOT NULL,
        item bytea NOT NULL,
        row_checksum bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('in_doubt', 'submitted', 'accepted', 'rejected', 'not_sent')),
        chunk bigint,
        request_id bigint,
        reason text,
        PRIMARY KEY (run, number)
    )
    """,
    """
    CREATE TABLE salesmanago.files (
        run bigint NOT NULL REFERENCES salesmanago.runs ON DELETE CASCADE,
        name text NOT NULL,
        digest text NOT NULL,
        PRIMARY KEY (run, name)
    )
    """,
    "CREATE TABLE salesmanago.states (name text PRIMARY KEY, version bigint NOT NULL, document text NOT NULL)",
)

_FIND_QUOTAS = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'salesmanago' AND tablename = 'quota_slots'"

_QUOTA_TABLES = (
    """
    CREATE TABLE salesmanago.quotas (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        key integer NOT NULL UNIQUE CHECK (key >= 0),
        slots integer NOT NULL CHECK (slots > 0),
        rate double precision CHECK (rate > 0),
        settle double precision NOT NULL CHECK (settle >= 0),
        next_at timestamptz NOT NULL DEFAULT now(),
        hold_until timestamptz NOT NULL DEFAULT now()
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE salesmanago.quota_slots (
        quota integer NOT NULL REFERENCES salesmanago.quotas ON DELETE CASCADE,
        number integer NOT NULL,
        taken timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (quota, number)
    )
    """,
)
"""Apart from the others: a database that holds journals only needs none of them."""


def ensure_schema(connection: psycopg.Connection[Any]) -> None:
    """Create the tables if they are missing; raise `Invalid` if they are of another version."""
    if not _is_there(connection):
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATING,))
            if not _is_there(connection):
                for statement in _TABLES:
                    connection.execute(statement)
                connection.execute("INSERT INTO salesmanago.version VALUES (%s)", (VERSION,))
    [(version,)] = connection.execute("SELECT version FROM salesmanago.version").fetchall()
    if version != VERSION:
        raise Invalid(
            f"its tables are of version {version}; this program works with {VERSION}, so go on with the program that "
            "made them, or give another database"
        )


def ensure_quota_tables(connection: psycopg.Connection[Any]) -> None:
    """Create the tables of quotas if they are missing, and all others."""
    ensure_schema(connection)
    if connection.execute(_FIND_QUOTAS).fetchall():
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATING,))
        if not connection.execute(_FIND_QUOTAS).fetchall():
            for statement in _QUOTA_TABLES:
                connection.execute(statement)


def _is_there(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the tables are there, by a query: `to_regclass` may remember that they were not."""
    return bool(connection.execute(_FIND).fetchall())


def grant_to(connection: psycopg.Connection[Any], user: str) -> None:
    """Let a user keep journals in the tables."""
    role = sql.Identifier(user)
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA salesmanago TO {}").format(role))
    connection.execute(
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA salesmanago TO {}").format(role)
    )
