"""Compiled encoders produce the same bytes as the slow path, and usual records do not need the slow path."""

import random
import re
import tracemalloc
from collections import OrderedDict, UserDict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from salesmanago_async import Contact, ExternalEvent
from salesmanago_async.api import fields as _fields
from salesmanago_async.api.codec import dumps
from salesmanago_async.api.contacts import ConsentDetail, DictionaryProperty, Relation
from salesmanago_async.api.fields import CLEAR, USUAL_BIRTHDAY, USUAL_EMAIL
from salesmanago_async.records import encoders
from salesmanago_async.records.cells import CellRules
from salesmanago_async.records.compiled import compiled_encoder
from salesmanago_async.records.encoders import Encoder
from salesmanago_async.records.names import names_of_contact, names_of_event
from salesmanago_async.records.shapes import Shape, contact_shape, event_shape
from salesmanago_async.records.shared_keys import MAX_KEYS, topological_order, with_predecessors
from tests.conftest import examples, in_ci

Outcome = tuple[str, Any]
Values = list[Any]
CONTACTS = contact_shape("properties")
EVENTS = event_shape()


class Colour(StrEnum):
    RED = "red"
    ADDRESS = "red@example.com"
    DAY = "19870605"


def outcome_of(act: Callable[[], Any]) -> Outcome:
    try:
        return "encoded", act()
    except Exception as error:
        return type(error).__name__, str(error)


def by_slow_path(shape: Shape, record: Any, tags: Sequence[str] = ()) -> Outcome:
    """The result of the slow path: the bytes and the names of a record, or the error."""

    def encode() -> tuple[bytes, tuple[str, ...]]:
        body = shape.body(record)
        if tags:
            body.setdefault("tags", []).extend(tags)
        names_of = names_of_contact if shape.record_class is Contact else names_of_event
        return dumps(body), names_of(body)

    return outcome_of(encode)


def check_same(shape: Shape, records: Sequence[Any], tags: Sequence[str] = ()) -> list[Outcome]:
    """Encode records one after another, compare each with the slow path, and return the results."""
    encoder = shape.encoder(tags)
    found = [outcome_of(lambda record=record: encoder.encode(record)) for record in records]  # type: ignore[misc]
    assert found == [by_slow_path(shape, record, tags) for record in records]
    return found


NOON = datetime(2022, 8, 8, 12, tzinfo=UTC)
LONG: Values = ["x" * 254, "x" * 255, "x" * 256, "ż" * 255, "ż" * 256, '"' * 255, "x" * 2048, "x" * 2049]
TEXTS: Values = [
    "Ann",
    "Żółć",
    'a"\\\n\0🎁',
    *LONG,
    None,
    "",
    0,
    7,
    True,
    False,
    1.5,
    b"x",
    [],
    ["x"],
    {},
    (),
    CLEAR,
    Colour.RED,
]
TEXTS += ["\udcaf", "CLEAR", float("nan"), "  Ann\n", " ", "\u00a0", f" {'x' * 255} ", "NULL", " - "]
ADDRESSES: Values = [
    "ann@example.com",
    "bob.lee+x@mail.example.co.uk",
    "ANN@Example.com",
    " cy@o2.pl ",
    "ann@żółć.pl",
    "ann@b-c.pl",
]
ADDRESSES += [
    "none@example.com",
    " none@example.com",
    "ann@example.com\u200b",
    "ann",
    "ann@example.123",
    "ann@example.com\n",
    "a" * 65 + "@a.pl",
    5,
    Colour.ADDRESS,
    None,
    "",
]
BIRTHDAYS: Values = [
    "19870605",
    "0605",
    "1987-06-05",
    "19870229",
    "20000229",
    "19871231",
    "19870010",
    "١٩٨٧0605",
    None,
    "",
    [],
    0,
]
BIRTHDAYS += [date(1987, 6, 5), NOON, 19870605, CLEAR, Colour.DAY]
FLAGS: Values = [True, False, 1, 0, 1.0, "true", " FALSE ", "yes", "maybe", [], CLEAR, None, ""]
LISTS: Values = [
    ["VIP"],
    [],
    ["VIP", "x" * 255],
    ["x" * 256],
    ["x" * 120] * 3,
    ["VIP", ""],
    ["VIP", 7],
    [None],
    [CLEAR],
    [Colour.RED],
]
LISTS += [
    [" VIP "],
    ["VIP", " "],
    ["VIP", "NULL"],
    [" VIP ", 7],
    ' "VIP client",NEW',
    "VIP",
    "VIP, NEW;OLD ;,",
    ",",
    "x" * 256,
    ("VIP",),
    {"VIP"},
    frozenset(),
    5,
    {"a": 1},
    b"x",
    CLEAR,
    None,
    "",
]
DETAILS: Values = [
    {"size": "XL"},
    {"a": "x" * 255, "b": "c"},
    {"a": "x" * 256},
    {"x" * 256: "a"},
    {"x" * 255: "a"},
    {},
    None,
    "",
    "XL",
]
DETAILS += [
    {"a": " b "},
    {"a": " ", "b": "NULL"},
    {"": "x"},
    {"a": ""},
    {"a": None},
    {"a": 7},
    {"a": CLEAR},
    {5: "a"},
    {None: "a"},
    {Colour.RED: "a"},
    {("a",): "b"},
]
DETAILS += [{"a": Colour.RED}, MappingProxyType({"a": "b"}), OrderedDict(a="b"), [("a", "b")], {"a": {"b": "c"}}]
PARTS: Values = [
    [DictionaryProperty(name="shoe", type="NUMBER", value=4)],
    [{"name": "shoe", "type": "NUMBER"}],
    [],
    "x",
    None,
    "",
]
CONSENTS: Values = [[ConsentDetail(consent_name="TERMS", consent_accept=True)], [{"consentName": "TERMS"}], {}, None]
RELATIONS: Values = [Relation(type="CHILD", email="bob@example.com"), {"type": "CHILD"}, 5, None]
CONTACT_FIELDS: dict[str, list[Any]] = {
    **dict.fromkeys(("contact_id", "name", "phone", "external_id", "state", "zip_code", "city", "province"), TEXTS),
    **dict.fromkeys(("email", "new_email"), ADDRESSES),
    "birthday": BIRTHDAYS,
    **dict.fromkeys(("force_opt_in", "force_phone_opt_out"), FLAGS),
    **dict.fromkeys(("tags", "remove_tags"), LISTS),
    "properties": DETAILS,
    "dictionary_properties": PARTS,
    "consent_details": CONSENTS,
    "relation": RELATIONS,
}
MOMENTS: Values = [
    1_700_000_000_000,
    10**10,
    10**10 - 1,
    0,
    -1,
    2**63,
    2**64,
    True,
    1.7e12,
    "1700000000000",
    "2022-08-08",
    "soon",
]
MOMENTS += [NOON, NOON.replace(tzinfo=None), NOON.date(), None, ""]
AMOUNTS: Values = [
    0,
    7,
    2**64,
    12.5,
    0.0,
    -0.0,
    float("nan"),
    float("inf"),
    True,
    Decimal("12.50"),
    "12.5",
    "12,5",
    "1_0",
    None,
    "",
]
PRODUCTS: Values = [
    ["p1", "p2"],
    [],
    ["p1", ""],
    ["p1", None],
    ["p1", 7],
    ["x" * 2000, "y" * 47],
    ["x" * 2000, "y" * 48],
    *TEXTS,
]
PRODUCTS += [
    [" p1", "p2 "],
    ["p1", " "],
    [" "],
    " p1,p2 ",
    ["p1", "NULL"],
    ["p1", CLEAR],
    ["CLEAR"],
    [Colour.RED],
    ["\udcaf"],
    ("p1", "p2"),
    {"p1": 1},
    {"p1"},
]
LOCATIONS: Values = [
    "shop_1",
    "Shop",
    "1shop",
    "my shop",
    "shop\n",
    "s" * 255,
    "s" * 256,
    CLEAR,
    Colour.RED,
    5,
    None,
    "",
]
EVENT_FIELDS: dict[str, list[Any]] = {
    "email": ADDRESSES,
    "date": MOMENTS,
    "products": PRODUCTS,
    "value": AMOUNTS,
    "location": LOCATIONS,
    **dict.fromkeys(
        ("contact_id", "contact_ext_event_type", "external_id", "description", "detail1", "detail20"), TEXTS
    ),
}


@st.composite
def fields(draw: st.DrawFn, known: dict[str, list[Any]], needed: Sequence[str]) -> dict[str, Any]:
    """Some fields in some order, most of them usual; required fields are nearly always present."""
    names = draw(st.lists(st.sampled_from([*known]), unique=True, max_size=7))
    names += [name for name in needed if name not in names and draw(st.integers(0, 9))]
    values = {name: draw(st.one_of(st.just(found[0]), st.sampled_from(found))) for name, found in known.items()}
    return {name: values[name] for name in draw(st.permutations(names))}


CONTACT = fields(CONTACT_FIELDS, ["email"])
EVENT = fields(EVENT_FIELDS, ["email", "date", "contact_ext_event_type"])
OTHER_COLUMNS = st.dictionaries(
    st.sampled_from(["properties.size", "properties.t.shirt", "dictionary.shoe", "_line", "Shoe size", Colour.RED]),
    st.one_of(st.just("42"), st.sampled_from(TEXTS)),
    max_size=3,
)


def nested(record: dict[str, Any], path: dict[str, str]) -> dict[str, Any]:
    """A flat record with some of its fields moved into their nested objects."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        inner = found
        for step in path.get(name, "").split("."):
            inner = inner.setdefault(step, {}) if step else inner
        inner[name] = value
    return found


CONTACT_PATHS = {
    **dict.fromkeys(("email", "contact_id", "name", "phone", "external_id", "state"), "contact"),
    **dict.fromkeys(("zip_code", "city"), "contact.address"),
}
EVENT_PATHS = dict.fromkeys(set(EVENT_FIELDS) - {"email", "contact_id"}, "contactEvent")


@st.composite
def mappings(draw: st.DrawFn, known: st.SearchStrategy[dict[str, Any]], paths: dict[str, str], others: Any) -> Any:
    record = {**draw(known), **draw(others)}
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from([*paths]), unique=True))
        record = nested(record, {name: paths[name] for name in names})
    for name in paths.values():
        if name in record and not draw(st.integers(0, 9)):
            record[name] = draw(st.sampled_from([None, "x", {}, {5: "x"}, MappingProxyType({"name": "Ann"})]))
    return draw(st.sampled_from([record, record, record, UserDict(record), OrderedDict(record)]))


CONTACT_RECORDS = st.one_of(
    CONTACT.map(lambda given: Contact(**given)),
    mappings(CONTACT, CONTACT_PATHS, OTHER_COLUMNS),
    st.sampled_from(
        [None, "ann@example.com", [], ["email"], {}, {None: 1}, {"nmae": "Ann", "email": "ann@example.com"}]
    ),
)
EVENT_RECORDS = st.one_of(
    EVENT.filter(lambda given: {"date", "contact_ext_event_type"} <= given.keys()).map(
        lambda given: ExternalEvent(**given)
    ),
    mappings(EVENT, EVENT_PATHS, st.just({})),
)
RUN_TAGS = st.sampled_from([(), ("NEWSLETTER",), ("A", "B")])


USUAL_CONTACT = {name: found[0] for name, found in CONTACT_FIELDS.items()}
USUAL_EVENT = {name: found[0] for name, found in EVENT_FIELDS.items() if name != "contact_id"}


RULES = [
    CellRules(),
    CellRules(null=frozenset({"NULL", "-", "none@example.com"}), decimal=","),
    CellRules(keep_spaces=True),
    CellRules(keep_spaces=True, null=frozenset({"NULL"}), time_zone=ZoneInfo("Europe/Warsaw")),
]


@pytest.mark.parametrize("rules", RULES[:1] + in_ci(*RULES[1:]), ids=range(len(RULES)))
@pytest.mark.parametrize("name", CONTACT_FIELDS)
def test_each_value_of_a_contact_is_encoded_as_on_the_slow_path(name: str, rules: CellRules) -> None:
    for others in ({"email": "ann@example.com"}, USUAL_CONTACT):
        records = [{**others, name: value} for value in CONTACT_FIELDS[name]]
        check_same(CONTACTS.read_by(rules), [form for record in records for form in (record, Contact(**record))])


@pytest.mark.parametrize("rules", RULES[:1] + in_ci(*RULES[1:]), ids=range(len(RULES)))
@pytest.mark.parametrize("name", EVENT_FIELDS)
def test_each_value_of_an_event_is_encoded_as_on_the_slow_path(name: str, rules: CellRules) -> None:
    records = [{**USUAL_EVENT, name: value} for value in EVENT_FIELDS[name]]
    check_same(EVENTS.read_by(rules), [form for record in records for form in (record, ExternalEvent(**record))])


def test_a_text_that_is_too_long_is_detected_in_the_shortest_item() -> None:
    found = check_same(CONTACTS, [{"email": "a@b.pl", "name": "x" * length} for length in (255, 256)])
    assert [state for state, _ in found] == ["encoded", "Invalid"]


def test_detail_columns_come_last_in_an_item() -> None:
    record = {"dictionary.shoe": 42, "properties.size": "XL", "properties": {"sex": "F"}, "email": "ann@example.com"}
    check_same(CONTACTS, [{**record, "tags": ["VIP"]}, {**record, "dictionary_properties": PARTS[0]}])


@pytest.mark.ci
@settings(deadline=None, max_examples=examples(400))
@given(st.lists(CONTACT_RECORDS, max_size=6), RUN_TAGS)
def test_contacts_are_encoded_as_on_the_slow_path(records: list[Any], tags: Sequence[str]) -> None:
    check_same(CONTACTS, records, tags)


@pytest.mark.ci
@settings(deadline=None, max_examples=examples(300))
@given(st.lists(EVENT_RECORDS, max_size=6))
def test_events_are_encoded_as_on_the_slow_path(records: list[Any]) -> None:
    check_same(EVENTS, records)


@pytest.mark.ci
@settings(deadline=None, max_examples=examples(150))
@given(st.lists(CONTACT_RECORDS, max_size=8), RUN_TAGS)
def test_contacts_with_too_many_sets_of_keys_are_encoded_as_on_the_slow_path(
    records: list[Any], tags: Sequence[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoders, "MAX_ENCODERS", 1)
        check_same(CONTACTS, records, tags)


@settings(deadline=None, max_examples=examples(100))
@given(st.lists(EVENT_RECORDS, max_size=8))
def test_events_with_too_many_sets_of_keys_are_encoded_as_on_the_slow_path(records: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoders, "MAX_ENCODERS", 1)
        check_same(EVENTS, records)


CELL = st.sampled_from(["", "ann@example.com", "ANN@example.com", "0605", "true", "a,b", "Ann", *LONG])
HEADER = [
    "email",
    "name",
    "tags",
    "birthday",
    "forceOptIn",
    "properties.size",
    "dictionary.shoe",
    "newEmail",
    "",
    "_line",
]


@settings(deadline=None, max_examples=examples(150))
@given(
    st.lists(st.sampled_from(HEADER), unique=True, min_size=1),
    st.lists(st.lists(CELL, min_size=10, max_size=10), max_size=4),
    RUN_TAGS,
)
@example(["email", ""], [["ann@example.com", "x", *[""] * 8], ["ann@example.com", *[""] * 9]], ())
def test_cells_are_encoded_as_on_the_slow_path(names: list[str], rows: list[list[str]], tags: Sequence[str]) -> None:
    def body(cells: list[str]) -> dict[str, Any]:
        if any(cell for name, cell in zip(names, cells, strict=True) if not name):
            raise ValueError("a cell under no name")
        return CONTACTS.body({name: cell for name, cell in zip(names, cells, strict=True) if name})

    encoder = CONTACTS.cell_encoder(names, tags, body)
    for cells in rows:
        row = cells[: len(names)]
        found = outcome_of(lambda row=row: encoder.encode(row))  # type: ignore[misc]
        assert found == outcome_of(lambda row=row: CONTACTS.cell_encoder(names, tags, body).encode(row))  # type: ignore[misc]
        record = {name: cell for name, cell in zip(names, row, strict=True) if name}
        unnamed = any(cell for name, cell in zip(names, row, strict=True) if not name)
        assert found == (("ValueError", "a cell under no name") if unnamed else by_slow_path(CONTACTS, record, tags))


def is_email_by_the_rule(address: str) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_fields, "USUAL_EMAIL", re.compile("(?!)"))
        return _fields.is_email(address)


@settings(deadline=None, max_examples=examples(200))
@given(st.from_regex(USUAL_EMAIL, fullmatch=True))
@example("a" * 64 + "@" + "b" * 30 + "-" + "c" * 30 + ("." + "d" * 30) * 3)
def test_the_usual_address_pattern_matches_valid_addresses_only(address: str) -> None:
    assert is_email_by_the_rule(address)


@pytest.mark.parametrize("length", range(60, 68))
def test_the_usual_address_pattern_matches_no_part_that_is_too_long(length: int) -> None:
    half = length // 2
    label = "b" * half + "-" + "c" * (length - half - 1)
    for address in ("a" * length + "@b.pl", f"a@{label}.pl", f"a@{'b' * length}.pl", f"a@b.{'c' * length}"):
        assert not USUAL_EMAIL.fullmatch(address) or is_email_by_the_rule(address)


@pytest.mark.parametrize("year", ["1000", "1900", "1987", "2000", "2999"])
def test_the_usual_birthday_pattern_matches_valid_dates_only(year: str) -> None:
    for number in range(10_000):
        if USUAL_BIRTHDAY.fullmatch(f"{year}{number:04}"):
            assert date(int(year), number // 100, number % 100).day == number % 100


RICH = {
    "email": "ann.lee@example.com",
    "name": "Ann Żółć",
    "phone": "+48 555 123 456",
    "company": 'Sklep "U Zosi"',
    "tags": ["NEWSLETTER", "VIP"],
    "properties": {"size": "XL", "shop": "Kraków"},
    "city": "Kraków",
    "zipCode": "30-555",
    "country": "PL",
    "birthday": "19870605",
    "forceOptIn": True,
}
PURCHASE = {
    "email": "ann.lee@example.com",
    "date": 1_700_000_000_000,
    "contactExtEventType": "PURCHASE",
    "products": ["p1", "p2"],
    "value": 12.5,
    "location": "shop_1",
    "externalId": "ORDER-1",
    "description": "x" * 600,
}


def refuse(record: Any) -> dict[str, Any]:
    raise AssertionError(f"the slow path was used for {record!r}")


def without_slow_path(shape: Shape, tags: Sequence[str] = ()) -> Encoder:
    """An encoder whose slow path fails the test."""
    return shape.encoder(tags, refuse)


@pytest.mark.parametrize(
    ("shape", "record"),
    [
        pytest.param(CONTACTS, RICH, id="flat"),
        pytest.param(
            CONTACTS, {**RICH, "tags": "A,B", "birthday": "0605", "force_opt_out": "false"}, id="flat, as text"
        ),
        pytest.param(
            CONTACTS, {**RICH, "phone": None, "company": "", "properties": None, "birthday": ""}, id="with gaps"
        ),
        pytest.param(CONTACTS, nested(RICH, {**CONTACT_PATHS, "zipCode": "contact.address"}), id="the API's object"),
        pytest.param(CONTACTS, {"email": "ann@example.com", "properties.size": "x" * 255}, id="a long detail"),
        pytest.param(CONTACTS, {"email": "ANN@EXAMPLE.COM", "new_email": "bob@example.com"}, id="capitals"),
        pytest.param(CONTACTS, {"contact_id": "c1", "properties.size": "XL", "dictionary.shoe": 42}, id="by id"),
        pytest.param(CONTACTS, OrderedDict(RICH), id="a mapping that is no dict"),
        pytest.param(CONTACTS, Contact(email="ann@example.com", tags=["VIP"], birthday=date(1987, 6, 5)), id="a value"),
        pytest.param(EVENTS, PURCHASE, id="an event"),
        pytest.param(EVENTS, nested(PURCHASE, dict.fromkeys([*PURCHASE][1:], "contactEvent")), id="an event's object"),
        pytest.param(
            EVENTS, {**PURCHASE, "date": "2022-08-08", "value": "12.5", "products": "p1"}, id="an event, as text"
        ),
    ],
)
def test_usual_records_never_take_the_slow_path(shape: Shape, record: Any) -> None:
    for tags in ((), ("NEW",)) if shape is CONTACTS else ((),):  # events have no tags
        encoder = without_slow_path(shape, tags)
        for _ in range(3):
            assert ("encoded", encoder.encode(record)) == by_slow_path(shape, record, tags)


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of fields of each encoder that was compiled."""
    counts: list[int] = []

    def counted(found: Any, *rest: Any, **options: Any) -> Any:
        counts.append(len(found))
        return compiled_encoder(found, *rest, **options)

    monkeypatch.setattr(encoders, "compiled_encoder", counted)
    return counts


def test_an_encoder_is_compiled_once_per_set_of_keys(generated: list[int]) -> None:
    encoder = without_slow_path(CONTACTS)
    first, second = {"email": "ann@example.com", "name": "Ann"}, {"name": "Bob", "email": "bob@example.com"}
    for record in (first, second, first, {"contact": first}, second, {"contact": second}, {"contact": first}) * 3:
        encoder.encode(record)
    assert len(generated) == 4


def test_instances_have_one_encoder_for_all_fields_used_so_far(generated: list[int]) -> None:
    encoder = without_slow_path(CONTACTS)
    for name, phone in ((None, None), ("Ann", None), (None, "5"), ("Ann", "5"), ("", None), (None, None)):
        encoder.encode(Contact(email="ann@example.com", name=name, phone=phone))
    assert generated == [1, 2, 3]


def test_records_that_leave_out_absent_fields_share_an_encoder(generated: list[int]) -> None:
    names = ["name", "phone", "company", "city", "country", "province", "state", "fax", "externalId"]
    chosen = [names[:0], *(list(some) for count in (1, 4, 5, 9) for some in combinations(names, count))]
    records = [{"email": "ann@example.com", **dict.fromkeys(some, "x")} for some in chosen]
    random.Random(7).shuffle(records)
    encoder = without_slow_path(CONTACTS)
    for record in records:
        assert ("encoded", encoder.encode(record)) == by_slow_path(CONTACTS, record)
    assert len(records) > 3 * encoders.MAX_ENCODERS
    assert len(generated) < 2 * encoders.MAX_ENCODERS


def test_records_with_keys_in_any_order_are_encoded_correctly() -> None:
    names = ["email", "name", "phone", "company", "city", "country"]
    shuffled = [random.Random(number).sample(names, len(names)) for number in range(2 * encoders.MAX_ENCODERS)]
    check_same(contact_shape(), [dict.fromkeys(order, "x") | {"email": "ann@example.com"} for order in shuffled])


@pytest.mark.ci
def test_an_unknown_name_spoils_no_other_record() -> None:
    records = [
        {"email": "ann@example.com", **{f"properties.detail{number}": "x" for number in range(count)}}
        for count in range(2 * encoders.MAX_ENCODERS)
    ]
    wrong = [{**record, "nmae": "Ann"} for record in records[-9:]]
    twice = [{**record, "zip_code": "1", "zipCode": "2"} for record in records[-9:]]
    found = check_same(contact_shape(), [*records, *wrong, *twice, *records[::-1]])
    states = [state for state, _ in found]
    assert (states.count("UnknownColumns"), states.count("Invalid")) == (9, 9)


@pytest.mark.ci
def test_more_keys_than_one_encoder_takes_use_the_slow_path(generated: list[int]) -> None:
    records = [{"email": "ann@example.com", f"properties.detail{number}": "x"} for number in range(MAX_KEYS + 99)]
    assert {state for state, _ in check_same(contact_shape(), records)} == {"encoded"}
    assert max(generated) == MAX_KEYS


@pytest.mark.ci
@pytest.mark.parametrize("kinds", [CONTACT_FIELDS, EVENT_FIELDS], ids=["contacts", "events"])
def test_a_long_mixed_run_is_encoded_as_on_the_slow_path(
    kinds: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "MAX_ENCODERS", 8)
    chance = random.Random(7)
    columns = {"properties.size": TEXTS, "properties.t.shirt": TEXTS, "dictionary.shoe": ["42", NOON, 7, 0, None]}
    known = {**kinds, **columns} if kinds is CONTACT_FIELDS else kinds
    needed = ["email", "date", "contact_ext_event_type"]
    records: list[Any] = []
    for _ in range(3000):
        names = [name for name in known if chance.random() < (0.9 if name in needed else 0.3)]
        record = {name: chance.choice(known[name]) if chance.random() < 0.1 else known[name][0] for name in names}
        paths = CONTACT_PATHS if kinds is CONTACT_FIELDS else EVENT_PATHS
        records.append(nested(record, paths) if chance.random() < 0.2 else record)
    found = check_same(
        CONTACTS if kinds is CONTACT_FIELDS else EVENTS, records, ("NEW",) if kinds is CONTACT_FIELDS else ()
    )
    assert 1000 < [state for state, _ in found].count("encoded") < 2900


def test_an_error_describes_the_record_itself_if_many_share_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "MAX_ENCODERS", 1)
    timeless = {"email": "ann", "contactExtEventType": "CART"}
    found = check_same(EVENTS, [{}, {**timeless, "date": NOON}, timeless, {**timeless, "date": None}])
    assert [reason.split(":")[0] for _, reason in found[1:]] == ["email", "date", "email"]


@pytest.mark.parametrize(
    ("records", "order"),
    [
        (["ab", "bc"], "abc"),
        (["ac", "ab", "bc"], "abc"),
        (["ab", "ac", "bc"], "abc"),
        (["abd", "acd", "bc"], "abcd"),
        (["a", "b", ""], "ab"),
        (["ab", "ba"], None),
        (["ab", "bc", "ca"], None),
    ],
)
def test_the_keys_of_many_records_are_merged_into_one_order_if_possible(records: list[str], order: str | None) -> None:
    before: Any = {}
    for record in records:
        before = with_predecessors(record, before)
    found = topological_order(before)
    assert (found and "".join(found)) == order


def test_the_callers_record_is_not_changed() -> None:
    record = {**RICH, "tags": ["VIP"], "properties": {"size": "XL"}}
    before = {**record, "tags": ["VIP"], "properties": {"size": "XL"}}
    encoder = without_slow_path(CONTACTS, ["NEW"])
    for form in (record, nested(record, CONTACT_PATHS), {**record, "properties.shop": "Ely"}):
        encoder.encode(form)
        encoder.encode(form)
    assert record == before


def test_an_item_has_nothing_of_the_previous_record() -> None:
    encoder = without_slow_path(CONTACTS, ["NEW"])
    first, gaps = {**RICH}, {**dict.fromkeys(RICH), "email": "bob@example.com"}
    items = [encoder.encode(record)[0] for record in (first, gaps, first)]
    assert items[0] == items[2]
    assert items[1] == b'{"contact":{"email":"bob@example.com"},"tags":["NEW"]}'


def test_an_item_uses_no_more_memory_than_its_length() -> None:
    """A result of orjson may occupy a buffer of 4 KB, and a million items can be waiting for their answers."""
    for record in (RICH, {**RICH, "phone": 555}):  # by the compiled encoder, and by the slow path
        encoder = CONTACTS.encoder()
        encoder.encode(record)
        tracemalloc.start()
        items = [encoder.encode(record)[0] for _ in range(1000)]
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert taken < 1000 * (len(items[0]) + 200)
