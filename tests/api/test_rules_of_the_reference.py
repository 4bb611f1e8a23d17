"""Rules that the reference states in passing, and where it contradicts itself."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from salesmanago_async import Contact, ExternalEvent, Invalid
from salesmanago_async.api.codec import write
from salesmanago_async.api.contacts import DictionaryProperty
from salesmanago_async.api.fields import is_email
from salesmanago_async.records.shapes import contact_shape, event_shape

NOON_MS = 1714564800000


def detail(kind: str, value: Any) -> dict[str, Any]:
    contact = Contact(email="a@b.pl", dictionary_properties=[DictionaryProperty(name="day", type=kind, value=value)])
    found: dict[str, Any] = write(contact)["dictionaryProperties"][0]
    return found


@pytest.mark.parametrize("value", [-1, datetime(1960, 1, 1, tzinfo=UTC), -315619200000, 0])
def test_a_date_of_a_detail_may_be_before_1970(value: Any) -> None:
    assert detail("DATE", value)["value"] <= 0
    row = {"email": "a@b.pl", "dictionaryProperties": [{"name": "day", "type": "DATE", "value": value}]}
    assert contact_shape().body(row)["dictionaryProperties"][0]["value"] <= 0


def test_a_column_with_dates_before_1970_is_a_date() -> None:
    (found,) = contact_shape().body({"email": "a@b.pl", "dictionary.born": "1960-01-01"})["dictionaryProperties"]
    assert found == {"name": "born", "type": "DATE", "value": -315619200000}


@pytest.mark.parametrize("value", [0, -1, "-5"])
def test_a_number_of_a_detail_must_be_above_0(value: Any) -> None:
    with pytest.raises(Invalid, match="not a whole number above 0"):
        detail("NUMBER", value)
    row = {"email": "a@b.pl", "dictionaryProperties": [{"name": "shoe", "type": "NUMBER", "value": value}]}
    with pytest.raises(Invalid, match="not a whole number above 0"):
        contact_shape().body(row)
    with pytest.raises(Invalid, match=r"dictionary.shoe: .*not a whole number above 0"):
        contact_shape().body({"email": "a@b.pl", "dictionary.shoe": value})


@pytest.mark.parametrize("fields", [{"email": "a@b.pl"}, {"email": "a@b.pl", "contact_id": "c1"}])
def test_a_new_address_needs_the_present_one(fields: dict[str, Any]) -> None:
    assert write(Contact(new_email="new@b.pl", **fields))["newEmail"] == "new@b.pl"
    for record in (Contact(contact_id="c1", new_email="new@b.pl"), {"contactId": "c1", "newEmail": "new@b.pl"}):
        with pytest.raises(Invalid, match="newEmail: needs the current email"):
            contact_shape().body(record)
        with pytest.raises(Invalid, match="newEmail: needs the current email"):
            contact_shape().encoder().encode(record)


@pytest.mark.parametrize("location", ["shop.example", "shop/de", "shop-de", "1shop"])
def test_the_location_of_a_new_event_is_checked_by_the_reference_unless_any_is_allowed(location: str) -> None:
    event = {"email": "a@b.pl", "date": NOON_MS, "contactExtEventType": "CART", "location": location}
    value = ExternalEvent(email="a@b.pl", date=NOON_MS, contact_ext_event_type="CART", location=location)
    anywhere = event_shape(any_location=True)
    for record in (event, value):
        with pytest.raises(Invalid, match=r"contactEvent\.location|location: may hold only letters"):
            event_shape().body(record)
        assert anywhere.body(record)["contactEvent"]["location"] == location
        assert location.encode() in anywhere.encoder().encode(record)[0]
    with pytest.raises(Invalid, match="location: may hold only letters"):
        anywhere.body({**event, "location": "my shop"})


LARGEST = 10**19 - 1


@pytest.mark.parametrize("value", [0, -1.5, 12345678.999, LARGEST, -(10**18), Decimal("9999999.99")])
def test_a_value_of_19_digits_is_sent(value: Any) -> None:
    event = ExternalEvent(email="a@b.pl", date=NOON_MS, contact_ext_event_type="CART", value=value)
    assert float(write(event)["contactEvent"]["value"]) == float(value)
    event_shape().encoder().encode(event)


@pytest.mark.parametrize("value", [10**19, -(10**19), 1e300, "1e25", float("nan"), float("inf"), Decimal(10**24)])
def test_a_longer_value_is_refused_on_both_paths(value: Any) -> None:
    event = ExternalEvent(email="a@b.pl", date=NOON_MS, contact_ext_event_type="CART", value=value)
    with pytest.raises(Invalid, match="value: "):
        write(event)
    with pytest.raises(Invalid, match="value: "):
        event_shape().encoder().encode(event)


@pytest.mark.parametrize(
    ("address", "valid"),
    [
        ('"john doe"@example.com', True),
        ('"a@b"@example.com', True),
        (f'"{"x" * 62}"@example.com', True),
        (f'"{"x" * 63}"@example.com', False),
        ('""@example.com', False),
        ('"a"b"@example.com', False),
        ('"a,b"@example.com', False),
        ('"a;b"@example.com', False),
        ('"a\nb"@example.com', False),
        ('"ann@example.com', False),
        ("john doe@example.com", False),
    ],
)
def test_the_part_before_the_at_sign_may_be_quoted(address: str, valid: bool) -> None:
    assert is_email(address) is valid
