"""contact/*Coupon and coupon/verify: adds, uses and verifies coupons.

[guess] The texts of refusals, and every reason except "expired": the reference names none. Two contacts may have the
same code, and one contact may have it twice.
"""

import string
from collections.abc import Iterable
from typing import Any

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore, StoredContact

_YEAR_MS = 365 * 24 * 60 * 60 * 1000
_CHARACTERS = string.ascii_uppercase + string.digits


def add(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/addContactCoupon."""
    contact = _contact(store, body)
    code = body.get("coupon") or "".join(store.random.choices(_CHARACTERS, k=body["length"]))
    valid_to = body.get("valid", store.now_ms() + _YEAR_MS)
    contact.coupons.append({"name": body["name"], "coupon": code, "validTo": valid_to, "used": False})
    return {"result": None, "coupon": code}


def use(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/useContactCoupon."""
    held = [coupon for coupon in _contact(store, body).coupons if coupon["coupon"] == body["coupon"]]
    reason, coupon = _best(held, store.now_ms())
    if reason:
        raise RefusedCall(f"Coupon cannot be used: {reason}")
    coupon["used"] = True
    return {"result": None}


def verify(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """coupon/verify."""
    wanted = (body["couponName"], body["couponCode"])
    coupons = (coupon for contact in _holders(store, body) for coupon in contact.coupons)
    held = [coupon for coupon in coupons if (coupon["name"], coupon["coupon"]) == wanted]
    reason, coupon = _best(held, store.now_ms())
    answer = {"valid": reason is None, "sent": coupon.get("used", False)}
    return {**answer, "reason": reason} if reason else answer


def _contact(store: AccountStore, body: dict[str, Any]) -> StoredContact:
    contact = store.find(body)
    if contact is None:
        raise RefusedCall("Contact does not exist")
    return contact


def _holders(store: AccountStore, body: dict[str, Any]) -> Iterable[StoredContact]:
    if "contactId" not in body and "email" not in body:
        return store.contacts.values()
    contact = store.find(body)
    return [contact] if contact else []


def _best(held: list[dict[str, Any]], now: int) -> tuple[str | None, dict[str, Any]]:
    """Return the first coupon that can be used; otherwise the first coupon, and the reason why it cannot be used."""
    judged = [(_reason(coupon, now), coupon) for coupon in held] or [("not_found", {})]
    return next((pair for pair in judged if pair[0] is None), judged[0])


def _reason(coupon: dict[str, Any], now: int) -> str | None:
    if coupon["used"]:
        return "used"
    return "expired" if coupon["validTo"] <= now else None


HANDLERS: dict[str, Handler] = {
    "contact/addContactCoupon": add,
    "contact/useContactCoupon": use,
    "coupon/verify": verify,
}
