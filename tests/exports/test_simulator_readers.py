"""Slow readers, readers that stop early, and many concurrent readers: nothing is lost, and nothing stays open."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from salesmanago_async import Job, Retries, Unreadable
from salesmanago_async.simulator import Fault
from tests.exports.harness import KINDS, World, connected, contacts, opened, read, world
from tests.exports.hosts import small_blocks
from tests.open_files import needs_proc, open_files

pytestmark = pytest.mark.anyio


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep downloads on the disk. This takes real time, during which the virtual time continues."""
    small_blocks(monkeypatch, 10_000)


@pytest.fixture
async def noisy() -> AsyncGenerator[World]:
    """An account with an array of about 120 KB, sent at 1 KB a second."""
    async with connected(await opened(contacts(30, noise=3000), ["CONTACT", "PROPERTIES"])) as noisy:
        noisy.account.simulator.faults = [Fault("trickle", path="files", seconds=1)]
        yield noisy


async def first_of(job: Job[Any]) -> Any:
    """Read the first record, and leave the block."""
    async with job.records(raw=True) as records:
        return await anext(aiter(records))


# Slowly


async def test_a_slow_reader_holds_neither_the_connection_nor_the_link(noisy: World) -> None:
    """The link lives for 300 seconds; reading takes days."""
    got: list[Any] = []
    async with noisy.job("json").records(raw=True) as records:
        async for record in records:
            got.append(record)
            await anyio.sleep(10_000)
            assert noisy.wire.open_connections == 0
    assert got == noisy.account.records["json"]
    assert len(noisy.wire.asked) == 1


async def test_the_first_record_is_readable_long_before_the_last_arrives(noisy: World) -> None:
    began = anyio.current_time()
    async with noisy.job("json").records(raw=True) as records:
        assert await anext(aiter(records)) == noisy.account.records["json"][0]
        assert anyio.current_time() - began < 80 < noisy.account.sizes["json"] / 1024


# Not to the end


@needs_proc
@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("kind", KINDS)
async def test_leaving_after_the_first_record_leaves_nothing_open(noisy: World, kind: str) -> None:
    before = open_files()
    for _ in range(5):
        assert await first_of(noisy.job(kind)) == noisy.account.records[kind][0]
        await anyio.sleep(0.5)
        assert (noisy.wire.open_connections, open_files()) == (0, before)


BREAKS = [
    "nothing",
    "truncated,after=50000,path=files,at=1",
    "reset-after,after=50000,path=files,at=1",
    "expired,after=50000,at=1",
    "503,path=files,at=1-3",
]


@pytest.mark.sampled
@needs_proc
@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("fault", BREAKS)
async def test_cancelling_at_any_moment_leaves_nothing_open(noisy: World, fault: str) -> None:
    faults = [] if fault == "nothing" else [Fault.parse(fault)]
    before, random = open_files(), Random(fault)
    for _ in range(8):
        noisy.account.simulator.faults = [*faults, Fault("trickle", path="files", seconds=1)]
        with anyio.move_on_after(random.uniform(0, 200)):
            await read(noisy.job("json"))
        await anyio.sleep(0.5)
        assert (noisy.wire.open_connections, open_files()) == (0, before)


@needs_proc
@pytest.mark.usefixtures("disk")
async def test_an_error_of_the_reader_leaves_nothing_open(noisy: World) -> None:
    before = open_files()
    with suppress(ZeroDivisionError):
        async with noisy.job("json").records(raw=True) as records:
            async for _ in records:
                raise ZeroDivisionError
    await anyio.sleep(0.5)
    assert (noisy.wire.open_connections, open_files()) == (0, before)


@needs_proc
@pytest.mark.usefixtures("disk")
async def test_chunks_that_are_not_all_taken_leave_nothing_open(noisy: World) -> None:
    before = open_files()
    async with noisy.job("json").stream() as chunks:
        assert await anext(aiter(chunks))
    await anyio.sleep(0.5)
    assert (noisy.wire.open_connections, open_files()) == (0, before)


# Many readers


@needs_proc
@pytest.mark.usefixtures("disk")
async def test_many_concurrent_exports_with_many_faults_are_whole() -> None:
    account = await opened(contacts(30, noise=3000), ["PROPERTIES"])
    before = open_files()
    whole = 0

    async def one(many: World, kind: str) -> None:
        nonlocal whole
        export = await read(many.job(kind))
        whole += export.records == account.records[kind]

    async with connected(account, retries=Retries(tries=20)) as many, anyio.create_task_group() as tasks:
        account.simulator.faults = [
            *(Fault(kind, path="files", after=20_000, share=0.2) for kind in ("truncated", "reset-after", "expired")),
            Fault("status", status=503, path="files", share=0.2),
            Fault("wrong-range", how="start", share=0.2),
            Fault("trickle", path="files", seconds=0.1),
        ]
        for number in range(24):
            tasks.start_soon(one, many, KINDS[number % 2])
    assert whole == 24
    assert (many.wire.open_connections, open_files()) == (0, before)


async def test_all_contacts_come_once_despite_any_faults() -> None:
    async with world(7) as seven:
        seven.account.simulator.faults = [
            *(Fault(kind, path="files", after=70, share=0.2) for kind in ("truncated", "reset-after", "expired")),
            Fault("status", status=503, path="files", share=0.2),
            Fault("status", status=500, path="job/status", share=0.2),
        ]
        for _ in range(5):
            ids = [contact["id"] for contact in await pages_of(seven)]
            assert len(ids) == len(set(ids)) == 7


async def pages_of(world: World) -> list[Any]:
    async with world.sm.contacts.export_all(raw=True, size=2) as found:
        return [contact async for contact in found]


# To a file

SPOILT = ["garbled,path=files,after=100", "wrong-length,path=files,by=-1", "other-file,how=bomb"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_that_has_its_name_is_whole(tmp_path: Path, kind: str) -> None:
    async with world(5) as five:
        five.account.simulator.faults = [Fault.parse("expired,after=100,at=1")]
        assert await five.job(kind).save(tmp_path / "x.jsonl") == 5
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 5


@pytest.mark.sampled
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", SPOILT)
async def test_an_incomplete_file_gets_no_name(tmp_path: Path, kind: str, fault: str) -> None:
    async with world(5) as five:
        five.account.simulator.faults = [Fault.parse(fault)]
        with pytest.raises(Unreadable):
            await five.job(kind).save(tmp_path / "x.jsonl")
    assert list(tmp_path.iterdir()) == []
