"""contact/*: adds, changes and lists contacts."""

from collections.abc import Mapping
from typing import Any

import orjson

from ...api import CREDENTIAL_FIELDS
from ...api.codec import read_strictly, write
from ...api.contacts import Contact
from ...api.fields import BATCH
from ...errors import Invalid
from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore, StoredContact
from ._details import details
from .loyalty import LoyaltyPrograms


def upsert(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/upsert."""
    contact = store_contact(store, body)
    return {"contactId": contact.id, "externalId": contact.fields.get("externalId")}


def store_contact(store: AccountStore, body: Mapping[str, Any]) -> StoredContact:
    """Add or change the contact of a body, and let it join the loyalty program that the body names [guess]."""
    return _stored(store, body, body["owner"], double_opt_in=bool(body.get("useApiDoubleOptIn")))


def _stored(store: AccountStore, body: Mapping[str, Any], owner: str, *, double_opt_in: bool) -> StoredContact:
    contact = store.upsert(body, double_opt_in=double_opt_in, owner=owner)
    if "loyaltyProgram" in body:
        store.section(LoyaltyPrograms).points[body["loyaltyProgram"]].setdefault(contact.id, 0)
    return contact


def batch_upsert(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/batchupsertv2: the entries are checked and applied when the job ends."""
    known = {"owner", "upsertDetails", "useApiDoubleOptIn", "lang", "fireEvents"} | CREDENTIAL_FIELDS
    entries = batch(body, "upsertDetails", known)
    double_opt_in = bool(body.get("useApiDoubleOptIn", True))
    request_id = store.start_job(lambda: _import(store, entries, double_opt_in, body["owner"]))
    return {"message": ["Batch upsert added to execute."], "requestId": request_id}


def batch(body: Mapping[str, Any], name: str, known: set[str]) -> list[Any]:
    """Return the entries of a batch; refuse a batch that is empty, too long, or has undocumented fields."""
    for field in body.keys() - known:
        raise RefusedCall(f"{field}: is not a documented field")
    entries = body.get(name)
    if not isinstance(entries, list) or not BATCH.least <= len(entries) <= BATCH.most:
        raise RefusedCall(f"{name} must be a list of {BATCH.least} to {BATCH.most} entries")
    return entries


def _import(store: AccountStore, entries: list[Any], double_opt_in: bool, owner: str) -> bytes:
    contact_ids: dict[str, str] = {}
    invalid: list[Any] = []
    for entry in entries:
        try:
            body = write(read_strictly(Contact, entry))
            contact = _stored(store, body, owner, double_opt_in=double_opt_in)
        except (Invalid, RefusedCall):
            invalid.append(_name_of(entry))
        else:
            contact_ids[body["contact"].get("email", contact.email)] = contact.id
    return orjson.dumps({"success": True, "contactIds": contact_ids, "message": [], "invalidContacts": invalid})


def _name_of(entry: Any) -> Any:
    contact = entry.get("contact") if isinstance(entry, Mapping) else None
    if not isinstance(contact, Mapping):
        return entry
    return contact.get("email") or contact.get("contactId") or entry


def has_contact(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/hasContact."""
    contact = store.find(body)
    return {"result": contact is not None, "contactId": contact.id if contact else None}


def list_contacts(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/list."""
    found = [contact for email in body["email"] for contact in store.with_email(email)]
    return {"contacts": [details(contact) for contact in found]}


HANDLERS: dict[str, Handler] = {
    "contact/upsert": upsert,
    "contact/hasContact": has_contact,
    "contact/list": list_contacts,
}

BATCH_HANDLERS: dict[str, Handler] = {"contact/batchupsertv2": batch_upsert}
