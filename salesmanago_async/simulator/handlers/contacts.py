"""contact/*: what becomes of contacts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from ...api import CREDENTIAL_FIELDS
from ...api._codec import read_strictly, write
from ...api.contacts import Contact
from ...errors import Invalid
from .._refusal import Refusal
from .._store import Store, StoredContact

MOST_ITEMS = 1000
_NOT_YET = (
    "contactVisits",
    "contactEvents",
    "emailMessages",
    "contactFunnels",
    "contactNotes",
    "contactTasks",
    "coupons",
    "mobileMessages",
)
_DETAILS = tuple(f"detail{number}" for number in range(1, 21))
_EVENT = ("eventId", "date", "description", "products", "location", "value", "contactExtEventType")


def upsert(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    """contact/upsert."""
    contact = store.upsert(body, double_opt_in=bool(body.get("useApiDoubleOptIn")))
    return {"contactId": contact.id, "externalId": contact.fields.get("externalId")}


def batch_upsert(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    """contact/batchupsertv2: the entries are checked and applied when the job is done."""
    known = {"owner", "upsertDetails", "useApiDoubleOptIn", "lang", "fireEvents"} | CREDENTIAL_FIELDS
    entries = batch(body, "upsertDetails", known)
    double_opt_in = bool(body.get("useApiDoubleOptIn", True))
    request_id = store.start_job(lambda: _import(store, entries, double_opt_in))
    return {"message": ["Batch upsert added to execute."], "requestId": request_id}


def batch(body: Mapping[str, Any], name: str, known: set[str]) -> list[Any]:
    """Return the entries of a batch; refuse one that is empty, too long, or has fields the reference has not."""
    for field in body.keys() - known:
        raise Refusal(f"{field}: is not a documented field")
    entries = body.get(name)
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_ITEMS:
        raise Refusal(f"{name} must be a list of 1 to {MOST_ITEMS} entries")
    return entries


def _import(store: Store, entries: list[Any], double_opt_in: bool) -> bytes:
    contact_ids: dict[str, str] = {}
    invalid: list[Any] = []
    for entry in entries:
        try:
            body = write(read_strictly(Contact, entry))
            contact = store.upsert(body, double_opt_in=double_opt_in)
        except (Invalid, Refusal):
            invalid.append(_name_of(entry))
        else:
            contact_ids[body["contact"].get("email", contact.email)] = contact.id
    return orjson.dumps({"success": True, "contactIds": contact_ids, "message": [], "invalidContacts": invalid})


def _name_of(entry: Any) -> Any:
    contact = entry.get("contact") if isinstance(entry, Mapping) else None
    if not isinstance(contact, Mapping):
        return entry
    return contact.get("email") or contact.get("contactId") or entry


def has_contact(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    """contact/hasContact."""
    contact = store.find(body)
    return {"result": contact is not None, "contactId": contact.id if contact else None}


def list_contacts(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    """contact/list."""
    found = [contact for email in body["email"] if (contact := store.find({"email": email}))]
    return {"contacts": [_details(contact) for contact in found]}


def _details(contact: StoredContact) -> dict[str, Any]:
    birthday = contact.fields.get("birthday", "")
    return {
        **_basic(contact),
        "address": {name: contact.fields.get(name) for name in ("streetAddress", "zipCode", "city", "country")},
        "birthdayYear": int(birthday[:4]) if len(birthday) == 8 else None,
        "birthdayMonth": int(birthday[-4:-2]) if birthday else None,
        "birthdayDay": int(birthday[-2:]) if birthday else None,
        "mainContactOwner": None,
        "contactTags": [
            {**tag, "tag": tag["tagName"], "tagWithScore": f"{tag['tagName']} ({tag['score']})"}
            for tag in contact.tags.values()
        ],
        "properties": [{"name": name, "value": value} for name, value in contact.properties.items()],
        "contactExtEvents": [
            {name: event.get(name) for name in (*_EVENT, "shopDomain", *_DETAILS, "externalId")}
            for event in contact.events
        ],
        "consents": list(contact.consents.values()),
        **{name: [] for name in _NOT_YET},
        "purchaseProbability": None,
    }


def _basic(contact: StoredContact) -> dict[str, Any]:
    names = ("name", "phone", "fax", "state", "company", "externalId", "province")
    return {
        "id": contact.id,
        "email": contact.email,
        **{name: contact.fields.get(name) for name in names},
        "score": 0,
        "optedOut": contact.opted_out,
        "optedOutPhone": contact.opted_out_phone,
        "deleted": False,
        "invalid": False,
        "createdOn": contact.created_on,
        "modifiedOn": contact.modified_on,
    }


def export_data(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    """contact/export/data: the file holds what is there when the job is done."""
    types = [entry["dataType"] for entry in body["data"]]
    for kind in types:
        if kind not in _PARTS:
            raise Refusal(f"dataType: {kind} is not one of {', '.join(_PARTS)}")

    def export() -> bytes:
        chosen = store.select(body["contacts"])
        records = [{contact.id: {_PARTS[kind][0]: _PARTS[kind][1](contact) for kind in types}} for contact in chosen]
        return orjson.dumps(records)

    return {"message": ["Export added to execute."], "requestId": store.start_job(export)}


def _contact_data(contact: StoredContact) -> dict[str, Any]:
    address = ("streetAddress", "zipCode", "city", "country")
    return {
        **_basic(contact),
        **{name: contact.fields.get(name) for name in (*address, "birthday")},
        "mainOwner": None,
        "lastOptInOn": contact.opted_in_on,
        "lastOptOutOn": contact.opted_out_on,
    }


def _event_data(contact: StoredContact) -> list[dict[str, Any]] | None:
    return [
        {**{name: event.get(name) for name in (*_EVENT, "externalId")}, **_present(event, _DETAILS)}
        for event in contact.events
    ] or None


def _present(event: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: event[name] for name in names if name in event}


def _consent_data(contact: StoredContact) -> list[dict[str, Any]] | None:
    return [
        {**consent, "createdOn": _day(consent["createdOn"]), "dateOn": _day(consent["dateOn"])}
        for consent in contact.consents.values()
    ] or None


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()


def _nothing(_: StoredContact) -> None:
    """Return what the file has for parts that no endpoint can fill yet."""


_PARTS: dict[str, tuple[str, Any]] = {
    "CONTACT": ("contactData", _contact_data),
    "TAG": ("tagData", lambda contact: list(contact.tags.values()) or None),
    "EXT_EVENT": ("extEventData", _event_data),
    "VISITS": ("visitsData", _nothing),
    "EMAILS": ("emailsData", _nothing),
    "FUNNELS": ("funnelsData", _nothing),
    "NOTES": ("notesData", _nothing),
    "TASKS": ("tasksData", _nothing),
    "COUPONS": ("couponsData", _nothing),
    "SMS": ("smsData", _nothing),
    "CONSENTS": ("consentsData", _consent_data),
    "PROPERTIES": (
        "contactPropertiesData",
        lambda contact: [{"name": name, "value": value} for name, value in contact.properties.items()] or None,
    ),
    "DICTIONARY_PROPERTIES": (
        "contactDictionaryPropertiesData",
        lambda contact: list(contact.dictionary.values()) or None,
    ),
}
"""Data type → its key in the file, and what stands there."""
