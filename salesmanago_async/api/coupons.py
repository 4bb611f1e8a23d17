"""contact/*Coupon and coupon/verify: codes that contacts redeem (reference: "API - Coupons")."""

from typing import Annotated, Any

from attrs import field, frozen

from ..errors import Invalid
from .fields import EmailText, Moment, NameText, Text
from .request import Answer, Request

__all__ = ["AddContactCoupon", "UseContactCoupon", "VerifyCoupon"]

CouponName = Annotated[str, Text(64, clearable=False)]
SHORTEST_CODE, LONGEST_CODE = 5, 64
"""Characters of a code that the server generates."""


@frozen(kw_only=True)
class CouponUsed(Answer):
    """`result` is None on success."""

    result: str | None = None


@frozen
class UseContactCoupon(Request[CouponUsed]):
    """Redeem a coupon of a contact (reference: "Redemption of coupon for contact").

    [guess] `coupon` is the code, as in the reference's sample, although its table says "coupon name". No owner is
    needed.
    """

    path = "contact/useContactCoupon"
    needs_owner = False
    repeatable = False
    email: EmailText
    coupon: NameText = field(kw_only=True)


@frozen(kw_only=True)
class CouponAdded(Answer):
    """`coupon` is the code, given or generated."""

    coupon: str | None = None
    result: str | None = None


@frozen
class AddContactCoupon(Request[CouponAdded]):
    """Give a contact a coupon (reference: "Adding coupon for contact"). No owner is needed.

    The contact is identified by `email`, or by `contact_id`, which is not in the reference but sent by the vendor's own
    SDK.

    `name` takes 64 characters. Pass the code as `coupon` (5 to 32 characters), or the `length` (5 to 64) of a code that
    the server generates; [likely] if both are given, `coupon` counts, and the length is not looked at. `valid` is when
    the coupon expires, an aware datetime or UNIX milliseconds; the default is in one year.
    """

    path = "contact/addContactCoupon"
    needs_owner = False
    repeatable = False
    email: EmailText | None = None
    contact_id: NameText | None = field(default=None, kw_only=True)
    name: CouponName = field(kw_only=True)
    coupon: Annotated[str | None, Text(32, least=5, clearable=False)] = field(default=None, kw_only=True)
    length: int | None = field(default=None, kw_only=True)
    valid: Moment | None = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if there is no contact, or neither a code nor its length, or if that is out of range."""
        if "email" not in body and "contactId" not in body:
            raise Invalid("is missing", field="email")
        if "coupon" in body:
            return
        if "length" not in body:
            raise Invalid("give the length of a code, or the coupon itself", field="length")
        length = body["length"]
        if not SHORTEST_CODE <= length <= LONGEST_CODE:
            raise Invalid(f"is {length}, {SHORTEST_CODE} to {LONGEST_CODE} are allowed", field="length")


@frozen(kw_only=True)
class CouponVerified(Answer):
    """`valid` says whether the coupon can be redeemed, `reason` ("expired", …) why not.

    `sent` says whether it is marked as used.
    """

    valid: bool | None = None
    reason: str | None = None
    sent: bool | None = None


@frozen
class VerifyCoupon(Request[CouponVerified]):
    """Check whether a coupon code is valid (reference: "Verifying coupon code"). No owner is needed.

    `coupon_code` and `coupon_name` take 64 characters. With `email` or `contact_id` (if both are given, contact_id
    counts) it must be that contact's coupon; without them, the coupon of any contact.
    """

    path = "coupon/verify"
    changes_nothing = True
    needs_owner = False
    coupon_code: Annotated[str, Text(64, clearable=False)]
    coupon_name: CouponName = field(kw_only=True)
    email: EmailText | None = field(default=None, kw_only=True)
    contact_id: NameText | None = field(default=None, kw_only=True)
