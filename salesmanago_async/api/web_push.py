"""notification/*: web push notifications and their consent forms (reference: "API - Web Push")."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from attrs import field, frozen

from ..errors import Invalid
from .fields import Form, JsonPath, Text
from .request import Answer, JobStarted, Part, Request, User

__all__ = [
    "ExportConsentFormStats",
    "ExportWebPushData",
    "ExportWebPushStats",
    "GetWebPushStats",
    "ListConsentForms",
    "ListWebPushConversations",
]

WebPushSource: TypeAlias = Literal["MASS", "WORKFLOW", "RULE"] | str
"""What triggered a notification: an open set."""

Second = Annotated[datetime | int, Form.SECONDS]
"""An aware datetime, or UNIX milliseconds; sent as UNIX seconds."""


@frozen(kw_only=True)
class WebPushConversationIds(Answer):
    """The identifiers of the notifications that were found."""

    push_conversation_ids: tuple[int, ...] = ()


@frozen
class ListWebPushConversations(Request[WebPushConversationIds]):
    """List the notifications that were modified in a span of time (reference: "Web Push notification ID list").

    `start` and `end` are aware datetimes or UNIX milliseconds, as everywhere; they are sent as UNIX seconds.
    """

    path = "notification/conversation/ids"
    changes_nothing = True
    needs_owner = False
    start: Annotated[Second, JsonPath("from")]
    end: Annotated[Second, JsonPath("to")] = field(kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the span ends before it begins."""
        if body["to"] < body["from"]:
            raise Invalid("is before `from`", field="to")


@frozen(kw_only=True)
class ConsentForm(Part):
    """A form that asks for consent to notifications."""

    int_id: int | None = None
    name: str | None = None


@frozen(kw_only=True)
class ConsentForms(Answer):
    """The consent forms of the account."""

    consent_form_list: tuple[ConsentForm, ...] = ()


@frozen
class ListConsentForms(Request[ConsentForms]):
    """List the consent forms, by number and name (reference: "get the name and ID of the consent form")."""

    path = "notification/consent/form/data"
    changes_nothing = True
    needs_owner = False


@frozen
class ExportConsentFormStats(Request[JobStarted]):
    """Start an export of the statistics of a consent form (reference: "export consent forms statistics to a file").

    `int_id` is the number of the form; the content of the file is not documented.
    """

    path = "notification/consent/form/stats"
    needs_owner = False
    int_id: int
    user: User = field(default=None, kw_only=True)


@frozen
class ExportWebPushStats(Request[JobStarted]):
    """Start an export of the statistics of a notification (reference: "Export Web Push notifications statistics").

    `item_id` is the number of the message in SALESmanago; the content of the file is not documented.
    """

    path = "notification/push/stats"
    needs_owner = False
    needs_request_time = False
    item_id: int
    web_push_source_type: Annotated[WebPushSource, Text(255, clearable=False)] = field(kw_only=True)
    user: User = field(default=None, kw_only=True)


@frozen(kw_only=True)
class WebPushRevenue(Part):
    """Sales to the recipients of a notification, and sales whose last click was on the notification."""

    total_sales_number: int | None = None
    total_sales_value: float | None = None
    total_sales_last_click_number: int | None = None
    total_sales_last_click_value: float | None = None


@frozen(kw_only=True)
class WebPushStats(Answer):
    """The statistics of a notification; `revenue_stats` are by period, such as LAST_7_DAYS or CURRENT_MONTH.

    `messages` is the spelling of `message` that the reference uses here.
    """

    messages: tuple[str, ...] = ()
    web_push_id: Annotated[int | None, JsonPath("data.webPushId")] = None
    source_type: Annotated[str | None, JsonPath("data.sourceType")] = None
    name: Annotated[str | None, JsonPath("data.name")] = None
    sent_on: Annotated[datetime | None, JsonPath("data.sentOn")] = None
    sent: Annotated[int | None, JsonPath("data.sent")] = None
    displayed_basic: Annotated[int | None, JsonPath("data.displayedBasic")] = None
    displayed_rich: Annotated[int | None, JsonPath("data.displayedRich")] = None
    clicked_basic: Annotated[int | None, JsonPath("data.clickedBasic")] = None
    clicked_rich: Annotated[int | None, JsonPath("data.clickedRich")] = None
    revenue_stats: Annotated[Mapping[str, WebPushRevenue], JsonPath("data.revenueStats")] = field(factory=dict)


@frozen
class GetWebPushStats(Request[WebPushStats]):
    """Read the statistics of a notification (reference: "Export notification statistics").

    `web_push_id` is the number in the address of its analytics or, with `use_conversation=True`, a number returned by
    notification/conversation/ids. For `source_type` WORKFLOW and RULE the counts cover all conversations of the same
    workflow element.
    """

    path = "notification/conversation/stats"
    changes_nothing = True
    needs_owner = False
    web_push_id: int
    source_type: Annotated[WebPushSource | None, Text(255)] = field(default=None, kw_only=True)
    use_conversation: bool | None = field(default=None, kw_only=True)
    user: User = field(default=None, kw_only=True)


@frozen(kw_only=True)
class WebPushRecipient(Part):
    """The delivery of a notification to one browser; its contact is None if unknown.

    `status` is "Sent" or "FP", which the reference does not explain.
    """

    web_push_id: int | None = None
    contact_id: str | None = None
    email: str | None = None
    external_id: str | None = None
    contact_anonymous_id: str | None = None
    status: str | None = None
    sent_on: datetime | None = None
    displayed_on: datetime | None = None
    clicked_on: datetime | None = None


@frozen
class ExportWebPushData(Request[JobStarted]):
    """Start an export of the recipients of a notification (reference: "Export notification data for all recipients").

    `web_push_id` is the number of a mass notification, or of the workflow or rule that sent it. The file is a ZIP of
    JSON arrays of up to 50,000 recipients each.
    """

    path = "notification/conversation/data"
    needs_owner = False
    web_push_id: int
    user: User = field(default=None, kw_only=True)
