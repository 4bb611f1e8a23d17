"""Requests for lists of contacts: their limits, and the values that the reference's samples become."""

from datetime import UTC, datetime
from typing import Any

import pytest

from salesmanago_async import api
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.contact_lists import (
    BasicContactList,
    ContactListById,
    ContactsPage,
    CreatedContacts,
    ListContactsPage,
    ListCreatedContacts,
    ListModifiedContactsPage,
    ModifiedContacts,
    RecentActivity,
)
from salesmanago_async.errors import Invalid

Catalogue = dict[str, dict[str, Any]]

DAY_MS = 86_400_000
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOON_MS = 1_714_564_800_000
ROWS = {"owner": "admin@vendor.pl", "page": 1, "size": 1000}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("contact/basic", {"email": []}, "email"),
        ("contact/basic", {"email": ["a@example.com", "ann"]}, "email"),
        ("contact/basicById", {"id": ["x" * 256]}, "id"),
        ("contact/listById", {"contactId": [f"id{number}" for number in range(51)]}, "contactId"),
        ("contact/listById", {"contactId": ["x" * 37]}, "contactId"),
        ("contact/createdContacts", {"from": 2, "to": 1}, "to"),
        ("contact/modifiedContacts", {"from": "yesterday", "to": 1}, "from"),
        ("contact/recentActivity", {"from": 1, "to": 2, "allVisits": "some"}, "allVisits"),
        ("contact/recentActivity", {"from": 1, "to": 2, "owner": "admin@vendor.pl"}, "owner"),
        ("contact/paginatedModifiedContacts", {**ROWS, "from": 0, "to": 31 * DAY_MS}, "to"),
        ("contact/paginatedModifiedContacts", {**ROWS, "from": 2, "to": 1}, "to"),
        ("contact/paginatedModifiedContacts", {**ROWS, "from": 1, "to": 2, "page": 0}, "page"),
        ("contact/paginatedListById", {**ROWS, "page": 0}, "page"),
        ("contact/paginatedListById", {**ROWS, "size": 1001}, "size"),
        ("contact/paginatedListById", {**ROWS, "size": "all"}, "size"),
        ("contact/paginatedContactList/export", {**ROWS, "size": 1001}, "size"),
        ("contact/paginatedContactList/export", {**ROWS, "size": 0}, "size"),
        ("contact/paginatedListById", {**ROWS, "owner": "x" * 256}, "owner"),
    ],
)
def test_an_invalid_value_is_refused_and_its_field_named(path: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        api.read_request(path, body)
    assert str(caught.value.field).split(".")[0] == field


def test_the_limits_themselves_are_allowed() -> None:
    api.read_request("contact/listById", {"contactId": ["x" * 36] * 50})
    api.read_request("contact/paginatedListById", ROWS)
    api.read_request("contact/paginatedModifiedContacts", {**ROWS, "from": 0, "to": 30 * DAY_MS})
    api.read_request("contact/createdContacts", {"from": 0, "to": 4000 * DAY_MS})


def test_times_are_written_as_milliseconds() -> None:
    assert api.write_request(ListCreatedContacts(NOON, NOON_MS + 1)) == {"from": NOON_MS, "to": NOON_MS + 1}
    page = ListModifiedContactsPage(NOON, NOON, page=2, size=10)
    assert api.write_request(page) == {"from": NOON_MS, "to": NOON_MS, "page": 2, "size": 10}
    with pytest.raises(Invalid, match="time zone"):
        api.write_request(ListCreatedContacts(datetime(2024, 5, 1), NOON))  # noqa: DTZ001 - that is what is refused


def test_a_page_request_has_its_size() -> None:
    assert api.write_request(ListContactsPage(3, size=7)) == {"page": 3, "size": 7}


@pytest.mark.parametrize("path", ["contact/basic", "contact/basicById"])
def test_the_sample_basic_contact_is_typed(catalogue: Catalogue, path: str) -> None:
    (contact,) = read_leniently(BasicContactList, catalogue[path]["responses"][0]).contacts
    assert contact.contact_id == "99cdc5fe-7376-436e-acb5-7180c97dadb6"
    assert (contact.name, contact.score, contact.opted_out, contact.city) == ("Piotr", 1920, False, "Kraków")
    assert (contact.external_id, contact.birthday_year) == (None, None)
    assert contact.last_visit == datetime(2016, 12, 12, 7, 48, 50, tzinfo=UTC)


def test_the_sample_list_by_id_is_typed(catalogue: Catalogue) -> None:
    answer = read_leniently(ContactListById, catalogue["contact/listById"]["responses"][0])
    assert answer.unavailable_contacts == ("ef56-...-ab78",)
    (contact,) = answer.contacts
    assert (contact.id, contact.street_address, contact.purchase_probability) == (
        "ab12-...-cd34", "Main Street", 0.314159265359,
    )  # fmt: skip


def test_the_sample_page_is_typed_whatever_its_spelling(catalogue: Catalogue) -> None:
    page = read_leniently(ContactsPage, catalogue["contact/paginatedListById"]["responses"][0])
    assert page.has_more is True
    assert [(contact.birthday_year, contact.birthday_month) for contact in page.contacts] == [(1987, 6), (1985, 5)]
    assert [contact.city for contact in page.contacts] == ["San José", None]


def test_the_sample_spans_are_typed(catalogue: Catalogue) -> None:
    (made,) = read_leniently(CreatedContacts, catalogue["contact/createdContacts"]["responses"][0]).created_contacts
    assert (made.id, made.email) == ("c3477890-3da7-4010-96d0-45aab0586b7f", "***@gmail.com")
    whole = read_leniently(ModifiedContacts, catalogue["contact/modifiedContacts"]["responses"][0])
    assert (len(whole.modified_contacts), whole.has_more) == (3, None)
    page = read_leniently(ModifiedContacts, catalogue["contact/paginatedModifiedContacts"]["responses"][0])
    assert ([contact.id for contact in page.modified_contacts], page.has_more) == (
        ["c100-...-298c", "d256-...-4fe8"], True,
    )  # fmt: skip


def test_the_sample_activity_is_typed(catalogue: Catalogue) -> None:
    activity = read_leniently(RecentActivity, catalogue["contact/recentActivity"]["responses"][0]).recent_activities
    assert activity
    assert (activity.monitored_contacts, activity.total_contacts) == (12300, 234000)
    (visit,) = activity.customers
    assert (visit.uuid, visit.visit_score, visit.vid, visit.cid) == (191615173, 120, 7, None)
    assert visit.ip_details
    assert (visit.ip_details.country_code, visit.ip_details.latitude) == ("PL", "50.083300")
    assert [page.url for page in visit.contact_visits] == ["/test.htm"]
    assert activity.visit_stats[0].other_visits == 4321
    assert activity.partners == ()
    assert activity.extra["partners"] == ["... jw. ..."]
