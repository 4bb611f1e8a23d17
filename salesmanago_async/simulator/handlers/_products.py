"""The products of the account: those in events, because no documented call sends a product feed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._store import AccountStore, StoredContact


def products_of(event: Mapping[str, Any]) -> list[str]:
    """Return the product ids of an event, each once, in order."""
    ids = (part.strip() for part in str(event.get("products") or "").split(","))
    return list(dict.fromkeys(id_ for id_ in ids if id_))


def events_at(location: str, contacts: Iterable[StoredContact], kind: str | None = None) -> Iterator[dict[str, Any]]:
    """Return the contacts' events in the shop of that name: all events, or those of one kind."""
    for contact in contacts:
        for event in contact.events:
            if event.get("location") == location and kind in {None, event["contactExtEventType"]}:
                yield event


def known_products(store: AccountStore, location: str) -> set[str]:
    """Return every product that an event in that shop names."""
    return {id_ for event in events_at(location, store.contacts.values()) for id_ in products_of(event)}
