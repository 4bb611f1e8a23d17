"""PostgreSQL databases of this library: one session for each run, which nobody else can have meanwhile.

    lock      a session advisory lock on the name of the run: PostgreSQL frees it when the session ends, however it ends
    epoch     a number in the row of the run, raised by everyone who takes it: each write asks for its own epoch

The lock says whether the owner lives. It does not make writes safe: a session may end while its process goes on, and a
process that was frozen does not know that its session has ended. Therefore each statement that writes is fenced: it
changes the row of its run, and only if the epoch there is still its own. A store that has lost its session, or its
run, raises `StoreLost` for ever after. It never connects again, because somebody else may have the run by then.

The row of the run also counts its lines. Lines that somebody has deleted are noticed when the run is opened.
"""

import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import Any, Generic, Literal, LiteralString, TypeAlias, TypeVar

import psycopg
from attrs import define, frozen
from psycopg.conninfo import conninfo_to_dict

from ..errors import Invalid
from .addresses import DatabaseAddress
from .group_commit import StoreLost
from .postgresql_schema import ensure_schema
from .refusals import IN_USE, InUse, NotBegun

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
Kind: TypeAlias = Literal["import", "buffer"]

LOCK_GRACE = 1.0
"""Seconds in which the lock of a process that has just been killed becomes free."""

_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "11000",
}
"""Parameters of the connection that an address may replace: a host that is gone is noticed after some 11 seconds."""

_SESSION = {
    "default_transaction_isolation": "read committed",
    "idle_session_timeout": "0",  # a run waits for its jobs for longer than a server may let sessions idle
    "idle_in_transaction_session_timeout": "60000",
    "statement_timeout": "60000",
    "lock_timeout": "30000",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "11000",
}
"""Settings of the session: a client that has vanished loses its lock after some 11 seconds."""

_SET = "SELECT set_config(name, %s, false) FROM pg_settings WHERE name = %s AND setting <> %s"
_SET_DURABLE = """
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'off'
"""
_HOLDER = """
SELECT application_name, client_addr::text, to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32) + objid::bigint = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_CREATE = """
INSERT INTO salesmanago.runs (name, kind, what) VALUES (%s, %s, '{}') ON CONFLICT (name) DO NOTHING
"""
_FIND = "SELECT id, kind, what, note, lines FROM salesmanago.runs WHERE name = %s FOR UPDATE"
_TAKE = "UPDATE salesmanago.runs SET epoch = epoch + 1, opened = now() WHERE id = %s RETURNING epoch"
_BEGIN = "UPDATE salesmanago.runs SET kind = %s, what = %s, note = %s WHERE id = %s"
_CONFIRM = "SELECT 1 FROM salesmanago.runs WHERE id = %s AND epoch = %s"

_FENCE: LiteralString = """
WITH mine AS (
    UPDATE salesmanago.runs SET lines = lines + %(more)s WHERE id = %(run)s AND epoch = %(epoch)s RETURNING id
)
"""
"""Begins each statement that writes: the rest of it finds a row `mine` only if the run is still ours."""


@frozen
class Fenced:
    """A statement that writes only if the run is still ours: it takes `id` from `mine`, a table of no row or one.

    It must change so many `rows`, and it adds so many lines (`more`) to the run.
    """

    statement: LiteralString
    values: Mapping[str, Any]
    rows: int = 1
    more: int = 0


@define
class RunRow:
    """The row of a run that this session has locked; `what` and `note` are JSON texts."""

    id: int
    kind: str
    what: str
    note: str | None
    lines: int


ChangeT = TypeVar("ChangeT")


def connect(address: DatabaseAddress) -> Connection:
    """Open a session, with the tables of this library in the database.

    Raises `Invalid` that names the address if the database cannot be used.
    """
    with unusable_named(address):
        parameters: dict[str, Any] = {
            **_DEFAULTS,
            "application_name": f"salesmanago {os.getpid()} on {socket.gethostname()}",
            **_parameters(address),
            "client_encoding": "utf8",
        }
        connection = psycopg.connect(autocommit=True, **parameters)
    with closed_if_unusable(address, connection):
        _check_session(address, connection)
        for name, value in _SESSION.items():
            connection.execute(_SET, (value, name, value))
        connection.execute(_SET_DURABLE)
    return connection


@contextmanager
def opened_briefly(address: DatabaseAddress) -> Iterator[Connection]:
    """Open a session for the block; the database has the tables of this library."""
    connection = connect(address)
    with closed_if_unusable(address, connection):
        ensure_schema(connection)
        yield connection
    connection.close()


@contextmanager
def taken(
    address: DatabaseAddress, *, kind: Kind, grace: float = LOCK_GRACE, creates: bool = True
) -> Iterator[tuple[Connection, RunRow]]:
    """Take a run for the session that is yielded; what the block writes counts all or nothing.

    A run that is not there is made, if this call `creates` one. Raises `InUse` if another session has the run, and
    `Invalid` that names the address for whatever else is wrong.
    """
    assert address.run is not None
    connection = connect(address)
    with closed_if_unusable(address, connection):
        ensure_schema(connection)
        lock_run(address, connection, grace=grace)
        with connection.transaction():
            if creates:
                connection.execute(_CREATE, (address.run, kind))
            found = connection.execute(_FIND, (address.run,)).fetchall()
            if not found:
                raise NotBegun("there is no such run", field=str(address))
            yield connection, RunRow(*found[0])


def begin_run(connection: Connection, run: RunRow, *, kind: Kind, what: str, note: str | None) -> None:
    """Write down what a run is; replaces what was there."""
    connection.execute(_BEGIN, (kind, what, note, run.id))


def raise_epoch(connection: Connection, run: RunRow) -> int:
    """Return the epoch of the session that has just taken a run."""
    [(epoch,)] = connection.execute(_TAKE, (run.id,)).fetchall()
    return int(epoch)


def lock_run(address: DatabaseAddress, connection: Connection, *, grace: float) -> None:
    """Lock the name of a run for this session; raise `InUse` that says who has it after `grace` seconds."""
    assert address.run is not None
    key = lock_key(address.run)
    until = time.monotonic() + grace
    while not connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchall()[0][0]:
        if time.monotonic() >= until:
            raise InUse(f"{IN_USE}{_holder(connection, key)}", field=str(address))
        time.sleep(0.05)


def unlock_run(connection: Connection, run: str) -> None:
    """Free the name of a run."""
    connection.execute("SELECT pg_advisory_unlock(%s)", (lock_key(run),))


def lock_key(run: str) -> int:
    """Return the number of the advisory lock on a name."""
    digest = blake2b(f"salesmanago run {run}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def check_count(run: RunRow, found: int) -> None:
    """Raise `Invalid` if lines of a run are missing."""
    if found != run.lines:
        raise ValueError(f"{found:,} of its {run.lines:,} lines are there; lines were deleted or added in the database")


class PostgresqlStore(ABC, Generic[ChangeT]):
    """A run that this program has taken, as a store (see group_commit.py), used by one thread at a time."""

    failures = StoreLost
    confirms_at_once = False

    def __init__(self, address: DatabaseAddress, connection: Connection, run: RunRow, epoch: int) -> None:
        self.name = str(address)
        self._address = address
        self._connection = connection
        self._run = run.id
        self._epoch = epoch
        self._lost: StoreLost | None = None

    @staticmethod
    @abstractmethod
    def statements(changes: Sequence[ChangeT]) -> Iterable[Fenced]:
        """Return what writes some changes, in their order."""

    def commit(self, changes: Sequence[ChangeT]) -> None:
        """Write changes durably, all or none of them."""
        statements = list(self.statements(changes))
        with self._lost_if_it_fails():
            if len(statements) == 1:  # one message to the server and one back, where a transaction needs four
                self._write(statements[0])
                return
            with self._connection.transaction():
                for statement in statements:
                    self._write(statement)

    def confirm(self) -> None:
        """Raise `StoreLost` unless the session lives, and the run is still ours."""
        with self._lost_if_it_fails():
            if not self._connection.execute(_CONFIRM, (self._run, self._epoch)).fetchall():
                raise StoreLost("another process has taken it over, or it was removed")

    def close(self) -> None:
        """End the session."""
        with suppress(psycopg.Error):
            if not self._lost and self._address.run is not None:
                unlock_run(self._connection, self._address.run)  # at once: the server needs a moment to end a session
        self._connection.close()

    def _write(self, fenced: Fenced) -> None:
        values = {**fenced.values, "more": fenced.more, "run": self._run, "epoch": self._epoch}
        if self._connection.execute(_FENCE + fenced.statement, values).rowcount != fenced.rows:
            raise StoreLost("another process has taken it over, or its lines were changed in the database")

    @contextmanager
    def _lost_if_it_fails(self) -> Iterator[None]:
        if self._lost:
            raise StoreLost(str(self._lost))
        try:
            yield
        except (psycopg.Error, StoreLost) as error:
            self._lost = StoreLost(self._address.without_password(one_line(error)))
            self._connection.close()
            raise self._lost from error


@contextmanager
def closed_if_unusable(address: DatabaseAddress, connection: Connection) -> Iterator[None]:
    """Close a session if its database cannot be used, and raise `Invalid` that says why."""
    try:
        with unusable_named(address):
            yield
    except BaseException:
        connection.close()
        raise


@contextmanager
def unusable_named(address: DatabaseAddress) -> Iterator[None]:
    """Raise `Invalid` that names the address, and shows no password, for an error of the database."""
    rule = ""
    cause: Exception | None = None
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        rule, cause = f"{one_line(error)}; {_NO_RIGHTS}", error
    except psycopg.Error as error:
        rule, cause = f"cannot be used: {one_line(error)}", error
    except Invalid as error:
        if error.field is not None:
            raise
        rule, cause = error.rule, error
    except (ValueError, TypeError, KeyError) as error:  # its content is not what was written
        rule, cause = f"is damaged, so it no longer shows what was sent ({error})", error
    if rule:
        raise Invalid(address.without_password(rule), field=str(address)) from (None if address.passwords else cause)


def one_line(error: Exception) -> str:
    """Return the message of an error in one line."""
    return " ".join(str(error).split()) or type(error).__name__


_NO_RIGHTS = "have it prepared once by a user who may: salesmanago journal init ADDRESS --grant USER"


def _parameters(address: DatabaseAddress) -> dict[str, Any]:
    """Return the parameters in an address.

    libpq's error may quote any part of it, so that error is not shown if there is a password.
    """
    try:
        return dict(conninfo_to_dict(address.conninfo))
    except psycopg.ProgrammingError:
        if not address.passwords:
            raise
    raise Invalid(
        "cannot be used: libpq cannot read the address; write special characters of a password as %XX, and check the "
        "parameters",
        field=str(address),
    )


def _check_session(address: DatabaseAddress, connection: Connection) -> None:
    """Raise `Invalid` for a session on which locks, or texts, cannot be relied."""
    [(pid, is_standby)] = connection.execute("SELECT pg_backend_pid(), pg_is_in_recovery()").fetchall()
    if pid != connection.info.backend_pid:
        raise Invalid(
            "the address leads to a connection pooler, whose sessions are shared: give the address of the database "
            "itself",
            field=str(address),
        )
    if is_standby:
        raise Invalid("is a standby, which is read-only; give the address of the primary server", field=str(address))
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        raise Invalid(f"its encoding is {encoding}; give a database of encoding UTF8", field=str(address))


def without_nul(text: str | None) -> str | None:
    """Return a text without the one character that PostgreSQL cannot keep."""
    return text and text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _holder(connection: Connection, key: int) -> str:
    """Describe the session that has a lock, as far as this user may see it."""
    for name, host, since in connection.execute(_HOLDER, (key,)).fetchall():
        return f" ({', '.join(filter(None, [name, host, f'since {since} UTC' if since else None]))})"
    return ""
