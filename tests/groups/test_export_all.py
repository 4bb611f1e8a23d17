"""`export_all`: each page is a server job; the jobs run concurrently, and the pages come in order."""

import json
from typing import Any

import anyio
import httpx
import pytest
from attrs import define, field

from salesmanago_async import Contact, JobFailed, SalesManago, Unreadable
from salesmanago_async.groups._pages import FIRST_PAGES
from salesmanago_async.simulator import Simulator
from tests.conftest import MakeClient

pytestmark = pytest.mark.anyio

SECONDS = 90.0
"""The duration of a job."""


@define
class Account(httpx.AsyncBaseTransport):
    """Exports pages: `pages` are their contacts, all others are empty. Jobs take 90 seconds, odd ones twice that."""

    pages: list[list[dict[str, Any]]]
    files: dict[int, bytes] = field(factory=dict)
    """Contents that replace a page's file."""
    failing: set[int] = field(factory=set)
    started: dict[int, tuple[int, float]] = field(factory=dict)
    """The jobs: their pages, and when they began."""
    fetched: list[int] = field(factory=list)
    most_outstanding: int = 0

    @property
    def asked(self) -> list[int]:
        return [page for page, _ in self.started.values()]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep(0.1)
        if request.url.host == "files.example.com":
            page = int(request.url.path[1:])
            self.fetched.append(page)
            return httpx.Response(200, content=self.files.get(page) or self._file(page))
        body = json.loads(request.content)
        if request.url.path.endswith("paginatedContactList/export"):
            number = len(self.started) + 1
            self.started[number] = (body["page"], anyio.current_time())
            self.most_outstanding = max(self.most_outstanding, len(self.started) - len(self.fetched))
            return httpx.Response(200, json={"success": True, "message": [], "requestId": number})
        page, begun = self.started[body["requestId"]]
        if anyio.current_time() < begun + SECONDS * (1 + page % 2):
            return httpx.Response(200, json={"success": True, "message": ["Job not start yet"]})
        if page in self.failing:
            return httpx.Response(200, json={"success": False, "message": ["Job failed: out of order"]})
        link = f"https://files.example.com/{page}"
        return httpx.Response(200, json={"success": True, "message": [], "fileUrl": link})

    def _file(self, page: int) -> bytes:
        found = self.pages[page - 1] if page <= len(self.pages) else []
        return json.dumps({"contacts": found}).encode()


def contacts(page: int, count: int = 3) -> list[dict[str, Any]]:
    return [{"success": True, "id": f"{page}-{n}", "email": f"{page}.{n}@x.pl", "exists": True} for n in range(count)]


def pages(count: int) -> list[list[dict[str, Any]]]:
    return [contacts(page) for page in range(1, count + 1)]


def flat(found: list[list[Any]]) -> list[Any]:
    return [contact for page in found for contact in page]


async def exported(sm: SalesManago, into: list[Any] | None = None, **options: Any) -> list[Any]:
    into = [] if into is None else into
    async with sm.contacts.export_all(raw=True, **options) as found:
        async for contact in found:
            into.append(contact)
    return into


async def raise_midway(sm: SalesManago, error: Exception) -> None:
    async with sm.contacts.export_all() as found:
        await anext(found)
        raise error


async def test_all_contacts_of_a_simulated_account_come_once_and_in_order(sm: SalesManago) -> None:
    emails = [f"c{number}@example.com" for number in range(23)]
    for email in emails:
        await sm.contacts.upsert(Contact(email=email, name="Ann", country="PL"))
    async with sm.contacts.export_all(size=5) as found:
        typed = [contact async for contact in found]
    assert [contact.email for contact in typed] == emails
    raw = await exported(sm, size=5)
    assert [contact["email"] for contact in raw] == emails
    assert [contact["id"] for contact in raw] == [contact.id for contact in typed]
    assert raw[0].keys() == {"success", "email", "exists", "id", "name", "country", "phone"}


async def test_an_empty_account_yields_no_contacts(simulator: Simulator, sm: SalesManago) -> None:
    assert await exported(sm) == []


async def test_a_single_page_has_typed_records(make_client: MakeClient) -> None:
    async with make_client(None, transport=Account(pages(1))) as sm:
        job = await sm.contacts.export_page(1)
        async with job.records() as found:
            assert [contact.id async for contact in found] == ["1-0", "1-1", "1-2"]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 40])
async def test_few_pages_are_requested_in_vain(make_client: MakeClient, count: int) -> None:
    account = Account(pages(count))
    async with make_client(None, transport=account) as sm:
        assert await exported(sm) == flat(account.pages)
    assert sorted(account.asked) == list(range(1, len(account.asked) + 1))
    assert len(account.asked) - count <= count + FIRST_PAGES


@pytest.mark.parametrize("short", [1, 2, 5])
async def test_a_short_page_is_not_the_end(make_client: MakeClient, short: int) -> None:
    account = Account(pages(6))
    account.pages[short] = contacts(short + 1, count=1)
    async with make_client(None, transport=account) as sm:
        assert await exported(sm, size=3) == flat(account.pages)


async def test_the_first_empty_page_is_the_end(make_client: MakeClient) -> None:
    account = Account([*pages(3), [], contacts(5)])
    async with make_client(None, transport=account) as sm:
        assert await exported(sm) == flat(pages(3))


@pytest.mark.parametrize("outstanding", [1, 2, 8])
async def test_outstanding_limits_the_concurrent_jobs(make_client: MakeClient, outstanding: int) -> None:
    account = Account(pages(30))
    async with make_client(None, transport=account) as sm:
        assert await exported(sm, outstanding=outstanding) == flat(account.pages)
    assert account.most_outstanding == outstanding


@pytest.mark.ci
async def test_pages_are_exported_concurrently(make_client: MakeClient) -> None:
    account = Account(pages(200))
    async with make_client(None, transport=account, concurrency=32) as sm:
        began = anyio.current_time()
        await exported(sm)
    assert 60 <= account.most_outstanding <= 64
    assert anyio.current_time() - began < 12 * 2 * SECONDS  # one after the other, it is over 200 times 90


async def test_the_pages_that_wait_to_be_taken_are_bounded(make_client: MakeClient) -> None:
    account = Account(pages(100))
    async with make_client(None, transport=account) as sm, sm.contacts.export_all(outstanding=8) as found:
        await anext(found)
        await anyio.sleep(10_000)
        assert len(account.fetched) <= 1 + 8
        assert [contact.id async for contact in found] == [c["id"] for c in flat(account.pages)[1:]]


async def test_a_page_whose_job_fails_is_an_error_after_the_pages_before(make_client: MakeClient) -> None:
    account = Account(pages(6), failing={4})
    found: list[Any] = []
    async with make_client(None, transport=account) as sm:
        with pytest.raises(JobFailed, match="out of order") as raised:
            await exported(sm, into=found)
    assert found == flat(pages(3))
    assert raised.value.__notes__ == ["This was page 4 of the export of all contacts."]


@pytest.mark.parametrize(
    "content",
    [
        b"<html>Sorry</html>",
        b'{"contacts": [{"id": "1"',
        b"{}",
        b'{"contacts": null}',
        b'{"contacts": {}}',
        b" ",
    ],
)
async def test_a_file_that_is_not_a_page_is_an_error_and_not_the_end(make_client: MakeClient, content: bytes) -> None:
    account = Account(pages(3), files={2: content})
    async with make_client(None, transport=account) as sm:
        with pytest.raises(Unreadable):
            await exported(sm)


async def test_leaving_early_cancels_everything(make_client: MakeClient) -> None:
    account = Account(pages(50))
    async with make_client(None, transport=account) as sm:
        async with sm.contacts.export_all() as found:
            assert (await anext(found)).id == "1-0"
        asked, fetched = len(account.started), len(account.fetched)
        await anyio.sleep(1000)
        assert (len(account.started), len(account.fetched)) == (asked, fetched)


async def test_an_error_of_the_caller_is_raised_unchanged(make_client: MakeClient) -> None:
    account = Account(pages(50))
    mine = ValueError("mine")
    async with make_client(None, transport=account) as sm:
        with pytest.raises(ValueError, match="mine") as raised:
            await raise_midway(sm, mine)
    assert raised.value is mine


@pytest.mark.parametrize("seconds", [0.0, 0.05, 30.0, 100.0, 200.0])
async def test_an_export_can_be_cancelled_at_any_time(make_client: MakeClient, seconds: float) -> None:
    account = Account(pages(50))
    async with make_client(None, transport=account) as sm:
        with anyio.move_on_after(seconds) as scope:
            await exported(sm)
        assert scope.cancelled_caught
        started = len(account.started)
        await anyio.sleep(1000)
        assert len(account.started) == started
