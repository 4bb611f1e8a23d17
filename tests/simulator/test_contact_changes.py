"""Deleting contacts and changing their owners, tested through the client, with virtual time."""

import pytest

from salesmanago_async import Contact, ContactId, Email, ExternalEvent, Invalid, Refused, SalesManago, Tag
from salesmanago_async.simulator import Simulator
from tests.conftest import MakeClient, wall_clock
from tests.simulator.listening import Listening

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"
SECOND_OWNER = "second@vendor.pl"


async def id_of(sm: SalesManago, email: str) -> str:
    found = (await sm.contacts.has(email)).contact_id
    assert found
    return found


async def addresses(sm: SalesManago, owner: str | None = None) -> list[str | None]:
    return [contact.email async for contact in sm.contacts.walk(owner=owner)]


async def two_of_one_address(sm: SalesManago) -> tuple[str, str]:
    """Give Bob the address of Ann, with newEmail; return their ids."""
    await sm.contacts.upsert(Contact(email=ANN, name="Ann"))
    await sm.contacts.upsert(Contact(email=BOB, name="Bob"))
    ids = (await id_of(sm, ANN), await id_of(sm, BOB))
    await sm.contacts.upsert(Contact(email=BOB, new_email=ANN))
    return ids


async def test_a_deleted_contact_is_gone_with_everything_it_owned(sm: SalesManago) -> None:
    first = await sm.contacts.upsert(Contact(email=ANN, tags=["VIP"]))
    await sm.contacts.upsert(Contact(email=BOB))
    assert (await sm.contacts.delete("ANN@example.com")).result == "Contact deleted"
    assert (await sm.contacts.has(ANN)).result is False
    assert await addresses(sm) == [BOB]
    again = await sm.contacts.upsert(Contact(email=ANN))
    assert again.contact_id != first.contact_id
    (found,) = await sm.contacts.get([ANN])
    assert found.contact_tags == ()


async def test_deleting_twice_has_the_effect_of_deleting_once(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    for _ in range(2):
        assert (await sm.contacts.delete(ANN)).success is True
        assert (await sm.contacts.delete_many([Email(ANN)])).success is True
    assert await addresses(sm) == []


async def test_deleting_an_address_deletes_all_contacts_with_it(sm: SalesManago) -> None:
    ids = await two_of_one_address(sm)
    assert [contact.name for contact in await sm.contacts.get([ANN])] == ["Ann", "Bob"]
    assert [contact.contact_id for contact in (await sm.contacts.basic([ANN])).contacts] == [*ids]
    await sm.contacts.delete(ANN)
    assert await addresses(sm) == []
    assert (await sm.contacts.list_by_id(ids)).unavailable_contacts == ids


async def test_deleting_an_id_keeps_other_contacts_of_its_address(sm: SalesManago) -> None:
    ann, bob = await two_of_one_address(sm)
    await sm.contacts.delete_many([ContactId(ann)])
    assert (await sm.contacts.has(ANN)).contact_id == bob
    assert [contact.name for contact in await sm.contacts.get_by_id([ann, bob])] == ["Bob"]


async def test_many_are_deleted_by_any_selector(sm: SalesManago) -> None:
    for name, tag in (("ann", "A"), ("bob", "B"), ("cyd", "B"), ("dan", "D")):
        await sm.contacts.upsert(Contact(email=f"{name}@example.com", tags=[tag]))
    chosen = [Tag("B"), Email("ann@example.com", BOB), Email("nobody@example.com")]
    assert (await sm.contacts.delete_many(iter(chosen))).result == "Contacts deleted"
    assert await addresses(sm) == ["dan@example.com"]


async def test_a_text_that_is_not_a_selector_deletes_nobody(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    with pytest.raises(Invalid, match="not a selector"):
        await sm.contacts.delete_many([ANN])  # type: ignore[list-item]  # the slip that is meant
    assert await addresses(sm) == [ANN]


async def test_selectors_of_any_length_are_deleted_in_one_request(
    simulator: Simulator, make_client: MakeClient
) -> None:
    ear = Listening(simulator)
    emails = [f"somebody.or.other{number}@example.com" for number in range(100)]
    async with make_client(ear) as sm:
        await sm.contacts.upsert_many([Contact(email=email) for email in [*emails, ANN]])
        await sm.contacts.delete_many([Email(*emails)])
        assert await addresses(sm) == [ANN]
    (body,) = ear.bodies("contact/batchDelete")
    values = [selector["value"] for selector in body["contacts"]]
    assert ",".join(values).split(",") == emails
    assert max(map(len, values)) <= 255
    assert len(values) == 13, "eight addresses of 30 or 31 characters, and their commas, go into one"


async def test_a_deleted_contact_gets_no_events(sm: SalesManago) -> None:
    made = await sm.contacts.upsert(Contact(email=ANN))
    await sm.contacts.delete(ANN)
    event = ExternalEvent(contact_id=made.contact_id, date=1_700_000_000_000, contact_ext_event_type="CART")
    assert (await sm.events.add_many([event])).rejected == 1


async def test_a_new_main_owner_has_the_contact_in_its_list(make_client: MakeClient) -> None:
    simulator = Simulator(clock=wall_clock, owners=("admin@vendor.pl", SECOND_OWNER))
    async with make_client(simulator) as sm:
        await sm.contacts.upsert(Contact(email=ANN))
        await sm.contacts.upsert_many([Contact(email=BOB)])
        assert await addresses(sm) == [ANN, BOB]
        await sm.contacts.set_main_owner(ANN, new_owner=SECOND_OWNER)
        (ann,) = await sm.contacts.get([ANN])
        assert ann.main_contact_owner == SECOND_OWNER
        assert (await addresses(sm), await addresses(sm, SECOND_OWNER)) == ([BOB], [ANN])
        assert [contact.email for contact in await sm.contacts.get_by_id([await id_of(sm, ANN)])] == [ANN]


@pytest.mark.parametrize(
    ("contact", "new_owner"), [("nobody@example.com", "admin@vendor.pl"), (ANN, "nobody@vendor.pl")]
)
async def test_setting_a_main_owner_needs_an_existing_contact_and_user(
    contact: str, new_owner: str, sm: SalesManago
) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    with pytest.raises(Refused):
        await sm.contacts.set_main_owner(contact, new_owner=new_owner)
    (ann,) = await sm.contacts.get([ANN])
    assert ann.main_contact_owner == "admin@vendor.pl"
