"""Columns that only an export has: which ones are known, when, and what they become."""

from typing import Any

import pytest

from salesmanago_async.errors import Invalid
from salesmanago_async.records.encoders import MAX_ENCODERS
from salesmanago_async.records.shapes import contact_shape, event_shape
from tests.records.test_shapes import BothWays

MODIFIED, DAY = 1_700_006_400_000, "2018-10-22"
EXPORTED = {"id": "5bb84002", "email": "a@b.pl", "optedOut": False, "modifiedOn": MODIFIED}
CONTACTS = BothWays(contact_shape())
ACCEPTING = BothWays(contact_shape(accept_consents=True))
EVENTS = BothWays(event_shape())
CONTACT = {"contact": {"email": "a@b.pl"}}


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, {}),
        ({"score": 7, "mainOwner": "x", "extEventData": [{"date": 1}], "ipDetails": None, "contactVisits": []}, {}),
        ({"optedOut": True}, {"forceOptOut": True}),
        ({"optedOut": "true"}, {"forceOptOut": True}),
        ({"optedOut": "", "optedOutPhone": None}, {}),
        ({"optedOutPhone": True}, {"forcePhoneOptOut": True}),
        ({"optedOutPhone": "false"}, {}),
        ({"consents": None}, {}),
        ({"consents": []}, {}),
        ({"consents": "[]"}, {}),
    ],
)
def test_a_column_of_an_export_becomes_this(fields: dict[str, Any], body: dict[str, Any]) -> None:
    fields.pop("ipDetails", None)
    assert CONTACTS.body({**EXPORTED, **fields}) == {**CONTACT, **body}


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("A", {"consentAccept": True, "optOut": False}),
        ("D", {"consentAccept": False, "optOut": True}),
        ("R", {"consentAccept": False, "optOut": False}),
    ],
)
def test_recorded_consents_become_answers(action: str, answer: dict[str, Any]) -> None:
    consent = {"name": "TERMS", "description": "x", "ip": "::1", "action": action, "source": "API", "dateOn": DAY}
    written = {"consentName": "TERMS", "ip": "::1", "agreementDate": 1540166400000, **answer}
    careful = {} if answer["consentAccept"] else {"consentDetails": [written]}
    as_text = f'[{{"name":"TERMS","ip":"::1","action":"{action}","createdOn":"{DAY}"}}]'
    for given in ([consent], as_text, [written]):
        assert ACCEPTING.body({**EXPORTED, "consents": given}) == {**CONTACT, "consentDetails": [written]}
        assert CONTACTS.body({**EXPORTED, "consents": given}) == {**CONTACT, **careful}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"optedOut": "perhaps"}, "optedOut: .*true or false"),
        ({"consents": "TERMS"}, "consents: .*list of consents"),
        ({"consents": "7"}, "consents: .*list of consents"),
        ({"consents": [{"name": "TERMS", "action": "X"}]}, "consents: .*'X'"),
        ({"consents": [{"action": "A"}]}, "consentName: is missing"),
        ({"consents": ["TERMS"]}, "consents"),
        ({"optedOut": True, "forceOptOut": False}, "forceOptOut: is given 2 times"),
        ({"optedOut": True, "force_opt_out": False}, "force_opt_out: is given 2 times"),
        ({"Size": "XL"}, "Size: is not a field"),
    ],
)
def test_what_cannot_be_taken_is_rejected(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(Invalid, match=rule):
        CONTACTS.body({**EXPORTED, **fields})


@pytest.mark.parametrize("name", ["id", "score", "optedOut", "modifiedOn", "consents", "success", "createdOn"])
def test_a_record_of_ones_own_has_none_of_these_columns(name: str) -> None:
    with pytest.raises(Invalid, match=f"^{name}: is not a field"):
        CONTACTS.body({"email": "a@b.pl", name: "1"})


def test_a_line_of_all_contacts_is_known_too() -> None:
    record = {"success": True, "email": "a@b.pl", "exists": True, "id": "5bb84002", "country": "PL"}
    assert CONTACTS.body(record) == {"contact": {"email": "a@b.pl", "address": {"country": "PL"}}}


def test_an_exported_column_is_no_detail() -> None:
    shape = BothWays(contact_shape("properties"))
    assert shape.body({**EXPORTED, "Size": "XL"}) == {**CONTACT, "properties": {"Size": "XL"}}
    assert shape.body({"email": "a@b.pl", "id": "1"}) == {**CONTACT, "properties": {"id": "1"}}


def test_the_address_names_the_contact_of_an_exported_event() -> None:
    event = {"date": MODIFIED, "contactExtEventType": "CART"}
    body = {"contactEvent": event}
    assert EVENTS.body({"email": "a@b.pl", "contactId": "1", "eventId": "2", **event}) == {"email": "a@b.pl", **body}
    assert EVENTS.body({"contactId": "1", "eventId": "2", **event}) == {"contactId": "1", **body}
    both = EVENTS.body({"email": "a@b.pl", "contactId": "1", **event})
    assert both == {"email": "a@b.pl", "contactId": "1", **body}


@pytest.mark.ci
@pytest.mark.parametrize("extra", ["error", "properties"])
def test_records_of_both_kinds_keep_their_meanings_in_one_source(extra: Any) -> None:
    """More sets of keys than there are encoders share one: an export's and the others' are not mixed."""
    shape = BothWays(contact_shape(extra))
    for number in range(MAX_ENCODERS + 20):
        detail = {f"properties.p{number}": "1"}
        properties = {"properties": {f"p{number}": "1"}}
        assert shape.body({**EXPORTED, **detail, "optedOut": True}) == {**CONTACT, "forceOptOut": True, **properties}
        assert shape.body({"email": "a@b.pl", **detail}) == {**CONTACT, **properties}
        for own in ({"id": "1", "email": "a@b.pl"}, {"email": "a@b.pl", "optedOut": "1"}):
            if extra == "properties":
                (name,) = own.keys() - {"email"}
                assert shape.body({**own, **detail})["properties"] == {f"p{number}": "1", name: "1"}
            else:
                with pytest.raises(Invalid, match="is not a field"):
                    shape.body({**own, **detail})
