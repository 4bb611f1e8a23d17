"""Exports from a served simulator with faults: over a real socket, in real time, in small pieces."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from attrs import frozen

from salesmanago_async import Job, Retries, SalesManago, Tag, Timeouts, Unreadable
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Fault, Simulator
from tests.exports.harness import contacts, read
from tests.open_files import needs_proc, open_files
from tests.serving import serving_app

pytestmark = pytest.mark.asyncio


@frozen
class Served:
    """A served account with a finished export."""

    simulator: Simulator
    address: str
    job: int
    records: list[Any]

    def client(self, **options: Any) -> SalesManago:
        chosen = {
            "owner": DEMO_OWNER,
            "base_url": self.address,
            "retries": Retries(first_wait=0.01, tries=10),
            "transport": httpx.AsyncHTTPTransport(),
        }
        return SalesManago(DEMO_CREDENTIALS, **{**chosen, **options})


async def export(sm: SalesManago) -> Job[Any]:
    await sm.contacts.upsert_many(contacts(250, noise=3000), wait=False)
    return await sm.contacts.export([Tag("ALL")], ["CONTACT", "PROPERTIES"])


@pytest.fixture(scope="module")
def account() -> Iterator[Served]:
    """An account with a file of some MB, which does not fit into the buffers of the sockets."""
    simulator = Simulator(job_seconds=0)

    async def make(address: str) -> Served:
        async with Served(simulator, address, 0, []).client() as sm:
            job = await export(sm)
            return Served(simulator, address, job.request_id, (await read(job)).records)

    with serving_app(simulator) as address:
        yield asyncio.run(make(address))


@pytest.fixture
def served(account: Served, capfd: pytest.CaptureFixture[str]) -> Iterator[Served]:
    """A served account that must log nothing."""
    yield account
    account.simulator.faults = ()
    assert capfd.readouterr().err == ""


FAULTS = {
    "nothing": [],
    "cut": ["truncated,path=files,at=1"],
    "cut again and again": ["truncated,path=files,after=90000"],
    "reset": ["reset-after,path=files,after=300000,at=1"],
    "reset again and again": ["reset-after,path=files,after=200000"],
    "reset before anything": ["reset-before,path=files,at=1"],
    "every link dies on the way": ["expired,after=200000"],
    "more is promised": ["wrong-length,path=files,by=10,at=1"],
    "a wrong range": ["truncated,path=files,after=200000,at=1", "wrong-range,how=start,at=2"],
    "a range that is ignored": ["truncated,path=files,after=200000,at=1", "wrong-range,how=ignored,at=2"],
    "a page": ["truncated,path=files,after=200000,at=1", "other-file,how=page,at=2"],
    "a stall": ["trickle,path=files,seconds=10,at=1"],
}


@pytest.mark.sampled
@pytest.mark.parametrize("name", FAULTS)
async def test_all_records_come_despite_any_fault(served: Served, name: str) -> None:
    served.simulator.faults = [Fault.parse(text) for text in FAULTS[name]]
    read_timeout = 0.2 if name == "a stall" else 10
    async with served.client(timeouts=Timeouts(connect=10, read=read_timeout, write=10)) as sm:
        found = await read(sm.jobs.attach(served.job))
    assert found.error is None
    assert found.records == served.records


async def test_a_file_with_a_too_small_length_is_an_error(served: Served) -> None:
    served.simulator.faults = [Fault("wrong-length", path="files", by=-100_000)]
    async with served.client() as sm:
        found = await read(sm.jobs.attach(served.job))
        assert isinstance(found.error, Unreadable)
        assert "cut" in str(found.error)
        assert found.records == served.records[: len(found.records)] != served.records
        served.simulator.faults = ()
        assert (await read(sm.jobs.attach(served.job))).records == served.records, "unread bytes do no harm"


async def until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds; closing takes both sides a while."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


@needs_proc
async def test_leaving_a_trickle_leaves_nothing_open(served: Served) -> None:
    served.simulator.faults = [Fault("trickle", path="files", seconds=0.001)]
    before = open_files()
    async with served.client() as sm:
        async with sm.jobs.attach(served.job).records(raw=True) as records:
            assert await anext(aiter(records)) == served.records[0]
        await sm.aclose()
        await until(lambda: open_files() <= before and len(asyncio.all_tasks()) == 1)
