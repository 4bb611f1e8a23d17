"""Lists of the simulated account's contacts and walks over them, tested through the client, with virtual time."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from salesmanago_async import Contact, ContactId, Email, Invalid, SalesManago
from salesmanago_async.errors import ServerFault
from salesmanago_async.settings import Retries
from salesmanago_async.simulator import DEMO_CREDENTIALS, Simulator
from tests.conftest import EPOCH, MakeClient, wall_clock
from tests.simulator.listening import Listening

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"
SECOND_OWNER = "second@vendor.pl"
START = datetime.fromtimestamp(EPOCH, UTC)
DAY = timedelta(days=1)
DAY_SECONDS = 86_400.0
VISIT: dict[str, Any] = {"time": int(EPOCH * 1000), "duration": 3, "visitSource": "NEXT", "visitScore": 1, "url": "/a"}


@pytest.fixture
def ear(simulator: Simulator) -> Listening:
    return Listening(simulator)


async def many(sm: SalesManago, number: int) -> list[str]:
    """Create contacts; return their addresses in order."""
    emails = [f"p{index}@example.com" for index in range(number)]
    await sm.contacts.upsert_many([Contact(email=email) for email in emails])
    return emails


async def id_of(sm: SalesManago, email: str) -> str:
    found = (await sm.contacts.has(email)).contact_id
    assert found
    return found


async def test_the_basics_of_a_contact_are_listed_by_address_and_by_id(sm: SalesManago) -> None:
    made = await sm.contacts.upsert(Contact(email=ANN, name="Ann", city="Kraków", birthday="19870605"))
    assert made.contact_id
    (found,) = (await sm.contacts.basic([ANN, "nobody@example.com"])).contacts
    assert (found.contact_id, found.name, found.city, found.birthday_month) == (made.contact_id, "Ann", "Kraków", 6)
    assert (found.created_on, found.last_visit) == (START, None)
    (same,) = (await sm.contacts.basic_by_id(["nobody", made.contact_id])).contacts
    assert same == found


async def test_any_number_of_ids_is_requested_fifty_at_a_time(
    sm: SalesManago, ear: Listening, make_client: MakeClient
) -> None:
    emails = await many(sm, 120)
    ids = [contact.id or "" for contact in await sm.contacts.get(emails)]
    async with make_client(ear) as client:
        found = await client.contacts.get_by_id(iter([*ids, "nobody"]))
    assert [contact.email for contact in found] == emails
    assert [len(body["contactId"]) for body in ear.bodies("contact/listById")] == [50, 50, 21]


async def test_contacts_missing_or_of_other_owners_are_unavailable_by_id(make_client: MakeClient) -> None:
    simulator = Simulator(clock=wall_clock, owners=("admin@vendor.pl", SECOND_OWNER))
    async with make_client(simulator) as sm:
        await sm.contacts.upsert(Contact(email=ANN, name="Ann"))
        ann = await id_of(sm, ANN)
        mine = await sm.contacts.list_by_id([ann, "nobody"])
        theirs = await sm.contacts.list_by_id([ann], owner=SECOND_OWNER)
        assert [contact.name for contact in mine.contacts] == ["Ann"]
        assert mine.unavailable_contacts == ("nobody",)
        assert (theirs.contacts, theirs.unavailable_contacts) == ((), (ann,))
        await sm.contacts.upsert(Contact(email=ANN), owner=SECOND_OWNER)
        assert [contact.id for contact in await sm.contacts.get_by_id([ann], owner=SECOND_OWNER)] == [ann]


@pytest.mark.parametrize(("number", "pages"), [(0, 1), (5, 1), (10, 1), (11, 2), (25, 3)])
async def test_a_walk_yields_every_contact_once(
    number: int, pages: int, sm: SalesManago, ear: Listening, make_client: MakeClient
) -> None:
    emails = await many(sm, number)
    async with make_client(ear) as client:
        assert [contact.email async for contact in client.contacts.walk(size=10)] == emails
    assert [body["page"] for body in ear.bodies("contact/paginatedListById")] == list(range(1, pages + 1))


async def test_a_walk_can_be_left_and_continued(sm: SalesManago) -> None:
    emails = await many(sm, 5)
    walk = sm.contacts.walk(size=2)
    begun = []
    async for contact in walk:
        begun.append(contact.email)
        if len(begun) == 3:
            break
    assert begun + [contact.email async for contact in walk] == emails
    assert [contact async for contact in walk] == []


async def test_a_walk_continues_after_an_error_with_the_failed_page(
    sm: SalesManago, ear: Listening, make_client: MakeClient
) -> None:
    emails = await many(sm, 4)
    async with make_client(ear, retries=Retries(tries=1)) as client:
        walk = client.contacts.walk(size=2)
        first = [(await anext(walk)).email for _ in range(2)]
        ear.faults.append("contact/paginatedListById")
        with pytest.raises(ServerFault):
            await anext(walk)
        assert first + [contact.email async for contact in walk] == emails


async def test_a_page_of_a_wrong_size_is_never_requested(sm: SalesManago) -> None:
    with pytest.raises(Invalid, match="size"):
        await anext(sm.contacts.walk(size=1001))
    with pytest.raises(Invalid, match="page"):
        await sm.contacts.list_page(0, size=10)


async def test_created_and_modified_use_their_own_times(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    await anyio.sleep(DAY_SECONDS)
    await sm.contacts.upsert(Contact(email=BOB))
    await anyio.sleep(DAY_SECONDS)
    await sm.contacts.upsert(Contact(email=ANN, name="Ann"))

    async def created(start: datetime, end: datetime) -> list[str | None]:
        return [contact.email for contact in (await sm.contacts.created(start, end)).created_contacts]

    async def modified(start: datetime, end: datetime) -> list[str | None]:
        return [contact.email for contact in (await sm.contacts.modified(start, end)).modified_contacts]

    assert await created(START, START + 2 * DAY) == [ANN, BOB]
    assert await created(START + DAY / 2, START + 2 * DAY) == [BOB]
    assert await modified(START, START + DAY) == [BOB]
    assert await modified(START, START + 2 * DAY) == [BOB, ANN]
    (found,) = (await sm.contacts.created(START, START)).created_contacts
    assert found.id == await id_of(sm, ANN)


async def test_modified_pages_span_thirty_days_at_most(sm: SalesManago) -> None:
    await many(sm, 3)
    page = await sm.contacts.modified_page(START, START + 30 * DAY, page=2, size=2)
    assert ([contact.email for contact in page.modified_contacts], page.has_more) == (["p2@example.com"], False)
    with pytest.raises(Invalid, match="30 days"):
        await sm.contacts.modified_page(START, START + 31 * DAY, page=1, size=2)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (-100, 200, [0, 30, 45, 60, 100]),
        (0, 60, [0, 30, 45, 60]),  # contacts are on both edges of windows
        (0, 30, [0, 30]),
        (1, 29, []),
        (30, 30, [30]),
        (-15, 75, [0, 30, 45, 60]),  # windows that share the edges 15 and 45
    ],
)
async def test_a_walk_over_modifications_yields_each_contact_once(
    start: int, end: int, found: list[int], ear: Listening, make_client: MakeClient
) -> None:
    async with make_client(ear) as sm:
        for day, wait in ((0, 30), (30, 15), (45, 15), (60, 40), (100, 0)):
            await sm.contacts.upsert(Contact(email=f"day{day}@example.com"))
            await anyio.sleep(wait * DAY_SECONDS)
        walk = sm.contacts.walk_modified(START + start * DAY, START + end * DAY, size=1)
        assert [contact.email async for contact in walk] == [f"day{day}@example.com" for day in found]
    asked = ear.bodies("contact/paginatedModifiedContacts")
    assert asked
    assert all(0 <= body["to"] - body["from"] <= 30 * 86_400_000 for body in asked)


async def test_a_walk_backwards_in_time_is_refused(sm: SalesManago) -> None:
    with pytest.raises(Invalid, match="ends before"):
        sm.contacts.walk_modified(START, START - DAY)


async def test_an_exported_page_has_the_contacts_at_the_end_of_its_job(sm: SalesManago) -> None:
    emails = await many(sm, 3)
    job = await sm.contacts.export_page(2, 2)
    await sm.contacts.upsert(Contact(email=ANN, name="Ann", country="PL", phone="123"))
    file = json.loads(await job.result())
    assert [contact["email"] for contact in file["contacts"]] == [emails[2], ANN]
    assert file["contacts"][1] == {
        "success": True, "email": ANN, "exists": True, "id": await id_of(sm, ANN),
        "name": "Ann", "country": "PL", "phone": "123",
    }  # fmt: skip
    beyond = await sm.contacts.export_page(3, 2)
    assert json.loads(await beyond.result()) == {"contacts": []}


async def test_monitored_contacts_are_counted(sm: SalesManago) -> None:
    emails = await many(sm, 3)

    async def counts() -> tuple[int | None, int | None]:
        activity = (await sm.contacts.recent_activity(START, START + DAY)).recent_activities
        assert activity
        return activity.monitored_contacts, activity.total_contacts

    first = ContactId(await id_of(sm, emails[0]))
    assert await counts() == (3, 3)
    stopped = await sm.contacts.stop_monitoring([first, Email(*emails[:2])])
    assert (stopped.message, await counts()) == (("Contacts have stopped being monitored.",), (1, 3))
    restored = await sm.contacts.restore_monitoring([first])
    assert (restored.message, await counts()) == (("Contacts have restored being monitored.",), (2, 3))


async def test_visits_are_counted_by_kind_of_visitor(sm: SalesManago, simulator: Simulator) -> None:
    await sm.contacts.upsert(Contact(email=ANN, name="Ann", state="PARTNER"))
    await sm.contacts.upsert(Contact(email=BOB, state="OTHER"))
    for email in (ANN, BOB):  # no call adds visits; the monitoring code of a site does
        (visitor,) = simulator._store.with_email(email)
        visitor.visits += [VISIT, {**VISIT, "time": VISIT["time"] + 60_000, "url": "/b"}]
    everything = await sm.contacts.recent_activity(START, START + DAY, all_visits=True)
    activity = everything.recent_activities
    assert activity
    (partner,) = activity.partners
    assert (partner.client, partner.email, partner.url) == ("Ann", ANN, "/b")
    assert [page.url for page in partner.contact_visits] == ["/a", "/b"]
    assert (activity.customers, [visit.email for visit in activity.all_visits]) == ((), [ANN, BOB])
    assert len(activity.visit_stats) == 7
    assert (activity.visit_stats[-1].partners_visits, activity.visit_stats[-1].other_visits) == (2, 2)
    brief = (await sm.contacts.recent_activity(START, START)).recent_activities
    assert brief
    assert [(visit.url, visit.contact_visits) for visit in brief.all_visits] == [("/a", ()), ("/a", ())]
    assert [contact.last_visit for contact in (await sm.contacts.basic([ANN])).contacts] == [
        START + timedelta(minutes=1)
    ]


async def test_recent_activity_needs_no_owner(simulator: Simulator, make_client: MakeClient) -> None:
    async with make_client(simulator, owner=None, credentials=DEMO_CREDENTIALS) as client:
        assert (await client.contacts.recent_activity(START, START)).success is True
