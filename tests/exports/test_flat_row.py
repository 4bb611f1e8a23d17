"""`flat_row`: one dict for any exported record, typed or as it is in the file, with the values of Python."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from salesmanago_async import Contact, ContactEvent, ContactExport, flat_row
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.contact_details import ContactDetails
from salesmanago_async.api.contact_lists import ContactOnPage
from salesmanago_async.exports.flat import dump_flat, flat
from salesmanago_async.exports.shapes import contact_export

ID = "5bb84002-08ae-11e7-a63d-28d24400c116"
AT = datetime(2017, 3, 14, 12, 4, 17, tzinfo=UTC)
MS = 1489493057000


def exported() -> dict[str, Any]:
    return {
        ID: {
            "contactData": {"email": "a@b.pl", "zipCode": "01-234", "createdOn": MS, "optedOut": False, "newer": 7},
            "tagData": [{"tagName": "A", "score": 2}, {"tagName": "B"}],
            "extEventData": [{"eventId": "e", "date": MS, "value": "1.50"}],
            "consentsData": [{"name": "TERMS", "action": "A", "dateOn": "2018-10-22"}],
            "contactPropertiesData": [{"name": "size", "value": "XL"}],
            "contactDictionaryPropertiesData": [{"name": "since", "type": "DATE", "value": MS}],
        }
    }


def test_lists_keep_their_objects_and_times_are_times() -> None:
    assert flat_row(exported()) == {
        "id": ID,
        "email": "a@b.pl",
        "zipCode": "01-234",
        "createdOn": AT,
        "optedOut": False,
        "newer": 7,
        "tags": ["A", "B"],
        "extEventData": [{"eventId": "e", "date": MS, "value": "1.50"}],
        "consents": [{"name": "TERMS", "action": "A", "dateOn": "2018-10-22"}],
        "properties.size": "XL",
        "dictionary.since": AT,
    }


def test_a_typed_contact_has_the_row_of_its_object() -> None:
    typed, raw = flat_row(contact_export(exported())), flat_row(exported())
    simple = raw.keys() - {"extEventData", "consents"}
    assert {name: typed[name] for name in simple} == {name: raw[name] for name in simple}
    assert list(typed)[:2] == ["id", "email"]
    assert typed["extEventData"][0]["date"] == AT
    assert typed["consents"][0]["dateOn"] == datetime(2018, 10, 22, tzinfo=UTC)
    assert not typed.keys() & {"visitsData", "notesData", "extra"}  # not requested


def test_parts_that_were_not_requested_are_no_fields() -> None:
    assert flat_row(ContactExport(contact_id=ID)) == {"id": ID}


def test_a_typed_contact_of_a_list_has_all_columns() -> None:
    raw = {
        "id": ID,
        "email": "a@b.pl",
        "address": {"city": "Łódź", "newer": 1},
        "birthdayYear": 1980,
        "birthdayMonth": 1,
        "birthdayDay": 2,
        "contactTags": [{"tag": "A"}],
        "properties": [{"name": "size", "value": "XL"}, 7],
        "modifiedOn": MS,
    }
    row = flat_row(read_leniently(ContactDetails, raw))
    expected = {
        "id": ID, "email": "a@b.pl", "city": "Łódź", "newer": 1, "birthday": "19800102", "tags": ["A"],
        "properties.size": "XL", "properties": [7], "modifiedOn": AT, "phone": None, "contactVisits": [],
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert flat_row(ContactDetails()).keys() | {"newer", "properties.size", "properties"} >= row.keys()


def test_other_values_have_rows_too() -> None:
    assert flat_row(ContactOnPage(id=ID, email="a@b.pl"))["email"] == "a@b.pl"
    assert flat_row(Contact(email="a@b.pl", zip_code="1", properties={"size": "XL"}))["properties.size"] == "XL"
    assert flat_row("text") == {"value": "text"}


@pytest.mark.parametrize(
    ("value", "number"), [("100.56", 100.56), (57, 57.0), (1.5, 1.5), (None, None), ("abc", "abc"), ("nan", "nan")]
)
def test_the_value_of_an_event_is_a_number(value: Any, number: Any) -> None:
    row = flat_row({"contactExtEventType": "CART", "value": value})
    assert (row["value"], type(row["value"])) == (number, type(number))
    typed = ContactEvent(contact_ext_event_type="CART", value=1.5)
    assert flat_row(typed)["value"] == 1.5
    assert flat_row({"value": "100.56"}) == {"value": "100.56"}


def test_a_table_has_json_where_a_flat_row_has_objects() -> None:
    row, cells = flat_row(exported()), flat(exported())
    assert row.keys() == cells.keys()
    assert json.loads(str(cells["extEventData"])) == row["extEventData"]
    assert cells["tags"] == row["tags"]


def test_a_line_of_json_has_times_in_utc() -> None:
    line = json.loads(dump_flat({"email": "a@b.pl", "createdOn": MS}))
    assert line == {"email": "a@b.pl", "createdOn": "2017-03-14T12:04:17Z"}
    cut = json.loads(dump_flat({"email": "\ud83d", "createdOn": MS, "value": None}))
    assert cut == {"email": "\ud83d", "createdOn": "2017-03-14T12:04:17Z", "value": None}


def test_rows_make_a_frame_with_usable_columns() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(map(flat_row, [contact_export(exported())] * 2))
    assert list(frame["email"]) == ["a@b.pl"] * 2
    assert list(frame["tags"]) == [["A", "B"]] * 2
    assert str(frame["createdOn"].dtype).startswith("datetime64")
