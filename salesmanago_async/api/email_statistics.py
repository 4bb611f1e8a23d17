"""email/*: statistics of e-mails (reference: "API - Email messages"); module `emails` creates and sends them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, cast

from attrs import field, frozen

from ..errors import Invalid
from .codec import read_leniently
from .fields import Codec, JsonPath, Moment, NameText, Text
from .request import Answer, JobStarted, Part, Request, User

__all__ = [
    "GetConversationStatistics",
    "GetGlobalConversationStatistics",
    "GetMessageStatistics",
    "ListMassConversations",
]

ConversationType: TypeAlias = (
    Literal[
        "SMTP", "AD_HOC", "MAILING", "RULE", "W", "API", "TEST_AB", "FINAL_TEST_AB", "BIRTHDAY", "CYCLIC",
        "SCHEDULED", "BIRTHDAY_YR", "TEST",
    ]
    | str
)  # fmt: skip
"""What triggered an e-mail: an open set. [guess] mass e-mails are MAILING, CYCLIC, TEST_AB, FINAL_TEST_AB and
BIRTHDAY."""

ExportType: TypeAlias = Literal["BASIC", "SHORT", "FULL"] | str
"""How much an export says about each mailing: an open set."""


@frozen(kw_only=True)
class Reached(Part):
    """A contact that got an e-mail. `opted_out` says whether it opted out with the link in that e-mail."""

    email: str | None = None
    contact_id: str | None = None
    external_id: str | None = None
    date_opened: datetime | None = None
    date_clicked: datetime | None = None
    opted_out: bool | None = None


def _read_reached(given: Any) -> Reached:
    """Read a contact that is given as an object, or only as an address, as bounced ones are."""
    if isinstance(given, str):
        return Reached(email=given)
    if not isinstance(given, Mapping):
        raise ValueError(f"is a {type(given).__name__}, not an object")  # noqa: TRY004 - kept in `extra` then
    return read_leniently(Reached, cast("Mapping[str, Any]", given))


Bounced: TypeAlias = Annotated[Reached, Codec(read=_read_reached)]


@frozen(kw_only=True)
class ConversationStatistics(Part):
    """The statistics of a mailing. `opened_message` and `clicked_message` count every time, unique_* each contact once.

    `message` says what went wrong. `contacts`, all addresses it was sent to, are there with SHORT; the *_by with FULL.
    """

    conversation_id: str | None = None
    name: str | None = None
    subject: str | None = None
    date_sent: datetime | None = None
    sent_by: str | None = None
    sent_message: int | None = None
    opened_message: int | None = None
    unique_opens: int | None = None
    clicked_message: int | None = None
    unique_clicks: int | None = None
    error_message: int | None = None
    soft_bounce: int | None = None
    hard_bounce: int | None = None
    resigned: int | None = None
    test_ab: Annotated[bool | None, JsonPath("testAB")] = None
    message: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    opened_by: tuple[Bounced, ...] = ()
    clicked_by: tuple[Bounced, ...] = ()
    soft_bounced_by: tuple[Bounced, ...] = ()
    hard_bounced_by: tuple[Bounced, ...] = ()
    resigned_by: tuple[Bounced, ...] = ()


@frozen
class GetConversationStatistics(Request[JobStarted]):
    """Start an export of the statistics of one mailing, or of all in a span (reference: "Statistics of sent emails").

    Only mailings whose author is `user` are included. With a `conversation_id`, everything but `export_type` is
    ignored; without it, the span `from_` to `to` (aware datetimes or UNIX milliseconds) is required.
    `conversation_type` limits the types (default: all). `export_type`: BASIC has the counts, SHORT also the addresses,
    FULL (the server's default) also who opened, clicked, bounced or resigned. `request_type` is the name of
    conversation_type in the sample of the reference: give one of the two.
    """

    path = "email/conversationStatistics"
    needs_owner = False
    conversation_id: NameText | None = None
    from_: Moment | None = field(default=None, kw_only=True)
    to: Moment | None = field(default=None, kw_only=True)
    conversation_type: Annotated[ConversationType | None, Text(255)] = field(default=None, kw_only=True)
    request_type: Annotated[ConversationType | None, Text(255)] = field(default=None, kw_only=True)
    export_type: Annotated[ExportType | None, Text(255)] = field(default=None, kw_only=True)
    user: User = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the body has neither a mailing nor a span."""
        missing = [name for name in ("from", "to") if name not in body]
        if missing and "conversationId" not in body:
            raise Invalid("is needed if there is no conversationId", field=missing[0])
        if "conversationType" in body and "requestType" in body:
            raise Invalid("is another name of conversationType: give one of them", field="requestType")


@frozen(kw_only=True)
class ConversationRecipients(Part):
    """The contacts that a mailing was sent to."""

    conversation_id: str | None = None
    name: str | None = None
    subject: str | None = None
    sent_message: int | None = None
    sent_to: tuple[Reached, ...] = ()


@frozen
class GetMessageStatistics(Request[JobStarted]):
    """Start an export of the recipients of a mailing (reference: "Downloading contacts to whom email was sent")."""

    path = "email/messageStatistics"
    needs_owner = False
    conversation_id: NameText
    user: User = field(default=None, kw_only=True)


@frozen(kw_only=True)
class MassConversations(Answer):
    """The identifiers of mailings."""

    conversation_list: tuple[str, ...] = ()


@frozen
class ListMassConversations(Request[MassConversations]):
    """List the mailings of a span of time (reference: "Downloading Mass Conversation").

    Aware datetimes or UNIX milliseconds. No owner is needed.
    """

    path = "email/massConversationList"
    changes_nothing = True
    needs_owner = False
    from_: Moment
    to: Moment


@frozen(kw_only=True)
class GlobalStatistics(Answer):
    """The statistics of all e-mails of a span; the *_unique fields count every contact once."""

    from_: datetime | None = None
    to: datetime | None = None
    sent: int | None = None
    opened: int | None = None
    clicked: int | None = None
    opened_unique: int | None = None
    clicked_unique: int | None = None
    soft_bounce: int | None = None
    hard_bounce: int | None = None
    resigned: int | None = None


@frozen
class GetGlobalConversationStatistics(Request[GlobalStatistics]):
    """Read the statistics of all e-mails of a span (reference: "Export of global statistics for sent emails").

    Aware datetimes or UNIX milliseconds. Without `conversation_type`, all mass e-mails are included.
    """

    path = "email/globalConversationStatistics"
    changes_nothing = True
    needs_owner = False
    from_: Moment
    to: Moment
    conversation_type: Annotated[ConversationType | None, Text(255)] = field(default=None, kw_only=True)
    user: User = field(default=None, kw_only=True)
