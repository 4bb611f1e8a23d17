"""Texts of mappings, objects and tables: trimmed, read by the options of a run, and looked at."""

from collections import UserDict
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import attrs
import pytest

from salesmanago_async import CLEAR, Contact, ExternalEvent
from salesmanago_async.api.codec import dumps
from salesmanago_async.records.cells import CellRules, trimmer
from salesmanago_async.records.findings import (
    EXPONENTS,
    LOST_DIGITS,
    NULL_WORDS,
    POINTS,
    TAGS_WITH_SIGNS,
    THOUSANDS,
    ZERO_FRACTIONS,
    CellKind,
)
from salesmanago_async.records.row_texts import MARKED, suspects_in_column, suspects_in_row
from salesmanago_async.records.shapes import Shape, contact_shape, event_shape
from tests.records.test_compiled import without_slow_path

NOON = 1_704_448_800_000
"""2024-01-05 10:00:00 UTC, in milliseconds."""


def body_of(shape: Shape, record: Any) -> Any:
    """The body of a record; compiled encoders, made for a usual record and for this one, must agree."""
    body = shape.body(record)
    usual = {"email": "a@example.com", "name": "Ann", "date": NOON, "contactExtEventType": "VISIT"}
    for first in (record, {name: usual.get(name, "x") for name in record} if isinstance(record, dict) else record):
        encoder = shape.encoder()
        try:
            encoder.encode(first)
        except Exception:
            assert first is not record
        assert encoder.encode(record)[0] == dumps(body)
    return body


def contact(rules: CellRules | None = None, **fields: Any) -> Any:
    return body_of(contact_shape().read_by(rules or CellRules()), {"email": "a@example.com", **fields})


def event(rules: CellRules | None = None, **fields: Any) -> Any:
    record = {"email": "a@example.com", "date": NOON, "contactExtEventType": "VISIT", **fields}
    return body_of(event_shape().read_by(rules or CellRules()), record)["contactEvent"]


@dataclass
class Row:
    email: str
    name: str | None


@attrs.frozen
class AttrsRow:
    email: str
    name: str | None


class TupleRow(NamedTuple):
    email: str
    name: str | None


FORMS = [
    lambda email, name: {"email": email, "name": name},
    lambda email, name: {"contact": {"email": email, "name": name}},
    lambda email, name: UserDict(email=email, name=name),
    Row,
    AttrsRow,
    TupleRow,
]


@pytest.mark.parametrize("make", FORMS, ids=["flat", "nested", "mapping", "dataclass", "attrs", "named tuple"])
def test_a_text_is_trimmed_in_every_form_of_a_row(make: Any) -> None:
    shape = contact_shape()
    rows = [make(" a@example.com\n", "\u00a0Ann "), make("a@example.com", " \t"), make("a@example.com", "Ann")]
    encoder = shape.encoder()
    assert [encoder.encode(row)[0] for row in rows] == [dumps(shape.body(row)) for row in rows]
    assert [shape.body(row)["contact"].get("name") for row in rows] == ["Ann", None, "Ann"]
    assert {shape.body(row)["contact"]["email"] for row in rows} == {"a@example.com"}


def test_a_value_of_the_program_is_sent_as_it_is() -> None:
    assert contact_shape().body(Contact(email="a@example.com", name=" Ann "))["contact"]["name"] == " Ann "
    given = ExternalEvent(email="a@example.com", date=NOON, contact_ext_event_type="purchase")
    assert event_shape().body(given)["contactEvent"]["contactExtEventType"] == "purchase"


def test_spaces_are_kept_by_an_option() -> None:
    keeping = CellRules(keep_spaces=True)
    assert contact(keeping, name=" Ann ", tags=[" VIP "])["contact"]["name"] == " Ann "
    assert contact(keeping, name=" ")["contact"]["name"] == " "
    assert contact(keeping, name="")["contact"] == {"email": "a@example.com"}
    assert contact(CellRules(keep_spaces=True, null=frozenset({"NULL"})), name=" NULL")["contact"].get("name") is None


def test_texts_that_mean_absent_are_an_option() -> None:
    rules = CellRules(null=frozenset({"NULL", "-", "none@example.com"}))
    record = {
        "name": " NULL ",
        "phone": "-",
        "birthday": "NULL",
        "tags": ["VIP", "NULL"],
        "newEmail": "none@example.com",
    }
    assert contact(rules, **record) == {"contact": {"email": "a@example.com"}, "tags": ["VIP"]}
    assert contact(rules, **{"properties.size": "-"}, properties={"age": "NULL", "hat": "XL"})["properties"] == {
        "hat": "XL"
    }
    assert event(rules, value="NULL", products=["p1", "-"], description=" - ") == {
        "date": NOON, "contactExtEventType": "VISIT", "products": "p1",
    }  # fmt: skip
    assert contact(rules, name="null")["contact"]["name"] == "null"


def test_texts_in_lists_and_objects_are_trimmed() -> None:
    assert contact(tags=[" VIP ", " ", "NEW"])["tags"] == ["VIP", "NEW"]
    assert contact(properties={"size": " XL ", "age": " "})["properties"] == {"size": "XL"}
    consent = {"consentName": " TERMS ", "consentAccept": " true ", "agreementDate": " 2024-01-05T10:00Z "}
    assert contact(consentDetails=[consent])["consentDetails"] == [
        {"consentName": "TERMS", "consentAccept": True, "agreementDate": NOON}
    ]
    assert event(products=[" p1", "p2 "], description=" a b ")["products"] == "p1,p2"
    assert event(description=" a b ")["description"] == "a b"


def test_other_values_stay_as_they_are() -> None:
    rules = CellRules(null=frozenset({"NULL"}), decimal=",")
    assert contact(rules, name=CLEAR, phone=17, externalId=1.5)["contact"] == {
        "email": "a@example.com", "name": "", "phone": "17", "externalId": "1.5",
    }  # fmt: skip
    assert event(rules, value=12.5)["value"] == 12.5


class Colour(StrEnum):
    RED = " red "


def test_what_is_like_text_is_taken_for_what_it_means() -> None:
    assert contact(name=CLEAR, phone=Colour.RED)["contact"] == {"email": "a@example.com", "name": "", "phone": "red"}
    assert contact(CellRules(keep_spaces=True), phone=Colour.RED)["contact"]["phone"] == " red "


def test_texts_are_read_as_cells_are() -> None:
    comma = CellRules(decimal=",", date_format=("%d.%m.%Y",), time_zone=ZoneInfo("Europe/Warsaw"))
    assert event(comma, value=" 1 189,99")["value"] == 1189.99
    assert event(comma, date="2024-01-05 11:00:00")["date"] == NOON
    assert event(comma, date=datetime(2024, 1, 5, 11))["date"] == NOON  # noqa: DTZ001
    assert event(date="2024-01-05 10:00:00 UTC")["date"] == NOON
    assert event(contactExtEventType="purchase")["contactExtEventType"] == "PURCHASE"
    assert contact(comma, birthday="05.08.1984")["birthday"] == "19840805"
    assert contact(birthday="1984-08-05 00:00:00")["birthday"] == "19840805"
    assert contact(tags='"VIP client","newsletter"')["tags"] == ["VIP client", "newsletter"]
    assert contact(newEmail="\u200bb@example.com\ufeff")["newEmail"] == "b@example.com"


def test_marks_of_spreadsheets_are_left_where_they_are() -> None:
    assert contact(phone="'+48600100200")["contact"]["phone"] == "'+48600100200"


def test_an_encoder_that_expects_text_takes_other_values_as_well() -> None:
    """The first record decides which fields are expected to be text; no other record takes the slow path for it."""
    encoder = without_slow_path(contact_shape())
    rows: list[dict[str, Any]] = [
        {"email": "a@example.com", "name": "Ann", "phone": phone} for phone in ("5", None, 17, "6", "", 1.5, " 7 ")
    ]
    assert [encoder.encode(row)[0] for row in rows] == [dumps(contact_shape().body(row)) for row in rows]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"phone": "4.86E+10"}, [("phone", LOST_DIGITS)]),
        ({"name": " NULL "}, [("name", NULL_WORDS)]),
        ({"name": "n/a", "tags": ["VIP", "None"]}, [("name", NULL_WORDS), ("tags", NULL_WORDS)]),
        ({"contact": {"phone": "4,86e+10", "address": {"city": "NaN"}}},
         [("contact.phone", LOST_DIGITS), ("contact.address.city", NULL_WORDS)]),
        ({"externalId": "17.0"}, [("externalId", ZERO_FRACTIONS)]),
        ({"phone": "4.86001002E10"}, [("phone", EXPONENTS)]),
        ({"value": "1,234"}, [("value", THOUSANDS)]),
        ({"contactEvent": {"value": "1,234", "products": "1,234"}}, [("contactEvent.value", THOUSANDS)]),
        ({"value": "120.00", "products": "1,234", "forceOptIn": "1.0", "email": "a@example.com"}, []),
        ({"colour": "NULL", "size": "12.0", "note": "'+48"}, []),
        ({"phone": "'+48600100200", "zipCode": '="00950"'}, [("phone", MARKED), ("zipCode", MARKED)]),
        ({"name": "Łucja\u200b"}, [("name", MARKED)]),
        (Row("a@example.com", "null"), [("name", NULL_WORDS)]),
        ({"name": "O'Brien = x", "phone": "+48 600", "size": "10", "price": "1.50", "city": "Łódź \u2013 x"}, []),
        ({"phone": 4.86e10, "name": None}, []),
        (Contact(email="a@example.com", name="NULL"), []),
        (7, []),
    ],
)  # fmt: skip
def test_what_looks_wrong_in_a_row_is_found(row: Any, found: list[Any]) -> None:
    shapes = [contact_shape("ignore"), event_shape("ignore")]

    def kind_of(name: str) -> CellKind:
        kinds = [shape.kind_of(name) for shape in shapes]
        return next((kind for kind in kinds if kind is not CellKind.IGNORED), CellKind.IGNORED)

    assert list(suspects_in_row(row, str.strip, kind_of)) == found


def test_what_means_absent_does_not_look_wrong() -> None:
    trim = trimmer(CellRules(null=frozenset({"NULL"})))
    assert list(suspects_in_row({"name": "NULL", "city": "null"}, trim, contact_shape().kind_of)) == [
        ("city", NULL_WORDS)
    ]


def test_what_looks_wrong_in_a_column_is_found() -> None:
    assert list(suspects_in_column(["Ann", None, 7, " NULL", ["x"], "4.86E+10"], str.strip, CellKind.TEXT)) == [
        (3, NULL_WORDS),
        (5, LOST_DIGITS),
    ]


def test_the_kind_of_a_column_counts() -> None:
    texts = ["120.00", "1,234", "1.234"]
    found = {kind: list(suspects_in_column(texts, str.strip, kind)) for kind in CellKind}
    assert found == {
        CellKind.TEXT: [(0, ZERO_FRACTIONS)],
        CellKind.NUMBER: [(1, THOUSANDS)],
        CellKind.PRICE: [(1, THOUSANDS), (2, POINTS)],
        CellKind.EXACT: [],
        CellKind.TAGS: [(0, ZERO_FRACTIONS), (2, TAGS_WITH_SIGNS)],
        CellKind.IGNORED: [],
    }
