"""messaging/*: sends text messages, and lists what was sent.

A message goes to each selected contact that has a phone number and has not opted out of mobile marketing, once for each
channel, at its time. All messages are delivered, and none is clicked.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import define, field

from ...api.messages import DAY_MS
from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore, StoredContact
from ._archive import archive
from ._user import check_any_user, check_user

CHANNELS = ("SMS", "VIBER", "WHATS_APP")
SOURCES = ("BIRTHDAY", "MASS", "RULE", "WORKFLOW", "TEST", "ALERT", "RFM", "ALL")
TRANSACTIONAL = "TRANSACTIONAL"
"""[guess] the source of transactional messages, which only ALL includes: the documented sources have none for them."""


@define
class Message:
    """A text message to one contact."""

    contact: StoredContact
    channel: str
    phone: str
    status: str


@define
class Conversation:
    """The messages of one call: `date` is the time of sending, in UNIX milliseconds."""

    id: int
    name: str
    user: str
    source: str
    created_on: int
    date: int
    text: str
    template: str | None
    channels: tuple[str, ...]
    messages: list[Message] = field(factory=list)

    def address(self, contacts: Iterable[StoredContact], status: str) -> None:
        """Create the messages for those contacts that can receive them.

        [guess] transactional messages also go to contacts that opted out, because they are not marketing.
        """
        willing = [c for c in contacts if self.source == TRANSACTIONAL or not c.opted_out_phone]
        numbers = [(contact, contact.fields.get("phone")) for contact in willing]
        self.messages = [
            Message(contact, channel, phone, status) for channel in self.channels for contact, phone in numbers if phone
        ]


@define
class Conversations:
    """All conversations by number, and the numbers of the templates they use."""

    all: dict[int, Conversation] = field(factory=dict)
    templates: dict[str, int] = field(factory=dict)

    def open(self, **fields: Any) -> Conversation:
        """Return a new conversation."""
        conversation = Conversation(len(self.all) + 1, **fields)
        self.all[conversation.id] = conversation
        if conversation.template:
            self.templates.setdefault(conversation.template, len(self.templates) + 1)
        return conversation


def send(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """messaging/send. [guess] without a channel it is SMS; with both a text and a template, the text is sent."""
    now = store.now_ms()
    template = body.get("templateName")
    conversation = store.section(Conversations).open(
        name=body["name"],
        user=check_user(store, body),
        source="MASS",
        created_on=now,
        date=_time(body, now),
        text=body.get("textContent", template),
        template=template,
        channels=_channels(body),
    )
    conversation.address(_select(store, body["contacts"]), "Collecting data")
    if conversation.date > now:
        store.schedule(conversation.date / 1000, lambda: _deliver(store, conversation))
    else:
        _deliver(store, conversation)
    return {"message": ["Scheduled sending"], "conversationId": conversation.id}


def _time(body: Mapping[str, Any], now: int) -> int:
    time = body.get("time", now)
    if not now - DAY_MS <= time <= now + 365 * DAY_MS:
        raise RefusedCall("time: is not from one day ago to one year ahead")
    return max(int(time), now)


def _channels(body: Mapping[str, Any]) -> tuple[str, ...]:
    given = [entry["channel"] for entry in body.get("messagingChannelIntegration", ())]
    for channel in given:
        _check_one_of("channel", channel, CHANNELS)
    return tuple(dict.fromkeys(given)) or ("SMS",)


def _check_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise RefusedCall(f"{name}: {value} is not one of {', '.join(known)}")


def _select(store: AccountStore, addressees: list[dict[str, str]]) -> list[StoredContact]:
    """Return the contacts of the addressees, each once. [guess] ID means the contact id."""
    states = [addressee["addresseeType"] for addressee in addressees if addressee["addresseeType"] in _STATES]
    others = [
        {**addressee, "addresseeType": "CONTACT_ID"} if addressee["addresseeType"] == "ID" else addressee
        for addressee in addressees
        if addressee["addresseeType"] not in _STATES
    ]
    found = {contact.id: contact for contact in store.select(others)}
    for contact in store.contacts.values():
        if any(_STATES[state](contact) for state in states):
            found[contact.id] = contact
    return list(found.values())


_STATES: dict[str, Callable[[StoredContact], bool]] = {
    "OPTED_OUT": lambda contact: contact.opted_out,
    "OPTED_IN": lambda contact: not contact.opted_out,
    "PHONE_OPTED_OUT": lambda contact: contact.opted_out_phone,
    "PHONE_OPTED_IN": lambda contact: not contact.opted_out_phone,
    "INVALID": lambda _: False,
    "MONITORED": lambda contact: contact.monitored,
    "NOT_MONITORED": lambda contact: not contact.monitored,
}


def _deliver(store: AccountStore, conversation: Conversation) -> None:
    """Send the messages that can still be sent, and add them to their contacts."""
    chosen = {message.contact.id: message.contact for message in conversation.messages}
    conversation.address((contact for id_, contact in chosen.items() if id_ in store.contacts), "Sent")
    for message in conversation.messages:
        message.contact.mobile_messages.append(_mobile_message(conversation, message))
        if message.channel == "SMS":
            message.contact.sms.append(_sms(conversation))


def _mobile_message(conversation: Conversation, message: Message) -> dict[str, Any]:
    return {
        "name": conversation.template or conversation.name,
        "channelType": message.channel,
        "delivered": True,
        "sender": conversation.user,
        "source": conversation.source,
        "sourceName": None,
        "sendDate": conversation.date,
    }


def _sms(conversation: Conversation) -> dict[str, Any]:
    return {
        "createdDate": conversation.created_on,
        "dateSent": conversation.date,
        "dateDelivered": conversation.date,
        "deliveryStatus": "DELIVRD:00",
        "dateReplied": None,
        "replayMsg": None,
        "content": conversation.text,
        "sentBy": conversation.user,
    }


def send_transactional(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """messaging/transactional/send: accepts any integration and template, because no call creates them.

    [guess] the refusals, and that the text is the whole message: templates cannot be read.
    """
    user = check_user(store, body)
    contact = _recipient(store, body["contact"])
    if not contact.fields.get("phone"):
        raise RefusedCall("Contact has no phone number")
    template, now = body["templateExternalId"], store.now_ms()
    conversation = store.section(Conversations).open(
        name=template,
        user=user,
        source=TRANSACTIONAL,
        created_on=now,
        date=now,
        text=template,
        template=template,
        channels=("SMS",),
    )
    conversation.address([contact], "Sent")
    _deliver(store, conversation)
    return {"conversationId": conversation.id}


def _recipient(store: AccountStore, given: Mapping[str, Any]) -> StoredContact:
    """Return the contact that the body names. [guess] a user id is the contact's externalId."""
    kind, value = given["addresseeType"].upper(), given["value"]
    _check_one_of("addresseeType", kind, ("EMAIL", "CONTACT_ID", "USER_ID"))
    if kind == "USER_ID":
        found = next((c for c in store.contacts.values() if c.fields.get("externalId") == value), None)
    else:
        found = store.find({"email" if kind == "EMAIL" else "contactId": value})
    if found is None:
        raise RefusedCall("Contact does not exist")
    return found


def conversation_list(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """messaging/conversationList."""
    source = body.get("source", "MASS")
    _check_one_of("source", source, SOURCES)
    found = [
        conversation.id
        for conversation in store.section(Conversations).all.values()
        if body["from"] <= conversation.date <= body["to"] and source in {conversation.source, "ALL"}
    ]
    return {"conversationIds": found}


def _conversation(store: AccountStore, body: Mapping[str, Any]) -> Conversation:
    """Return the conversation of that number. [guess] the text for an unknown number."""
    found = store.section(Conversations).all.get(body["conversationId"])
    if found is None:
        raise RefusedCall("Conversation not found")
    return found


def mass_conversation_data(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """messaging/mass/conversation/data."""
    conversation = _conversation(store, body)
    return {"messagingContentList": [_content(conversation, message) for message in conversation.messages]}


def _content(conversation: Conversation, message: Message) -> dict[str, Any]:
    return {
        "name": conversation.name,
        "date": conversation.date,
        "textContent": conversation.text,
        "phone": message.phone,
        "contactId": message.contact.id,
        "externalId": message.contact.fields.get("externalId"),
        "channel": message.channel,
    }


def conversation_stats(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """messaging/conversationStats."""
    conversation = _conversation(store, body)
    channel, source = body.get("channel", "ALL"), body.get("source", "ALL")
    _check_one_of("channel", channel, (*CHANNELS, "ALL"))
    _check_one_of("source", source, SOURCES)
    shown = [
        used for used in conversation.channels if channel in {used, "ALL"} and source in {conversation.source, "ALL"}
    ]
    return {
        "conversationTemplateId": store.section(Conversations).templates.get(conversation.template or ""),
        "sentDate": conversation.date,
        "user": conversation.user,
        "name": conversation.name,
        "statistics": {used: _counts(conversation, used) for used in shown},
    }


def _counts(conversation: Conversation, channel: str) -> dict[str, Any]:
    sent = [message.channel == channel and message.status == "Sent" for message in conversation.messages].count(True)
    return {"cancelled": False, "sent": sent, "delivered": sent, "undelivered": 0, "clicked": 0}


def conversation_data(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """messaging/conversation/data: the file has the messages as they are when the job ends."""
    check_any_user(store, body)
    conversation = _conversation(store, body)

    def export() -> bytes:
        records = [
            {
                **_content(conversation, message),
                "clickedOn": None,
                "email": message.contact.email,
                "status": message.status,
            }
            for message in conversation.messages
        ]
        return archive(f"conversation_{conversation.id}", records)

    return {"requestId": store.start_job(export)}


HANDLERS: dict[str, Handler] = {
    "messaging/send": send,
    "messaging/transactional/send": send_transactional,
    "messaging/conversationList": conversation_list,
    "messaging/mass/conversation/data": mass_conversation_data,
    "messaging/conversationStats": conversation_stats,
    "messaging/conversation/data": conversation_data,
}
