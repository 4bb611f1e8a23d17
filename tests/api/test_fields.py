"""The rules for the fields of contacts and events: what is sent, and what is refused."""

import copy
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from salesmanago_async import Contact, ExternalEvent
from salesmanago_async.api.codec import dumps, write
from salesmanago_async.api.contacts import ConsentDetail, DictionaryProperty, Relation
from salesmanago_async.api.fields import CLEAR
from salesmanago_async.errors import Invalid
from tests.conftest import examples

NOON = datetime(2022, 8, 8, 12, 0, 0, 123456, tzinfo=UTC)
NOON_MS = 1659960000123
CEST = timezone(timedelta(hours=2))
ABSENT = object()
LABEL = "d" * 63


def contact_body(**fields: Any) -> dict[str, Any]:
    return write(Contact(**{"contact_id": "c1", **fields}))


def event_body(**fields: Any) -> dict[str, Any]:
    usual = {"email": "ann@example.com", "date": NOON, "contact_ext_event_type": "CART"}
    return write(ExternalEvent(**{**usual, **fields}))


def at(body: dict[str, Any], path: str) -> Any:
    return reduce(lambda inner, step: inner.get(step, ABSENT) if inner is not ABSENT else inner, path.split("."), body)


def address(length: int, local: int = 1) -> str:
    """An address with that many characters, and a domain of valid labels."""
    rest = length - local - len("@.pl")
    labels = []
    while rest > 63:
        labels.append("d" * 62)
        rest -= 63
    return "a" * local + "@" + ".".join([*labels, "d" * rest]) + ".pl"


@pytest.mark.parametrize(
    "email",
    [
        "ann@example.com",
        "ann.o'hara+news@sub.example.co.uk",
        "ANN@EXAMPLE.COM",
        "1@2.pl",
        "łucja@żółć.pl",
        "a_b-c@my_host.example",
        "ann@xn--d1acufc.xn--p1ai",
        "a" * 64 + "@example.com",
        f"ann@{LABEL}.com",
        address(254, local=64),
    ],
)
def test_an_email_address_is_sent_unchanged(email: str) -> None:
    assert at(write(Contact(email=email)), "contact.email") == email


@pytest.mark.parametrize("email", [" ann@example.com", "ann@example.com\t", "\n ann@example.com \n"])
def test_white_space_around_an_email_address_is_removed(email: str) -> None:
    assert at(write(Contact(email=email)), "contact.email") == "ann@example.com"
    assert at(contact_body(email="old@example.com", new_email=email), "newEmail") == "ann@example.com"
    assert at(event_body(email=email), "email") == "ann@example.com"


@pytest.mark.parametrize(
    "email",
    [
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "ann@.com",
        "ann@example.",
        "ann@example..com",
        "ann@-example.com",
        "ann@example-.com",
        "ann@example.123",
        "ann@bob@example.com",
        "ann lee@example.com",
        "ann@exam ple.com",
        "ann@example.com,bob@example.com",
        "ann@example.com;bob@example.com",
        "Ann <ann@example.com>",
        'an"n@example.com',
        "an\x00n@example.com",
        "ann@example.com\nbob@example.com",
        "a" * 65 + "@example.com",
        f"ann@{LABEL}d.com",
        address(255, local=64),
        " ",
        5,
        ["ann@example.com"],
    ],
)
def test_an_invalid_email_address_is_refused(email: Any) -> None:
    with pytest.raises(Invalid, match="is not an e-mail address") as caught:
        write(Contact(email=email))
    assert caught.value.field == "email"
    with pytest.raises(Invalid, match="is not an e-mail address") as caught:
        contact_body(new_email=email)
    assert caught.value.field == "newEmail"
    with pytest.raises(Invalid, match="is not an e-mail address") as caught:
        event_body(email=email)
    assert caught.value.field == "email"


TEXTS = {
    "name": "contact.name",
    "phone": "contact.phone",
    "fax": "contact.fax",
    "company": "contact.company",
    "external_id": "contact.externalId",
    "state": "contact.state",
    "street_address": "contact.address.streetAddress",
    "zip_code": "contact.address.zipCode",
    "city": "contact.address.city",
    "country": "contact.address.country",
    "province": "province",
}
EVENT_TEXTS = {
    "external_id": ("contactEvent.externalId", 255),
    "shop_domain": ("contactEvent.shopDomain", 255),
    "description": ("contactEvent.description", 2048),
    "products": ("contactEvent.products", 2048),
    "contact_ext_event_type": ("contactEvent.contactExtEventType", 255),
    **{f"detail{number}": (f"contactEvent.detail{number}", 255) for number in range(1, 21)},
}


@pytest.mark.parametrize(("name", "path"), TEXTS.items())
def test_a_text_of_a_contact_takes_255_characters(name: str, path: str) -> None:
    assert at(contact_body(**{name: "ż" * 255}), path) == "ż" * 255
    assert at(contact_body(**{name: 30555}), path) == "30555"
    assert at(contact_body(**{name: CLEAR}), path) == ""
    assert at(contact_body(**{name: None}), path) is ABSENT
    assert at(contact_body(**{name: ""}), path) is ABSENT
    for value, rule in (
        ("x" * 256, "256 characters"),
        (float("nan"), "a float, not text"),
        ([], "a list"),
        (b"x", "bytes"),
    ):
        with pytest.raises(Invalid, match=rule) as caught:
            contact_body(**{name: value})
        assert caught.value.field == path.rpartition(".")[2]


@pytest.mark.parametrize(("name", "path", "limit"), [(name, *rest) for name, rest in EVENT_TEXTS.items()])
def test_a_text_of_an_event_has_its_limit(name: str, path: str, limit: int) -> None:
    assert at(event_body(**{name: "x" * limit}), path) == "x" * limit
    with pytest.raises(Invalid, match=f"{limit + 1} characters long, 1 to {limit} are allowed") as caught:
        event_body(**{name: "x" * (limit + 1)})
    assert caught.value.field == path.rpartition(".")[2]


@pytest.mark.parametrize(
    ("fields", "path", "wire"),
    [
        ({"tags": ["VIP", "Żółty tag"]}, "tags", ["VIP", "Żółty tag"]),
        ({"tags": ("VIP",)}, "tags", ["VIP"]),
        ({"tags": {"VIP"}}, "tags", ["VIP"]),
        ({"tags": "VIP, NEW;OLD ; ,"}, "tags", ["VIP", "NEW", "OLD"]),
        ({"tags": ["x" * 255]}, "tags", ["x" * 255]),
        ({"tags": [7]}, "tags", ["7"]),
        ({"remove_tags": "VIP"}, "removeTags", ["VIP"]),
        ({"birthday": "19870605"}, "birthday", "19870605"),
        ({"birthday": "0605"}, "birthday", "0605"),
        ({"birthday": "0229"}, "birthday", "0229"),
        ({"birthday": "1987-06-05"}, "birthday", "19870605"),
        ({"birthday": 19870605}, "birthday", "19870605"),
        ({"birthday": date(1987, 6, 5)}, "birthday", "19870605"),
        ({"birthday": datetime(1987, 6, 5, 23, 59, tzinfo=CEST)}, "birthday", "19870605"),
        ({"force_opt_in": True}, "forceOptIn", True),
        ({"force_opt_out": False}, "forceOptOut", False),
        ({"force_phone_opt_in": "yes"}, "forcePhoneOptIn", True),
        ({"force_phone_opt_out": " FALSE "}, "forcePhoneOptOut", False),
        ({"force_opt_in": 0}, "forceOptIn", False),
        ({"properties": {"size": "XL", 5: 7}}, "properties", {"size": "XL", "5": "7"}),
        ({"properties": {"size": None, "sex": ""}}, "properties.size", ABSENT),
        ({"properties": {"size": CLEAR}}, "properties.size", ""),
        ({"properties": {"k" * 255: "v" * 255}}, "properties", {"k" * 255: "v" * 255}),
        ({"relation": Relation(type="CHILD", email="bob@example.com")}, "relation.email", "bob@example.com"),
    ],
)
def test_a_field_of_a_contact_is_written(fields: dict[str, Any], path: str, wire: Any) -> None:
    written = at(contact_body(**fields), path)
    assert (written, type(written)) == (wire, type(wire))


@pytest.mark.parametrize(
    ("fields", "field", "rule"),
    [
        ({"tags": ["VIP", "x" * 256]}, "tags", "entry 2: is 256 characters"),
        ({"tags": ["VIP", None]}, "tags", "entry 2: is a NoneType"),
        ({"tags": 5}, "tags", "is an int, not a list"),
        ({"tags": {"VIP": 1}}, "tags", "is a dict, not a list"),
        ({"tags": b"VIP"}, "tags", "is a bytes, not a list"),
        ({"remove_tags": "x" * 256}, "removeTags", "entry 1: is 256 characters"),
        ({"birthday": "0230"}, "birthday", "not a date as yyyyMMdd, yyyy-MM-dd or MMdd"),
        ({"birthday": "19870229"}, "birthday", "not a date"),
        ({"birthday": "05.06.1987"}, "birthday", "not a date"),
        ({"birthday": "05-06-1987"}, "birthday", "not a date"),
        ({"birthday": "870605"}, "birthday", "not a date"),
        ({"birthday": "٠٦٠٥"}, "birthday", "not a date"),
        ({"birthday": 605}, "birthday", "not a date"),
        ({"birthday": CLEAR}, "birthday", "not a date"),
        ({"force_opt_in": "maybe"}, "forceOptIn", "'maybe', not true or false"),
        ({"force_opt_in": 2}, "forceOptIn", "not true or false"),
        ({"properties": {"size": "x" * 256}}, "properties", "'size': is 256 characters"),
        ({"properties": {"k" * 256: "XL"}}, "properties", "is 256 characters"),
        ({"properties": {"size": timedelta(1)}}, "properties", "'size': is a timedelta"),
        ({"properties": [("size", "XL")]}, "properties", "is a list, not a mapping"),
        ({"relation": Relation(type="CHILD", email="bob")}, "relation.email", "e-mail"),
        ({"relation": Relation(type="CHILD", email="")}, "relation.email", "missing"),
        ({"relation": Relation(type="", email="bob@example.com")}, "relation.type", "missing"),
    ],
)
def test_a_field_of_a_contact_is_refused_by_name(fields: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(Invalid, match=rule) as caught:
        contact_body(**fields)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("name", "kind", "value", "wire"),
    [
        ("shoe", "NUMBER", 1, 1),
        ("shoe", "NUMBER", "42", 42),
        ("x" * 255, "NUMBER", 42, 42),
        ("since", "DATE", 1459938888000, 1459938888000),
        ("since", "DATE", datetime(2016, 4, 6, tzinfo=UTC), 1459900800000),
        ("since", "DATE", date(2016, 4, 6), 1459900800000),
    ],
)
def test_a_dictionary_property_is_written(name: str, kind: str, value: Any, wire: int) -> None:
    given = DictionaryProperty(name=name, type=kind, value=value)
    assert contact_body(dictionary_properties=[given])["dictionaryProperties"] == [
        {"name": name, "type": kind, "value": wire}
    ]


@pytest.mark.parametrize(
    ("name", "kind", "value", "rule"),
    [
        ("ab", "NUMBER", 42, "entry 1: name: is 2 characters long, 3 to 255"),
        ("x" * 256, "NUMBER", 42, "entry 1: name: is 256 characters"),
        ("", "NUMBER", 42, "entry 1: name: is missing"),
        ("shoe", None, 42, "entry 1: type: is missing"),
        ("shoe", "NUMBER", None, "entry 1: value: is missing"),
        ("shoe", "NUMBER", 0, "entry 1: value: .*above 0"),
        ("shoe", "NUMBER", -5, "entry 1: value: .*above 0"),
        ("shoe", "NUMBER", 9.5, "entry 1: value: .*whole number"),
        ("shoe", "NUMBER", "9,5", "entry 1: value: .*whole number"),
        ("shoe", "NUMBER", True, "entry 1: value: .*whole number"),
        ("since", "DATE", datetime(2016, 4, 6), "entry 1: value: has no time zone"),  # noqa: DTZ001
    ],
)
def test_a_dictionary_property_is_refused(name: Any, kind: Any, value: Any, rule: str) -> None:
    with pytest.raises(Invalid, match=rule) as caught:
        contact_body(dictionary_properties=[DictionaryProperty(name=name, type=kind, value=value)])
    assert caught.value.field == "dictionaryProperties"


def test_a_consent_is_written_in_the_api_s_names() -> None:
    consent = ConsentDetail(
        consent_name="x" * 30,
        consent_accept=False,
        agreement_date=NOON,
        ip="::1",
        opt_out=True,
        consent_description_id=1,
    )
    assert contact_body(consent_details=[consent])["consentDetails"] == [
        {
            "consentName": "x" * 30,
            "consentAccept": False,
            "agreementDate": NOON_MS,
            "ip": "::1",
            "optOut": True,
            "consentDescriptionId": 1,
        }
    ]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"consent_name": "x" * 31}, "entry 1: consentName: is 31 characters"),
        ({"consent_name": ""}, "entry 1: consentName: is missing"),
        ({"consent_accept": None}, "entry 1: consentAccept: is missing"),
        ({"consent_accept": "perhaps"}, "entry 1: consentAccept: .*true or false"),
        ({"agreement_date": datetime(2022, 8, 8)}, "entry 1: agreementDate: has no time zone"),  # noqa: DTZ001
        ({"agreement_date": "yesterday"}, "entry 1: agreementDate: .*ISO 8601"),
        ({"consent_description_id": "first"}, "entry 1: consentDescriptionId: .*whole number"),
    ],
)
def test_a_consent_is_refused(fields: dict[str, Any], rule: str) -> None:
    consent = ConsentDetail(**{"consent_name": "TERMS", "consent_accept": True, **fields})
    with pytest.raises(Invalid, match=rule) as caught:
        contact_body(consent_details=[consent])
    assert caught.value.field == "consentDetails"


@pytest.mark.parametrize(
    ("fields", "path", "wire"),
    [
        ({"date": NOON}, "contactEvent.date", NOON_MS),
        ({"date": NOON.astimezone(CEST)}, "contactEvent.date", NOON_MS),
        ({"date": NOON_MS}, "contactEvent.date", NOON_MS),
        ({"date": str(NOON_MS)}, "contactEvent.date", NOON_MS),
        ({"date": "2022-08-08T14:00:00.123+02:00"}, "contactEvent.date", NOON_MS),
        ({"date": " 2022-08-08T12:00:00.123Z "}, "contactEvent.date", NOON_MS),
        ({"date": "2022-08-08 12:00:00.123"}, "contactEvent.date", NOON_MS),
        ({"date": "2022-08-08"}, "contactEvent.date", NOON_MS - 12 * 3600 * 1000 - 123),
        ({"date": "20220808"}, "contactEvent.date", NOON_MS - 12 * 3600 * 1000 - 123),
        ({"date": date(2022, 8, 8)}, "contactEvent.date", NOON_MS - 12 * 3600 * 1000 - 123),
        ({"date": datetime(1970, 1, 2, tzinfo=UTC)}, "contactEvent.date", 86_400_000),
        ({"date": "1970-01-02T00:00:00Z"}, "contactEvent.date", 86_400_000),
        ({"date": datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)}, "contactEvent.date", -1),
        ({"value": 12.5}, "contactEvent.value", 12.5),
        ({"value": "12.5"}, "contactEvent.value", 12.5),
        ({"value": Decimal("12.50")}, "contactEvent.value", 12.5),
        ({"value": 0}, "contactEvent.value", 0),
        ({"value": -3}, "contactEvent.value", -3),
        ({"value": None}, "contactEvent.value", ABSENT),
        ({"value": ""}, "contactEvent.value", ABSENT),
        ({"products": "p1, p2"}, "contactEvent.products", "p1, p2"),
        ({"products": ["p1", 2]}, "contactEvent.products", "p1,2"),
        ({"products": []}, "contactEvent.products", ABSENT),
        ({"location": "Shop_1"}, "contactEvent.location", "Shop_1"),
        ({"location": "_shop"}, "contactEvent.location", "_shop"),
        ({"location": "s" * 255}, "contactEvent.location", "s" * 255),
        ({"description": CLEAR}, "contactEvent.description", ""),
        ({"detail20": 4}, "contactEvent.detail20", "4"),
        ({"email": None, "contact_id": "c1"}, "contactId", "c1"),
        ({"email": "", "contact_id": "c1"}, "email", ABSENT),
    ],
)
def test_a_field_of_an_event_is_written(fields: dict[str, Any], path: str, wire: Any) -> None:
    written = at(event_body(**fields), path)
    assert (written, type(written)) == (wire, type(wire))


@pytest.mark.parametrize(
    ("fields", "field", "rule"),
    [
        ({"date": datetime(2022, 8, 8)}, "date", "has no time zone"),  # noqa: DTZ001
        ({"date": 1659960000}, "date", "in milliseconds"),
        ({"date": "1659960000"}, "date", "in milliseconds"),
        ({"date": 0}, "date", "in milliseconds"),
        ({"date": 10**10 - 1}, "date", "in milliseconds"),
        ({"date": "08.08.2022"}, "date", "neither ISO 8601 nor UNIX milliseconds"),
        ({"date": "2022-08-32"}, "date", "neither ISO 8601 nor UNIX milliseconds"),
        ({"date": 1659960000123.5}, "date", "is a float"),
        ({"date": True}, "date", "is a bool"),
        ({"date": None}, "date", "is missing"),
        ({"date": ""}, "date", "is missing"),
        ({"date": CLEAR}, "date", "ISO 8601"),
        ({"contact_ext_event_type": ""}, "contactExtEventType", "is missing"),
        ({"contact_ext_event_type": None}, "contactExtEventType", "is missing"),
        ({"contact_ext_event_type": CLEAR}, "contactExtEventType", "."),
        ({"value": "12,5"}, "value", "not a number such as 12.34"),
        ({"value": "12.5 PLN"}, "value", "not a number"),
        ({"value": "1_000"}, "value", "not a number"),
        ({"value": True}, "value", "not a number"),
        ({"value": float("nan")}, "value", "finite"),
        ({"value": "inf"}, "value", "finite"),
        ({"value": Decimal("-Infinity")}, "value", "finite"),
        ({"products": ["p" * 2000, "p" * 48]}, "products", "2049 characters"),
        ({"products": ["p1", None]}, "products", "."),
        ({"products": {"p1": 1}}, "products", "is a dict, not text"),
        ({"location": "1shop"}, "location", "must not begin with a digit"),
        ({"location": "my shop"}, "location", "may hold only letters"),
        ({"location": "żółw"}, "location", "may hold only letters"),
        ({"location": "shop\n"}, "location", "may hold only letters"),
        ({"location": "s" * 256}, "location", "256 characters"),
        ({"email": None}, "email", "email or contactId"),
        ({"email": ""}, "email", "email or contactId"),
        ({"email": None, "contact_id": "x" * 256}, "contactId", "256 characters"),
    ],
)
def test_a_field_of_an_event_is_refused_by_name(fields: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(Invalid, match=rule) as caught:
        event_body(**fields)
    assert caught.value.field == field


@pytest.mark.parametrize("names", [{}, {"email": ""}, {"contact_id": None}, {"contact_id": CLEAR}])
def test_a_contact_is_identified_by_its_email_or_its_id(names: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"email or a contactId|CLEAR"):
        write(Contact(name="Ann", **names))


@settings(deadline=None, max_examples=examples(40))
@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(CEST)))  # noqa: DTZ001
@example(datetime(1970, 2, 1, tzinfo=UTC))
def test_a_moment_and_its_iso_text_are_the_same_date(moment: datetime) -> None:
    assert event_body(date=moment.isoformat()) == event_body(date=moment)


@settings(deadline=None, max_examples=examples(40))
@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_milliseconds_are_exact(moment: datetime) -> None:
    sent = at(event_body(date=moment), "contactEvent.date")
    assert timedelta(milliseconds=sent) == moment.replace(microsecond=moment.microsecond // 1000 * 1000) - datetime(
        1970, 1, 1, tzinfo=UTC
    )


def test_clear_keeps_its_identity_when_copied_and_pickled() -> None:
    contact = copy.deepcopy(Contact(email="ann@example.com", name=CLEAR))
    assert at(write(contact), "contact.name") == ""
    assert at(write(pickle.loads(pickle.dumps(contact))), "contact.name") == ""


def test_the_text_clear_is_ordinary_text() -> None:
    assert at(contact_body(name="CLEAR"), "contact.name") == "CLEAR"


def test_invalid_unicode_is_refused_and_its_field_named() -> None:
    with pytest.raises(Invalid, match=r"'name'.*encoding"):
        dumps(contact_body(name="\udcaf\udcf3"))
