"""Journals in a PostgreSQL database: taken over, changed by others, without their session, rights or server."""

import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from traceback import format_exception
from typing import Any

import pytest

from salesmanago_async import Invalid
from salesmanago_async.errors import JournalFailed
from salesmanago_async.outcome import Verdicts
from salesmanago_async.stores.addresses import HIDDEN, DatabaseAddress
from salesmanago_async.stores.journal import Journal, open_journal, read_note
from salesmanago_async.stores.refusals import NotBegun
from salesmanago_async.stores.values import Entry, RowChecksums
from tests.poolers import pooled, pooling
from tests.postgresql import end_sessions, of_database, query, run_in

psycopg = pytest.importorskip("psycopg")

pytestmark = [pytest.mark.ci, pytest.mark.anyio]

IDENTITY: Mapping[str, Any] = {"kind": "contacts", "account": "5cd3"}
SECRET = "tajne7"


@pytest.fixture
def address(postgresql: str) -> DatabaseAddress:
    return run_in(postgresql)


@asynccontextmanager
async def opened(address: DatabaseAddress) -> AsyncIterator[tuple[Journal, list[Entry]]]:
    journal, entries = await open_journal(address, IDENTITY, {"note": 1})
    try:
        yield journal, entries
    finally:
        await journal.aclose()


async def refused(address: DatabaseAddress) -> str:
    with pytest.raises(Invalid) as caught:
        async with opened(address):
            pass
    assert caught.value.field == str(address)
    return caught.value.rule


def row_checksums_of(*positions: int) -> RowChecksums:
    return RowChecksums.of(positions, [b"item %d" % position for position in positions])


async def assert_lost(journal: Journal, reason: str) -> None:
    """Check that nothing can be written any more, whatever it is, and that this stays so."""
    for _ in range(2):
        for act in (
            journal.confirm,
            lambda: journal.begin(row_checksums_of(9)),
            lambda: journal.submitted(1, 7),
            lambda: journal.settle(1, Verdicts("accepted"), [0]),
            lambda: journal.split(1, [row_checksums_of(0), row_checksums_of(1)]),
            lambda: journal.checksums(1),
        ):
            with pytest.raises(JournalFailed, match=reason):
                await act()


# Overtaken


@pytest.mark.parametrize("first", ["confirm", "begin", "submitted", "settle", "split", "checksums"])
async def test_whoever_has_lost_the_session_writes_nothing_any_more(first: str, address: DatabaseAddress) -> None:
    acts: dict[str, Any] = {
        "begin": lambda journal: journal.begin(row_checksums_of(9)),
        "submitted": lambda journal: journal.submitted(1, 7),
        "settle": lambda journal: journal.settle(1, Verdicts("accepted"), [0, 1]),
        "split": lambda journal: journal.split(1, [row_checksums_of(0), row_checksums_of(1)]),
        "checksums": lambda journal: journal.checksums(1),
        "confirm": lambda journal: journal.confirm(),
    }
    async with opened(address) as (journal, _):
        await journal.begin(row_checksums_of(0, 1))
        assert end_sessions(address) == 1
        async with opened(address) as (other, entries):
            assert entries == [Entry(1, ((0, 1),), "in_doubt")]
            with pytest.raises(JournalFailed, match=r"cannot be .*terminating connection due to administrator command"):
                await acts[first](journal)
            await assert_lost(journal, "administrator command")
            assert await other.begin(row_checksums_of(5)) == 2
    async with opened(address) as (_, entries):
        assert [entry.state for entry in entries] == ["in_doubt", "in_doubt"]


async def test_the_epoch_keeps_out_whoever_still_has_a_session(address: DatabaseAddress) -> None:
    """Take the lock away alone, as a pooler would: the session of the first owner lives."""
    async with opened(address) as (journal, _):
        await journal.begin(row_checksums_of(0, 1))
        store: Any = journal._commits._store
        store._connection.execute("SELECT pg_advisory_unlock_all()")
        async with opened(address) as (other, _):
            await assert_lost(journal, "another process has taken it over")
            await other.confirm()
            await other.settle(1, Verdicts("accepted"), [0, 1])
    async with opened(address) as (_, entries):
        assert [entry.state for entry in entries] == ["accepted"]


async def test_a_run_that_was_removed_and_begun_anew_is_not_written_by_its_first_owner(
    address: DatabaseAddress,
) -> None:
    async with opened(address) as (journal, _):
        await journal.begin(row_checksums_of(0, 1))
        query(address, "DELETE FROM salesmanago.runs WHERE name = %s", address.run)
        end_sessions(address)
        async with opened(address) as (_, entries):
            assert entries == []
            await assert_lost(journal, "cannot be")
    async with opened(address) as (_, entries):
        assert entries == []


# Changed by others


async def test_a_journal_whose_lines_were_deleted_is_refused(address: DatabaseAddress) -> None:
    async with opened(address) as (journal, _):
        for number in range(3):
            await journal.begin(row_checksums_of(number))
    query(
        address,
        "DELETE FROM salesmanago.chunks USING salesmanago.runs WHERE run = id AND name = %s AND number = 2",
        address.run,
    )
    rule = await refused(address)
    assert "damaged, so it no longer shows what was sent (2 of its 3 lines are there" in rule


async def test_a_run_stops_when_its_lines_are_deleted_under_it(address: DatabaseAddress) -> None:
    async with opened(address) as (journal, _):
        await journal.begin(row_checksums_of(0))
        query(
            address, "DELETE FROM salesmanago.chunks USING salesmanago.runs WHERE run = id AND name = %s", address.run
        )
        with pytest.raises(JournalFailed, match="its lines were changed in the database"):
            await journal.submitted(1, 7)
        await assert_lost(journal, "its lines were changed")
    assert "0 of its 1 lines" in await refused(address)


@pytest.mark.parametrize("column", ["spans = '[[0,8]]'", "checksums = '\\x00000000'", "row_checksum = 1"])
async def test_a_line_that_was_changed_is_noticed_when_it_is_needed(column: str, address: DatabaseAddress) -> None:
    async with opened(address) as (journal, _):
        await journal.begin(row_checksums_of(0))
    query(
        address,
        f"UPDATE salesmanago.chunks SET {column} FROM salesmanago.runs WHERE run = id AND name = %s",
        address.run,
    )
    async with opened(address) as (journal, _):
        with pytest.raises(JournalFailed, match="line 1 is not as it was written"):
            await journal.checksums(1)


@pytest.mark.parametrize("spans", ["[0]", "[[0,0", "{}x"])
async def test_a_line_that_no_run_wrote_is_refused(spans: str, address: DatabaseAddress) -> None:
    async with opened(address) as (journal, _):
        await journal.begin(row_checksums_of(0))
    query(
        address,
        "UPDATE salesmanago.chunks SET spans = %s FROM salesmanago.runs WHERE run = id AND name = %s",
        spans,
        address.run,
    )
    assert "damaged" in await refused(address)


async def test_a_write_of_several_changes_is_written_as_a_whole_or_not_at_all(address: DatabaseAddress) -> None:
    async with opened(address) as (journal, _):
        await journal.begin(row_checksums_of(0, 1))
        with pytest.raises(JournalFailed):
            await journal.split(7, [row_checksums_of(0), row_checksums_of(1)])  # there is no line 7
    async with opened(address) as (_, entries):
        assert entries == [Entry(1, ((0, 1),), "in_doubt")]


async def test_runs_of_different_names_do_not_touch_each_other(postgresql: str) -> None:
    first, second = run_in(postgresql), run_in(postgresql)
    async with opened(first) as (one, _), opened(second) as (other, entries):
        await one.begin(row_checksums_of(0))
        await other.begin(row_checksums_of(1))
        assert entries == []
    async with opened(second) as (_, entries):
        assert entries == [Entry(1, ((1, 1),), "in_doubt")]


# Who has it


async def test_the_refusal_names_who_has_the_run(address: DatabaseAddress) -> None:
    async with opened(address):
        rule = await refused(address)
    assert f"on {socket.gethostname()}, since 20" in rule
    assert " UTC)" in rule


# The tables


async def test_the_tables_may_be_made_by_many_at_once(database: str) -> None:
    barrier = threading.Barrier(8)

    def open_one(number: int) -> int:
        from salesmanago_async.stores.postgresql_journal import PostgresqlJournal

        barrier.wait()
        store, entries = PostgresqlJournal.open(run_in(database, f"run {number}"), IDENTITY, None)
        store.close()
        return len(entries)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(open_one, range(8))) == [0] * 8


async def test_tables_of_another_version_are_refused(database: str) -> None:
    address = run_in(database)
    async with opened(address):
        pass
    query(address, "UPDATE salesmanago.version SET version = 7")
    assert "its tables are of version 7; this program works with 1" in await refused(address)


@pytest.fixture
def stranger(database: str) -> Iterator[DatabaseAddress]:
    """A run in a database, for a user who may not create anything there."""
    name = f"u{database.rpartition('_')[2][:12].partition('?')[0]}"
    query(database, f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'")
    yield run_in(database.replace("postgres@", f"{name}:{SECRET}@"))
    query(database, f"DROP OWNED BY {name}")
    query(database, f"DROP ROLE {name}")


async def test_a_user_without_rights_learns_what_to_ask_for(stranger: DatabaseAddress, database: str) -> None:
    asked = "have it prepared once by a user who may: salesmanago journal init ADDRESS --grant USER"
    assert asked in await refused(stranger)
    async with opened(run_in(database)):
        pass
    assert asked in await refused(stranger)
    assert SECRET not in await refused(stranger)


async def test_a_user_who_was_granted_it_keeps_journals(stranger: DatabaseAddress, database: str) -> None:
    from salesmanago_async.stores.postgresql import opened_briefly
    from salesmanago_async.stores.postgresql_schema import grant_to

    user = stranger.conninfo.partition("//")[2].partition(":")[0]
    with opened_briefly(DatabaseAddress.parse(database)) as connection:
        grant_to(connection, user)
    async with opened(stranger) as (journal, _):
        await journal.begin(row_checksums_of(0))
    assert read_note(stranger) == {"note": 1}


# Databases that cannot be used


@pytest.mark.parametrize(
    "where",
    [
        f"postgresql://ann:{SECRET}@127.0.0.1:1/db?run=a",
        f"postgresql://ann:{SECRET}@/db?host=/nowhere&run=a",
        f"postgresql://127.0.0.1:1/db?password={SECRET}&run=a&user=ann",
        f"postgresql://ann:{SECRET}%zz@127.0.0.1/db?run=a",
        f"postgresql://ann:{SECRET}@127.0.0.1/db?run=a&nonsense=1",
        f"postgresql://ann:{SECRET}@127.0.0.1:x/db?run=a&connect_timeout=y",
    ],
)
async def test_a_server_that_is_not_there_is_named_without_the_password(where: str) -> None:
    address = DatabaseAddress.parse(where)
    with pytest.raises(Invalid, match="cannot be used") as caught:
        async with opened(address):
            pass
    assert caught.value.field == str(address)
    assert SECRET not in "".join(format_exception(caught.value))
    assert SECRET not in repr(caught.value)


async def test_a_database_that_is_not_there_is_named(postgresql: str) -> None:
    address = run_in(of_database(postgresql, "missing"))
    assert 'database "missing" does not exist' in await refused(address)


async def test_a_database_of_another_encoding_is_refused(postgresql: str) -> None:
    query(postgresql, "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN2' LOCALE 'C'")
    assert "its encoding is LATIN2" in await refused(run_in(of_database(postgresql, "latin")))
    query(postgresql, "DROP DATABASE latin WITH (FORCE)")


async def test_a_database_that_is_read_only_is_refused(database: str) -> None:
    name = database.partition("/test_")[2].partition("?")[0]
    query(database, f"ALTER DATABASE test_{name} SET default_transaction_read_only = on")
    assert "read-only transaction" in await refused(run_in(database))


async def test_a_commit_is_durable_whatever_the_database_has_as_default(database: str) -> None:
    name = database.partition("/test_")[2].partition("?")[0]
    query(database, f"ALTER DATABASE test_{name} SET synchronous_commit = off")
    query(database, f"ALTER DATABASE test_{name} SET default_transaction_isolation = serializable")
    async with opened(run_in(database)) as (journal, _):
        store: Any = journal._commits._store
        assert store._connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert store._connection.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
        assert store._connection.execute("SHOW idle_session_timeout").fetchone() == ("0",)


async def test_a_run_that_nobody_has_begun_has_no_note(address: DatabaseAddress) -> None:
    with pytest.raises(NotBegun, match="there is no such run"):
        read_note(address)


# A pooler: the session that is told at the beginning is not the one that works


async def test_a_pooler_is_refused(postgresql: str) -> None:
    with pooling(postgresql) as port:
        address = DatabaseAddress.parse(
            f"postgresql://postgres:{SECRET}@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable&run=a"
        )
        rule = await refused(address)
    assert "leads to a connection pooler" in rule
    assert HIDDEN in str(address)


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_a_real_pooler_is_refused(mode: str, postgresql: str) -> None:
    with pooled(postgresql, mode) as port:
        address = DatabaseAddress.parse(f"postgresql://postgres@127.0.0.1:{port}/postgres?run=a")
        assert "leads to a connection pooler" in await refused(address)


# Nothing shows a password


async def test_no_log_shows_a_password(postgresql: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    address = run_in(postgresql.replace("postgres@", f"postgres:{SECRET}@"))
    async with opened(address) as (journal, _):
        await journal.begin(row_checksums_of(0))
        end_sessions(address)
        with pytest.raises(JournalFailed) as caught:
            await journal.begin(row_checksums_of(1))
    assert f":{HIDDEN}@" in str(caught.value)
    assert SECRET not in caplog.text + str(caught.value) + repr(caught.value)
