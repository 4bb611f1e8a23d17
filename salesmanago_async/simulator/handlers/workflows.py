"""workflow/*: the workflows of the account.

No documented call creates or starts a workflow: the account has three from the beginning, and they stay idle.
"""

from typing import Any

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore

WORKFLOWS = {
    1000001: {"name": "workflow 1", "creationDate": 1645617296},
    1000002: {"name": "workflow 2", "creationDate": 1645617296},
    10032430: {"name": "New Workflow 2022-02-23 12:53", "creationDate": 1645617296},
}
"""Id → the fixed fields, as in the reference's samples; times are UNIX seconds."""

_AMOUNTS = ("totalSales", "totalLastClickSales", "emailSales", "emailLastClickSales", "webPushSales",
    "webPushClickSales", "smsSales", "smsClickSales")  # fmt: skip
_NUMBERS = ("totalTransactionNumber", "totalLastClickTransactionNumber", "emailTransactionNumber",
    "emailLastClickTransactionNumber", "webPushTransactionNumber", "webPushLastClickTransactionNumber",
    "smsTransactionNumber", "smsLastClickTransactionNumber")  # fmt: skip
_AVERAGES = ("averageOr", "averageCtr", "averageCtor", "optOut")
_COUNTS = ("uniqueOpens", "allOpens", "uniqueClicks", "allCliks", "contactsOptOut", "sentMessages", "messageToSend",
    "failedMessages", "spam", "softBounces", "hardBounces")  # fmt: skip


def list_workflows(_store: AccountStore, _body: dict[str, Any]) -> dict[str, Any]:
    """workflow/list."""
    return {"workflows": [{"id": number, "name": workflow["name"]} for number, workflow in WORKFLOWS.items()]}


def statistics(_store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """workflow/statistics: of any period. [guess] the text for an unknown number."""
    workflow = WORKFLOWS.get(body["workflowId"])
    if workflow is None:
        raise RefusedCall("Workflow not found")
    return {
        **workflow,
        "launchesNumber": 0,
        "revenueStats": {**dict.fromkeys(_AMOUNTS, 0.0), **dict.fromkeys(_NUMBERS, 0)},
        "emailStats": {**dict.fromkeys(_AVERAGES, "-"), **dict.fromkeys(_COUNTS, 0)},
    }


HANDLERS: dict[str, Handler] = {"workflow/list": list_workflows, "workflow/statistics": statistics}
