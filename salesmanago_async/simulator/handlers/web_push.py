"""notification/*: web push notifications, their recipients and statistics.

No documented call sends a notification or creates a consent form, so the account has a few fixed ones. Their numbers
agree: the counts in the statistics are those of the recipients.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from attrs import frozen

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore
from ._archive import archive
from ._user import check_any_user, check_user


@frozen
class Push:
    """A notification: one sending of the web push (or workflow, or rule) `web_push_id`; times are UNIX milliseconds."""

    conversation_id: int
    web_push_id: int
    name: str
    source: str
    sent_on: int
    browsers: int


PUSHES = (
    Push(16, 1, "Welcome", "MASS", 1600000000000, browsers=10),
    Push(17, 12345, "Spring Campaign", "MASS", 1610000000000, browsers=25),
    Push(18, 12346, "Abandoned cart", "WORKFLOW", 1615000000000, browsers=5),
    Push(19, 12346, "Abandoned cart", "WORKFLOW", 1620000000000, browsers=5),
)
FORMS = {101045: "Consent form 2021-06-22", 101044: "Consent form 2021-06-02"}
SECOND_MS = 1000


def ids(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """notification/conversation/ids: the span is in UNIX seconds. [guess] a sent notification is never modified."""
    del store
    found = [push.conversation_id for push in PUSHES if body["from"] <= push.sent_on // SECOND_MS <= body["to"]]
    return {"message": ["Conversation list"], "pushConversationIds": found}


def stats(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """notification/conversation/stats: the notifications led to no sales."""
    check_any_user(store, body)
    key = "conversation_id" if body.get("useConversation") else "web_push_id"
    pushes = _pushes(key, body["webPushId"])
    _check_source(pushes, body.get("sourceType", pushes[0].source))
    nothing = ("totalSalesNumber", "totalSalesValue", "totalSalesLastClickNumber", "totalSalesLastClickValue")
    revenue = {period: dict.fromkeys(nothing, 0) for period in ("LAST_7_DAYS", "CURRENT_MONTH")}
    return {"messages": [], "data": {**_statistics(pushes), "revenueStats": revenue}}


def _pushes(key: str, number: int) -> list[Push]:
    """Return a notification and all others of its workflow element. [guess] the text for an unknown one."""
    web_push_ids = {push.web_push_id for push in PUSHES if getattr(push, key) == number}
    if not web_push_ids:
        raise RefusedCall("Web Push not found")
    return [push for push in PUSHES if push.web_push_id in web_push_ids]


def _check_source(pushes: Sequence[Push], wanted: str) -> None:
    """Refuse a notification of another source than those named. [guess] the text."""
    if pushes[0].source not in {source.strip() for source in wanted.split(",")}:
        raise RefusedCall(f"Web Push not found among those of source {wanted}")


def _statistics(pushes: Sequence[Push]) -> dict[str, Any]:
    browsers = [browser for push in pushes for browser in _browsers(push)]
    rich, basic = browsers[::2], browsers[1::2]
    return {
        "webPushId": pushes[0].web_push_id,
        "sourceType": pushes[0].source,
        "name": pushes[0].name,
        "sentOn": pushes[-1].sent_on,
        "sent": _count(browsers, "sentOn"),
        "displayedBasic": _count(basic, "displayedOn"),
        "displayedRich": _count(rich, "displayedOn"),
        "clickedBasic": _count(basic, "clickedOn"),
        "clickedRich": _count(rich, "clickedOn"),
    }


def _count(browsers: Sequence[Mapping[str, Any]], name: str) -> int:
    return sum(browser["status"] == "Sent" and browser[name] is not None for browser in browsers)


def _browsers(push: Push) -> list[dict[str, Any]]:
    """Return what happened at each browser: of five, one fails, three show the notification, one is clicked."""
    return [_browser(push, number) for number in range(push.browsers)]


def _browser(push: Push, number: int) -> dict[str, Any]:
    chance = number % 5
    return {
        "contactAnonymousId": f"00000000-0000-4000-8000-{number:012}",
        "status": "FP" if chance == 4 else "Sent",
        "sentOn": push.sent_on,
        "displayedOn": push.sent_on + 60 * SECOND_MS if chance < 3 else None,
        "clickedOn": push.sent_on + 90 * SECOND_MS if chance == 0 else None,
    }


def data(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """notification/conversation/data: the file is a ZIP."""
    check_any_user(store, body)
    pushes = _pushes("web_push_id", body["webPushId"])

    def export() -> bytes:
        records = [
            {"webPushId": push.web_push_id, **_owner_of(store, number), **browser}
            for push in pushes
            for number, browser in enumerate(_browsers(push))
        ]
        return archive(f"web_push_{pushes[0].web_push_id}", records)

    return {"requestId": store.start_job(export)}


def _owner_of(store: AccountStore, number: int) -> dict[str, Any]:
    """Return the owner of a browser: the first is name1@example.com's, if the account has that contact."""
    contact = store.find({"email": f"name{number + 1}@example.com"})
    if contact is None:
        return {"contactId": None, "email": None, "externalId": None}
    return {"contactId": contact.id, "email": contact.email, "externalId": contact.fields.get("externalId")}


def push_stats(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """notification/push/stats. [guess] the content: an array of one object, as in the other statistics."""
    check_user(store, body)
    pushes = _pushes("web_push_id", body["itemId"])
    _check_source(pushes, body["webPushSourceType"])
    request_id = store.start_job(lambda: orjson.dumps([_statistics(pushes)]))
    return {"message": ["Export added to execute."], "requestId": request_id}


def form_data(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """notification/consent/form/data."""
    del store, body
    return {"consentFormList": [{"intId": int_id, "name": name} for int_id, name in FORMS.items()]}


def form_stats(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """notification/consent/form/stats. [guess] the content, and the text for an unknown form."""
    check_user(store, body)
    int_id = body["intId"]
    if int_id not in FORMS:
        raise RefusedCall("Consent form not found")
    counts = {"intId": int_id, "name": FORMS[int_id], "displayed": 25, "accepted": 10, "rejected": 5}
    request_id = store.start_job(lambda: orjson.dumps([counts]))
    return {"message": ["Export added to execute."], "requestId": request_id}


HANDLERS: dict[str, Handler] = {
    "notification/conversation/ids": ids,
    "notification/consent/form/stats": form_stats,
    "notification/push/stats": push_stats,
    "notification/consent/form/data": form_data,
    "notification/conversation/stats": stats,
    "notification/conversation/data": data,
}
