"""recommendation/*: computed from the contacts' PURCHASE and VISIT events; ties are in the order of product ids."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore, StoredContact
from ._products import events_at, known_products, products_of


def last_viewed(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """recommendation/lastViewed: the latest first. [guess] an empty list for a visitor who is not a contact."""
    return _latest_first(store.contacts.get(body.get("contactId", "")), body["location"], "VISIT")


def purchased_by_contact(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """recommendation/purchasedByContact: the latest first; an empty list for a contact that is not monitored."""
    contact = store.contacts.get(body["smClient"])
    return _latest_first(contact if contact and contact.monitored else None, body["location"], "PURCHASE")


def most_purchased(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """recommendation/mostPurchased: the products in the most purchases first."""
    return _most_frequent_first(events_at(body["location"], store.contacts.values(), "PURCHASE"))


def purchased_together(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """recommendation/purchasedTogether: the products in the most purchases of the given product first."""
    location, product = body["location"], body["productId"]
    if product not in known_products(store, location):
        raise RefusedCall("Product Id is invalid", productIds=None)
    purchases = events_at(location, store.contacts.values(), "PURCHASE")
    return _most_frequent_first((event for event in purchases if product in products_of(event)), leave_out=product)


def _latest_first(contact: StoredContact | None, location: str, kind: str) -> dict[str, Any]:
    events = sorted(events_at(location, [contact] if contact else [], kind), key=lambda event: -event["date"])
    return {"productIds": list(dict.fromkeys(id_ for event in events for id_ in products_of(event)))}


def _most_frequent_first(events: Iterable[Mapping[str, Any]], leave_out: str = "") -> dict[str, Any]:
    counts = Counter(id_ for event in events for id_ in products_of(event) if id_ != leave_out)
    return {"productIds": sorted(counts, key=lambda id_: (-counts[id_], id_))}


HANDLERS: dict[str, Handler] = {
    "recommendation/lastViewed": last_viewed,
    "recommendation/mostPurchased": most_purchased,
    "recommendation/purchasedByContact": purchased_by_contact,
    "recommendation/purchasedTogether": purchased_together,
}
