"""Queues of buffers in files and in databases: what is in one, and whose it is. Every test is for both kinds."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from salesmanago_async import Invalid
from salesmanago_async.errors import JournalFailed
from salesmanago_async.stores.addresses import DatabaseAddress, JournalPlace
from salesmanago_async.stores.journal import open_journal
from salesmanago_async.stores.queue import StoredQueue, of_worker, places_of_workers
from salesmanago_async.stores.queue_values import QueuedLine
from salesmanago_async.stores.refusals import InUse
from salesmanago_async.stores.values import RowChecksums
from tests.conftest import in_ci
from tests.postgresql import end_sessions, query, run_in

pytestmark = pytest.mark.anyio

IDENTITY: Mapping[str, Any] = {"server": "app2.salesmanago.com", "account": "5cd3", "kind": "buffer of contacts"}


@pytest.fixture(params=["file", *in_ci("database")])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    if request.param == "file":
        return tmp_path / "signups.db"
    return run_in(request.getfixturevalue("postgresql"))


@asynccontextmanager
async def opened(place: JournalPlace, **others: Any) -> AsyncIterator[tuple[StoredQueue, list[QueuedLine]]]:
    queue, lines = await StoredQueue.open(place, {**IDENTITY, **others})
    try:
        yield queue, lines
    finally:
        await queue.aclose()


async def lines_in(place: JournalPlace) -> list[QueuedLine]:
    queue, lines = await StoredQueue.reopen(place)
    await queue.aclose()
    return lines


async def test_what_was_written_is_there_when_it_is_opened_again(place: JournalPlace) -> None:
    async with opened(place) as (queue, lines):
        assert lines == []
        async with anyio.create_task_group() as tasks:
            for number in range(1, 8):
                tasks.start_soon(queue.insert, number, b'{"email": "c%d@example.com"}' % number)
        await queue.mark([1, 2, 3], "in_doubt", 1)
        await queue.mark([2, 3], "submitted", 1, 37)
        await queue.mark([4], "rejected", 2, None, "nul \0 and Łódź")
        await queue.delete([5, 6])
        await queue.mark([], "rejected")
        await queue.delete([])
        await queue.confirm()
    async with opened(place) as (queue, lines):
        assert [(line.number, line.state, line.chunk, line.request_id) for line in lines] == [
            (1, "in_doubt", 1, None),
            (2, "submitted", 1, 37),
            (3, "submitted", 1, 37),
            (4, "rejected", 2, None),
            (7, "not_sent", None, None),
        ]
        assert lines[3].reason in {"nul \0 and Łódź", "nul \N{REPLACEMENT CHARACTER} and Łódź"}
        assert [line.item for line in lines] == [b'{"email": "c%d@example.com"}' % number for number in (1, 2, 3, 4, 7)]


async def test_changes_of_one_commit_are_written_in_their_order(place: JournalPlace) -> None:
    async with opened(place) as (queue, _), anyio.create_task_group() as tasks:
        for number in range(1, 20):
            tasks.start_soon(queue.insert, number, b"{}")
            await anyio.lowlevel.checkpoint()  # trio begins tasks that were started together in any order
            if number > 1:
                tasks.start_soon(queue.mark, [number - 1], "submitted", number)
                await anyio.lowlevel.checkpoint()
            if number % 5 == 0:
                tasks.start_soon(queue.delete, [number - 2])
                await anyio.lowlevel.checkpoint()
    assert [line.number for line in await lines_in(place)] == [
        number for number in range(1, 20) if number not in {3, 8, 13}
    ]


async def test_another_worker_cannot_open_it(place: JournalPlace) -> None:
    async with opened(place):
        with pytest.raises(InUse):
            async with opened(place):
                pass
        with pytest.raises(InUse):
            await StoredQueue.reopen(place)
    assert await lines_in(place) == []


async def test_its_records_belong_to_one_account(place: JournalPlace) -> None:
    async with opened(place, account="earlier"):
        pass  # it is empty
    async with opened(place) as (queue, _):
        await queue.insert(1, b"{}")
    with pytest.raises(Invalid, match="records that were taken for another account") as caught:
        async with opened(place, account="other"):
            pass
    assert caught.value.field == str(place)


async def test_what_is_not_there_is_not_made_to_be_looked_at(place: JournalPlace) -> None:
    for _ in range(2):
        with pytest.raises(Invalid, match="there is no such") as caught:
            await StoredQueue.reopen(place)
        assert caught.value.field == str(place)


async def test_a_journal_of_an_import_is_no_queue_and_the_other_way_round(place: JournalPlace) -> None:
    journal, _ = await open_journal(place, {"kind": "contacts"}, None)
    await journal.begin(RowChecksums.of([0], [b"{}"]))
    await journal.aclose()
    with pytest.raises(Invalid, match="is the journal of an import, not of a buffer"):
        async with opened(place):
            pass
    other = of_worker(place, 2)
    async with opened(other) as (queue, _):
        await queue.insert(1, b"{}")
    with pytest.raises(Invalid, match="holds the records of a buffer; give the run a journal of its own"):
        await open_journal(other, {"kind": "contacts"}, None)


async def test_each_worker_has_its_own_place(place: JournalPlace) -> None:
    for number in (1, 2, 11):
        async with opened(of_worker(place, number)):
            pass
    found = [str(one) for one in await places_of_workers(place)]
    assert sorted(found) == sorted(str(of_worker(place, number)) for number in (1, 2, 11))


# In a database only


@pytest.fixture
def address(postgresql: str) -> DatabaseAddress:
    return run_in(postgresql)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (
            "DELETE FROM salesmanago.records USING salesmanago.runs WHERE run = id AND name = %s AND number = 2",
            "2 of its 3",
        ),
        (
            "UPDATE salesmanago.records SET item = '{1}' FROM salesmanago.runs WHERE run = id AND name = %s",
            "record 1 is",
        ),
    ],
)
async def test_a_queue_that_was_changed_is_refused(change: str, rule: str, address: DatabaseAddress) -> None:
    async with opened(address) as (queue, _):
        for number in range(1, 4):
            await queue.insert(number, b"{}")
    query(address, change, address.run)
    with pytest.raises(Invalid, match=f"damaged.*{rule}"):
        async with opened(address):
            pass


async def test_a_worker_that_was_overtaken_writes_nothing(address: DatabaseAddress) -> None:
    async with opened(address) as (queue, _):
        await queue.insert(1, b"{}")
        end_sessions(address)
        async with opened(address) as (other, lines):
            assert len(lines) == 1
            for _ in range(2):
                for act in (
                    queue.confirm(),
                    queue.insert(2, b"{}"),
                    queue.mark([1], "in_doubt", 1),
                    queue.delete([1]),
                ):
                    with pytest.raises(JournalFailed, match="administrator command"):
                        await act
            await other.mark([1], "in_doubt", 1)
    assert [(line.number, line.state) for line in await lines_in(address)] == [(1, "in_doubt")]
