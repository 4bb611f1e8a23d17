"""email/*: statistics of mailings. In the simulator no e-mail bounces, and no contact opts out by a link."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore
from ._mailings import MASS_TYPES, Delivery, Mailbox, Mailing
from ._user import check_user


def conversation_statistics(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """email/conversationStatistics: the file has the mailings that were sent when the job ends."""
    user = check_user(store, body)
    kind = body.get("exportType", "FULL")
    if kind not in _SCOPES:
        raise RefusedCall(f"exportType: {kind} is not one of {', '.join(_SCOPES)}")

    def of_one() -> bytes:
        mailing = _found(store, body["conversationId"], user)
        return orjson.dumps({**_statistics(mailing, kind), "message": []} if mailing else _NOT_FOUND)

    def of_many() -> bytes:
        wanted = body.get("conversationType") or body.get("requestType")
        sent = (mailing for mailing in _sent(store, body) if mailing.user == user)
        return orjson.dumps([_statistics(mailing, kind) for mailing in sent if wanted in (None, mailing.kind)])

    return {"requestId": store.start_job(of_one if "conversationId" in body else of_many)}


def message_statistics(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """email/messageStatistics."""
    user = check_user(store, body)

    def export() -> bytes:
        mailing = _found(store, body["conversationId"], user)
        return orjson.dumps(_recipients(mailing) if mailing else _NOT_FOUND)

    return {"requestId": store.start_job(export)}


def mass_conversation_list(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """email/massConversationList: mailings by the time of their creation, sent or not."""
    found = store.section(Mailbox).mailings.values()
    span = range(body["from"], body["to"] + 1)
    return {"conversationList": [one.id for one in found if one.created_on in span and one.kind in MASS_TYPES]}


def global_conversation_statistics(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """email/globalConversationStatistics: of the mailings of one user."""
    user = check_user(store, body)
    kinds = {body["conversationType"]} if "conversationType" in body else MASS_TYPES
    wanted = [one for one in _sent(store, body) if one.kind in kinds and one.user == user]
    statistics = _counts([delivery for mailing in wanted for delivery in mailing.deliveries])
    counts = {name: statistics[counted] for name, counted in _GLOBAL.items()}
    return {"from": body["from"], "to": body["to"], **counts}


_NOT_FOUND = {"message": ["Conversation not found"]}
"""[guess] the documentation says that files may hold error messages, but shows none."""

_GLOBAL = {
    "sent": "sentMessage",
    "opened": "openedMessage",
    "clicked": "clickedMessage",
    "openedUnique": "uniqueOpens",
    "clickedUnique": "uniqueClicks",
    "softBounce": "softBounce",
    "hardBounce": "hardBounce",
    "resigned": "resigned",
}
"""Field of the global statistics → its name in the statistics of one mailing."""


def _found(store: AccountStore, conversation_id: str, user: str) -> Mailing | None:
    """Return a sent mailing of that user."""
    mailing = store.section(Mailbox).mailings.get(conversation_id)
    return mailing if mailing and mailing.user == user and mailing.date_sent is not None else None


def _sent(store: AccountStore, body: Mapping[str, Any]) -> Iterable[Mailing]:
    """Return the mailings that were sent in a span, including its ends."""
    span = range(body["from"], body["to"] + 1)
    return (mailing for mailing in store.section(Mailbox).mailings.values() if mailing.date_sent in span)


def _statistics(mailing: Mailing, kind: str) -> dict[str, Any]:
    return {
        "conversationId": mailing.id,
        "name": mailing.name,
        "subject": mailing.subject,
        "dateSent": mailing.date_sent,
        "sentBy": mailing.user,
        **_counts(mailing.deliveries),
        "testAB": False,
        **_SCOPES[kind](mailing),
    }


def _counts(deliveries: list[Delivery]) -> dict[str, int]:
    opened, clicked = (len(_with(deliveries, name)) for name in ("dateOpened", "dateClicked"))
    return {
        "sentMessage": len(deliveries),
        "openedMessage": opened,
        "uniqueOpens": opened,
        "clickedMessage": clicked,
        "uniqueClicks": clicked,
        "errorMessage": 0,
        "softBounce": 0,
        "hardBounce": 0,
        "resigned": 0,
    }


def _with(deliveries: list[Delivery], name: str) -> list[Delivery]:
    return [delivery for delivery in deliveries if delivery.entry[name] is not None]


def _reached(delivery: Delivery) -> dict[str, Any]:
    return {
        "email": delivery.contact.email,
        "contactId": delivery.contact.id,
        "externalId": delivery.contact.fields.get("externalId"),
        "dateOpened": delivery.entry["dateOpened"],
        "dateClicked": delivery.entry["dateClicked"],
        "optedOut": False,
    }


def _who(mailing: Mailing) -> dict[str, Any]:
    return {
        "openedBy": [_reached(delivery) for delivery in _with(mailing.deliveries, "dateOpened")],
        "clickedBy": [_reached(delivery) for delivery in _with(mailing.deliveries, "dateClicked")],
        "softBouncedBy": [],
        "hardBouncedBy": [],
        "resignedBy": [],
    }


_SCOPES: dict[str, Callable[[Mailing], dict[str, Any]]] = {
    "BASIC": lambda _: {},
    "SHORT": lambda mailing: {"contacts": [delivery.contact.email for delivery in mailing.deliveries]},
    "FULL": _who,
}
"""Export type → the fields that it adds to the counts."""


def _recipients(mailing: Mailing) -> dict[str, Any]:
    sent_to = [
        {name: _reached(delivery)[name] for name in ("email", "contactId", "dateOpened")}
        for delivery in mailing.deliveries
    ]
    return {
        "conversationId": mailing.id,
        "name": mailing.name,
        "subject": mailing.subject,
        "sentMessage": len(sent_to),
        "sentTo": sent_to,
    }


HANDLERS: dict[str, Handler] = {
    "email/massConversationList": mass_conversation_list,
    "email/conversationStatistics": conversation_statistics,
    "email/messageStatistics": message_statistics,
    "email/globalConversationStatistics": global_conversation_statistics,
}
