"""`sm.contacts.upsert_with_event`: what is sent, what is stored, and what happens after a lost answer."""

from typing import Any

import pytest

from salesmanago_async import Contact, ExternalEvent, Invalid, NoAnswer, Refused, SalesManago
from salesmanago_async.api import UpsertContactWithEvent, read_request, request_class, write_request
from salesmanago_async.api.contact_details import ContactDetails
from salesmanago_async.api.integration import ContactPart, EventPart
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Fault, Simulator
from tests.conftest import MakeClient
from tests.simulator.listening import Listening

pytestmark = pytest.mark.anyio

PATH, ANN = "integration/upsert", "ann@example.com"
NOON_MS = 1714564800000
LOST = Fault("reset-after", path=PATH, at=1)


def cart(**fields: Any) -> ExternalEvent:
    return ExternalEvent(**{"date": NOON_MS, "contact_ext_event_type": "CART", **fields})


async def ann(sm: SalesManago) -> ContactDetails:
    (found,) = (await sm.contacts.list([ANN])).contacts
    return found


async def test_contact_and_event_are_stored_together(sm: SalesManago) -> None:
    contact = Contact(email=ANN, name="Ann", tags=["VIP"])
    answer = await sm.contacts.upsert_with_event(contact, cart(products=["1", "2"], value=9.5))
    found = await ann(sm)
    assert (found.name, found.id) == ("Ann", answer.contact_id)
    (event,) = found.contact_ext_events
    assert (event.event_id, event.products, event.value) == (answer.event_id, "1,2", 9.5)


async def test_each_part_has_the_client_id_and_the_owner(simulator: Simulator, make_client: MakeClient) -> None:
    heard = Listening(simulator)
    async with make_client(heard) as sm:
        await sm.contacts.upsert_with_event(
            Contact(email=ANN, lang="PL", tag_scoring=False, loyalty_program="Club"),
            cart(),
            use_api_double_opt_in=False,
            async_=False,
        )
    (body,) = heard.bodies(PATH)
    assert body.keys() - {"sha", "requestTime"} == {
        "clientId", "apiKey", "contactUpsertRequest", "addContactExtEventRequest",
    }  # fmt: skip
    mine = {"clientId": DEMO_CREDENTIALS.client_id, "owner": DEMO_OWNER}
    assert body["contactUpsertRequest"] == {
        **mine, "contact": {"email": ANN}, "lang": "PL", "tagScoring": False, "loyaltyProgram": "Club",
        "useApiDoubleOptIn": False, "async": False,
    }  # fmt: skip
    assert body["addContactExtEventRequest"] == {
        **mine, "email": ANN, "forceOptIn": False,
        "contactEvent": {"date": NOON_MS, "contactExtEventType": "CART"},
    }  # fmt: skip


async def test_an_event_keeps_the_contact_that_it_names(sm: SalesManago) -> None:
    made = await sm.contacts.upsert(Contact(email=ANN))
    for contact in (Contact(email=ANN), Contact(contact_id=made.contact_id)):
        await sm.contacts.upsert_with_event(contact, cart())
    await sm.contacts.upsert_with_event(Contact(email="bob@example.com"), cart(email=ANN))
    assert len((await ann(sm)).contact_ext_events) == 3


async def test_another_owner_is_the_owner_of_both_parts(make_client: MakeClient) -> None:
    heard = Listening(Simulator(owners=(DEMO_OWNER, "other@vendor.pl")))
    async with make_client(heard) as sm:
        await sm.contacts.upsert_with_event(Contact(email=ANN), cart(), owner="other@vendor.pl")
    (body,) = heard.bodies(PATH)
    assert {body[name]["owner"] for name in ("contactUpsertRequest", "addContactExtEventRequest")} == {
        "other@vendor.pl"
    }


async def test_with_its_id_an_event_is_changed_and_sent_again_after_a_lost_answer(
    simulator: Simulator, make_client: MakeClient
) -> None:
    heard = Listening(simulator)
    async with make_client(heard) as sm:
        first = await sm.contacts.upsert_with_event(Contact(email=ANN), cart(products="1", detail1="kept?"))
        simulator.faults = [LOST]
        again = await sm.contacts.upsert_with_event(Contact(email=ANN), cart(products="2"), event_id=first.event_id)
        assert again.event_id == first.event_id
        (event,) = (await ann(sm)).contact_ext_events
    assert (event.event_id, event.products, event.detail1) == (first.event_id, "2", None)
    assert len(heard.bodies(PATH)) == 2, "a request whose answer is lost is not heard to its end"


async def test_a_new_event_is_never_sent_again_after_a_lost_answer(
    simulator: Simulator, make_client: MakeClient
) -> None:
    simulator.faults = [LOST]
    async with make_client(simulator) as sm:
        with pytest.raises(NoAnswer) as lost:
            await sm.contacts.upsert_with_event(Contact(email=ANN), cart())
        assert (lost.value.in_doubt, lost.value.maybe_applied) == (True, True)
        assert len((await ann(sm)).contact_ext_events) == 1


async def test_what_was_certainly_not_processed_is_sent_again(simulator: Simulator, make_client: MakeClient) -> None:
    simulator.faults = [Fault("status", status=429, path=PATH, at=1)]
    async with make_client(simulator) as sm:
        await sm.contacts.upsert_with_event(Contact(email=ANN), cart())
        assert len((await ann(sm)).contact_ext_events) == 1


async def test_plain_json_gets_the_same_care(simulator: Simulator, make_client: MakeClient) -> None:
    simulator.faults = [Fault("reset-after", path=PATH, at=2)]
    event = {"email": ANN, "contactEvent": {"date": NOON_MS, "contactExtEventType": "CART"}}
    body = {"contactUpsertRequest": {"contact": {"email": ANN}}, "addContactExtEventRequest": event}
    async with make_client(simulator) as sm:
        answer = await sm.call(PATH, body)
        assert answer.keys() == {"success", "message", "contactId", "eventId"}
        with pytest.raises(NoAnswer) as lost:
            await sm.call(PATH, body)
        assert lost.value.in_doubt
        assert len((await ann(sm)).contact_ext_events) == 2
    assert body == {"contactUpsertRequest": {"contact": {"email": ANN}}, "addContactExtEventRequest": event}


def test_only_a_request_that_adds_an_event_is_sent_once() -> None:
    contact = ContactPart(contact=Contact(email=ANN))
    added, changed = EventPart(event=cart(email=ANN)), EventPart(event=cart(email=ANN), event_id="e1")
    requests = [UpsertContactWithEvent(contact), UpsertContactWithEvent(contact, event=added)]
    requests += [UpsertContactWithEvent(event=changed), UpsertContactWithEvent(event=added)]
    assert [request.is_repeatable for request in requests] == [True, False, True, False]
    for request in requests:
        read = read_request(PATH, write_request(request))
        assert (write_request(read), read.is_repeatable) == (write_request(request), request.is_repeatable)
    known = request_class(PATH)
    assert known
    assert known.repeatable is False


@pytest.mark.parametrize(
    ("part", "refusal"),
    [
        ({}, "owner specified"),
        ({"owner": "nobody@vendor.pl"}, "invalid owner"),
        ({"owner": DEMO_OWNER, "clientId": "another"}, "Wrong clientId"),
    ],
)
async def test_a_part_of_somebody_else_is_refused(
    part: dict[str, Any], refusal: str, simulator: Simulator, make_client: MakeClient
) -> None:
    async with make_client(simulator, owner=None) as sm:
        with pytest.raises(Refused, match=refusal):
            await sm.call(PATH, {"contactUpsertRequest": {"contact": {"email": ANN}, **part}})
        assert (await sm.contacts.has(ANN, owner=DEMO_OWNER)).result is False


async def test_an_unknown_event_id_changes_nothing(sm: SalesManago) -> None:
    with pytest.raises(Refused, match="eventId"):
        await sm.contacts.upsert_with_event(Contact(email=ANN), cart(), event_id="nosuch")
    assert (await sm.contacts.has(ANN)).result is False


async def test_a_request_without_parts_is_refused_before_it_is_sent(sm: SalesManago) -> None:
    with pytest.raises(Invalid, match="contactUpsertRequest"):
        await sm.send(UpsertContactWithEvent())
