"""`sm.coupons`: give a coupon to a contact, verify it, redeem it."""

from ..api.coupons import AddContactCoupon, UseContactCoupon, VerifyCoupon
from .group import Group, call


class Coupons(Group):
    """Calls about coupons (reference: "API - Coupons")."""

    add = call(AddContactCoupon)
    use = call(UseContactCoupon)
    verify = call(VerifyCoupon)
