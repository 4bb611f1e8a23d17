"""LEGACY paths: calls of old clients, which the reference does not have any more. All shapes here are [likely].

What is not in the description of a call is passed over in silence. [guess] insert changes a known contact, update and
managetags add an unknown one, the others refuse it; who sends what is not known.
"""

from collections.abc import Mapping
from typing import Any, cast

from attrs import define, field

from ...api.contact_lists import ListContactsById
from ...api.contacts import Contact, ListContacts, UpsertContact
from ...api.events import AddContactExtEvent, UpdateContactExtEvent
from ...api.tolerance import tolerated
from .._checked import checked
from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore, StoredContact
from . import contact_lists, contacts, emails, events

Body = dict[str, Any]


def _known(kind: type, body: Mapping[str, Any]) -> Body:
    """Return the part of a body that the class of a present call knows, checked."""
    return checked(kind, tolerated(kind, body)[0])


def _upserted(store: AccountStore, body: Mapping[str, Any]) -> Body:
    return {"contactId": contacts.store_contact(store, _known(UpsertContact, body)).id}


def insert(store: AccountStore, body: Body) -> Body:
    """contact/insert."""
    return _upserted(store, body)


def update(store: AccountStore, body: Body) -> Body:
    """contact/update: the contact is named beside its fields. [guess] another address in the fields is a new one."""
    fields = dict(_object(body, "contact"))
    address = fields.pop("email", None)
    renamed = {"newEmail": address} if address and address != body.get("email") else {}
    return _upserted(store, {**body, **renamed, "contact": {**fields, **_name_in(body)}})


def batch_upsert(store: AccountStore, body: Body) -> Body:
    """contact/batchupsert: answered at once, without a job. [guess] a bad entry refuses the batch."""
    known = [_known(Contact, entry) for entry in _objects(body, "upsertDetails")]
    shared = {"owner": body["owner"], "useApiDoubleOptIn": body.get("useApiDoubleOptIn", True)}
    stored = [contacts.store_contact(store, {**entry, **shared}) for entry in known]
    return {"contactIds": {contact.email: contact.id for contact in stored}}


def add_event(store: AccountStore, body: Body) -> Body:
    """contact/addContactExtEvent: the path under v2/ without v2/."""
    return {"eventId": events.put_event(store, _known(AddContactExtEvent, body))}


def update_event(store: AccountStore, body: Body) -> Body:
    """contact/updateContactExtEvent."""
    return events.update(store, _known(UpdateContactExtEvent, body))


def manage_tags(store: AccountStore, body: Body) -> Body:
    """contact/managetags."""
    tags: Body = {name: body[name] for name in ("tags", "removeTags") if name in body}
    return _upserted(store, {"owner": body["owner"], "contact": _name_in(body), **tags})


def _consents(flag: str) -> Handler:
    def change(store: AccountStore, body: Body) -> Body:
        return {"contactId": _consented(store, _found(store, body), flag).id}

    return change


def _consents_of_many(flag: str) -> Handler:
    def change(store: AccountStore, body: Body) -> Body:
        found = [_found(store, {"email": email}) for email in _list(body, "emails")]
        return {"contactIds": {contact.email: _consented(store, contact, flag).id for contact in found}}

    return change


def _consented(store: AccountStore, contact: StoredContact, flag: str) -> StoredContact:
    owner = contact.main_owner or store.owners[0]
    return store.upsert({"contact": {"contactId": contact.id}, flag: True}, double_opt_in=False, owner=owner)


def _found(store: AccountStore, body: Mapping[str, Any]) -> StoredContact:
    contact = store.find(_name_in(body))
    if contact is None:
        raise RefusedCall("Contact does not exist")
    return contact


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    given = body.get(name)
    if not isinstance(given, list) or not given:
        raise RefusedCall(f"{name}: is missing, or is no list")
    entries: list[Any] = given
    return entries


def _objects(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [_object({name: entry}, name) for entry in _list(body, name)]


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object in a body, an empty one if there is none."""
    given = body.get(name) or {}
    if not isinstance(given, Mapping):
        raise RefusedCall(f"{name}: is no object")
    return cast("Mapping[str, Any]", given)


def _name_in(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields at the top of a body that name its contact."""
    names = ("email", "contactId")
    return {name: given for name in names if isinstance(given := body.get(name), str) and given}


@define
class Rules:
    """The rules of the account, by their ids. Nothing runs them."""

    all: dict[str, Body] = field(factory=dict)


def insert_rule(store: AccountStore, body: Body) -> Body:
    """rule/insert: the rule is kept, and does nothing."""
    if not body.get("name"):
        raise RefusedCall("name: is missing")
    rule_id = store.new_id()
    store.section(Rules).all[rule_id] = body
    return {"ruleId": rule_id}


def send_email(store: AccountStore, body: Body) -> Body:
    """email/send: to addresses only."""
    addresses = [entry.get("email") for entry in _objects(body, "contacts")]
    chosen = [{"addresseeType": "EMAIL", "value": str(address)} for address in addresses if address]
    email_id = body.get("emailId")
    if not chosen or not email_id or not isinstance(email_id, str | int):
        raise RefusedCall("emailId and contacts are needed")
    date = body.get("date")
    when = date if isinstance(date, int) and not body.get("immediate") else store.now_ms()
    return emails.send(store, {"user": body.get("user"), "emailId": email_id, "date": when, "contacts": chosen})


def register_account(store: AccountStore, body: Body) -> Body:
    """system/registeraccount: the ids of an account that is not simulated."""
    if not (body.get("email") and body.get("password")):
        raise RefusedCall("email and password are needed")
    return {"clientId": store.new_id(), "apiSecret": store.new_id()}


def list_all(store: AccountStore, body: Body) -> Body:
    """contact/listAll."""
    return contacts.list_contacts(store, _known(ListContacts, body))


def list_all_by_id(store: AccountStore, body: Body) -> Body:
    """contact/listAllById."""
    return {"contacts": contact_lists.list_by_id(store, _known(ListContactsById, body))["contacts"]}


def upsert_vendor(store: AccountStore, body: Body) -> Body:
    """contact/upsertVendorToSupport: [guess] the owner becomes a contact."""
    return _upserted(store, {**body, "contact": {"email": body["owner"]}})


HANDLERS: dict[str, Handler] = {
    "contact/insert": insert,
    "contact/update": update,
    "contact/batchupsert": batch_upsert,
    "contact/addContactExtEvent": add_event,
    "contact/updateContactExtEvent": update_event,
    "contact/managetags": manage_tags,
    "contact/optin": _consents("forceOptIn"),
    "contact/optout": _consents("forceOptOut"),
    "contact/phoneoptin": _consents("forcePhoneOptIn"),
    "contact/phoneoptout": _consents("forcePhoneOptOut"),
    "contact/batchoptin": _consents_of_many("forceOptIn"),
    "contact/batchoptout": _consents_of_many("forceOptOut"),
    "rule/insert": insert_rule,
    "email/send": send_email,
    "system/registeraccount": register_account,
    "contact/listAll": list_all,
    "contact/listAllById": list_all_by_id,
    "contact/upsertVendorToSupport": upsert_vendor,
}

OWNER_OPTIONAL = frozenset(
    {
        "contact/optin",
        "contact/optout",
        "contact/phoneoptin",
        "contact/phoneoptout",
        "email/send",
        "system/registeraccount",
    }
)
"""Legacy paths that are called without an owner."""

CHANGING_NOTHING = frozenset({"system/registeraccount", "contact/listAll", "contact/listAllById"})
"""Legacy paths that leave the account unchanged."""
