"""Whatever a transport raises, also what is no `Exception`: the caller gets it, and waits for nothing.

In real time: threads work in it, and a time-out in virtual time would pass while they do.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from attrs import define, field

from salesmanago_async import SalesManago, Tag
from salesmanago_async.file_imports.definition import FileImport, FileSync
from salesmanago_async.file_imports.making import import_files, resume_import
from tests.conftest import BACKENDS
from tests.sync.nights import Account, Killed, address, is_killed
from tests.sync.shops import CATALOG, Shop

LONGEST = 30.0
"""Seconds after which a test has waited for too long."""

FILES = "/files/"
Use = Callable[[SalesManago], Awaitable[None]]


async def read_outcomes(sm: SalesManago) -> None:
    async with sm.contacts.upserting(({"email": address(number)} for number in range(20)), batch_size=2) as outcomes:
        async for _ in outcomes:
            pass


async def read_pages(sm: SalesManago) -> None:
    async with sm.contacts.export_all(size=5) as contacts:
        async for _ in contacts:
            pass


async def read_download(sm: SalesManago) -> None:
    job = await sm.contacts.export(to=[Tag("C")])
    async with job.records() as records:
        async for _ in records:
            pass


class CutFile(httpx.AsyncByteStream):
    """Fails behind its first byte."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"["
        raise Killed


@define
class Failing(httpx.AsyncBaseTransport):
    """Leads to a simulated account; requests to a path fail, or what they download does."""

    account: Account = field(factory=Account)
    path: str = "?"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fails = self.path in request.url.path
        if fails and self.path != FILES:
            raise Killed
        response = await httpx.ASGITransport(self.account.simulator).handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, stream=CutFile()) if fails else response


async def use_until_killed(use: Use, path: str) -> BaseException | None:
    """Use an account with contacts whose transport fails at a path; return what the caller gets."""
    transport = Failing()
    transport.account.simulator.job_seconds = 0.0
    async with transport.account.client(transport=transport, poll_interval=0.02) as sm:
        await sm.contacts.upsert_many({"email": address(number), "tags": ["C"]} for number in range(20))
        transport.path = path
        try:
            with anyio.fail_after(LONGEST):
                await use(sm)
        except BaseException as error:
            return error
    return None


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("use", "path"),
    [
        (read_outcomes, "batchupsertv2"),
        (read_outcomes, "job/status"),
        (read_pages, "paginatedContactList"),
        (read_pages, "job/status"),
        (read_download, FILES),
    ],
)
def test_the_caller_gets_what_the_transport_raised(use: Use, path: str, backend: str) -> None:
    error = anyio.run(use_until_killed, use, path, backend=backend)
    assert error is not None
    assert is_killed(error)


@pytest.mark.ci
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("after", [False, True])
def test_a_sync_of_files_goes_on_in_the_same_process(tmp_path: Path, after: bool, backend: str) -> None:
    shop, state, file = Shop(), tmp_path / "products.db", tmp_path / "products.csv"
    rows = [f"P{number},Bag,Bags,{number}" for number in range(100)]
    file.write_text("\n".join(["productId,name,mainCategory,price", *rows]))
    sync = FileSync(state=state)
    definition = FileImport(kind="products", files=(file,), catalog=CATALOG, batch_size=5, sync=sync)

    async def within(act: Callable[[SalesManago], Awaitable[Any]]) -> Any:
        with anyio.fail_after(LONGEST):
            async with shop.client() as sm:
                return await act(sm)

    shop.dies_at, shop.dies_after = 5, after
    with pytest.raises(BaseException) as raised:
        anyio.run(within, lambda sm: import_files(sm, definition), backend=backend)
    assert is_killed(raised.value)
    shop.dies_at, shop.is_dead = None, False
    result = anyio.run(within, lambda sm: resume_import(sm, state), backend=backend)
    assert result.report.complete
    assert len(shop.products) == 100
