"""Reads a delivery of LiveChat's webhook `incoming_chat`, and converts it to a contact and an event; no I/O.

The versions differ little: 3.2 has `license_id` where 3.6 has `organization_id` (neither is needed here). The fields of
a filled form have `answer`, or `value` in older versions.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from attrs import field, frozen

from ...api.contacts import Contact
from ...api.events import ExternalEvent
from ...api.fields import is_email
from ...errors import Invalid

ACTION = "incoming_chat"
TAG = "LIVECHAT_INC"
LONGEST = 255
"""The most characters of a contact's name, and of a detail of an event."""


@frozen(kw_only=True)
class Chat:
    """A chat that an identified customer began. Its two ids together identify repeated deliveries of it."""

    chat_id: str
    thread_id: str
    email: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    customer_id: str | None = None
    began: datetime | None = None


def read_chat(delivery: Mapping[str, Any]) -> Chat | None:
    """Return the chat in a delivery; None if there is nothing to transfer.

    This is the case for a delivery of another webhook, and for a customer without an e-mail address. The pre-chat form
    takes precedence over what LiveChat knew of the customer. Raises `Invalid` for an incoming chat without its ids.
    """
    if delivery.get("action") != ACTION:
        return None
    chat = _object(_object(delivery.get("payload")).get("chat"))
    thread = _object(chat.get("thread"))
    customers, answers = _customers(chat), list(_answers(thread))
    typed = [answer for kind, answer in answers if kind == "email"]
    email = next(filter(is_email, (*typed, *(_text(customer.get("email")) for customer in customers))), None)
    if email is None:
        return None
    customer = next((one for one in customers if _text(one.get("email")) == email), customers[0] if customers else {})
    names = [answer for kind, answer in answers if kind == "name"]
    return Chat(
        chat_id=_id(chat, "chat.id"),
        thread_id=_id(thread, "thread.id"),
        email=email,
        name=(names[0] if names else _text(customer.get("name")))[:LONGEST] or None,
        customer_id=_text(customer.get("id"))[:LONGEST] or None,
        began=_moment(thread.get("created_at")),
    )


def contact_of(chat: Chat) -> Contact:
    """Return the contact to upsert; a chat without a name does not change the contact's name."""
    return Contact(email=chat.email, name=chat.name, tags=[TAG])


def event_of(chat: Chat, now: datetime) -> ExternalEvent:
    """Return the event of a chat transferred at `now` (LiveChat Inc. integration: "External Event data fields")."""
    return ExternalEvent(
        email=chat.email,
        date=now,
        contact_ext_event_type="MEETING",
        description="LivechatInc",
        detail1=str(int(chat.began.timestamp())) if chat.began else None,  # [guess] UNIX time in seconds
        detail2="customer",
        detail3=chat.customer_id,
        detail4=ACTION,
    )


def _customers(chat: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the users that are customers; the others are agents."""
    users = map(_object, _list(chat.get("users")))
    return [user for user in users if user.get("type") == "customer"]


def _answers(thread: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the answers in forms, with the type of their field; those of the pre-chat form come first."""
    for event in map(_object, _list(thread.get("events"))):
        if event.get("type") == "filled_form":
            for given in map(_object, _list(event.get("fields"))):
                answer = _text(given.get("answer")) or _text(given.get("value"))
                if answer:
                    yield _text(given.get("type")), answer


def _id(holder: Mapping[str, Any], name: str) -> str:
    found = _text(holder.get("id"))
    if not found:
        raise Invalid("is missing, and without it a repeat cannot be distinguished from a new chat", field=name)
    return found


def _moment(given: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_text(given))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _object(given: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}


def _list(given: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", given) if isinstance(given, list) else ()


def _text(given: Any) -> str:
    return given.strip() if isinstance(given, str) else ""
