"""What a test sees of a simulated account: its content as values, its requests, its clock and its faults."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from salesmanago_async import Contact, ExternalEvent, Invalid, SalesManago
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PRODUCTS_KEY, ReceivedRequest, Simulator
from salesmanago_async.simulator._received import KEPT_BYTES
from tests.conftest import MakeClient

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(job_seconds=60, strict=False)


@pytest.fixture
def sm(simulator: Simulator) -> SalesManago:
    transport = httpx.ASGITransport(app=simulator)
    return SalesManago(
        DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=transport, products_key=DEMO_PRODUCTS_KEY, poll_interval=1
    )


async def test_a_contact_is_shown_with_all_that_it_has(sm: SalesManago, simulator: Simulator) -> None:
    ann = Contact(
        email="ann@example.com",
        name="Ann",
        phone="+48 1",
        external_id="C-1",
        city="Kraków",
        tags=["Vip", "new"],
        properties={"size": "M"},
        force_opt_in=True,
    )
    answer = await sm.contacts.upsert(ann)
    event = ExternalEvent(
        email="ann@example.com",
        date=NOON,
        contact_ext_event_type="PURCHASE",
        value=9.5,
        products=["a", "b"],
        detail3="x",
    )
    added = await sm.events.add(event)
    shown = simulator.contact("ANN@example.com")
    assert shown == simulator.contact(contact_id=str(answer.contact_id)) == simulator.contacts[0]
    assert (shown.contact_id, shown.email, shown.name, shown.phone) == (
        *(answer.contact_id, "ann@example.com", "Ann", "+48 1"),
    )
    assert (shown.tags, shown.properties, shown.external_id) == (["VIP", "NEW"], {"size": "M"}, "C-1")
    assert (shown.address, shown.opted_out, shown.owners) == ({"city": "Kraków"}, False, {DEMO_OWNER})
    (purchase,) = shown.events
    assert [purchase] == simulator.events
    assert (purchase.event_id, purchase.email, purchase.contact_id) == (added.event_id, shown.email, shown.contact_id)
    assert (purchase.contact_ext_event_type, purchase.date, purchase.value) == ("PURCHASE", NOON, 9.5)
    assert (purchase.products, purchase.detail3, purchase.detail4) == ("a,b", "x", None)


async def test_a_contact_that_is_missing_is_told_with_the_nearest_one(sm: SalesManago, simulator: Simulator) -> None:
    with pytest.raises(LookupError, match=r"no contact ann@example\.com: the account is empty"):
        simulator.contact("ann@example.com")
    await sm.contacts.upsert(Contact(email="anne@example.com"))
    with pytest.raises(LookupError, match=r"among 1 \(anne@example\.com\); did you mean anne@example\.com\?"):
        simulator.contact("ann@example.com")
    assert simulator.has_contact("anne@example.com")
    assert not simulator.has_contact("ann@example.com")


async def test_products_are_shown_with_their_catalogue(sm: SalesManago, simulator: Simulator) -> None:
    catalog = await sm.catalogs.upsert(name="Main", currency="EUR", location="shop_de")
    rows = [{"productId": "SKU-1", "name": "Hat", "mainCategory": "Clothes", "price": 9.5, "quantity": 3}]
    await sm.products.upsert_many(rows, catalog_id=str(catalog.catalog_id))
    assert [one.name for one in simulator.catalogs] == ["Main"]
    hat = simulator.product("SKU-1")
    assert simulator.products == [hat]
    assert (hat.name, hat.price, hat.quantity, hat.catalog_id) == ("Hat", 9.5, 3, catalog.catalog_id)
    with pytest.raises(LookupError, match="no product SKU-2 among 1"):
        simulator.product("SKU-2")


async def test_the_clock_ends_jobs(sm: SalesManago, simulator: Simulator) -> None:
    simulator.fail("failed-job", at=2)
    people = {"upsertDetails": [{"contact": {"email": "ann@example.com"}}], "useApiDoubleOptIn": False}
    for _ in range(2):
        await sm.call("contact/batchupsertv2", people)
    assert [(job.request_id, job.path, job.state) for job in simulator.jobs] == [
        (1, "contact/batchupsertv2", "running"),
        (2, "contact/batchupsertv2", "running"),
    ]
    assert 59 < (simulator.seconds_to_next or 0) <= 60
    simulator.advance(timedelta(minutes=1))
    assert [job.state for job in simulator.jobs] == ["done", "failed"]
    assert simulator.has_contact("ann@example.com")
    assert simulator.seconds_to_next is None


@pytest.mark.parametrize("time", [-1, timedelta(seconds=-1), float("nan"), float("inf")])
def test_the_clock_goes_forward_only(time: float | timedelta, simulator: Simulator) -> None:
    with pytest.raises(Invalid, match="forward only"):
        simulator.advance(time)


async def test_a_state_that_was_wound_ahead_goes_on_from_there(tmp_path: Path) -> None:
    for days in (3, 0):
        simulator = Simulator(state=tmp_path / "account.db")
        simulator.advance(days * 86400)
        transport = httpx.ASGITransport(app=simulator)
        async with SalesManago(DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=transport) as sm:
            await sm.contacts.upsert(Contact(email=f"{days}@example.com"))
        simulator.close()
    late, later = simulator.contacts
    assert late.modified_on <= later.modified_on


# Requests


async def test_requests_are_kept_without_secrets(sm: SalesManago, simulator: Simulator) -> None:
    simulator.fail("503", at=1)
    await sm.contacts.upsert(Contact(email="ann@example.com"))
    await sm.call("contact/upsert", {"contact": {"email": "bob@example.com", "nmae": "Bob"}})
    first, second, third = simulator.requests
    assert [first.number, first.status, str(first.fault)] == [1, 503, "503,at=1"]
    assert (second.status, second.fault, second.undocumented, second.is_over) == (200, None, (), True)
    assert second.body["contact"] == {"email": "ann@example.com"}
    assert [second.body[name] for name in ("apiKey", "clientId", "sha")] == ["…", "…", "…"]
    assert second.answer["contactId"] == simulator.contact("ann@example.com").contact_id
    assert third.undocumented == ("contact.nmae",)
    assert simulator.requests_to("contact/*") == [first, second, third]
    assert simulator.requests_to("job/*") == []
    assert "ann@" not in repr(simulator.requests)


async def test_a_request_is_told_when_it_is_over(make_client: MakeClient) -> None:
    requests: list[ReceivedRequest] = []
    simulator = Simulator(job_seconds=0, on_request=requests.append)
    async with make_client(simulator) as sm:
        await sm.contacts.upsert_many([Contact(email=f"{number}@example.com") for number in range(1500)])
        simulator.fail("reset-after", path="contact/hasContact", at=1)
        await sm.contacts.has(email="1@example.com")
    told = [simulator.log_line(request) for request in requests]
    assert len(told) == simulator.requests.total
    lines = [" ".join(line.split()[1:4]) for line in told]
    assert lines[:2] == ["200 contact/batchupsertv2 1,000", "200 contact/batchupsertv2 500"]
    assert told[0].endswith("job 1")
    lost = next(line for line in told if "hasContact" in line)
    assert lost.split()[1] == "---"
    assert lost.endswith("fault reset-after,path=contact/hasContact,at=1  no answer")


async def test_old_requests_and_bodies_are_dropped() -> None:
    simulator = Simulator(requests_kept=20)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=simulator), base_url="http://test") as http:
        for number in range(30):
            note = "x" * (KEPT_BYTES // 10 if number > 15 else 1)
            await http.post("/api/nosuch/path", json={"note": note, "number": number})
    assert (len(simulator.requests), simulator.requests.total) == (20, 30)
    assert [request.number for request in simulator.requests] == list(range(11, 31))
    assert simulator.requests[-1].body["number"] == 29
    with pytest.raises(LookupError, match="the body of request 11 is not kept any more"):
        _ = simulator.requests[0].body
