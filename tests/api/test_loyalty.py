"""Loyalty requests: what is checked before anything is sent."""

from typing import Any

import pytest

from salesmanago_async import ContactId, Email
from salesmanago_async.api import (
    AddLoyaltyContact,
    GetLoyaltyPoints,
    ModifyLoyaltyPoints,
    RemoveLoyaltyContact,
    read_request,
    write_request,
)
from salesmanago_async.errors import Invalid

MODIFY = "loyalty/program/v1/modifyPoints"
CHANGE = {
    "contacts": [{"addresseeType": "EMAIL", "value": "ann@example.com,bob@example.com"}],
    "loyaltyProgram": "Club",
    "points": 12,
    "modificationType": "ADD",
}


def test_points_are_written_and_read() -> None:
    request = ModifyLoyaltyPoints(
        [Email("ann@example.com", "bob@example.com")], loyalty_program="Club", points=12, modification_type="ADD"
    )
    assert write_request(request) == CHANGE
    assert read_request(MODIFY, CHANGE) == request


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("contacts", []),
        ("contacts", CHANGE["contacts"] * 256),  # type: ignore[operator]  # the values of a body differ in type
        ("loyaltyProgram", "p" * 256),
        ("points", "many"),
        ("points", 1.5),
        ("comment", "c" * 256),
    ],
)
def test_a_change_outside_the_limits_is_refused_and_its_field_named(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        read_request(MODIFY, {**CHANGE, field: value})
    assert caught.value.field == field


def test_an_undocumented_modification_type_is_accepted() -> None:
    body = write_request(read_request(MODIFY, {**CHANGE, "modificationType": "DOUBLE"}))
    assert body["modificationType"] == "DOUBLE"


@pytest.mark.parametrize("kind", [AddLoyaltyContact, RemoveLoyaltyContact])
def test_membership_takes_any_selector(kind: Any) -> None:
    body = write_request(kind([ContactId("17")], loyalty_program="Club", owner="ann@vendor.pl"))
    assert body == {
        "contacts": [{"addresseeType": "CONTACT_ID", "value": "17"}],
        "loyaltyProgram": "Club",
        "owner": "ann@vendor.pl",
    }


def test_only_changing_points_is_not_repeatable() -> None:
    kinds = (AddLoyaltyContact, RemoveLoyaltyContact, ModifyLoyaltyPoints, GetLoyaltyPoints)
    assert [kind.repeatable for kind in kinds] == [True, True, False, True]
