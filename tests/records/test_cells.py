"""Cells of text, as spreadsheets, databases and shops write them."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from salesmanago_async.api.codegen import names_of
from salesmanago_async.api.contacts import Contact
from salesmanago_async.api.events import ExternalEvent
from salesmanago_async.api.products import Product
from salesmanago_async.errors import Invalid
from salesmanago_async.records.cells import CellRules
from salesmanago_async.records.findings import (
    EXPONENTS,
    LOST_DIGITS,
    NULL_WORDS,
    TAGS_WITH_LETTERS,
    TAGS_WITH_SIGNS,
    THOUSANDS,
    ZERO_FRACTIONS,
    CellKind,
    findings,
)
from salesmanago_async.records.row_texts import suspects_in_column, suspects_in_row
from salesmanago_async.records.shapes import contact_shape, event_shape
from salesmanago_async.records.unclean_columns import unclean_columns

RULES = CellRules()
COMMA = CellRules(decimal=",")
FIELDS = {**names_of(ExternalEvent), **names_of(Contact)}
NOON = 1_704_448_800_000
"""2024-01-05 10:00:00 UTC, in milliseconds."""


def written(field: str, cell: str, rules: CellRules = RULES) -> Any:
    """Return what a body has of a cell; raise `Invalid`."""
    return rules.spec(FIELDS[field]).write(rules.clean(cell))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("Ann", "Ann"),
        ("  Ann ", "Ann"),
        ("\u00a0", ""),
        ("\ufeffann@example.com", "ann@example.com"),
        ("Ann\u200b", "Ann"),
        ("\u202a+48 600 100 200\u202c", "+48 600 100 200"),
        ("\u2066ann@example.com\u2069", "ann@example.com"),
        ("'+48600100200", "+48600100200"),
        ("'7000000000001", "7000000000001"),
        ("'tis", "'tis"),
        ("O'Brien", "O'Brien"),
        ('="00950"', "00950"),
        ("=SUM(A1)", "=SUM(A1)"),
        ("'=SUM(A1)", "=SUM(A1)"),
        ("'", "'"),
        ("", ""),
    ],
)
def test_a_cell_is_cleaned(cell: str, text: str) -> None:
    assert RULES.clean(cell) == text


def test_spaces_and_words_for_null_are_options() -> None:
    assert CellRules(keep_spaces=True).clean(" Ann ") == " Ann "
    assert [CellRules(null=frozenset({"NULL", "-"})).clean(cell) for cell in ("NULL", " - ", "null")] == [
        "",
        "",
        "null",
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("12.34", 12.34), ("1 189.99", 1189.99), ("1\u00a0189.99", 1189.99), ("1,189.99", 1189.99), ("1,234,567", 1234567),
     ("-3", -3), ("1'189.99", 1189.99), ("1\u2019189.99", 1189.99), ("1\u2009189.99", 1189.99), ("\u22123", -3)],
)  # fmt: skip
def test_a_number_with_a_decimal_point(cell: str, value: float) -> None:
    assert written("value", cell) == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [("189,99", 189.99), ("1 189,99", 1189.99), ("1.189,99", 1189.99), ("1.234.567", 1234567), ("7", 7)],
)
def test_a_number_with_a_decimal_comma(cell: str, value: float) -> None:
    assert written("value", cell, COMMA) == value


@pytest.mark.parametrize(
    ("cell", "rules", "words"),
    [
        ("189,99", RULES, "decimal=','"),
        ("12.34", COMMA, "decimal comma"),
        ("1,23.4", RULES, "not a number"),
        ("n/a", RULES, "not a number"),
        ("0,500", RULES, "decimal=','"),
        ("0.500", COMMA, "decimal comma"),
        ("01,234", RULES, "decimal=','"),
    ],
)
def test_a_number_that_may_be_another_is_refused(cell: str, rules: CellRules, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        written("value", cell, rules)
    assert caught.value.field == "value"


@pytest.mark.parametrize(
    "cell",
    [
        "2024-01-05 10:00:00",
        "2024-01-05T10:00:00Z",
        "2024-01-05 10:00:00 UTC",
        "2024-01-05 10:00:00 GMT",
        "2024-01-05 10:00:00.000000 UTC",
        "2024-01-05T10:00:00.000+0000",
        "2024-01-05 11:00:00+01",
        "2024/1/5 10:00:00",
        "20240105100000",
        "20240105T100000Z",
        "Fri, 05 Jan 2024 10:00:00 +0000",
        "202401051000",
        "2024-1-5 10:00:00",
        "2024-01-05 11:00:00 +0100",
        str(NOON),
    ],
)
def test_the_common_forms_of_a_time(cell: str) -> None:
    assert written("date", cell) == NOON


def test_a_time_without_a_zone_is_in_the_zone_of_the_option() -> None:
    warsaw = CellRules(time_zone=ZoneInfo("Europe/Warsaw"), date_format=("%d.%m.%Y %H:%M",))
    assert written("date", "2024-01-05 11:00:00", warsaw) == NOON
    assert written("date", "05.01.2024 11:00", warsaw) == NOON
    assert written("date", "2024-01-05 10:00:00 UTC", warsaw) == NOON


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("05.01.2024", "date_format"),
        ("01/05/2024", "date_format"),
        ("Fri, 05 Jan 2024 10:00:00 CET", "date_format"),
        ("Fri, 05 Jan 2024 10:00:00 EST", "date_format"),
        ("2024-01-05 10:00:00 PM", "date_format"),
        ("20241305100000", "date_format"),
        ("1704448800", "milliseconds"),
        ("1704448800000000", "microseconds"),
        ("1704448800000000000", "nanoseconds"),
    ],
)
def test_a_time_that_may_be_another_is_refused(cell: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        written("date", cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1984-08-05", "19840805"),
        ("1984-08-05 00:00:00", "19840805"),
        ("1984-08-05T00:00:00.000+0000", "19840805"),
        ("1984/8/5", "19840805"),
        ("1984.08.05", "19840805"),
        ("1984-8-5", "19840805"),
        ("19840805.0", "19840805"),
        ("Aug 5, 1984", "19840805"),
        ("0805", "0805"),
    ],
)
def test_a_birthday(cell: str, value: str) -> None:
    assert written("birthday", cell) == value


def test_a_birthday_of_another_form_is_an_option() -> None:
    assert written("birthday", "05.08.1984", CellRules(date_format=("%d.%m.%Y",))) == "19840805"
    with pytest.raises(Invalid, match=r"not a date.*date_format"):
        written("birthday", "05.08.1984")


@pytest.mark.parametrize(
    ("cell", "form", "value"),
    [
        ("08/05", "%m/%d", "0805"),
        ("02/29", "%m/%d", "0229"),
        ("05.08.84", "%d.%m.%y", "19840805"),
        ("05.08.50", "%d.%m.%y", "19500805"),
        ("05.08.20", "%d.%m.%y", "20200805"),
    ],
)
def test_a_birthday_has_no_year_but_its_own(cell: str, form: str, value: str) -> None:
    assert written("birthday", cell, CellRules(date_format=(form,))) == value


def test_a_format_without_a_year_makes_no_time() -> None:
    with pytest.raises(Invalid, match="ISO 8601"):
        written("date", "08/05 10:00", CellRules(date_format=("%m/%d %H:%M",)))


@pytest.mark.parametrize(
    "cell",
    ['"VIP client","newsletter"', "VIP client;newsletter", '["VIP client", "newsletter"]', '{"VIP client",newsletter}',
     '"VIP client"; "newsletter"', "VIP client, newsletter", "['VIP client', 'newsletter']",
     "['VIP client' 'newsletter']", "('VIP client', 'newsletter')", "[VIP client, newsletter]",
     "'VIP client','newsletter'", "{'VIP client', 'newsletter'}",
     '["VIP client", null, "", "newsletter"]', """["VIP client", 'newsletter']"""],
)  # fmt: skip
def test_the_entries_of_a_list(cell: str) -> None:
    assert written("tags", cell) == ["VIP client", "newsletter"]


@pytest.mark.parametrize("cell", ["[VIP]", "(new) shop", "[A] and [B]", "VIP (old)", "'tis"])
def test_brackets_and_apostrophes_of_a_single_entry_are_its_own(cell: str) -> None:
    assert written("tags", cell) == [cell]


@pytest.mark.parametrize(("first", "second"), [("[A]", "[B]"), ("(A)", "(B)"), ("{A}", "{B}")])
def test_brackets_of_entries_are_their_own(first: str, second: str) -> None:
    assert written("tags", f"{first}, {second}") == [first, second]


@pytest.mark.parametrize("cell", ["A,NULL", "NULL; A", '["A", "NULL", null]', "['A' 'NULL']", "{A,NULL}"])
def test_entries_that_mean_absent_are_absent(cell: str) -> None:
    assert written("tags", cell, CellRules(null=frozenset({"NULL"}))) == ["A"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [('["1", "2"]', "1,2"), ("['1' '2']", "1,2"), ("{1,2}", "1,2"), ('"1","2"', "1,2"), ("1, 2", "1, 2"), ("", None)],
)
def test_products_are_a_text_or_a_list(cell: str, value: str | None) -> None:
    names = ["email", "date", "contactExtEventType", "products"]
    row, shape = ["a@example.com", "2024-01-05", "VISIT", cell], event_shape()
    body = shape.column_writer(names, lambda index: f"row[{index}]")
    assert body(row)["contactEvent"].get("products") == value
    assert orjson.loads(shape.cell_encoder(names, (), body).encode(row)[0]) == body(row)


def test_a_time_zone_needs_no_hash() -> None:
    class Zone(ZoneInfo):
        __hash__ = None  # type: ignore[assignment]

    assert CellRules(time_zone=Zone("UTC")).kind(FIELDS["value"]) is CellKind.NUMBER


@pytest.mark.parametrize("cell", ["{}", "[]", '[""]'])
def test_a_list_may_be_empty(cell: str) -> None:
    assert written("tags", cell) == []


@pytest.mark.parametrize("cell", ['{"a": 1}', "[{'name': 'VIP'}]", '[{"name": "VIP"}]'])
def test_objects_are_no_entries(cell: str) -> None:
    with pytest.raises(Invalid, match=r"object|dict"):
        written("tags", cell)


def test_consents_and_details_in_a_cell() -> None:
    consents = '[{"consentName": "NEWS", "consentAccept": true, "agreementDate": "2024-01-05 10:00:00"}]'
    accepted = {"consentName": "NEWS", "consentAccept": True, "agreementDate": NOON}
    assert written("consentDetails", consents) == [accepted]
    assert written("properties", '{"size": "XL"}') == {"size": "XL"}
    with pytest.raises(Invalid, match="not JSON"):
        written("consentDetails", "NEWS")


@pytest.mark.parametrize("rules", [CellRules(), CellRules(null=frozenset({"NULL"})), CellRules(keep_spaces=True)])
def test_objects_in_a_cell_are_read_like_objects_in_json_lines(rules: CellRules) -> None:
    consents = [{"consentName": " X ", "consentAccept": "true ", "ip": "NULL", "consentDescriptionId": None}]
    given = {"email": "a@x.pl", "properties": {"size": " XL", "age": "NULL"}, "consentDetails": consents}
    cells = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
    shape = contact_shape().read_by(rules)
    bodies = [shape.body(given), shape.body(cells)]
    bodies.append(shape.column_writer([*cells], lambda index: f"row[{index}]")([*cells.values()]))
    assert bodies == bodies[:1] * 3


@pytest.mark.parametrize("seconds", [1_704_448_800, 1_704_448_800_000_000])
def test_another_unit_in_a_consent_is_refused(seconds: int) -> None:
    with pytest.raises(Invalid, match="milliseconds"):
        written("consentDetails", f'[{{"consentName": "NEWS", "consentAccept": true, "agreementDate": {seconds}}}]')


@pytest.mark.parametrize(("cell", "value"), [("purchase", "PURCHASE"), ("Return", "RETURN"), ("my_type", "my_type")])
def test_the_type_of_an_event_has_the_letters_of_the_reference(cell: str, value: str) -> None:
    assert written("contactExtEventType", cell) == value


@pytest.mark.parametrize(("cell", "value"), [("customer", "CUSTOMER"), ("Prospect", "PROSPECT"), ("vip", "vip")])
def test_the_state_of_a_contact_has_the_letters_of_the_reference(cell: str, value: str) -> None:
    assert written("state", cell) == value


@pytest.mark.parametrize(("cell", "value"), [("1.0", True), ("0", False), ("yes", True)])
def test_yes_or_no(cell: str, value: bool) -> None:
    assert written("forceOptIn", cell) is value


@pytest.mark.parametrize(
    ("cell", "words"), [("4.86E+10", "digits"), ("4,86E+10", "digits"), ("NULL", "null="), ("7.0", ".0"), ("E+", "")]
)
def test_what_looks_wrong_is_found(cell: str, words: str) -> None:
    found = " ".join(findings(cell))
    assert words in found
    assert bool(words) == bool(found)


@pytest.mark.parametrize("cell", ["#REF!", "#ref!", "#DIV/0!", "undefined", "(null)", "[object Object]", "Null"])
def test_words_in_place_of_a_value_are_found(cell: str) -> None:
    assert findings(cell) == (NULL_WORDS,)


ERRORS = [
    "#WERT!", "#NV", "#BEZUG!", "#ZAHL!", "#NAME?", "#LEER!", "#ÜBERLAUF!", "#ADR!", "#ARG!", "#N/D!", "#N/D",
    "#LICZBA!", "#NAZWA?", "#DZIEL/0!", "#VALEUR!", "#NOM?", "#NOMBRE!", "#¡VALOR!", "#¿NOMBRE?", "#¡DIV/0!",
    "#VERDI!", "#I/T", "#ЗНАЧ!", "#Н/Д", "#ДЕЛ/0!", "#YOK", "#HIÁNYZIK", "#SPILL!", "##", "########",
]  # fmt: skip


@pytest.mark.parametrize("cell", ERRORS)
def test_errors_of_spreadsheets_are_found_in_every_language_and_every_kind_of_row(cell: str) -> None:
    assert findings(cell) == findings(cell, CellKind.TAGS) == (NULL_WORDS,)
    assert unclean_columns([("a@example.com", cell)], RULES, kinds=[CellKind.TEXT] * 2) == [1]
    row, kind_of = {"email": "a@example.com", "name": cell}, contact_shape().kind_of
    assert suspects_in_row(row, str.strip, kind_of) == [("name", NULL_WORDS)]
    assert list(suspects_in_column(["Ann", cell], str.strip, CellKind.TEXT)) == [(1, NULL_WORDS)]


@pytest.mark.parametrize("cell", ["#", "#1", "#VIP", "#FF0000", "#Wow!", "#VERY NEW!", "C#", "#12!", "# A!"])
def test_other_texts_with_the_sign_of_errors_are_values(cell: str) -> None:
    assert findings(cell) == ()


@pytest.mark.parametrize(
    ("field", "cell", "found"),
    [
        ("phone", "48600100200.0", [ZERO_FRACTIONS]),
        ("phone", "4.86001002E10", [EXPONENTS]),
        ("externalId", "12E5", []),
        ("externalId", "1,234", []),
        ("products", "1,234", []),
        ("value", "120.00", []),
        ("value", "1,234", [THOUSANDS]),
        ("value", "1,234.50", []),
        ("value", "4.86E+10", [LOST_DIGITS]),
        ("forceOptIn", "1.0", []),
        ("date", "120.00", []),
        ("name", "VIP|NEW", []),
        ("tags", "VIP|NEW", [TAGS_WITH_SIGNS]),
        ("removeTags", "VIP/NEW", [TAGS_WITH_SIGNS]),
        ("tags", "vip; Very new_1, a-b (c) [d]", []),
        ("tags", '["VIP", "NEW"]', []),
        ("tags", "['VIP' 'NEW']", []),
        ("tags", '["VIP", "NEW|OLD"]', [TAGS_WITH_SIGNS]),
        ("tags", "{VIP,NEW}", []),
        ("tags", "O'Brien", [TAGS_WITH_SIGNS]),
        ("tags", "VIP, Łódź", [TAGS_WITH_LETTERS]),
        ("tags", "Łódź&co", [TAGS_WITH_SIGNS, TAGS_WITH_LETTERS]),
        ("tags", '[{"a": 1}]', []),
        ("tags", "NULL", [NULL_WORDS]),
    ],
)
def test_what_looks_wrong_depends_on_the_field(field: str, cell: str, found: list[str]) -> None:
    assert list(findings(cell, RULES.kind(FIELDS[field]))) == found


def test_a_comma_is_no_question_once_it_was_said() -> None:
    assert findings("1,234", COMMA.kind(FIELDS["value"])) == ()


def test_nothing_looks_wrong_in_what_is_not_read() -> None:
    assert [findings(cell, RULES.kind(None)) for cell in ("NULL", "4.86E+10", "1.0")] == [(), (), ()]
    assert RULES.kind(None) is CellKind.IGNORED


@pytest.mark.parametrize(("cell", "value"), [("1,000", 1000), ("5.0", 5), ("5,0", 5), ("1.000", 1), ("1 000", 1000)])
def test_a_whole_number(cell: str, value: int) -> None:
    quantity = names_of(Product)["quantity"]
    assert RULES.spec(quantity).write(cell) == value


def test_an_aware_moment_is_kept() -> None:
    moment = RULES.moment("2024-01-05T10:00:00+02:00")
    assert moment.astimezone(UTC) == datetime(2024, 1, 5, 8, tzinfo=UTC)
