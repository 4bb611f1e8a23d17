"""messaging/*: text messages by SMS, Viber and WhatsApp (reference: "API - SMS messages")."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from attrs import field, frozen

from ..errors import Invalid
from .fields import Count, JsonPath, Moment, NameText, ShortText, Text
from .request import Answer, JobStarted, Part, Request, User
from .selectors import Addressee

__all__ = [
    "ExportConversationData",
    "GetConversationData",
    "GetConversationStats",
    "ListConversations",
    "SendMessage",
    "SendTransactionalMessage",
]

Channel: TypeAlias = Literal["SMS", "VIBER", "WHATS_APP"] | str
"""The channel of a text message: an open set."""

Provider: TypeAlias = (
    Literal[
        "NATIVE", "SMS_SITMOBILE", "SMS_SMSAPI", "SMS_TIDE", "SMS_MATERNA", "SMS_SERWERSMS", "SMS_REDLINK",
        "SMS_VIA_NETT", "SMS_VOICE_COM", "SMS_SALES_TRAFFIC", "SMS_TEXT_MARKETER", "SMS_IMOBIS", "SMS_SPRYNG",
        "SMS_ADVANCED_TELECOM", "SMS_ESENDEX", "SMS_LABYRINTTI", "SMS_MODICA", "SMS_GSMS", "SMS_360NRS", "SMS_ENVOI",
        "SMS_MOBYT", "SMS_ASSECO", "SMS_CELLSYNT", "SMS_EURO_SMS", "SMS_SINHRO", "SMS_SEND_RO", "SMS_PUBLI",
        "SMS_INFOBIP", "SMS_WHIZZ_SMS", "SMS_TWILIO", "SMS_TCG", "SMS_GUPSHUP", "SMS_DYNMARK", "SMS_EUROCOM",
        "SMS_AMD", "SMS_MASIVIAN", "SMS_IKONO", "SMS_SMS_MESSENGER", "SMS_MEGAFON", "SMS_BULKER", "SMS_UNICELL",
        "SMS_UNIFONIC", "SMS_LIFECELL", "SMS_VERTEX", "SMS_POSTA_GUVERCINI", "SMS_KARIX", "SMS_VODAFONE_MALTA",
        "SMS_INSTASENT", "SMS_SMSC", "SMS_LOX24", "SMS_MOVISTAR", "SMS_LINK_MOBILITY", "SMS_SKEBBY", "SMS_SMS_PLANET",
        "SMS_TOKY_DIGITAL", "SMS_TOKY_DIGITAL_SMSC", "SMS_POLKOMTEL", "SMS_SOPRANO", "SMS_APIFONICA", "SMS_RAPPORTO",
        "SMS_CELLFIND", "SMS_MESSENTE", "SMS_MTARGET", "SMS_UNIFONIC_NEXTGEN", "SMS_UNIFONIC_NEXTGEN2",
        "SMS_UNIFONIC_NEXTGEN3", "SMS_UNIFONIC_NEXTGEN4", "SMS_UNIFONIC_NEXTGEN5", "SMS_UNIFONIC_NEXTGEN6",
        "SMS_UNIFONIC_NEXTGEN7", "SMS_UNIFONIC_NEXTGEN8", "SMS_UNIFONIC_NEXTGEN9", "SMS_UNIFONIC_NEXTGEN10",
        "SMS_LIBONET", "SMS_TOTAL_CONNECT", "SMS_MOVISTAR_COSTA_RICA", "SMS_SMSSERVICE", "SMS_BBL_SMS",
        "SMS_OCTAPUSH", "SMS_TELIA", "SMS_BULKGATE", "SMS_MITTO", "SMS_LOYMARK", "B2SMS", "SMS_LINK_MOBILITY_ITALY",
        "SMS_SERWERSMS_NEW",
    ]
    | str
)  # fmt: skip
"""The gateway of text messages; NATIVE is SALESmanago SMS. An open set: any text goes."""

MessagingSource: TypeAlias = Literal["BIRTHDAY", "MASS", "RULE", "WORKFLOW", "TEST", "ALERT", "RFM", "ALL"] | str
"""What triggered a text message: an open set."""

DAY_MS = 24 * 60 * 60 * 1000
SHORT_RANGE_DAYS, LONG_RANGE_DAYS = 7, 30
"""The longest span of a list of conversations: for the sources RULE and WORKFLOW, and for the others."""

MOST_PROPERTIES = 20


@frozen(kw_only=True)
class ChannelIntegration:
    """A channel, and the gateway provider that it uses."""

    channel: Annotated[Channel, Text(255, clearable=False)]
    provider: Annotated[Provider, Text(255, clearable=False)]


@frozen(kw_only=True)
class MessageSent(Answer):
    """`conversation_id` is the number of the message in lists, data and statistics."""

    conversation_id: int | None = None


@frozen
class SendMessage(Request[MessageSent]):
    """Send a text message to the chosen contacts, immediately or at `time` (reference: "Send messages").

    `contacts` are selectors, `InternalId` or `Everyone`; `name` identifies the message in SALESmanago. Its content is
    either the template `template_name` or `text_content`: give one [guess: with both, as in the only sample, the text
    counts]. `time` may be from one day ago, which means now, to one year ahead; only the server, which has the clock
    that counts, checks it. Texts take 255 characters.
    """

    path = "messaging/send"
    effect = "sends a text message to"
    needs_owner = False
    repeatable = False
    contacts: Annotated[Sequence[Addressee], Count(1, 10**6)]
    name: NameText = field(kw_only=True)
    text_content: str | None = field(default=None, kw_only=True)
    template_name: ShortText | None = field(default=None, kw_only=True)
    sender: ShortText | None = field(default=None, kw_only=True)
    messaging_channel_integration: Sequence[ChannelIntegration] | None = field(default=None, kw_only=True)
    time: Moment | None = field(default=None, kw_only=True)
    shorten_links: bool | None = field(default=None, kw_only=True)
    allow_diacritics: bool | None = field(default=None, kw_only=True)
    user: Annotated[str | None, Text(254), JsonPath("user")] = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the message has no content."""
        if "textContent" not in body and "templateName" not in body:
            raise Invalid("give a textContent or a templateName", field="textContent")


@frozen(kw_only=True)
class MessageRecipient:
    """The contact of a transactional message; `addressee_type` says whether it is an address, contact id or user id.

    `properties` replace the template's placeholders $name$: at most 20, of 255 characters; names should consist of a-z,
    A-Z, 0-9 and _ only.
    """

    addressee_type: Annotated[Literal["EMAIL", "CONTACT_ID", "USER_ID"] | str, Text(255, clearable=False)]
    value: NameText
    properties: Mapping[str, ShortText] | None = None


@frozen
class SendTransactionalMessage(Request[MessageSent]):
    """Send one contact a message from a template immediately (reference: "Send transactional message").

    SALESmanago has to activate this call for the account. `provider` is the gateway (such as SMS_SMSAPI; NATIVE for
    SALESmanago SMS), `integration_name` its name in the account's settings ("SALESmanago provider" for NATIVE),
    `template_external_id` the UUID of a transactional template, `sender` a sender id of the integration.
    """

    path = "messaging/transactional/send"
    needs_owner = False
    repeatable = False
    contact: MessageRecipient
    provider: Annotated[Provider, Text(255, clearable=False)] = field(kw_only=True)
    integration_name: NameText = field(kw_only=True)
    template_external_id: NameText = field(kw_only=True)
    sender: NameText = field(kw_only=True)
    allow_diacritical: bool | None = field(default=None, kw_only=True)
    shorten_links: bool | None = field(default=None, kw_only=True)
    user: User = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if there are more properties than documented."""
        given = len(body["contact"].get("properties", ()))
        if given > MOST_PROPERTIES:
            raise Invalid(f"has {given} entries, 0 to {MOST_PROPERTIES} are allowed", field="contact.properties")


@frozen(kw_only=True)
class ConversationIds(Answer):
    """The identifiers of the conversations that were found."""

    conversation_ids: tuple[int, ...] = ()


@frozen
class ListConversations(Request[ConversationIds]):
    """List the message conversations of a span of time (reference: "List of mass conversations").

    `start` and `end` are aware datetimes or UNIX milliseconds, at most 7 days apart for the sources RULE and WORKFLOW,
    and 30 for the others. The server's default `source` is MASS; ALL lists every source.
    """

    path = "messaging/conversationList"
    changes_nothing = True
    needs_owner = False
    start: Annotated[Moment, JsonPath("from")]
    end: Annotated[Moment, JsonPath("to")] = field(kw_only=True)
    source: Annotated[MessagingSource | None, Text(255)] = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the span is too long."""
        days = SHORT_RANGE_DAYS if body.get("source") in {"RULE", "WORKFLOW"} else LONG_RANGE_DAYS
        if not 0 <= body["to"] - body["from"] <= days * DAY_MS:
            raise Invalid(f"must be from 0 to {days} days after `from`", field="to")


@frozen(kw_only=True)
class ConversationMessage(Part):
    """One message of a conversation; placeholders in `text_content` are not replaced.

    Only exports have `email`, `clicked_on` and `status` ("Sent", or "Collecting data" while the message is scheduled).
    """

    name: str | None = None
    date: datetime | None = None
    clicked_on: datetime | None = None
    text_content: str | None = None
    phone: str | None = None
    contact_id: str | None = None
    email: str | None = None
    external_id: str | None = None
    channel: str | None = None
    status: str | None = None


@frozen(kw_only=True)
class ConversationData(Answer):
    """The messages of one conversation."""

    messaging_content_list: tuple[ConversationMessage, ...] = ()


@frozen
class GetConversationData(Request[ConversationData]):
    """Read the messages of a conversation (reference: "Get conversation data").

    For more than 10,000 messages use `sm.messages.export`.
    """

    path = "messaging/mass/conversation/data"
    changes_nothing = True
    needs_owner = False
    conversation_id: int


@frozen(kw_only=True)
class ChannelStats(Part):
    """The messages of one channel that were sent, delivered and clicked, and whether sending was cancelled."""

    cancelled: bool | None = None
    sent: int | None = None
    delivered: int | None = None
    undelivered: int | None = None
    clicked: int | None = None


@frozen(kw_only=True)
class ConversationStats(Answer):
    """The statistics of a conversation by channel; a channel that was not used is None."""

    conversation_template_id: int | None = None
    sent_date: datetime | None = None
    user: str | None = None
    name: str | None = None
    sms: Annotated[ChannelStats | None, JsonPath("statistics.SMS")] = None
    viber: Annotated[ChannelStats | None, JsonPath("statistics.VIBER")] = None
    whats_app: Annotated[ChannelStats | None, JsonPath("statistics.WHATS_APP")] = None


@frozen
class GetConversationStats(Request[ConversationStats]):
    """Read the statistics of a conversation (reference: "Messaging statistics").

    `channel` (SMS, VIBER, WHATS_APP or ALL) and `source` select a part of them; the server's default for both is ALL.
    """

    path = "messaging/conversationStats"
    changes_nothing = True
    needs_owner = False
    conversation_id: int
    channel: Annotated[Channel | Literal["ALL"] | None, Text(100)] = field(default=None, kw_only=True)
    source: Annotated[MessagingSource | None, Text(255)] = field(default=None, kw_only=True)


@frozen
class ExportConversationData(Request[JobStarted]):
    """Start an export of the messages of a conversation, of any size (reference: "Export conversation data").

    The file is a ZIP of JSON arrays of up to 50,000 messages each.
    """

    path = "messaging/conversation/data"
    needs_owner = False
    conversation_id: int
    user: User = field(default=None, kw_only=True)
