"""Coupon requests: what is checked before anything is sent."""

from typing import Any

import pytest

from salesmanago_async.api import AddContactCoupon, UseContactCoupon, VerifyCoupon, read_request, write_request
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.coupons import CouponVerified
from salesmanago_async.errors import Invalid

ANN = "ann@example.com"


@pytest.mark.parametrize("given", [{"length": 5}, {"length": 64}, {"coupon": "ABCDE"}, {"coupon": "A" * 32}])
def test_a_coupon_takes_a_code_or_its_length(given: dict[str, Any]) -> None:
    assert write_request(AddContactCoupon(ANN, name="spring", **given)) == {"email": ANN, "name": "spring", **given}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "length"),
        ({"length": 4}, "length"),
        ({"length": 65}, "length"),
        ({"length": 5, "email": None}, "email"),
        ({"coupon": "ABCD"}, "coupon"),
        ({"coupon": "A" * 33}, "coupon"),
        ({"length": 5, "name": "n" * 65}, "name"),
        ({"length": 5, "email": "ann"}, "email"),
    ],
)
def test_a_coupon_outside_the_documented_limits_is_refused_and_its_field_named(
    given: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        read_request("contact/addContactCoupon", {"email": ANN, "name": "spring", **given})
    assert caught.value.field == field


@pytest.mark.parametrize("length", [0, 1, 12345])
def test_beside_a_code_the_length_is_not_looked_at(length: int) -> None:
    body = {"email": ANN, "name": "spring", "coupon": "ABCDE", "length": length}
    assert write_request(read_request("contact/addContactCoupon", body)) == body


@pytest.mark.parametrize("name", ["coupon_name", "coupon_code"])
def test_a_name_or_code_to_verify_has_at_most_64_characters(name: str) -> None:
    given = {"coupon_name": "n" * 64, "coupon_code": "c" * 64}
    assert write_request(VerifyCoupon(**given)) == {"couponName": "n" * 64, "couponCode": "c" * 64}
    with pytest.raises(Invalid, match="65 characters"):
        write_request(VerifyCoupon(**{**given, name: "x" * 65}))


def test_the_reason_of_an_invalid_coupon_is_read(catalogue: dict[str, dict[str, Any]]) -> None:
    valid, invalid = (read_leniently(CouponVerified, body) for body in catalogue["coupon/verify"]["responses"])
    assert (valid.valid, valid.reason, valid.sent) == (True, None, True)
    assert (invalid.valid, invalid.reason, invalid.sent) == (False, "expired", True)


def test_verifying_is_repeatable_adding_and_using_are_not() -> None:
    assert (AddContactCoupon.repeatable, UseContactCoupon.repeatable, VerifyCoupon.repeatable) == (False, False, True)
