"""Double opt-in mails whole lists, and is on by default at the server: every bulk upsert turns it off, unless asked."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from salesmanago_async import Contact, SalesManago
from salesmanago_async.api import BatchUpsertContacts, UpsertContact, read_request, write_request
from salesmanago_async.groups.contacts import Contacts
from salesmanago_async.integrations.leadoo import lead_file
from salesmanago_async.integrations.livechat import livechat_app
from salesmanago_async.simulator import Simulator
from tests.conftest import MakeClient
from tests.integrations.deliveries import delivery

ANN = Contact(email="ann@example.com", force_opt_in=True)
BULK = "/api/contact/batchupsertv2"
Upsert = Callable[..., Awaitable[object]]


class Recorder:
    """Stands in front of the simulator, keeps the bodies of bulk upserts, and refuses those that are too long."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.bodies: list[Mapping[str, Any]] = []
        self.most = 1000

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != BULK:
            await self.simulator(scope, receive, send)
            return
        content, more = b"", True
        while more:
            message = await receive()
            content, more = content + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(orjson.loads(content))
        if len(self.bodies[-1]["upsertDetails"]) > self.most:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b'{"success":false,"message":["too many"]}'})
            return

        async def again() -> Any:
            return {"type": "http.request", "body": content}

        await self.simulator(scope, again, send)


@pytest.fixture
def recorder(simulator: Simulator) -> Recorder:
    return Recorder(simulator)


@pytest.fixture
def client(recorder: Recorder, make_client: MakeClient) -> SalesManago:
    return make_client(recorder)


async def upsert_many(sm: SalesManago, folder: Path, **options: Any) -> None:
    await sm.contacts.upsert_many([ANN], **options)


async def upsert_many_with_a_journal(sm: SalesManago, folder: Path, **options: Any) -> None:
    await sm.contacts.upsert_many([ANN], journal=folder / "journal.db", **options)


async def upserting(sm: SalesManago, folder: Path, **options: Any) -> None:
    async with sm.contacts.upserting([ANN], **options) as outcomes:
        async for _ in outcomes:
            pass


async def buffer(sm: SalesManago, folder: Path, **options: Any) -> None:
    async with sm.contacts.buffer(**options) as buffer:
        await buffer.add(ANN)


async def durable_buffer(sm: SalesManago, folder: Path, **options: Any) -> None:
    await buffer(sm, folder, journal=folder / "queue.db", drain_within=10_000.0, **options)


async def csv_file(sm: SalesManago, folder: Path, **options: Any) -> None:
    (folder / "people.csv").write_text("email,forceOptIn\nann@example.com,true\n")
    await sm.contacts.upsert_many(folder / "people.csv", **options)


async def leads(sm: SalesManago, folder: Path, **options: Any) -> None:
    (folder / "leads.csv").write_text("email,name\nann@example.com,Ann\n")
    await sm.contacts.upsert_many(lead_file(folder / "leads.csv"), **options)


async def livechat(sm: SalesManago, folder: Path, **options: Any) -> None:
    async with sm.contacts.buffer(**options) as contacts, sm.events.buffer(after=contacts) as events:
        app = livechat_app(secret="s", contacts=contacts, events=events)
        body = orjson.dumps(delivery(secret="s"))

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            assert message.get("status", 200) == 200

        await app({"type": "http", "method": "POST", "headers": []}, receive, send)


async def request_value(sm: SalesManago, folder: Path, **options: Any) -> None:
    await sm.send(BatchUpsertContacts([ANN], **options))


UPSERTS = [
    upsert_many, upsert_many_with_a_journal, upserting, buffer, durable_buffer, csv_file, leads, livechat,
    request_value,
]  # fmt: skip


@pytest.mark.sampled
@pytest.mark.anyio
@pytest.mark.parametrize("upsert", UPSERTS, ids=lambda upsert: upsert.__name__)
@pytest.mark.parametrize(("options", "said"), [({}, False), ({"use_api_double_opt_in": True}, True)])
async def test_every_bulk_upsert_says_whether_confirmations_are_mailed(
    upsert: Upsert, options: Mapping[str, Any], said: bool, client: SalesManago, recorder: Recorder, tmp_path: Path
) -> None:
    async with client as sm:
        await upsert(sm, tmp_path, **options)
    assert [body["useApiDoubleOptIn"] for body in recorder.bodies] == [said]


@pytest.mark.anyio
@pytest.mark.parametrize("nothing", [None, False])
async def test_none_is_not_the_servers_default(nothing: Any, client: SalesManago, recorder: Recorder) -> None:
    async with client as sm:
        await sm.contacts.upsert_many([ANN], use_api_double_opt_in=nothing)
    assert [body["useApiDoubleOptIn"] for body in recorder.bodies] == [False]


@pytest.mark.anyio
async def test_the_halves_of_a_refused_chunk_say_it_too(client: SalesManago, recorder: Recorder) -> None:
    recorder.most = 1
    async with client as sm:
        report = await sm.contacts.upsert_many([Contact(email=f"c{number}@example.com") for number in range(4)])
    assert report.accepted == 4
    assert [body["useApiDoubleOptIn"] for body in recorder.bodies] == [False] * 7


def test_a_plain_body_becomes_a_request_that_says_it() -> None:
    request = read_request("contact/batchupsertv2", {"upsertDetails": [{"contact": {"email": "ann@example.com"}}]})
    assert write_request(request)["useApiDoubleOptIn"] is False
    left_to_the_server = BatchUpsertContacts([ANN], use_api_double_opt_in=None)
    assert "useApiDoubleOptIn" not in write_request(left_to_the_server)


def test_a_single_upsert_leaves_it_to_the_server_and_says_so() -> None:
    assert "useApiDoubleOptIn" not in write_request(UpsertContact(ANN))
    for documented in (UpsertContact, Contacts.upsert):
        assert "use_api_double_opt_in" in (documented.__doc__ or "")
        assert "server decides" in (documented.__doc__ or "")


RECORDS = [
    Contact(email="asked@example.com", force_opt_in=True),
    Contact(email="out@example.com", force_opt_in=True, force_opt_out=True),
    Contact(email="out2@example.com", force_opt_out=True),
    Contact(email="perhaps-new@example.com"),
    Contact(email="perhaps-new2@example.com", force_opt_in=False),
    Contact(contact_id="not-new"),
    Contact(contact_id="asked-too", force_opt_in=True),
]


@pytest.mark.anyio
async def test_a_dry_run_counts_the_confirmations(client: SalesManago, recorder: Recorder) -> None:
    async with client as sm:
        report = await sm.contacts.upsert_many(RECORDS, dry_run=True, use_api_double_opt_in=True)
    estimate = report.estimate
    assert estimate
    assert (estimate.confirmations, estimate.confirmations_if_new, estimate.most_confirmations) == (2, 2, 4)
    assert estimate.as_dict()["confirmations"] == 2
    assert recorder.bodies == []


@pytest.mark.anyio
async def test_without_double_opt_in_there_are_no_confirmations_to_count(client: SalesManago) -> None:
    async with client as sm:
        report = await sm.contacts.upsert_many(RECORDS, dry_run=True)
    assert report.estimate
    assert report.estimate.most_confirmations == 0
