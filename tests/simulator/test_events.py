"""Events of the simulated account that are changed and deleted, tested through the client, with virtual time."""

from datetime import UTC, datetime

import anyio
import attrs
import pytest

from salesmanago_async import Contact, ExternalEvent, Refused, SalesManago
from salesmanago_async.api.contact_details import RecordedEvent

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
CART = ExternalEvent(email=ANN, date=NOON, contact_ext_event_type="CART", products=["p1"], value=9.5, external_id="A-1")
DELETED = 90.0
"""Seconds until a deletion takes effect, as for a job."""


@pytest.fixture(autouse=True)
async def contacts(sm: SalesManago) -> None:
    """Two contacts, without events."""
    for email in (ANN, BOB):
        await sm.contacts.upsert(Contact(email=email))


async def events(sm: SalesManago) -> dict[str | None, RecordedEvent]:
    found = await sm.contacts.get([ANN, BOB])
    return {event.event_id: event for contact in found for event in contact.contact_ext_events}


async def added(sm: SalesManago, event: ExternalEvent = CART) -> str:
    return str((await sm.events.add(event)).event_id)


async def test_an_update_replaces_the_event_and_omitted_fields_are_lost(sm: SalesManago) -> None:
    first, second = await added(sm), await added(sm)
    purchase = ExternalEvent(
        email=BOB, date=NOON, contact_ext_event_type="PURCHASE", products=["p1", "p2"], detail3="x"
    )
    assert (await sm.events.update(first, purchase)).event_id == first
    (found, _) = await sm.contacts.get([ANN, BOB])
    changed, untouched = found.contact_ext_events
    assert (changed.event_id, untouched.event_id) == (first, second), "an update neither moves nor adds an event"
    assert (changed.contact_ext_event_type, changed.products, changed.detail3) == ("PURCHASE", "p1,p2", "x")
    assert (changed.value, changed.external_id) == (None, None)
    assert (untouched.contact_ext_event_type, untouched.value, untouched.external_id) == ("CART", 9.5, "A-1")


async def test_an_update_of_the_whole_event_loses_nothing(sm: SalesManago) -> None:
    event_id = await added(sm)
    await sm.events.update(event_id, attrs.evolve(CART, value=19))
    (event,) = (await events(sm)).values()
    assert (event.value, event.products, event.external_id, event.date) == (19, "p1", "A-1", NOON)


async def test_a_missing_event_is_not_updated(sm: SalesManago) -> None:
    with pytest.raises(Refused, match="eventId does not exist"):
        await sm.events.update("nosuch", CART)
    assert await events(sm) == {}


async def test_an_event_is_deleted_a_little_later(sm: SalesManago) -> None:
    first, second = await added(sm), await added(sm)
    assert (await sm.events.delete(first)).result == "Ext event has been scheduled to delete."
    assert (await events(sm)).keys() == {first, second}
    await anyio.sleep(DELETED)
    assert (await events(sm)).keys() == {second}
    await sm.events.delete(first)


async def test_events_are_deleted_by_external_id_from_all_contacts(sm: SalesManago) -> None:
    await added(sm)
    await added(sm, attrs.evolve(CART, email=BOB))
    other = await added(sm, attrs.evolve(CART, external_id="A-2"))
    await sm.events.delete(external_id="A-1")
    later = await added(sm)
    await anyio.sleep(DELETED)
    assert (await events(sm)).keys() == {other, later}, "events added after the call are kept"


async def test_the_event_id_takes_precedence(sm: SalesManago) -> None:
    first, second = await added(sm), await added(sm, attrs.evolve(CART, external_id="A-2"))
    await sm.events.delete(first, external_id="A-2")
    await anyio.sleep(DELETED)
    assert (await events(sm)).keys() == {second}


async def test_naming_no_event_is_refused_with_the_documented_text(sm: SalesManago) -> None:
    with pytest.raises(Refused) as refused:
        await sm.call("v2/contact/deleteContactExtEvent", {})
    assert refused.value.messages == ("No eventId/externalId specified",)
