"""The e-mails and mailings of the account, and the sending of a mailing."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field

from .._store import AccountStore, StoredContact

MASS_TYPES = frozenset({"MAILING", "CYCLIC", "TEST_AB", "FINAL_TEST_AB", "BIRTHDAY"})
"""[guess] the reference has lost the list of mass types: these are the types of conversationStatistics."""


@define
class Delivery:
    """An e-mail to one contact; `entry` is its entry in the contact's list of e-mails, and shows its state."""

    contact: StoredContact
    entry: dict[str, Any]


@define(kw_only=True)
class Mailing:
    """An e-mail to many contacts, sent or scheduled. Times are UNIX milliseconds; `date_sent` is None until then."""

    id: str
    number: int
    kind: str
    name: str
    subject: str
    user: str
    created_on: int
    date_sent: int | None = None
    deliveries: list[Delivery] = field(factory=list)


@define
class Mailbox:
    """The account's stored e-mails and its mailings, by their ids."""

    emails: dict[str, dict[str, Any]] = field(factory=dict)
    mailings: dict[str, Mailing] = field(factory=dict)


def start_mailing(
    store: AccountStore,
    *,
    email_id: str,
    user: str,
    date: int,
    contacts: Sequence[Mapping[str, str]],
    excluded: Sequence[Mapping[str, str]],
    kind: str = "MAILING",
) -> Mailing:
    """Send an e-mail to the selected contacts at `date`; if that is in the past, immediately.

    [guess] tags, stages and opt-outs are evaluated when the mailing is sent. An unknown id is taken for an e-mail that
    was made in SALESmanago itself.
    """
    mailbox = store.section(Mailbox)
    email = mailbox.emails.get(email_id, {"name": email_id, "subject": ""})
    mailing = Mailing(
        id=store.new_id(),
        number=len(mailbox.mailings) + 1,
        kind=kind,
        name=email["name"],
        subject=email["subject"],
        user=user,
        created_on=store.now_ms(),
    )
    mailbox.mailings[mailing.id] = mailing
    when = max(date, store.now_ms())
    store.schedule(when / 1000, lambda: _send(store, mailing, when, contacts, excluded))
    return mailing


def _send(
    store: AccountStore,
    mailing: Mailing,
    when: int,
    contacts: Sequence[Mapping[str, str]],
    excluded: Sequence[Mapping[str, str]],
) -> None:
    left_out = {contact.id for contact in store.select(excluded)}
    chosen = [found for found in store.select(contacts) if not found.opted_out and found.id not in left_out]
    mailing.date_sent = when
    mailing.deliveries = [
        Delivery(contact, deliver(contact, mailing.name, mailing.subject, when, mailing.number)) for contact in chosen
    ]


def deliver(contact: StoredContact, name: str, subject: str, when: int, number: int | None = None) -> dict[str, Any]:
    """Add an e-mail to the contact's list, in the form that contact/list documents; return the entry."""
    entry = {
        "name": name,
        "subject": subject,
        "date": when,
        "sent": True,
        "dateSent": when,
        "opened": False,
        "dateOpened": None,
        "clicked": False,
        "dateClicked": None,
        "emailConversation": number,
        "intId": None,
        "deliveryStatus": None,
    }
    contact.emails.append(entry)
    return entry
