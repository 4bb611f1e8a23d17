"""Edge cases of buffers: long outages, several queues, results that say nothing, and cancellation by asyncio."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import orjson
import pytest

from salesmanago_async import Retries, SalesManago
from salesmanago_async.buffers.queue import Queue
from salesmanago_async.buffers.queue_journal import QueueJournal
from salesmanago_async.buffers.queue_source import QueueSource
from salesmanago_async.buffers.rounds import Rounds
from salesmanago_async.connection.pace import Pace
from salesmanago_async.errors import JournalFailed
from salesmanago_async.imports.engine.run_control import RunControl
from salesmanago_async.outcome import Verdicts
from salesmanago_async.records.names import names_of_contact
from salesmanago_async.simulator import Fault, Simulator
from salesmanago_async.sources.text_files import FLUSH, Row
from salesmanago_async.stores.queue import StoredQueue
from salesmanago_async.stores.queue_rows import SqliteQueue
from salesmanago_async.stores.values import RowChecksums
from salesmanago_async.support.signal import Signal
from tests.buffers.gateways import ADD, UPSERT, Gateway, contact, leave, purchase
from tests.conftest import VirtualTimeLoop

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signups.db"


# A long outage


@pytest.mark.usefixtures("disk")
async def test_what_dead_workers_left_is_tried_ever_more_rarely_too(
    sm: SalesManago, gateway: Gateway, path: Path
) -> None:
    async with sm.contacts.buffer(journal=path, max_delay=3600) as buffer:
        await buffer.add(contact(1))
        left = leave(path, "killed")
    adopted(left)
    gateway.away = 401
    del gateway.asked[:]
    async with sm.contacts.buffer(journal=left, drain_within=1):
        await anyio.sleep(600)
        assert len(gateway.times(UPSERT)) < 60


# Room


@pytest.mark.usefixtures("disk")
async def test_an_add_that_waits_for_room_is_woken_by_what_dead_workers_left(sm: SalesManago, path: Path) -> None:
    async with sm.contacts.buffer(journal=path, max_delay=3600) as buffer:
        await buffer.add(contact(1))
        left = leave(path, "killed")
    adopted(left)
    async with sm.contacts.buffer(journal=left, max_pending=1) as buffer:
        assert len(buffer) == 1
        with anyio.fail_after(3600):
            await buffer.add(contact(2))


@pytest.mark.usefixtures("disk")
async def test_an_add_that_waits_for_room_is_woken_by_a_record_that_was_not_taken(sm: SalesManago, path: Path) -> None:
    async with sm.contacts.buffer(journal=path, max_pending=1) as buffer:
        database: Any = buffer._files[0]._commits._store

        async def add_in_vain() -> None:
            with pytest.raises(JournalFailed):
                await buffer.add(contact(1, properties={f"detail{number}": "z" * 250 for number in range(60)}))
            database._connection.execute("PRAGMA max_page_count = 1000000")

        pages = database._connection.execute("PRAGMA page_count").fetchone()[0]
        database._connection.execute(f"PRAGMA max_page_count = {pages}")
        with anyio.fail_after(3600):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(add_in_vain)
                await anyio.sleep(0.001)
                await buffer.add(contact(2))


# Several queues


class Picky(Gateway):
    """Refuses requests that contain a certain text."""

    refused: bytes | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = bytearray()
        while (message := await receive()).get("more_body"):
            body += message["body"]
        body += message["body"]

        async def replay() -> Any:
            return {"type": "http.request", "body": bytes(body)}

        self.away = 503 if self.refused and self.refused in body else None
        await super().__call__(scope, replay, send)


@pytest.mark.usefixtures("disk")
async def test_the_last_record_of_a_contact_wins_over_what_dead_workers_left(
    simulator: Simulator, make_client: Any, path: Path
) -> None:
    gateway = Picky(simulator)
    async with make_client(gateway, retries=Retries(tries=2)) as sm:
        async with sm.contacts.buffer(journal=path, max_delay=3600) as buffer:
            await buffer.add(contact(1, name="first"))
            left = leave(path, "killed")
            gateway.refused = b"first"
        adopted(left)
        async with sm.contacts.buffer(journal=left) as buffer:
            receipt = await buffer.add(contact(1, name="second"))
            await anyio.sleep(200)
            gateway.refused = None
            await receipt
            await buffer.join()
        [found] = await sm.contacts.get(["c1@example.com"])
    assert found.name == "second"


def adopted(left: Path) -> None:
    """Let a file be that of another, dead worker."""
    for file in list(left.parent.glob("signups.db*")):
        file.rename(file.with_name(file.name.replace("signups.db", "signups.2.db")))


class Contacts:
    """Another buffer, which holds records of every contact, or of none."""

    def __init__(self) -> None:
        self.are_there = False

    def holds(self, names: object) -> bool:
        return self.are_there


def queue_of() -> Queue:
    return Queue(None, [], names_of=names_of_contact, changed=Signal())


def source_of(queue: Queue, *after: Contacts) -> QueueSource:
    return QueueSource(queue, max_delay=1.0, after=after)


def journal_of(queue: Queue, source: QueueSource) -> QueueJournal:
    control = RunControl.begin(Pace(concurrency=1, rate=None), "accepted")
    return QueueJournal(queue, source, control, Rounds(frozenset({"accepted"}), lambda _state, _job: None))


async def first_row_of(source: QueueSource) -> Row:
    async with aclosing(source.rows()) as rows:
        return await anext(rows)


async def test_what_was_accepted_as_its_run_was_cut_off_is_not_sent_again() -> None:
    queue = queue_of()
    source = source_of(queue)
    receipt = await queue.put("record", b"{}", ("ann@example.com",))
    await first_row_of(source)
    journal = journal_of(queue, source)
    await journal.settle(await journal.begin(RowChecksums.of([0], [b"{}"])), Verdicts("accepted"), [0])
    assert [outcome.state for outcome in queue.end_unreported()] == ["accepted"]
    assert (await receipt).state == "accepted"
    again = source_of(queue)
    assert journal_of(queue, again).begun_before() == []
    assert [row async for row, _ in _until_closed(again.rows(), queue)] == []


async def test_what_could_not_be_written_down_is_not_over() -> None:
    queue = queue_of()
    source = source_of(queue)
    await queue.put("record", b"{}", ("ann@example.com",))
    await first_row_of(source)
    journal = journal_of(queue, source)
    number = await journal.begin(RowChecksums.of([0], [b"{}"]))
    with mock.patch.object(queue, "delete", side_effect=JournalFailed("full")), pytest.raises(JournalFailed):
        await journal.settle(number, Verdicts("accepted"), [0])
    assert not source.given[0].is_over
    assert len(queue) == 1


async def test_what_an_earlier_run_has_sent_is_resumed_where_that_run_ended() -> None:
    queue = queue_of()
    first = source_of(queue)
    for number, item in enumerate([b"[1]", b"[2]", b"[3]"]):
        await queue.put(f"record {number}", item, (f"c{number}@example.com",))
    rows = first.rows()
    for _ in range(3):
        await anext(rows)
    await rows.aclose()
    journal = journal_of(queue, first)
    await journal.submitted(await journal.begin(RowChecksums.of([0, 2], [b"[1]", b"[3]"])), 37)
    again = source_of(queue)
    [known] = journal_of(queue, again).begun_before()
    assert (known.entry.state, known.entry.request_id, known.entry.spans) == ("submitted", 37, ((0, 1),))
    assert [(record.position, record.item) for record in known.records] == [(0, b"[1]"), (1, b"[3]")]
    given = [again.record(row) async for row, _ in _until_closed(again.rows(), queue) if row is not None]
    assert given == ["record 1"]
    assert sorted(again.given) == [0, 1, 2]


async def test_who_waits_is_not_overtaken_by_another_record_of_the_contact() -> None:
    contacts = Contacts()
    contacts.are_there = True
    queue = queue_of()
    source = source_of(queue, contacts)
    rows = source.rows()
    await queue.put("first", b"{}", ("ann@example.com",))
    assert await anext(rows) is FLUSH
    contacts.are_there = False
    await queue.put("second", b"{}", ("ann@example.com",))
    given = [source.record(row) async for row, _ in _until_closed(rows, queue) if row is not None]
    assert given == ["first", "second"]


async def _until_closed(rows: AsyncGenerator[Row], queue: Queue) -> AsyncGenerator[Row]:
    queue.close()
    async for row in rows:
        yield row


# Events in doubt


async def test_closing_does_not_read_events_back_too_soon(
    simulator: Simulator, sm: SalesManago, gateway: Gateway
) -> None:
    async with sm.contacts.buffer() as contacts:
        await contacts.confirm(contact(1))
    simulator.faults = [Fault("reset-before", path=ADD, at=1)]
    async with sm.events.buffer(drain_within=10) as buffer:
        receipt = await buffer.add(purchase(1, of=1))
        await anyio.sleep(2)
    assert (await receipt).state == "in_doubt"
    assert len(gateway.times(ADD)) == 1
    assert gateway.times("contact/list") == []


# Results that say nothing about a record


class Riddling(Gateway):
    """Says in every result of a job that something was invalid, but not what."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def riddle(message: Any) -> None:
            if b'"contactIds"' in message.get("body", b""):
                result = {"success": True, "contactIds": {}, "invalidContacts": [{"row": 1, "message": "no"}]}
                message = {**message, "body": orjson.dumps(result)}
            elif message["type"] == "http.response.start":
                headers = [pair for pair in message["headers"] if pair[0] not in {b"content-length", b"etag"}]
                message = {**message, "headers": headers}
            await send(message)

        await super().__call__(scope, receive, riddle)


async def test_a_contact_that_is_in_no_result_is_not_sent_for_ever(simulator: Simulator, make_client: Any) -> None:
    gateway = Riddling(simulator)
    async with make_client(gateway) as sm, sm.contacts.buffer() as buffer:
        receipt = await buffer.add(contact(1))
        await anyio.sleep(6 * 3600)
        sent = len(gateway.times(UPSERT))
        assert receipt.outcome, f"sent {sent} times in 6 hours, and nothing was told"


# What is logged


class Talkative(Gateway):
    """Puts personal data into every answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = orjson.dumps({"success": False, "message": ["cannot do c1@example.com"]})
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": body})


@pytest.mark.sampled
async def test_the_log_has_no_personal_data(
    simulator: Simulator, make_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        make_client(Talkative(simulator)) as sm,
        sm.contacts.buffer(batch_size=1, drain_within=1) as buffer,
    ):
        for number in range(4):
            await buffer.add(contact(number))
        await anyio.sleep(600)
    assert "cannot be sent now" in caplog.text
    assert "c1@example.com" not in caplog.text


# Cancellation by asyncio (asyncio.timeout, wait_for, a web server whose client has gone)


only_asyncio = pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"loop_factory": VirtualTimeLoop})], ids=["asyncio"]
)


class Gates:
    """Holds up every commit until it is let through."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.came = [threading.Event() for _ in range(9)]
        self.open = [threading.Event() for _ in range(9)]
        self.done = [threading.Event() for _ in range(9)]
        self._count = 0
        commit = SqliteQueue.commit

        def held_up(store: SqliteQueue, changes: Any) -> None:
            number = self._count
            self._count += 1
            self.came[number].set()
            self.open[number].wait(20)
            commit(store, changes)
            self.done[number].set()

        patch.setattr(SqliteQueue, "commit", held_up)

    def open_all(self) -> None:
        for gate in self.open:
            gate.set()


async def _until(event: threading.Event) -> None:
    await asyncio.to_thread(event.wait, 20)


def _lines(path: Path, folder: str) -> list[int]:
    with closing(sqlite3.connect(leave(path, folder))) as database:
        return [number for (number,) in database.execute("SELECT number FROM queue ORDER BY number")]


@only_asyncio
async def test_a_cancelled_add_has_taken_the_record_or_not(
    sm: SalesManago, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sm.contacts.buffer(journal=path, max_delay=3600) as buffer:
        gates = Gates(monkeypatch)
        adding = asyncio.ensure_future(buffer.add(contact(1)))
        await asyncio.sleep(0)
        await _until(gates.came[0])
        adding.cancel()
        await asyncio.sleep(0)
        gates.open_all()
        await _until(gates.done[0])
        await asyncio.wait([adding])
        assert len(buffer) == len(_lines(path, "looked-at"))


@only_asyncio
async def test_what_is_said_to_be_written_is_so_though_another_write_was_cancelled(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = await StoredQueue.open(path, {})
    gates = Gates(monkeypatch)
    writing = [asyncio.ensure_future(file.insert(number, b"{}")) for number in (1, 2)]
    await asyncio.sleep(0)
    await _until(gates.came[0])  # the first task writes for itself and for the second
    writing[0].cancel()
    gates.open[1].set()
    if not await asyncio.to_thread(gates.came[1].wait, 0.5):  # the second waits for the first, as it should
        gates.open_all()
    await writing[1]
    on_disk = _lines(path, "looked-at")
    gates.open_all()
    await _until(gates.done[0])
    await file.aclose()
    assert 2 in on_disk


@only_asyncio
async def test_nothing_goes_on_after_a_close_that_was_cancelled(sm: SalesManago, gateway: Gateway) -> None:
    gateway.away = 503
    buffer = await sm.contacts.buffer().__aenter__()
    receipt = await buffer.add(contact(1))
    await anyio.sleep(5)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(buffer.aclose(), 2)
    await anyio.sleep(60)
    ended, outcome = buffer._dispatchers[0].ended.is_set(), receipt.outcome
    for runs in buffer._dispatchers:
        runs.halt()
        await runs.ended.wait()
    assert ended
    assert outcome
