"""Cells of text, as spreadsheets, databases and shops write them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from salesmanago_async.api.codegen import names_of
from salesmanago_async.api.contacts import Contact
from salesmanago_async.api.events import ExternalEvent
from salesmanago_async.errors import Invalid
from salesmanago_async.records.cells import CellRules, findings

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
     ("-3", -3), ("1'189.99", 1189.99)],
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
        ("0805", "0805"),
    ],
)
def test_a_birthday(cell: str, value: str) -> None:
    assert written("birthday", cell) == value


def test_a_birthday_of_another_form_is_an_option() -> None:
    assert written("birthday", "05.08.1984", CellRules(date_format=("%d.%m.%Y",))) == "19840805"
    with pytest.raises(Invalid, match="not a date"):
        written("birthday", "05.08.1984")


@pytest.mark.parametrize(
    "cell",
    ['"VIP client","newsletter"', "VIP client;newsletter", '["VIP client", "newsletter"]', '{"VIP client",newsletter}',
     '"VIP client"; "newsletter"', "VIP client, newsletter"],
)  # fmt: skip
def test_the_entries_of_a_list(cell: str) -> None:
    assert written("tags", cell) == ["VIP client", "newsletter"]


def test_consents_and_details_in_a_cell() -> None:
    consents = '[{"consentName": "NEWS", "consentAccept": true, "agreementDate": "2024-01-05 10:00:00"}]'
    accepted = {"consentName": "NEWS", "consentAccept": True, "agreementDate": NOON}
    assert written("consentDetails", consents) == [accepted]
    assert written("properties", '{"size": "XL"}') == {"size": "XL"}
    with pytest.raises(Invalid, match="not JSON"):
        written("consentDetails", "NEWS")


@pytest.mark.parametrize("seconds", [1_704_448_800, 1_704_448_800_000_000])
def test_another_unit_in_a_consent_is_refused(seconds: int) -> None:
    with pytest.raises(Invalid, match="milliseconds"):
        written("consentDetails", f'[{{"consentName": "NEWS", "consentAccept": true, "agreementDate": {seconds}}}]')


@pytest.mark.parametrize(("cell", "value"), [("purchase", "PURCHASE"), ("Return", "RETURN"), ("my_type", "my_type")])
def test_the_type_of_an_event_has_the_letters_of_the_reference(cell: str, value: str) -> None:
    assert written("contactExtEventType", cell) == value


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


def test_an_aware_moment_is_kept() -> None:
    moment = RULES.moment("2024-01-05T10:00:00+02:00")
    assert moment.astimezone(UTC) == datetime(2024, 1, 5, 8, tzinfo=UTC)
