"""The state of the simulated account, tested through the client, with virtual time."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest

from salesmanago_async import Contact, ContactId, Email, ExternalEvent, Invalid, Refused, SalesManago, Tag
from salesmanago_async.api import BatchUpsertContacts
from salesmanago_async.api.contact_details import ContactDetails
from salesmanago_async.api.contacts import ConsentDetail, DictionaryProperty
from salesmanago_async.simulator import Simulator

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
CART = {"date": 1714550400000, "contactExtEventType": "CART"}
MINUTE = 60.0


async def ann(sm: SalesManago, email: str = ANN) -> ContactDetails:
    (found,) = await sm.contacts.get([email])
    return found


async def exported(sm: SalesManago, *data: str, of: str = ANN) -> dict[str, Any]:
    """Return the parts of one contact, as they are in the export file."""
    job = await sm.contacts.export([Email(of)], data)
    async with job.records(raw=True) as records:
        (record,) = [record async for record in records]
    (parts,) = record.values()
    return dict(parts)


# Contacts


async def test_an_upsert_creates_and_then_changes_only_named_fields(sm: SalesManago) -> None:
    first = await sm.contacts.upsert(Contact(email=ANN, name="Ann", city="Kraków", properties={"a": "1", "b": "2"}))
    created = await ann(sm)
    await anyio.sleep(100)
    second = await sm.contacts.upsert(Contact(email="Ann@Example.com", city="Łódź", phone="1", properties={"b": "3"}))
    third = await sm.contacts.upsert(Contact(contact_id=first.contact_id, external_id="X1"))
    assert (second.contact_id, third.contact_id, third.external_id) == (first.contact_id, first.contact_id, "X1")
    changed = await ann(sm)
    assert (changed.name, changed.city, changed.phone, changed.external_id) == ("Ann", "Łódź", "1", "X1")
    assert {entry.name: entry.value for entry in changed.properties} == {"a": "1", "b": "3"}
    assert changed.created_on == created.created_on == created.modified_on
    assert changed.modified_on
    assert created.modified_on
    assert (changed.modified_on - created.modified_on).total_seconds() == 100


async def test_an_unknown_contact_id_creates_no_contact(sm: SalesManago) -> None:
    with pytest.raises(Refused, match="contactId does not exist"):
        await sm.contacts.upsert(Contact(contact_id="nobody", name="Ann"))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Żółć_9", "ZOLC_9"),
        ("a-b c!", "A-B_C_"),
        ("ĄĆĘŁŃÓŚŹŻ", "ACELNOSZZ"),
        ("Ünïcödé", "UNICODE"),
        ("Straße", "STRASSE"),
        ("Привет", "______"),
        ("☕coffee", "_COFFEE"),
        ("(a) [b] {c}", "(A)_[B]_{C}"),
        ("X.Y/Z", "X_Y_Z"),
    ],
)
async def test_tags_are_kept_in_latin_letters_and_removed_by_either_spelling(
    given: str, kept: str, sm: SalesManago
) -> None:
    await sm.contacts.upsert(Contact(email=ANN, tags=[given]))
    assert [tag.tag_name for tag in (await ann(sm)).contact_tags] == [kept]
    for spelling in (given, kept):
        await sm.contacts.upsert(Contact(email=ANN, tags=[spelling]))
        await sm.contacts.upsert(Contact(email=ANN, remove_tags=[spelling]))
        assert (await ann(sm)).contact_tags == ()


async def test_a_repeated_tag_scores_and_one_in_both_lists_is_removed(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN, tags=["A", "B"]))
    await anyio.sleep(10)
    await sm.contacts.upsert(Contact(email=ANN, tags=["B", "C"], remove_tags=["nosuch"]))
    tags = {tag.tag_name: tag for tag in (await ann(sm)).contact_tags}
    assert {name: tag.score for name, tag in tags.items()} == {"A": 1, "B": 2, "C": 1}
    assert tags["A"].created_on == tags["B"].created_on != tags["C"].created_on
    await sm.contacts.upsert(Contact(email=ANN, tags=["A", "D"], remove_tags=["A", "D"]))
    assert {tag.tag_name for tag in (await ann(sm)).contact_tags} == {"B", "C"}


@pytest.mark.parametrize(
    ("before", "flags", "double_opt_in", "opted_out", "opted_out_phone"),
    [
        ({}, {}, None, False, True),
        ({}, {"force_opt_out": True}, None, True, True),
        ({}, {"force_phone_opt_in": True}, None, False, False),
        ({"force_opt_out": True}, {}, None, True, True),
        ({"force_opt_out": True}, {"force_opt_in": False}, None, True, True),
        ({"force_opt_out": True}, {"force_opt_in": True}, None, False, True),
        ({"force_opt_out": True}, {"force_opt_in": True}, True, True, True),
        ({"force_opt_out": True}, {"force_opt_in": True}, False, False, True),
        ({"force_opt_in": True}, {"force_opt_in": True, "force_opt_out": True}, None, True, True),
        ({}, {"force_phone_opt_in": True, "force_phone_opt_out": True}, None, False, True),
        ({"force_phone_opt_in": True}, {"force_phone_opt_out": True}, None, False, True),
        ({"force_phone_opt_in": True}, {"force_phone_opt_out": False}, None, False, False),
    ],
)
async def test_opt_out_and_double_opt_in_take_precedence(
    before: dict[str, Any],
    flags: dict[str, Any],
    double_opt_in: bool | None,
    opted_out: bool,
    opted_out_phone: bool,
    sm: SalesManago,
) -> None:
    await sm.contacts.upsert(Contact(email=ANN, **before))
    await sm.contacts.upsert(Contact(email=ANN, **flags), use_api_double_opt_in=double_opt_in)
    found = await ann(sm)
    assert (found.opted_out, found.opted_out_phone) == (opted_out, opted_out_phone)


@pytest.mark.parametrize(
    ("said", "opted_out"),
    [({}, True), ({"useApiDoubleOptIn": True}, True), ({"useApiDoubleOptIn": False}, False)],
)
async def test_a_batch_asks_for_double_opt_in_unless_it_says_otherwise(
    said: dict[str, Any], opted_out: bool, sm: SalesManago
) -> None:
    await sm.contacts.upsert(Contact(email=ANN, force_opt_out=True))
    entries = [{"contact": {"email": ANN}, "forceOptIn": True}]
    started = await sm.call("contact/batchupsertv2", {"upsertDetails": entries, **said})
    await sm.jobs.attach(started["requestId"]).file_url()
    assert (await ann(sm)).opted_out is opted_out


@pytest.mark.parametrize(("options", "opted_out"), [({}, False), ({"use_api_double_opt_in": True}, True)])
async def test_a_run_asks_for_double_opt_in_only_if_its_caller_does(
    options: dict[str, Any], opted_out: bool, sm: SalesManago
) -> None:
    await sm.contacts.upsert(Contact(email=ANN, force_opt_out=True))
    await sm.contacts.upsert_many([Contact(email=ANN, force_opt_in=True)], **options)
    assert (await ann(sm)).opted_out is opted_out


CONFIRMED, NOT_CONFIRMED, WITHDRAWN = (True, False), (False, False), (False, True)


@pytest.mark.parametrize(
    ("given", "action"),
    [
        ([CONFIRMED], "A"),
        ([NOT_CONFIRMED], "R"),
        ([WITHDRAWN], "D"),
        ([NOT_CONFIRMED, CONFIRMED], "A"),
        ([CONFIRMED, WITHDRAWN], "D"),
        ([WITHDRAWN, CONFIRMED], "A"),
        ([CONFIRMED, NOT_CONFIRMED], "A"),
        ([WITHDRAWN, NOT_CONFIRMED], "D"),
    ],
)
async def test_a_consent_once_answered_does_not_go_back_to_not_confirmed(
    given: list[tuple[bool, bool]], action: str, sm: SalesManago
) -> None:
    for accept, opt_out in given:
        detail = ConsentDetail(consent_name="TERMS", consent_accept=accept, opt_out=opt_out, agreement_date=NOON)
        await sm.contacts.upsert(Contact(email=ANN, consent_details=[detail]))
    (consent,) = (await ann(sm)).consents
    assert (consent.name, consent.action, consent.date_on) == ("TERMS", action, NOON)


async def test_a_new_email_renames_a_contact_named_by_address(sm: SalesManago) -> None:
    first = await sm.contacts.upsert(Contact(email=ANN))
    await sm.contacts.upsert(Contact(email=ANN, new_email="new@example.com"))
    assert (await sm.contacts.has(ANN)).result is False
    assert (await sm.contacts.has("NEW@example.com")).contact_id == first.contact_id
    await sm.contacts.upsert(Contact(email="other@example.com", new_email="ignored@example.com"))
    assert (await sm.contacts.has("other@example.com")).result is True, "for new contacts newEmail is ignored"
    assert (await sm.contacts.has("ignored@example.com")).result is False


async def test_a_new_email_does_not_rename_a_contact_named_by_id(sm: SalesManago) -> None:
    """The reference: "only possible if the contact is identified with the current email address"."""
    first = await sm.contacts.upsert(Contact(email=ANN))
    with pytest.raises(Invalid, match="newEmail: needs the current email"):
        await sm.contacts.upsert(Contact(contact_id=first.contact_id, new_email="new@example.com"))
    assert (await sm.contacts.has(ANN)).contact_id == first.contact_id
    assert (await sm.contacts.has("new@example.com")).result is False


async def test_listing_omits_missing_contacts(sm: SalesManago) -> None:
    emails = [f"p{number}@example.com" for number in range(120)]
    await sm.contacts.upsert_many([Contact(email=email) for email in emails[::2]])
    assert [contact.email for contact in await sm.contacts.get(emails)] == emails[::2]


# Jobs


async def test_a_batch_is_applied_only_when_its_job_ends(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN, name="Before"))
    batch = [Contact(email=ANN, name="After"), Contact(email="new@example.com")]
    started = await sm.send(BatchUpsertContacts(batch))
    assert started.request_id is not None
    job = sm.jobs.attach(started.request_id)
    await anyio.sleep(89)
    assert (await job.status()).state == "running"
    assert (await ann(sm)).name == "Before"
    assert (await sm.contacts.has("new@example.com")).result is False
    await anyio.sleep(1)
    assert (await job.status()).state == "done"
    result = json.loads(await job.result())
    assert (await ann(sm)).name == "After"
    assert result == {
        "success": True,
        "message": [],
        "invalidContacts": [],
        "contactIds": {email: (await sm.contacts.has(email)).contact_id for email in (ANN, "new@example.com")},
    }


async def test_jobs_are_applied_in_the_order_they_were_started(sm: SalesManago) -> None:
    for name in ("First", "Second", "Third"):
        await sm.send(BatchUpsertContacts([Contact(email=ANN, name=name)]))
    await anyio.sleep(90)
    assert (await ann(sm)).name == "Third"


async def test_a_bad_entry_of_a_batch_is_named_in_its_result(sm: SalesManago) -> None:
    entries: list[dict[str, Any]] = [
        {"contact": {"email": "bad"}},
        {"contact": {"email": ANN}, "nosuch": 1},
        {"contact": {"contactId": "nobody"}},
        {"contact": {"email": "good@example.com"}},
        {
            "contact": {"email": "old@example.com"},
            "consentDetails": [{"consentName": "A", "consentAccept": True, "agreementDate": 10**18}],
        },
    ]
    body = await sm.call("contact/batchupsertv2", {"upsertDetails": entries})
    result = json.loads(await sm.jobs.attach(body["requestId"]).result())
    assert result["invalidContacts"] == ["bad", ANN, "nobody", "old@example.com"]
    assert list(result["contactIds"]) == ["good@example.com"]
    assert (await sm.contacts.has(ANN)).result is False


async def test_a_link_expires_and_job_status_returns_a_fresh_one(sm: SalesManago, simulator: Simulator) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    job = await sm.contacts.export([Email(ANN)])
    first = await job.file_url()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=simulator)) as browser:
        await anyio.sleep(299)
        assert (await browser.get(first)).status_code == 200
        await anyio.sleep(1)
        assert (await browser.get(first)).status_code in {403, 404, 410}
        second = (await job.status()).file_url
        assert second is not None
        assert second != first
        assert ANN in (await browser.get(second)).text
        assert (await browser.get(first)).status_code in {403, 404, 410}
        assert (await browser.post(second)).status_code == 405


# Events


@pytest.mark.parametrize(
    ("appears", "looks", "there"),
    [
        (0, 0, False),
        (1, 4 * MINUTE, False),
        (1, 5 * MINUTE, True),
        (6 * MINUTE, 9 * MINUTE, False),
        (6 * MINUTE, 10 * MINUTE, True),
        (59 * MINUTE, 60 * MINUTE, True),
        (61 * MINUTE, 65 * MINUTE, False),
        (61 * MINUTE, 24 * 60 * MINUTE, False),
    ],
)
async def test_a_late_event_is_retried_every_five_minutes_for_one_hour(
    appears: float, looks: float, there: bool, sm: SalesManago
) -> None:
    added = await sm.events.add(ExternalEvent(email=ANN, date=NOON, contact_ext_event_type="CART"))
    assert added.event_id
    await anyio.sleep(appears)
    await sm.contacts.upsert(Contact(email=ANN))
    await anyio.sleep(looks - appears)
    assert [event.event_id for event in (await ann(sm)).contact_ext_events] == [added.event_id] * there


async def test_a_contact_created_after_the_hour_gets_no_late_event(sm: SalesManago) -> None:
    await sm.events.add(ExternalEvent(email=ANN, date=NOON, contact_ext_event_type="CART"))
    await anyio.sleep(59.5 * MINUTE)
    await sm.send(BatchUpsertContacts([Contact(email=ANN)]))  # applied 60 s after the last retry
    await anyio.sleep(5 * MINUTE)
    assert (await ann(sm)).contact_ext_events == ()


async def test_an_event_of_an_existing_contact_is_added_immediately(sm: SalesManago) -> None:
    made = await sm.contacts.upsert(Contact(email=ANN))
    by_email = await sm.events.add(
        ExternalEvent(
            email=ANN, date=NOON, contact_ext_event_type="PURCHASE", products=["p1", "p2"], value=12.5, detail20="x"
        )
    )
    by_id = await sm.events.add(
        ExternalEvent(contact_id=made.contact_id, date=NOON, contact_ext_event_type="CART", external_id="E1")
    )
    assert by_email.contact
    assert by_id.contact
    assert (by_email.contact.email, by_email.contact.contact_id) == (ANN, None)
    assert (by_id.contact.contact_id, by_id.contact.email_or_contact_id) == (made.contact_id, made.contact_id)
    purchase, cart = (await ann(sm)).contact_ext_events
    assert (purchase.event_id, purchase.products, purchase.value, purchase.detail20, purchase.date) == (
        by_email.event_id, "p1,p2", 12.5, "x", NOON,
    )  # fmt: skip
    assert (cart.event_id, cart.external_id, cart.products) == (by_id.event_id, "E1", None)


async def by_old_path(sm: SalesManago, events: list[dict[str, Any]]) -> dict[str, Any]:
    return await sm.call("contact/batchAddContactExtEvent", {"events": events})


async def by_new_path(sm: SalesManago, events: list[dict[str, Any]]) -> dict[str, Any]:
    return await sm.call("v2/contact/addBatchContactExtEvent", {"owner": sm.owner, "events": events})


@pytest.mark.parametrize("add", [by_old_path, by_new_path])
async def test_batch_events_of_missing_contacts_fail_by_name_and_are_not_kept(
    add: Callable[..., Any], sm: SalesManago
) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    answer = await add(
        sm,
        [
            {"email": ANN, "contactEvent": {**CART, "externalId": "E1"}},
            {"email": "late@example.com", "contactEvent": CART},
            {"contactId": "nobody", "contactEvent": CART},
        ],
    )
    assert answer == {
        "success": True, "message": [], "createdAmount": 1, "failedAmount": 2,
        "failedContacts": ["late@example.com", "nobody"],
    }  # fmt: skip
    assert [event.external_id for event in (await ann(sm)).contact_ext_events] == ["E1"]
    await sm.contacts.upsert(Contact(email="late@example.com"))
    await anyio.sleep(2 * 60 * MINUTE)
    assert (await ann(sm, "late@example.com")).contact_ext_events == ()


async def test_sending_a_batch_of_events_twice_adds_them_twice(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    for _ in range(2):
        await by_old_path(sm, [{"email": ANN, "contactEvent": {**CART, "externalId": "E1"}}])
    assert [event.external_id for event in (await ann(sm)).contact_ext_events] == ["E1", "E1"]


@pytest.mark.parametrize("path", ["contact/batchAddContactExtEvent", "v2/contact/addBatchContactExtEvent"])
async def test_a_run_of_events_works_with_either_path(path: str, sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    events = [
        ExternalEvent(email=email, date=NOON, contact_ext_event_type="CART") for email in (ANN, "nobody@example.com")
    ]
    report = await sm.events.add_many(events, path=path)
    assert (report.accepted, report.rejected) == (1, 1)
    assert len((await ann(sm)).contact_ext_events) == 1


# Exports


async def full_contact(sm: SalesManago) -> str:
    made = await sm.contacts.upsert(
        Contact(
            email=ANN,
            name="Ann",
            city="Kraków",
            birthday="19870605",
            tags=["A", "B"],
            properties={"size": "XL"},
            dictionary_properties=[
                DictionaryProperty(name="since", type="DATE", value=NOON),
                DictionaryProperty(name="shoe", type="NUMBER", value=9),
            ],
            consent_details=[ConsentDetail(consent_name="TERMS", consent_accept=True, ip="10.0.0.1")],
        )
    )
    await sm.events.add(ExternalEvent(email=ANN, date=NOON, contact_ext_event_type="CART", value=1.5, detail1="d"))
    assert made.contact_id
    return made.contact_id


async def test_an_export_has_the_content_of_the_account(sm: SalesManago) -> None:
    contact_id = await full_contact(sm)
    parts = await exported(
        sm, "CONTACT", "TAG", "EXT_EVENT", "CONSENTS", "PROPERTIES", "DICTIONARY_PROPERTIES", "NOTES"
    )
    data = parts["contactData"]
    assert {name: data[name] for name in ("id", "email", "name", "city", "birthday", "optedOut", "company")} == {
        "id": contact_id, "email": ANN, "name": "Ann", "city": "Kraków", "birthday": "19870605", "optedOut": False,
        "company": None,
    }  # fmt: skip
    assert [(tag["tagName"], tag["score"]) for tag in parts["tagData"]] == [("A", 1), ("B", 1)]
    (event,) = parts["extEventData"]
    assert (event["contactExtEventType"], event["date"], event["detail1"]) == ("CART", 1714564800000, "d")
    assert float(event["value"]) == 1.5
    (consent,) = parts["consentsData"]
    assert (consent["name"], consent["action"], consent["ip"]) == ("TERMS", "A", "10.0.0.1")
    assert parts["contactPropertiesData"] == [{"name": "size", "value": "XL"}]
    assert parts["contactDictionaryPropertiesData"] == [
        {"name": "since", "type": "DATE", "value": 1714564800000},
        {"name": "shoe", "type": "NUMBER", "value": 9},
    ]
    assert parts["notesData"] is None


async def test_an_export_has_the_documented_shape(sm: SalesManago, catalogue: dict[str, dict[str, Any]]) -> None:
    await full_contact(sm)
    entry = catalogue["contact/export/data"]
    asked = [part["dataType"] for part in entry["requests"][0]["data"]]
    parts = await exported(sm, *asked)
    samples = [contact for record in entry["files"][0] for contact in record.values()]
    assert parts.keys() == {name for sample in samples for name in sample}
    for name, part in parts.items():
        documented = [entry for sample in samples for entry in entries_of(sample.get(name))]
        always = set.intersection(*({key.rstrip(":") for key in entry} for entry in documented))
        for found in entries_of(part):
            assert always - found.keys() - {"detail1", "detail2", "detail3"} == set(), name


def entries_of(part: Any) -> list[dict[str, Any]]:
    return [part] if isinstance(part, dict) else part or []


async def test_an_export_has_the_days_of_consents_as_documented(sm: SalesManago) -> None:
    """The only sample of the file has "2018-10-22" here; contact/list has milliseconds."""
    await full_contact(sm)
    (consent,) = (await exported(sm, "CONSENTS"))["consentsData"]
    for name in ("createdOn", "dateOn"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(consent[name])), f"{name} is {consent[name]!r}"


async def test_selectors_match_each_contact_once(sm: SalesManago) -> None:
    ids = {}
    for name, tag in (("ann", "Żółw"), ("bob", "B"), ("cyd", "B"), ("dan", "D")):
        made = await sm.contacts.upsert(Contact(email=f"{name}@example.com", tags=[tag]))
        ids[name] = made.contact_id
    selectors = [Tag("Żółw", "B"), Email("BOB@example.com", "nobody@example.com"), ContactId(str(ids["cyd"]), "nobody")]
    job = await sm.contacts.export(selectors)
    async with job.records() as records:
        found = [record.contact_data.email async for record in records if record.contact_data]
    assert sorted(map(str, found)) == ["ann@example.com", "bob@example.com", "cyd@example.com"]


async def test_two_accounts_are_independent(sm: SalesManago, make_client: Callable[..., SalesManago]) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    async with make_client(Simulator()) as other:
        assert (await other.contacts.has(ANN)).result is False
