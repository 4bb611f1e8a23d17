"""Answers of any content can be read: nothing that the server sends makes reading fail, and nothing is dropped."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async.api import JobStarted
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.contact_details import ContactDetails, RecordedEvent
from salesmanago_async.api.contact_exports import ContactExport
from salesmanago_async.api.contacts import ContactList, Upserted
from salesmanago_async.api.events import EventsAdded
from salesmanago_async.exports.shapes import contact_export
from tests.conftest import examples

NAMES = [
    *(
        "success",
        "message",
        "requestId",
        "contacts",
        "email",
        "address",
        "city",
        "birthdayMonth",
        "createdOn",
        "optedOut",
    ),
    *("contactId", "contactData", "extEventData", "tagData", "eventId:", "date", "value", "tagName", "score", "extra"),
]
ODD = st.sampled_from(["", "5", "-", "--5", "²", "1e999", "nan", "2018-10-22", "0000-00-00", 10**18, 1e300, -0.0])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | ODD
KEYS = st.sampled_from(NAMES) | st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=8)
PRINTABLE = st.dictionaries(
    st.sampled_from(["success", "message", "requestId"]) | st.text("abcdef", min_size=1), JSON, max_size=5
)


@pytest.mark.ci
@settings(deadline=None, max_examples=examples(100))
@given(OBJECTS)
def test_any_object_is_an_answer(body: dict[str, Any]) -> None:
    for answer_class in (ContactList, JobStarted, ContactExport):
        answer: Any = read_leniently(answer_class, body)
        assert set(answer.extra) <= {key for name in _paths(body) for key in (name, name.removesuffix(":"))}


def _paths(body: dict[str, Any]) -> set[str]:
    inner = {f"{name}.{path}" for name, value in body.items() if isinstance(value, dict) for path in _paths(value)}
    return set(body) | inner


@settings(deadline=None, max_examples=examples(50))
@given(PRINTABLE)
def test_unknown_and_unreadable_content_is_in_extra(body: dict[str, Any]) -> None:
    answer = read_leniently(JobStarted, body)
    typed = {"success": answer.success, "message": answer.message, "requestId": answer.request_id}
    for name, value in body.items():
        if value is not None and value != [] and typed.get(name) in (None, ()):
            assert answer.extra[name] == value


@settings(deadline=None, max_examples=examples(30))
@given(JSON)
def test_any_object_in_an_export_is_read(parts: Any) -> None:
    contact = contact_export({"c1": parts})
    assert contact.contact_id == "c1" or not isinstance(parts, dict) or "contactId" in parts


@pytest.mark.parametrize(
    ("answer_class", "body", "name", "value"),
    [
        (JobStarted, {"requestId": 37}, "request_id", 37),
        (JobStarted, {"requestId": "37"}, "request_id", 37),
        (JobStarted, {"requestId": 37.0}, "request_id", 37),
        (JobStarted, {"success": "true"}, "success", True),
        (JobStarted, {"message": "Not authenticated"}, "message", ("Not authenticated",)),
        (JobStarted, {"message": None}, "message", ()),
        (JobStarted, {"message": [1]}, "message", ("1",)),
        (Upserted, {"externalId": 12345}, "external_id", "12345"),
        (ContactDetails, {"birthdayMonth": 5}, "birthday_month", 5),
        (ContactDetails, {"birthdayMonth": "5"}, "birthday_month", 5),
        (ContactDetails, {"birthdayMonth": None}, "birthday_month", None),
        (ContactDetails, {"purchaseProbability": "0.25"}, "purchase_probability", 0.25),
        (ContactDetails, {"address": {"city": "Kraków"}}, "city", "Kraków"),
        (ContactDetails, {"address": None}, "city", None),
        (ContactDetails, {"contactTags": None}, "contact_tags", ()),
        (ContactDetails, {"createdOn": 1540166400000}, "created_on", datetime(2018, 10, 22, tzinfo=UTC)),
        (ContactDetails, {"createdOn": "1540166400000"}, "created_on", datetime(2018, 10, 22, tzinfo=UTC)),
        (ContactDetails, {"createdOn": "2018-10-22"}, "created_on", datetime(2018, 10, 22, tzinfo=UTC)),
        (RecordedEvent, {"value": 100.56}, "value", 100.56),
        (RecordedEvent, {"value": "100.56"}, "value", 100.56),
        (RecordedEvent, {"eventId:": "e1"}, "event_id", "e1"),
        (
            EventsAdded,
            {"failedContacts": ["a@example.com", {"id": 1}]},
            "failed_contacts",
            ["a@example.com", {"id": 1}],
        ),
    ],
)
def test_the_spellings_of_accounts_are_understood(answer_class: type[Any], body: Any, name: str, value: Any) -> None:
    answer = read_leniently(answer_class, body)
    read = getattr(answer, name)
    assert (read, type(read), answer.extra) == (value, type(value), {})


@pytest.mark.parametrize(
    ("answer_class", "body", "extra"),
    [
        (JobStarted, {"requestId": "soon"}, {"requestId": "soon"}),
        (JobStarted, {"requestId": True}, {"requestId": True}),
        (JobStarted, {"requestId": 37.5}, {"requestId": 37.5}),
        (JobStarted, {"success": "perhaps"}, {"success": "perhaps"}),
        (JobStarted, {"message": {"text": "no"}}, {"message": {"text": "no"}}),
        (JobStarted, {"priority": {"level": 3}}, {"priority": {"level": 3}}),
        (JobStarted, {"extra": {"success": 1}}, {"extra": {"success": 1}}),
        (ContactDetails, {"createdOn": "yesterday"}, {"createdOn": "yesterday"}),
        (ContactDetails, {"createdOn": 10**18}, {"createdOn": 10**18}),
        (ContactDetails, {"score": "1e5"}, {"score": "1e5"}),
        (ContactDetails, {"address": "Main Street 21"}, {"address": "Main Street 21"}),
        (ContactDetails, {"address": {"floor": 3}}, {"address": {"floor": 3}}),
        (ContactDetails, {"address": {"city": ["Kraków"]}}, {"address": {"city": ["Kraków"]}}),
        (ContactDetails, {"address": {"floor": 3}, "address.floor": 4}, None),
        (RecordedEvent, {"eventId": {"a": 1}, "eventId:": {"a": 2}}, None),
        (RecordedEvent, {"value": "1e999"}, {"value": "1e999"}),
        (RecordedEvent, {"date": "9" * 5000}, {"date": "9" * 5000}),
    ],
)
def test_odd_content_is_kept_unchanged(answer_class: type[Any], body: dict[str, Any], extra: Any) -> None:
    answer = read_leniently(answer_class, body)
    if extra is None:  # two equivalent names: both values are kept, under any names
        assert len(answer.extra) == 2
    else:
        assert answer.extra == extra


def test_one_odd_entry_does_not_spoil_its_list() -> None:
    found = read_leniently(
        ContactList, {"contacts": [{"email": "ann@example.com"}, None, {"email": "bob@example.com"}]}
    )
    assert [contact.email for contact in found.contacts] == ["ann@example.com", "bob@example.com"]


def test_an_odd_field_of_an_entry_stays_with_the_entry() -> None:
    found = read_leniently(ContactList, {"contacts": [{"email": "ann@example.com", "score": "high", "mood": "good"}]})
    assert (found.contacts[0].email, found.contacts[0].score) == ("ann@example.com", None)
    assert (found.contacts[0].extra, found.extra) == ({"score": "high", "mood": "good"}, {})
