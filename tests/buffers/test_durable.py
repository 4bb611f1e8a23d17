"""Buffers with a journal: records outlive the process, and are deleted from the disk once they are accepted."""

import logging
import sqlite3
import stat
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from salesmanago_async import Credentials, Invalid, Outcome, SalesManago
from salesmanago_async.errors import JournalFailed
from salesmanago_async.simulator import Fault, Simulator
from salesmanago_async.stores.addresses import DatabaseAddress, JournalPlace
from salesmanago_async.stores.queue_values import Left
from salesmanago_async.telemetry.buffer_events import BufferLeftRecords
from tests.buffers.gateways import ADD, UPSERT, Gateway, contact, files_of, leave, purchase
from tests.conftest import in_ci
from tests.postgresql import end_sessions, query, run_in

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops, pytest.mark.usefixtures("disk")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signups.db"


@pytest.fixture(params=["file", *in_ci("database")])
def place(request: pytest.FixtureRequest, path: Path) -> JournalPlace:
    """Where the queue is: the tests that take it are for both kinds."""
    return path if request.param == "file" else run_in(request.getfixturevalue("postgresql"))


def lines(place: JournalPlace) -> list[tuple[Any, ...]]:
    if isinstance(place, DatabaseAddress):
        return query(
            place,
            "SELECT number, state, reason FROM salesmanago.records JOIN salesmanago.runs ON run = id WHERE name = %s "
            "ORDER BY number",
            place.run,
        )
    with closing(sqlite3.connect(place)) as database:
        return database.execute("SELECT number, state, reason FROM queue ORDER BY number").fetchall()


async def outcomes_of_the_next(sm: SalesManago, path: JournalPlace, **options: Any) -> list[Outcome]:
    """Open a buffer on what another has left, and return its outcomes until nothing is left."""
    told: list[Outcome] = []
    async with sm.contacts.buffer(journal=path, on_outcome=told.append, **options) as buffer:
        await buffer.join()
    return told


async def test_a_record_lies_on_the_disk_until_it_is_accepted(sm: SalesManago, path: Path) -> None:
    async with sm.contacts.buffer(journal=path) as buffer:
        receipt = await buffer.add(contact(1))
        assert any(b"c1@example.com" in file.read_bytes() for file in files_of(path))
        assert {stat.S_IMODE(file.stat().st_mode) for file in files_of(path)} == {0o600}
        assert (await receipt).state == "accepted"
    assert lines(path) == []
    assert not any(b"c1@example.com" in file.read_bytes() for file in files_of(path))


@pytest.mark.sampled
async def test_what_was_taken_is_sent_after_a_kill(sm: SalesManago, gateway: Gateway, place: JournalPlace) -> None:
    async with sm.contacts.buffer(journal=place, max_delay=3600) as buffer:
        for number in range(3):
            await buffer.add(contact(number, tags=["SIGN_UP"]))
        left = leave(place, "killed")
        assert gateway.times(UPSERT) == []
    del gateway.asked[:]
    told = await outcomes_of_the_next(sm, left)
    assert Counter(one.state for one in told) == {"accepted": 3}
    assert [one.record["contact"]["email"] for one in told] == [f"c{number}@example.com" for number in range(3)]
    assert len(gateway.times(UPSERT)) == 1
    assert lines(left) == []


@pytest.mark.sampled
async def test_what_the_server_has_is_followed_and_not_sent_again(
    sm: SalesManago, gateway: Gateway, place: JournalPlace
) -> None:
    async with sm.contacts.buffer(journal=place) as buffer:
        await buffer.add(contact(1))
        await anyio.sleep(10)
        left = leave(place, "killed")
    told = await outcomes_of_the_next(sm, left)
    assert [(one.state, one.request_id is not None) for one in told] == [("accepted", True)]
    assert len(gateway.times(UPSERT)) == 1


@pytest.mark.sampled
async def test_a_second_kill_loses_nothing_either(sm: SalesManago, gateway: Gateway, place: JournalPlace) -> None:
    async with sm.contacts.buffer(journal=place, batch_size=2, max_delay=1) as buffer:
        for number in range(4):
            await buffer.add(contact(number))
        await anyio.sleep(5)
        await buffer.add(contact(4))
        first = leave(place, "first")
    async with sm.contacts.buffer(journal=first, max_delay=1) as buffer:
        await buffer.add(contact(5))
        await anyio.sleep(5)
        second = leave(first, "second")
    del gateway.asked[:]
    told = await outcomes_of_the_next(sm, second)
    assert Counter(one.state for one in told) == {"accepted": 6}
    assert gateway.times(UPSERT) == []
    assert len({one.request_id for one in told}) == 3


async def test_events_in_doubt_at_a_kill_are_read_back(
    sm: SalesManago, simulator: Simulator, place: JournalPlace, gateway: Gateway
) -> None:
    async with sm.contacts.buffer() as contacts:
        await contacts.confirm(contact(1))
    simulator.faults = [Fault("late", path=ADD, seconds=10, at=1)]
    async with sm.events.buffer(journal=place) as buffer:
        for number in range(3):
            await buffer.add(purchase(number, of=1))
        await anyio.sleep(5)
        assert [state for _, state, _ in lines_of_copy(place)] == ["in_doubt"] * 3
        left = leave(place, "killed")
    async with sm.events.buffer(journal=left) as buffer:
        await buffer.join()
    assert len(gateway.times(ADD)) == 1
    [found] = await sm.contacts.get(["c1@example.com"])
    assert sorted(event.external_id or "" for event in found.contact_ext_events or ()) == ["E0", "E1", "E2"]


def lines_of_copy(path: JournalPlace) -> list[tuple[Any, ...]]:
    return lines(leave(path, "looked-at"))


async def test_what_is_not_sent_in_time_lies_in_the_journal(
    sm: SalesManago, gateway: Gateway, place: JournalPlace
) -> None:
    gateway.away = 503
    async with sm.contacts.buffer(journal=place, drain_within=2) as buffer:
        receipt = await buffer.add(contact(1))
    assert (await receipt).state in {"not_sent", "in_doubt"}
    gateway.away = None
    assert [one.state for one in await outcomes_of_the_next(sm, place)] == ["accepted"]


@pytest.mark.parametrize("sent", [0, 1, 2])
@pytest.mark.parametrize("unsent", [0, 1, 2])
async def test_what_a_closing_buffer_has_left_is_told_as_its_file_has_it(
    sm: SalesManago, gateway: Gateway, path: Path, caplog: pytest.LogCaptureFixture, *, sent: int, unsent: int
) -> None:
    caplog.set_level(logging.INFO, "salesmanago_async.buffers")
    async with sm.contacts.buffer(journal=path, max_delay=0.5, drain_within=1) as buffer:
        for number in range(sent):
            await buffer.add(contact(number))
        await anyio.sleep(1)  # they are sent; the simulated job is not done
        gateway.away = 503
        for number in range(10, 10 + unsent):
            await buffer.add(contact(number))
    left = Left.of(state for _, state, _ in lines(path))
    assert (left.unsent, left.unconfirmed) == (unsent, sent)
    told = [one for one in caplog.records if vars(one)["sm_event"] == "buffer_left_records"]
    assert [(vars(one)["sm_records"], vars(one)["sm_unconfirmed"]) for one in told] == [(unsent, sent)] * bool(told)
    assert bool(told) == bool(sent or unsent)
    assert not any(wrong in one.getMessage() for one in told for wrong in ("1 records", " 0 "))
    assert all(one.levelno == (logging.WARNING if unsent else logging.INFO) for one in told)
    caplog.clear()
    gateway.away = None
    assert [one.state for one in await outcomes_of_the_next(sm, path)] == ["accepted"] * (sent + unsent)
    assert [one.args for one in caplog.records if vars(one)["sm_event"] == "leftovers_found"] == [
        {"sm_event": "leftovers_found", "sm_records": unsent, "sm_unconfirmed": sent, "sm_journal": str(path)}
    ] * bool(sent or unsent)


async def test_an_event_that_stays_in_doubt_is_left_in_the_file_and_told(
    sm: SalesManago, simulator: Simulator, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with sm.contacts.buffer() as contacts:
        await contacts.confirm(contact(1))
    simulator.faults = [Fault("reset-before", path=ADD), Fault("status", path="contact/list", status=400)]
    async with sm.events.buffer(journal=path) as buffer:
        assert (await buffer.confirm(purchase(1, of=1))).state == "in_doubt"
        assert len(buffer) == 0
    assert [state for _, state, _ in lines(path)] == ["in_doubt"]
    told = [vars(one)["sm_records"] for one in caplog.records if vars(one)["sm_event"] == "buffer_left_records"]
    assert told == [1]


def test_what_is_left_is_told_in_words() -> None:
    def told(unsent: int, unconfirmed: int, journal: str | None = "signups.db") -> str:
        event = BufferLeftRecords(records=unsent, unconfirmed=unconfirmed, journal=journal)
        return event.words() % event.facts()

    polls = "and the next start polls the jobs of what is sent"
    assert told(1, 0) == "A buffer was closed with 1 record to be sent; it lies in signups.db"
    assert told(0, 1) == f"A buffer was closed with 1 record sent and not yet confirmed; it lies in signups.db, {polls}"
    left = "3 records to be sent and 2 sent and not yet confirmed"
    assert told(3, 2) == f"A buffer was closed with {left}; they lie in signups.db, {polls}"
    assert told(1, 0, None) == "A buffer without a journal was closed with 1 record not sent"


@pytest.mark.parametrize("status", [503, 429])
async def test_the_log_of_a_buffer_never_says_that_it_gives_up(
    sm: SalesManago, gateway: Gateway, path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    gateway.away = status
    async with sm.contacts.buffer(journal=path, drain_within=1) as buffer:
        receipt = await buffer.add(contact(1))
        await anyio.sleep(1000)  # longer than the patience of a run
        assert "; try 2 in " in caplog.text
        assert "goes on trying" in caplog.text
        gateway.away = None
        assert (await receipt).state == "accepted"
    assert "giving up" not in caplog.text
    assert not any("sm_seconds_left" in vars(one) for one in caplog.records)


async def test_a_rejected_record_stays_with_its_reason(sm: SalesManago, place: JournalPlace, gateway: Gateway) -> None:
    async with sm.events.buffer(journal=place) as buffer:
        assert (await buffer.confirm(purchase(1))).state == "rejected"
    [(number, state, reason)] = lines(place)
    assert (number, state) == (1, "rejected")
    assert "failed" in reason
    async with sm.events.buffer(journal=place) as buffer:
        assert len(buffer) == 0
        await anyio.sleep(60)
    assert len(gateway.times(ADD)) == 1


async def test_the_last_record_of_a_contact_wins_over_a_kill(sm: SalesManago, place: JournalPlace) -> None:
    async with sm.contacts.buffer(journal=place) as buffer:
        await buffer.add(contact(1, name="first"))
        await anyio.sleep(5)
        await buffer.add(contact(1, name="second"))
        left = leave(place, "killed")
    async with sm.contacts.buffer(journal=left) as buffer:
        assert (await buffer.confirm(contact(1, name="third"))).state == "accepted"
    [found] = await sm.contacts.get(["c1@example.com"])
    assert found.name == "third"


# Several workers


async def test_each_worker_has_a_file_of_its_own(sm: SalesManago, path: Path) -> None:
    async with sm.contacts.buffer(journal=path) as first, sm.contacts.buffer(journal=path) as second:
        receipts = [await buffer.add(contact(number)) for number, buffer in enumerate([first, second])]
        assert sorted(file.name for file in path.parent.glob("*.db")) == ["signups.2.db", "signups.db"]
        assert [(await receipt).state for receipt in receipts] == ["accepted"] * 2


@pytest.mark.sampled
async def test_what_dead_workers_left_is_sent_by_those_that_live(sm: SalesManago, place: JournalPlace) -> None:
    options: Any = {"journal": place, "max_delay": 3600}
    async with sm.contacts.buffer(**options) as first, sm.contacts.buffer(**options) as second:
        await first.add(contact(1))
        await second.add(contact(2))
        left = leave(place, "killed")
    told = await outcomes_of_the_next(sm, left)
    assert sorted(one.record["contact"]["email"] for one in told) == ["c1@example.com", "c2@example.com"]


async def test_a_damaged_file_of_another_worker_does_not_prevent_the_start(
    sm: SalesManago, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.with_name("signups.2.db").write_bytes(b"nonsense" * 1000)
    async with sm.contacts.buffer(journal=path) as buffer:
        assert (await buffer.confirm(contact(1))).state == "accepted"
    assert "signups.2.db" in caplog.text


async def test_each_worker_has_a_queue_of_its_own_in_the_database(sm: SalesManago, postgresql: str) -> None:
    place = run_in(postgresql)
    async with sm.contacts.buffer(journal=place) as first, sm.contacts.buffer(journal=place) as second:
        receipts = [await buffer.add(contact(number)) for number, buffer in enumerate([first, second])]
        names = query(place, "SELECT name FROM salesmanago.runs WHERE name LIKE %s || '%%' ORDER BY name", place.run)
        assert [name for (name,) in names] == [place.run, f"{place.run}.2"]
        assert [(await receipt).state for receipt in receipts] == ["accepted"] * 2


# A database that is lost


@pytest.mark.ci
async def test_a_buffer_that_has_lost_its_database_sends_nothing_and_another_sends_all(
    sm: SalesManago, postgresql: str, gateway: Gateway
) -> None:
    place = run_in(postgresql)
    told: list[Outcome] = []
    async with sm.contacts.buffer(journal=place, max_delay=20, drain_within=10, on_outcome=told.append) as buffer:
        await buffer.add(contact(1))
        assert end_sessions(place) == 1
        with pytest.raises(JournalFailed, match="administrator command"):
            await buffer.add(contact(2))
        await anyio.sleep(60)
        assert gateway.times(UPSERT) == []
        others = await outcomes_of_the_next(sm, place)
        assert [(one.record["contact"]["email"], one.state) for one in others] == [("c1@example.com", "accepted")]
    assert [one.state for one in told] == ["not_sent"]
    assert len(gateway.times(UPSERT)) == 1


@pytest.mark.sampled
async def test_a_batch_that_waits_for_its_retry_is_left_to_whoever_takes_the_queue_over(
    sm: SalesManago, postgresql: str, gateway: Gateway, simulator: Simulator
) -> None:
    place = run_in(postgresql)
    simulator.faults = [Fault("429", path=UPSERT, retry_after=30, at=1)]
    async with sm.contacts.buffer(journal=place, drain_within=5) as buffer:
        await buffer.add(contact(1))
        await anyio.sleep(10)
        assert len(gateway.times(UPSERT)) == 1
        end_sessions(place)
        others = await outcomes_of_the_next(sm, place)
        assert [one.state for one in others] == ["accepted"]
        assert len(gateway.times(UPSERT)) == 2
    assert len(gateway.times(UPSERT)) == 2


# Files that cannot be used


async def test_files_that_cannot_be_used_are_named(sm: SalesManago, path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"nonsense" * 1000)
    for unusable in (path, tmp_path, tmp_path / "missing" / "signups.db"):
        with pytest.raises(Invalid, match=str(unusable)):
            await sm.contacts.buffer(journal=unusable).__aenter__()


async def test_the_journal_of_an_import_is_no_queue(sm: SalesManago, place: JournalPlace) -> None:
    await sm.contacts.upsert_many([contact(1)], journal=place)
    with pytest.raises(Invalid, match="journal of an import"):
        await sm.contacts.buffer(journal=place).__aenter__()


async def test_a_queue_is_no_journal_of_an_import(sm: SalesManago, place: JournalPlace) -> None:
    async with sm.contacts.buffer(journal=place, drain_within=0.1, max_delay=3600) as buffer:
        await buffer.add(contact(1))
        left = leave(place, "killed")
    with pytest.raises(Invalid, match="buffer"):
        await sm.contacts.upsert_many([contact(1)], journal=left)


async def test_records_are_not_sent_to_another_account(sm: SalesManago, place: JournalPlace, make_client: Any) -> None:
    async with sm.contacts.buffer(journal=place, max_delay=3600) as buffer:
        await buffer.add(contact(1))
        left = leave(place, "killed")
    other = Credentials(client_id="other", api_key="key", api_secret="secret")
    async with make_client(Simulator(), credentials=other) as stranger:
        with pytest.raises(Invalid, match="another account"):
            await stranger.contacts.buffer(journal=left).__aenter__()


async def test_a_damaged_record_is_noticed(sm: SalesManago, path: Path) -> None:
    async with sm.contacts.buffer(journal=path, max_delay=3600) as buffer:
        await buffer.add(contact(1))
        left = leave(path, "killed")
    with closing(sqlite3.connect(left)) as database:
        database.execute("UPDATE queue SET item = replace(item, 'c1@', 'c2@')")
        database.commit()
    with pytest.raises(Invalid, match=r"damaged.*record 1"):
        await sm.contacts.buffer(journal=left).__aenter__()


async def test_what_cannot_be_written_down_is_not_taken(sm: SalesManago, path: Path) -> None:
    async with sm.contacts.buffer(journal=path) as buffer:
        database: Any = buffer._files[0]._commits._store
        pages = database._connection.execute("PRAGMA page_count").fetchone()[0]
        database._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(JournalFailed, match="full"):
            await buffer.add(contact(1, properties={"notes": "x" * 250, "more": "y" * 250} | big(60)))
        assert len(buffer) == 0
        database._connection.execute("PRAGMA max_page_count = 1000000")
        assert (await buffer.confirm(contact(2))).state == "accepted"


def big(count: int) -> dict[str, str]:
    return {f"detail{number}": "z" * 250 for number in range(count)}
