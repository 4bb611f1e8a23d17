"""PostgreSQL servers for tests: started where `initdb` is installed, with their sockets in folders of their own."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from shutil import which
from signal import SIGKILL
from subprocess import CompletedProcess, run
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from attrs import frozen

from salesmanago_async.stores.addresses import DatabaseAddress

MISSING = "there is no PostgreSQL server: install postgresql, or set SALESMANAGO_TEST_POSTGRESQL"


@frozen
class Server:
    """A server whose socket is in `folder`; anybody may log in as postgres."""

    folder: str
    programs: Path
    is_durable: bool = False

    @property
    def address(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        fsync = "" if self.is_durable else " -c fsync=off"
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder}{fsync}"
        self._run("pg_ctl", "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def kill(self) -> None:
        """Kill the server as a power cut would: nothing is written any more, and no session is ended in order."""
        os.kill(int((Path(self.folder) / "data" / "postmaster.pid").read_text().split()[0]), SIGKILL)

    def start_again(self) -> None:
        """Start a server that was killed; its last processes may hold its memory for some seconds."""
        deadline = time.monotonic() + 60
        while True:
            try:
                self.start()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def stop(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "stop")

    def initialise(self) -> None:
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*as_database_user(), str(self.programs / program), "-D", f"{self.folder}/data", *arguments]
        done: CompletedProcess[str] = run(command, check=False, capture_output=True, text=True, cwd=self.folder)
        if done.returncode:
            raise OSError(f"{program}: {done.stdout}{done.stderr}")


def as_database_user() -> list[str]:
    """Return the beginning of a command that must not be run as root."""
    return ["runuser", "-u", "postgres", "--"] if getuser() == "root" and which("runuser") else []


@contextmanager
def serving_postgresql(*, is_durable: bool = False) -> Iterator[Server]:
    """Serve an empty database; skip the test where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found and (initdb := which("initdb")):
        found = [Path(initdb).resolve().parent]
    if not found:
        pytest.skip(MISSING)
    with TemporaryDirectory(dir="/tmp") as folder:  # short: the path of a socket has 107 bytes
        Path(folder).chmod(0o777)
        server = Server(folder, found[-1], is_durable)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def of_database(address: str, name: str) -> str:
    """Return the address of another database on the same server."""
    return re.sub(r"(?<=[^/])/[^/?@]*(?=\?|$)", f"/{name}", address, count=1)


# Runs in a database


def run_in(database: str, name: str | None = None) -> DatabaseAddress:
    """Return the address of a run, with a name that no other has."""
    return DatabaseAddress.parse(database).of_run(name or uuid4().hex)


def query(address: DatabaseAddress | str, statement: str, *values: Any) -> list[Any]:
    """Execute a statement in a session of its own; return its rows, or none."""
    import psycopg

    conninfo = address if isinstance(address, str) else address.conninfo
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


_kept_sessions: dict[str, Any] = {}
"""Sessions that are asked again and again, by the addresses of their databases."""


def close_kept_sessions() -> None:
    """Close all sessions that `lines_of_run` and `copied_run` have opened."""
    while _kept_sessions:
        _kept_sessions.popitem()[1].close()


def _kept_query(address: DatabaseAddress, statement: str, *values: Any) -> list[Any]:
    """Execute a statement in a session that is kept: to begin one takes longer than most statements."""
    import psycopg

    if address.conninfo not in _kept_sessions:
        _kept_sessions[address.conninfo] = psycopg.connect(address.conninfo, autocommit=True)
    cursor = _kept_sessions[address.conninfo].execute(statement.encode(), values)
    return list(cursor.fetchall()) if cursor.description else []


def _has_tables(address: DatabaseAddress) -> bool:
    return _kept_query(address, "SELECT to_regclass('salesmanago.runs')") != [(None,)]


def lines_of_run(address: DatabaseAddress) -> Sequence[tuple[Any, ...]]:
    """Return the lines of the journal of a run: spans, state, number of the job, reason, others."""
    if not _has_tables(address):
        return []
    return _kept_query(
        address,
        "SELECT spans, state, request_id, reason, others FROM salesmanago.chunks JOIN salesmanago.runs ON run = id "
        "WHERE name = %s ORDER BY number",
        address.run,
    )


def copied_run(address: DatabaseAddress) -> DatabaseAddress:
    """Copy a run as it is now, and the queues of other workers, to another name; return the address of the copy."""
    copy = address.of_run(uuid4().hex)
    if _has_tables(address):
        _kept_query(
            address,
            """
            WITH old AS (
                SELECT *, %s || substr(name, length(%s) + 1) AS copy FROM salesmanago.runs
                WHERE name = %s OR name LIKE %s || '.%%'
            ), new AS (
                INSERT INTO salesmanago.runs (name, kind, what, note, epoch, lines)
                SELECT copy, kind, what, note, epoch, lines FROM old RETURNING id, name
            ), both_of AS (SELECT old.id AS old, new.id AS new FROM old JOIN new ON old.copy = new.name), chunks AS (
                INSERT INTO salesmanago.chunks
                SELECT new, number, spans, checksums, row_checksum, state, request_id, reason, others
                FROM salesmanago.chunks JOIN both_of ON run = old
            )
            INSERT INTO salesmanago.records
            SELECT new, number, item, row_checksum, state, chunk, request_id, reason
            FROM salesmanago.records JOIN both_of ON run = old
            """,
            copy.run,
            address.run,
            address.run,
            address.run,
        )
    return copy


def end_sessions(address: DatabaseAddress) -> int:
    """End the sessions that have a run, as an administrator would; return how many there were."""
    from salesmanago_async.stores.postgresql import lock_key

    assert address.run is not None
    return len(
        query(
            address,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND (classid::bigint << 32) + objid::bigint = %s",
            lock_key(address.run),
        )
    )
