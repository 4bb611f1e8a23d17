"""email/*: creates and sends e-mails."""

from collections.abc import Iterable, Mapping
from typing import Any

from ...api.fields import is_email
from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore
from ._mailings import Mailbox, deliver, start_mailing
from ._user import check_user


def upsert(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """email/upsert. An unknown id is taken for an e-mail that was made in SALESmanago itself."""
    if body["emailOwner"] not in store.owners:
        raise RefusedCall("Not authenticated, invalid owner")
    emails = store.section(Mailbox).emails
    email_id = body.get("emailId") or store.new_id()
    if emails.get(email_id, body)["emailOwner"] != body["emailOwner"]:
        raise RefusedCall("Email owner cannot be changed")  # [guess] the rule is documented, but not its text
    emails[email_id] = {**emails.get(email_id, {}), **body}
    return {"emailId": email_id}


def send(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """email/sendEmail."""
    user = check_user(store, body)
    _add_missing(store, body["contacts"], user)
    mailing = start_mailing(
        store,
        email_id=body["emailId"],
        user=user,
        date=body["date"],
        contacts=body["contacts"],
        excluded=body.get("excludeContacts", ()),
    )
    return {"message": ["Emails are scheduling to send."], "conversationId": mailing.id}


def send_with_attachment(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """email/sendWithAttachment. [guess] like sendEmail, it creates contacts for unknown addresses."""
    user = check_user(store, body)
    contacts = [_selector(entry) for entry in body["contacts"]]
    _add_missing(store, contacts, user)
    mailing = start_mailing(
        store,
        email_id=body["emailId"],
        user=user,
        date=store.now_ms() if body.get("immediate") else body["date"],
        contacts=contacts,
        excluded=[_selector(entry) for entry in body.get("excludeContacts", ())],
        kind="RULE" if body.get("rule") else "MAILING",
    )
    return {"message": ["Emails are scheduled to send."], "conversationId": mailing.id}


def _selector(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the selector that other calls use for this addressee."""
    kind = entry["addresseeType"].removesuffix("S")
    return {"addresseeType": kind, "value": entry.get("email") or entry.get("contactId") or entry["tag"]}


def _add_missing(store: AccountStore, selectors: Iterable[Mapping[str, Any]], user: str) -> None:
    """Create a contact, opted in, for each unknown address."""
    given = (selector["value"].split(",") for selector in selectors if selector["addresseeType"] == "EMAIL")
    for address in (value.strip() for values in given for value in values):
        if is_email(address) and store.find({"email": address}) is None:
            store.upsert({"contact": {"email": address}}, double_opt_in=False, owner=user)


def send_confirmation(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """email/sendConfirmation. [guess] all texts except the one for a contact that gets the e-mail."""
    contact = store.find(body)
    if contact is None:
        return {"message": ["Contact does not exist"], "contactExists": False, "contactId": None}
    fields = {"contactExists": True, "contactId": contact.id}
    if not contact.opted_out:
        return {"message": ["Contact exists - already opted in"], **fields}
    if "tag" in body and contact not in store.select([{"addresseeType": "TAG", "value": body["tag"]}]):
        return {"message": ["Contact exists - not marked with the tag"], **fields}
    email = store.section(Mailbox).emails.get(body.get("doubleOptInEmailId", ""), _CONFIRMATION)
    deliver(contact, email["name"], email["subject"], store.now_ms())
    return {"message": ["Contact exists - confirmation email sent"], **fields}


_CONFIRMATION = {"name": "Subscription confirmation", "subject": "Confirm your subscription"}

HANDLERS: dict[str, Handler] = {
    "email/sendEmail": send,
    "email/upsert": upsert,
    "email/sendConfirmation": send_confirmation,
    "email/sendWithAttachment": send_with_attachment,
}
