"""contact/*: lists of contacts, whole or by page, and their visits. [guess] a span of time includes both its ends."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import orjson

from .._handler import Handler
from .._store import AccountStore, StoredContact
from ._details import details

DAY_MS = 86_400_000
DAYS_OF_STATISTICS = 7

_LISTS = {"CUSTOMER": "customers", "PARTNER": "partners", "PROSPECT": "prospects"}
_COUNTS = {"CUSTOMER": "customersVisits", "PARTNER": "partnersVisits", "PROSPECT": "prospectsVisits"}

EntryT = TypeVar("EntryT")


def basic(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/basic."""
    return {"contacts": [_basic(contact) for email in body["email"] for contact in store.with_email(email)]}


def basic_by_id(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/basicById."""
    return {"contacts": [_basic(store.contacts[id_]) for id_ in body["id"] if id_ in store.contacts]}


def _basic(contact: StoredContact) -> dict[str, Any]:
    names = ("name", "email", "phone", "fax", "score", "state", "optedOut", "optedOutPhone", "deleted", "invalid",
             "company", "externalId", "address", "birthdayYear", "birthdayMonth", "birthdayDay", "modifiedOn",
             "createdOn")  # fmt: skip
    known = details(contact)
    last_visit = max((visit["time"] for visit in contact.visits), default=None)
    return {**{name: known[name] for name in names}, "contactId": contact.id, "lastVisit": last_visit}


def list_by_id(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/listById: a contact that is missing, or has only other owners, is unavailable."""
    available = {
        id_: contact
        for id_ in body["contactId"]
        if (contact := store.contacts.get(id_)) and body["owner"] in contact.owners
    }
    return {
        "contacts": [details(contact) for contact in available.values()],
        "unavailableContacts": [id_ for id_ in body["contactId"] if id_ not in available],
    }


def list_page(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/paginatedListById: the contacts whose main owner makes the call."""
    assigned = [contact for contact in store.contacts.values() if contact.main_owner == body["owner"]]
    page, more = _page(assigned, body)
    return {"contacts": [details(contact) for contact in page], "hasMore": more}


def export_page(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/paginatedContactList/export: a page of the contacts that exist when the job ends."""

    def export() -> bytes:
        page, _ = _page(list(store.contacts.values()), body)
        return orjson.dumps({"contacts": [_exported(contact) for contact in page]})

    return {"message": ["Export added to execute."], "requestId": store.start_job(export)}


def _exported(contact: StoredContact) -> dict[str, Any]:
    contact_fields = {name: contact.fields.get(name) for name in ("name", "country", "phone")}
    return {"success": True, "email": contact.email, "exists": True, "id": contact.id, **contact_fields}


def _page(entries: Sequence[EntryT], body: dict[str, Any]) -> tuple[Sequence[EntryT], bool]:
    """Return the page for a body, and whether there are more pages."""
    end = body["page"] * body["size"]
    return entries[end - body["size"] : end], end < len(entries)


def created(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/createdContacts."""
    return {"createdContacts": _listed(_in_span(store, body, lambda contact: contact.created_on))}


def modified(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/modifiedContacts."""
    return {"modifiedContacts": _listed(_in_span(store, body, lambda contact: contact.modified_on))}


def modified_page(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/paginatedModifiedContacts."""
    page, more = _page(_in_span(store, body, lambda contact: contact.modified_on), body)
    return {"modifiedContacts": _listed(page), "hasMore": more}


def _in_span(store: AccountStore, body: dict[str, Any], moment: Callable[[StoredContact], int]) -> list[StoredContact]:
    """Return the contacts whose time is in the body's span, the earliest first."""
    found = [contact for contact in store.contacts.values() if body["from"] <= moment(contact) <= body["to"]]
    return sorted(found, key=moment)


def _listed(contacts: Iterable[StoredContact]) -> list[dict[str, Any]]:
    return [{"id": contact.id, "email": contact.email} for contact in contacts]


def recent_activity(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/recentActivity: [guess] one entry for each contact that visited, with its last visit.

    The simulator has no anonymous visitors, and knows no IP address of a visitor.
    """
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in (*_LISTS.values(), "anonymous", "allVisits")}
    for contact in store.contacts.values():
        seen = [visit for visit in contact.visits if body["from"] <= visit["time"] <= body["to"]]
        if seen:
            visit = _visit(contact, seen, body)
            lists["allVisits"].append(visit)
            if contact.fields.get("state") in _LISTS:
                lists[_LISTS[contact.fields["state"]]].append(visit)
    counts = {
        "monitoredContacts": sum(contact.monitored for contact in store.contacts.values()),
        "totalContacts": len(store.contacts),
        "visitStats": _statistics(store),
    }
    return {"recentActivities": {"from": body["from"], "to": body["to"], **counts, **lists}}


def _visit(contact: StoredContact, seen: list[dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
    last = max(seen, key=lambda visit: int(visit["time"]))
    shown = ("time", "duration", "visitSource", "visitSourceHost", "visitSourceKeywords", "visitScore", "url")
    return {
        **{name: last.get(name) for name in shown},
        "client": contact.fields.get("name"),
        "email": contact.email,
        "contactId": contact.id,
        "ipDetails": None,
        "contactVisits": seen if body.get("allVisits") else [],
    }


def _statistics(store: AccountStore) -> list[dict[str, Any]]:
    """Return the visits of the last week, counted by day (UTC) and by kind of visitor."""
    today = store.now_ms() // DAY_MS
    days = {
        day: dict.fromkeys((*_COUNTS.values(), "otherVisits"), 0)
        for day in range(today - DAYS_OF_STATISTICS + 1, today + 1)
    }
    for contact in store.contacts.values():
        name = _COUNTS.get(contact.fields.get("state", ""), "otherVisits")
        for visit in contact.visits:
            if visit["time"] // DAY_MS in days:
                days[visit["time"] // DAY_MS][name] += 1
    return [{"date": day * DAY_MS, **counts} for day, counts in days.items()]


HANDLERS: dict[str, Handler] = {
    "contact/basic": basic,
    "contact/basicById": basic_by_id,
    "contact/listById": list_by_id,
    "contact/paginatedListById": list_page,
    "contact/paginatedContactList/export": export_page,
    "contact/createdContacts": created,
    "contact/modifiedContacts": modified,
    "contact/paginatedModifiedContacts": modified_page,
    "contact/recentActivity": recent_activity,
}
