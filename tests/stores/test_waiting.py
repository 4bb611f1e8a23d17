"""Waiting for a journal that another process has open, and reading lines without opening it."""

import logging
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from salesmanago_async.outcome import Verdicts
from salesmanago_async.stores.addresses import DatabaseAddress, JournalPlace
from salesmanago_async.stores.journal import Journal, open_journal
from salesmanago_async.stores.refusals import InUse
from salesmanago_async.stores.values import Entry, JournalLine, RowChecksums
from salesmanago_async.stores.waiting import when_free
from tests.postgresql import query, run_in
from tests.stores.test_journals import IDENTITY, holding

pytestmark = [pytest.mark.ci, pytest.mark.anyio]


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    if request.param == "file":
        return tmp_path / "journal.db"
    return run_in(request.getfixturevalue("postgresql"))


# The clock


class Busy:
    """A journal that is in use until some time."""

    def __init__(self, until: float) -> None:
        self.until = until

    async def open(self) -> float:
        if anyio.current_time() < self.until:
            raise InUse("is in use by another run (salesmanago 37 on etl-2)", field="orders")
        return anyio.current_time()


async def test_it_is_opened_soon_after_it_is_free_and_until_then_it_is_said_who_has_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began = anyio.current_time()
    with caplog.at_level(logging.WARNING, "salesmanago_async.runs"):
        opened = await when_free(Busy(began + 200).open, 900)
    assert 200 <= opened - began < 201
    seconds = [int(record.getMessage().split()[2]) for record in caplog.records]
    assert seconds == [10, 70, 130, 190]
    assert all("salesmanago 37 on etl-2" in record.getMessage() for record in caplog.records)


async def test_nothing_is_said_about_a_short_wait(caplog: pytest.LogCaptureFixture) -> None:
    await when_free(Busy(anyio.current_time() + 9).open, 900)
    assert not caplog.records


async def test_it_is_not_waited_for_forever() -> None:
    began = anyio.current_time()
    with pytest.raises(InUse, match="salesmanago 37 on etl-2") as caught:
        await when_free(Busy(began + 10_000).open, 30)
    assert 30 <= anyio.current_time() - began < 31
    assert caught.value.__notes__ == ["It was waited for, for 30 seconds"]


async def test_a_timeout_of_nothing_tries_once() -> None:
    with pytest.raises(InUse):
        await when_free(Busy(anyio.current_time() + 1).open, 0)


# Real journals


@pytest.mark.parametrize(
    "anyio_backend", [pytest.param(("asyncio", {}), id="asyncio"), pytest.param(("trio", {}), id="trio")]
)
async def test_the_second_process_opens_it_when_the_first_is_killed(place: JournalPlace) -> None:
    """In real time: the holder is killed after a second."""
    with holding(place) as holder:
        began = time.monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_kill_after, holder, 1.0)
            journal, entries = await open_journal(place, IDENTITY, None, when_busy="wait")
            await journal.aclose()
            assert entries == []
        assert 1.0 <= time.monotonic() - began < 20


async def _kill_after(holder: "subprocess.Popen[bytes]", seconds: float) -> None:
    await anyio.sleep(seconds)
    holder.kill()


# Lines without the lock


@asynccontextmanager
async def opened(address: DatabaseAddress) -> AsyncIterator[Journal]:
    journal, _ = await open_journal(address, IDENTITY, None)
    try:
        yield journal
    finally:
        await journal.aclose()


async def test_lines_of_several_runs_are_read_while_they_are_in_use(postgresql: str) -> None:
    from salesmanago_async.stores.postgresql_runs import imports, lines

    base = run_in(postgresql)
    of = partial(RowChecksums.of, known_by="content")
    async with opened(base.of_run(f"{base.run}/0")) as first, opened(base.of_run(f"{base.run}/1")) as second:
        zero, one = RowChecksums(((0, 1),), of([0, 1], [b"a", b"b"]).checksums), RowChecksums(((0, 0),), b"12345678")
        await first.begin(zero)
        await first.settle(1, Verdicts("accepted", None, {1: ("rejected", "no")}), [0, 1])
        await second.begin(one)
        async with opened(base.of_run(f"{base.run}_other")):
            found = list(lines(base, f"{base.run}/"))
        assert list(imports(base, f"{base.run}/")) == [f"{base.run}/0", f"{base.run}/1"]
        assert imports(base, f"{base.run}/")[f"{base.run}/0"]["kind"] == "contacts"
    assert found == [
        JournalLine(f"{base.run}/0", Entry(1, ((0, 1),), "accepted", others={1: ("rejected", "no")}), zero.checksums),
        JournalLine(f"{base.run}/1", Entry(1, ((0, 0),), "in_doubt"), b"12345678"),
    ]


async def test_a_line_that_was_changed_is_refused(postgresql: str) -> None:
    from salesmanago_async import Invalid
    from salesmanago_async.stores.postgresql_runs import lines

    address = run_in(postgresql)
    async with opened(address) as journal:
        await journal.begin(RowChecksums(((0, 0),), b"12345678"))
    query(
        address,
        "UPDATE salesmanago.chunks SET checksums = 'other' FROM salesmanago.runs WHERE run = id AND name = %s",
        address.run,
    )
    with pytest.raises(Invalid, match=f"line 1 of run {address.run} is not as it was written"):
        list(lines(address, address.run or ""))
