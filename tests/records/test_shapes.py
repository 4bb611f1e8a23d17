"""All forms of a record become the same body; the error for an invalid record names the field."""

import re
from collections import UserDict
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import Contact, ExternalEvent
from salesmanago_async.api.codec import dumps
from salesmanago_async.api.codegen import names_of
from salesmanago_async.api.contacts import ConsentDetail, DictionaryProperty, Relation
from salesmanago_async.api.products import Product
from salesmanago_async.errors import Invalid
from salesmanago_async.records.cells import CellRules
from salesmanago_async.records.columns import _MEANT
from salesmanago_async.records.shapes import ExtraColumns, Shape, contact_shape, event_shape
from tests.conftest import examples


class BothWays:
    """A shape that builds each body twice, on the slow path and with a compiled encoder, and compares the two."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._encoder = shape.encoder()

    def body(self, record: Any) -> dict[str, Any]:
        try:
            body = self._shape.body(record)
        except Invalid as error:
            with pytest.raises(Invalid, match=f"^{re.escape(str(error))}$"):
                self._encoder.encode(record)
            raise
        assert self._encoder.encode(record)[0] == dumps(body)
        return body


CONTACTS = BothWays(contact_shape())
EVENTS = BothWays(event_shape())

WIRE_NAMES = {
    "email": "email",
    "contact_id": "contactId",
    "name": "name",
    "phone": "phone",
    "fax": "fax",
    "company": "company",
    "external_id": "externalId",
    "state": "state",
    "street_address": "streetAddress",
    "zip_code": "zipCode",
    "city": "city",
    "country": "country",
    "province": "province",
    "birthday": "birthday",
    "new_email": "newEmail",
    "force_opt_in": "forceOptIn",
    "force_opt_out": "forceOptOut",
    "force_phone_opt_in": "forcePhoneOptIn",
    "force_phone_opt_out": "forcePhoneOptOut",
    "tags": "tags",
    "remove_tags": "removeTags",
    "properties": "properties",
}
IN_CONTACT = {"email", "contactId", "name", "phone", "fax", "company", "externalId", "state"}
IN_ADDRESS = {"streetAddress", "zipCode", "city", "country"}

WHOLE = Contact(
    email="ann@example.com",
    name="Ann",
    city="Kraków",
    zip_code="30-555",
    birthday=date(1987, 6, 5),
    force_opt_in=True,
    tags=["VIP", "NEW"],
    properties={"size": "XL", "t.shirt": "red"},
    dictionary_properties=[
        DictionaryProperty(name="shoe", type="NUMBER", value=42),
        DictionaryProperty(name="since", type="DATE", value=datetime(2016, 4, 6, tzinfo=UTC)),
    ],
)
WHOLE_BODY = {
    "contact": {"email": "ann@example.com", "name": "Ann", "address": {"city": "Kraków", "zipCode": "30-555"}},
    "birthday": "19870605",
    "forceOptIn": True,
    "tags": ["VIP", "NEW"],
    "properties": {"size": "XL", "t.shirt": "red"},
    "dictionaryProperties": [
        {"name": "shoe", "type": "NUMBER", "value": 42},
        {"name": "since", "type": "DATE", "value": 1459900800000},
    ],
}
DETAILS = {
    "properties.size": "XL",
    "properties.t.shirt": "red",
    "dictionary.shoe": 42,
    "dictionary.since": "2016-04-06",
}
FLAT = {"email": "ann@example.com", "name": "Ann", "city": "Kraków", "tags": ["VIP", "NEW"]}


class Field(StrEnum):
    EMAIL = "email"
    NAME = "name"


class Customer(Contact):
    """A caller's own kind of contact."""


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(WHOLE, id="a value"),
        pytest.param(WHOLE_BODY, id="the API's object"),
        pytest.param(MappingProxyType(WHOLE_BODY), id="a mapping that is no dict"),
        pytest.param(
            {**FLAT, "zipCode": "30-555", "birthday": "19870605", "forceOptIn": True, **DETAILS}, id="flat camelCase"
        ),
        pytest.param(
            {**FLAT, "zip_code": "30-555", "birthday": "1987-06-05", "force_opt_in": "true", **DETAILS},
            id="flat snake_case",
        ),
        pytest.param(
            {**FLAT, "tags": "VIP;NEW", "zip_code": "30-555", "birthday": "19870605", "forceOptIn": "1", **DETAILS},
            id="the cells of a table",
        ),
        pytest.param(
            {
                **WHOLE_BODY,
                "contact": {"email": "ann@example.com", "name": "Ann"},
                "city": "Kraków",
                "zipCode": "30-555",
            },
            id="half nested",
        ),
        pytest.param(
            {**WHOLE_BODY, "dictionaryProperties": WHOLE.dictionary_properties, "birthday": WHOLE.birthday},
            id="the API's object with values in it",
        ),
    ],
)
def test_every_form_of_a_contact_becomes_the_same_body(record: Any) -> None:
    assert CONTACTS.body(record) == WHOLE_BODY


EVENT = ExternalEvent(
    email="ann@example.com",
    date=1659938888000,
    contact_ext_event_type="PURCHASE",
    products=["p1", "p2"],
    value=12.5,
    external_id="A-1",
    detail1="red",
)
EVENT_BODY = {
    "email": "ann@example.com",
    "contactEvent": {
        "date": 1659938888000,
        "contactExtEventType": "PURCHASE",
        "products": "p1,p2",
        "value": 12.5,
        "externalId": "A-1",
        "detail1": "red",
    },
}


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(EVENT, id="a value"),
        pytest.param(EVENT_BODY, id="the API's object"),
        pytest.param({"email": "ann@example.com", **EVENT_BODY["contactEvent"]}, id="flat camelCase"),  # type: ignore[dict-item]
        pytest.param(
            {
                "email": "ann@example.com",
                "date": "2022-08-08T06:08:08Z",
                "contact_ext_event_type": "PURCHASE",
                "products": "p1,p2",
                "value": "12.50",
                "external_id": "A-1",
                "detail1": "red",
                "detail2": "",
                "location": None,
            },
            id="flat snake_case, as cells",
        ),
    ],
)
def test_every_form_of_an_event_becomes_the_same_body(record: Any) -> None:
    assert EVENTS.body(record) == EVENT_BODY


@pytest.mark.parametrize(
    ("name", "value", "wire"),
    [
        ("relation", Relation(type="CHILD", email="bob@example.com"), {"type": "CHILD", "email": "bob@example.com"}),
        (
            "consentDetails",
            [ConsentDetail(consent_name="TERMS", consent_accept=True)],
            [{"consentName": "TERMS", "consentAccept": True}],
        ),
        (
            "dictionaryProperties",
            [DictionaryProperty(name="shoe", type="NUMBER", value=42)],
            [{"name": "shoe", "type": "NUMBER", "value": 42}],
        ),
    ],
)
def test_the_parts_of_a_contact_may_be_values_or_objects(name: str, value: Any, wire: Any) -> None:
    for part in (value, wire):
        assert CONTACTS.body({"contact": {"email": "ann@example.com"}, name: part})[name] == wire


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"relation": {"type": "CHILD", "email": "bob"}}, "e-mail"),
        ({"relation": "bob@example.com"}, "relation"),
        ({"consentDetails": [{"consentName": "x" * 31, "consentAccept": True}]}, "31 characters"),
        ({"dictionaryProperties": [{"name": "shoe", "type": "NUMBER", "value": 42, "unit": "EU"}]}, "unit"),
        ({"dictionaryProperties": ["shoe"]}, "dictionaryProperties"),
    ],
)
def test_a_bad_part_is_refused_like_any_field(part: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid, match=named):
        CONTACTS.body({"email": "ann@example.com", **part})


@pytest.mark.parametrize(
    "record",
    [
        {"contact": {"email": "ann@example.com", "name": None, "address": None}, "tags": None, "relation": None},
        {"contact": {"email": "ann@example.com", "name": "", "address": {}}, "newEmail": ""},
        {"contact": {"email": "ann@example.com", "address": {"city": None, "country": ""}}, "birthday": None},
        {"email": "ann@example.com", "properties.size": "", "dictionary.shoe": None, "force_opt_in": ""},
        UserDict({"email": "ann@example.com"}),
        {Field.EMAIL: "ann@example.com", Field.NAME: None},
        Customer(email="ann@example.com"),
        {"email": "ann@example.com", "_line": "7", "_reason": "bad", "_file": "a.csv"},
    ],
)
def test_absent_fields_are_left_out(record: Any) -> None:
    assert BothWays(contact_shape()).body(record) == {"contact": {"email": "ann@example.com"}}


TEXT = st.text("aż 5\"',;{}\\\n", min_size=1, max_size=6).map(str.strip).filter(bool)
WORD = st.text("aż5", min_size=1, max_size=4)
FIELDS = st.fixed_dictionaries(
    {"email": st.just("ann@example.com")},
    optional={
        **dict.fromkeys(
            set(WIRE_NAMES) & {"name", "phone", "city", "zip_code", "state", "province", "external_id"}, TEXT
        ),
        "new_email": st.just("bob@example.com"),
        "birthday": st.dates().map(lambda day: f"{day:%m%d}"),
        **dict.fromkeys(("force_opt_in", "force_opt_out", "force_phone_opt_in"), st.booleans()),
        **dict.fromkeys(("tags", "remove_tags"), st.lists(WORD, max_size=3)),
        "properties": st.dictionaries(TEXT, TEXT, min_size=1, max_size=3),
    },
)


@settings(deadline=None, max_examples=examples(40))
@given(FIELDS, st.randoms(use_true_random=False))
def test_every_form_of_any_contact_becomes_the_same_body(fields: dict[str, Any], random: Any) -> None:
    wire = {WIRE_NAMES[name]: value for name, value in fields.items()}
    contact = {name: wire.pop(name) for name in IN_CONTACT & wire.keys()}
    address = {name: wire.pop(name) for name in IN_ADDRESS & wire.keys()}
    expected = {**wire, "contact": {**contact, "address": address} if address else contact}
    mixed = {random.choice([name, WIRE_NAMES[name]]): value for name, value in fields.items()}
    spread = {name: value for name, value in mixed.items() if name != "properties"}
    spread.update((f"properties.{key}", value) for key, value in mixed.get("properties", {}).items())
    shuffled = dict(random.sample(list(spread.items()), len(spread)))
    for record in (Contact(**fields), expected, fields, mixed, shuffled):
        assert CONTACTS.body(record) == expected


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("42", {"type": "NUMBER", "value": 42}),
        (42, {"type": "NUMBER", "value": 42}),
        ("2016-04-06", {"type": "DATE", "value": 1459900800000}),
        (" 2016-04-06T00:00:00Z", {"type": "DATE", "value": 1459900800000}),
        (date(2016, 4, 6), {"type": "DATE", "value": 1459900800000}),
        (datetime(2016, 4, 6, tzinfo=UTC), {"type": "DATE", "value": 1459900800000}),
    ],
)
def test_a_dictionary_column_distinguishes_numbers_and_dates(value: Any, written: dict[str, Any]) -> None:
    body = CONTACTS.body({"email": "ann@example.com", "dictionary.shoe": value})
    assert body["dictionaryProperties"] == [{"name": "shoe", **written}]


def test_detail_columns_are_added_to_existing_details() -> None:
    body = CONTACTS.body(
        {
            "dictionary.shoe": 42,
            "properties.size": "XL",
            "email": "ann@example.com",
            "properties": {"sex": "F"},
            "dictionary_properties": [DictionaryProperty(name="visits", type="NUMBER", value=7)],
        }
    )
    assert body["properties"] == {"sex": "F", "size": "XL"}
    assert [(entry["name"], entry["value"]) for entry in body["dictionaryProperties"]] == [("visits", 7), ("shoe", 42)]


@pytest.mark.parametrize(
    ("extra", "body"),
    [
        ("ignore", {"contact": {"email": "ann@example.com"}}),
        (
            "properties",
            {"contact": {"email": "ann@example.com"}, "properties": {"Shoe size": "42", "no.such.field": "x"}},
        ),
    ],
)
def test_unknown_names_are_ignored_or_become_details_if_requested(extra: ExtraColumns, body: Any) -> None:
    record = {"email": "ann@example.com", "Shoe size": "42", "no.such.field": "x", "empty": ""}
    assert BothWays(contact_shape(extra)).body(record) == body


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("nmae", "'name'"),
        ("mail", "'email'"),
        ("E-Mail address", "'email'"),
        ("Zip", "'zipCode'"),
        ("forceOptinn", "'forceOptIn'"),
        ("postcode", "'zipCode'"),
        ("opt in", "'forceOptIn'"),
        ("optin", "'forceOptIn'"),
        ("Opt-In", "'forceOptIn'"),
        ("opt_out", "'forceOptOut'"),
        ("SMS opt-in", "'forcePhoneOptIn'"),
        ("Street", "'streetAddress'"),
        ("Language", "'lang'"),
        ("qqqqqq", None),
        ("propertiez.size", None),
        ("contact.name", "'name'"),
        ("contact.zip code", "'zipCode'"),
        ("lead.First Name", "'name'"),
        ("first.name", "'name'"),
        ("contact.foo", None),
    ],
)
def test_the_error_for_an_unknown_name_suggests_the_nearest_one(name: str, nearest: str | None) -> None:
    with pytest.raises(Invalid, match="is not a field") as caught:
        CONTACTS.body({"email": "ann@example.com", name: "x"})
    assert caught.value.field == name
    if nearest:
        caught.match(f"did you mean {nearest}")
    else:
        assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"email": "ann@example.com", "zip_code": "1", "zipCode": "2"}, "zipCode"),
        ({"email": "ann@example.com", "contact": {"email": "bob@example.com"}}, "email"),
        ({"contact": {"email": "ann@example.com"}, "email": "bob@example.com"}, "email"),
        ({"contact": {"email": "ann@example.com", "city": "Ely", "address": {"city": "Bath"}}}, "city"),
    ],
)
def test_a_duplicate_field_is_refused_and_named(record: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid, match="given 2 times") as caught:
        CONTACTS.body(record)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ("ann@example.com", "is a str; give Contact values or mappings"),
        (None, "NoneType"),
        (["ann@example.com"], "list"),
        (EVENT, "ExternalEvent; give Contact"),
        ({None: ["x"], "email": "ann@example.com"}, "the name of a field is None"),
        ({"email": "ann@example.com", "": "x"}, "a column without a name"),
        ({}, "email or a contactId"),
        ({"name": "Ann"}, "email or a contactId"),
        ({"email": "ann@example.com", "properties.": "x"}, "properties.: is not a field"),
        ({"email": "ann@example.com", "dictionary.ab": 5}, "dictionary.ab: is 2 characters"),
        ({"email": "ann@example.com", "dictionary.shoe": "large"}, "dictionary.shoe: .*whole number"),
        ({"email": "ann@example.com", "dictionary.shoe": "0"}, "dictionary.shoe: .*above 0"),
        ({"email": "ann@example.com", "properties." + "x" * 256: "y"}, "256 characters"),
        ({"email": "ann@example.com", "properties.size": "x" * 256}, "properties.size: is 256 characters"),
        ({"email": "ann@example.com", "properties": "XL"}, "properties: is not JSON"),
        ({"contact": "ann@example.com"}, "contact"),
    ],
)
def test_an_invalid_contact_is_refused_with_the_reason(record: Any, rule: str) -> None:
    with pytest.raises(Invalid, match=rule):
        CONTACTS.body(record)


@pytest.mark.parametrize("name", ["properties.size", "dictionary.shoe", "tags", "name"])
def test_fields_of_contacts_are_refused_in_events(name: str) -> None:
    for extra in ("error", "properties"):
        with pytest.raises(Invalid, match="is not a field"):
            BothWays(event_shape(extra)).body({**EVENT_BODY, name: "x"})


def test_a_name_that_looks_like_code_is_not_executed() -> None:
    odd = "x'] or __import__('os').abort() or row['"
    body = BothWays(contact_shape("properties")).body({"email": "ann@example.com", odd: "y", "a\\'\n": "z"})
    assert body["properties"] == {odd: "y", "a\\'\n": "z"}


def test_the_callers_record_is_not_changed() -> None:
    record = {"contact": {"email": "ann@example.com"}, "tags": ["VIP"], "properties": {"size": "XL"}}
    body = CONTACTS.body(record)
    body["tags"].append("NEW")
    body["properties"]["sex"] = "F"
    body["contact"]["name"] = "Ann"
    assert record == {"contact": {"email": "ann@example.com"}, "tags": ["VIP"], "properties": {"size": "XL"}}


@pytest.mark.parametrize(
    ("cell", "kind", "value"),
    [
        ("5", "NUMBER", 5),
        ("5.0", "NUMBER", 5),
        ("1 234", "NUMBER", 1234),
        ("20240105", "NUMBER", 20240105),
        ("2024-01-05", "DATE", 1_704_412_800_000),
        ("2024/1/5", "DATE", 1_704_412_800_000),
        ("Jan 5, 2024", "DATE", 1_704_412_800_000),
        ("05.01.2024", "DATE", 1_704_412_800_000),
        ("2024-01-05 11:00:00", "DATE", 1_704_448_800_000),
        ("2024-01-05 11:00:00 +0100", "DATE", 1_704_448_800_000),
    ],
)
def test_cells_of_dictionary_details_are_read_by_the_rules_of_cells(cell: str, kind: str, value: int) -> None:
    rules = CellRules(date_format=("%d.%m.%Y",), time_zone=ZoneInfo("Europe/Warsaw"))
    body = BothWays(contact_shape().read_by(rules)).body({"email": "ann@example.com", "dictionary.shoe": cell})
    assert body["dictionaryProperties"] == [{"name": "shoe", "type": kind, "value": value}]


def test_a_column_that_is_mapped_to_no_field_has_the_field_suggested_that_its_own_name_means() -> None:
    with pytest.raises(Invalid, match="'opt in' is mapped to 'FIELD', which is not a field; did you mean 'forceOptIn'"):
        contact_shape().check_mapped({"opt in": "FIELD"})
    with pytest.raises(Invalid, match="'opt in' is mapped to 'nmae', which is not a field; did you mean 'name'"):
        contact_shape().check_mapped({"opt in": "nmae"})


def test_what_is_meant_by_a_name_is_a_field_of_contacts_events_or_products() -> None:
    fields = {spec.wire_name for kind in (Contact, ExternalEvent, Product) for spec in names_of(kind).values()}
    assert set(_MEANT.values()) <= fields
