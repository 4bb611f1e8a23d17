"""email/*: creating and sending e-mails (reference: "API - Email messages"); statistics are in `email_statistics`."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from attrs import field, frozen

from ..errors import Invalid
from .email_addressees import (
    SINGLE_FIELDS,
    Personalized,
    read_addressee,
    read_single_addressees,
    write_addressee,
    write_single_addressees,
)
from .fields import Codec, Count, EmailText, Moment, NameText, ShortText, Text, Upload
from .request import Answer, Owner, Request, User
from .selectors import Selector

__all__ = ["SendConfirmation", "SendEmail", "SendEmailWithAttachment", "UpsertEmail"]

LARGEST_CONTENT = 2 * 1024 * 1024
"""The most bytes of an e-mail's HTML. [guess] the reference says "2 MB", but not whether of bytes or characters."""

Addressee: TypeAlias = Annotated[
    Selector | Personalized, Codec(write_addressee, read_addressee, (*Selector.wire_fields, "properties"))
]
SingleAddressees: TypeAlias = Annotated[
    Sequence[Selector | Personalized],
    Codec(write_single_addressees, read_single_addressees, SINGLE_FIELDS),
]


@frozen
class Attachment:
    """A file attached to an e-mail: its name, its bytes, its media type (None: guessed from its name)."""

    name: str
    content: bytes = field(repr=False)
    media_type: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise Invalid("is empty", field="name")
        if self.media_type is not None and not _MEDIA_TYPE.fullmatch(self.media_type):
            raise Invalid(f"is {self.media_type!r}, not a media type such as application/pdf", field="media_type")


_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.+-]+)*", re.ASCII)


@frozen(kw_only=True)
class EmailsSent(Answer):
    """`conversation_id` is the number of the mailing in the statistics."""

    conversation_id: str | None = None


@frozen
class SendEmail(Request[EmailsSent]):
    """Send an e-mail to the chosen contacts at a given time (reference: "Sending an email").

    `email_id` is an e-mail prepared in SALESmanago, or returned by `sm.emails.upsert`. `contacts` are selectors
    (`Email`, `ContactId`, `Tag`, `Funnel`, `Stage`); `Personalized(selector, {"name": "value"})` also replaces
    $cst.name$ in the e-mail. An address in `Email` without a contact becomes a contact, opted in. `exclude_contacts`
    get nothing. `date` is when to send: an aware datetime or UNIX milliseconds. [guess] 255 characters are the limit of
    each value; if they are that of all values of a selector, joined, as in contact/batchDelete, pass several selectors.
    """

    path = "email/sendEmail"
    effect = "sends an e-mail to"
    needs_owner = False
    repeatable = False
    email_id: NameText
    contacts: Annotated[Sequence[Addressee], Count(1, 10**6)]
    date: Moment = field(kw_only=True)
    exclude_contacts: Sequence[Selector] | None = field(default=None, kw_only=True)
    user: User = field(default=None, kw_only=True)


@frozen(kw_only=True)
class EmailUpserted(Answer):
    """`email_id` is the id of the e-mail for later changes and for sending."""

    email_id: str | None = None


@frozen
class UpsertEmail(Request[EmailUpserted]):
    """Create an e-mail, or change the one with `email_id` (reference: "Adding or updating an email").

    `name` is its name in SALESmanago. `email_owner` is the user account that it belongs to, which cannot be changed
    later; `shared` shows it to the other users of the account too. `subject` takes 998 characters, `content` 2 MB of
    HTML, every other text 255. `sender_account_id` is shown under Email Marketing, Settings, Sender Accounts. Without
    `group` it is in the default group. `utm_campaign` marks its links for web analytics.

    If the outcome is in doubt, the request is not repeated: without an email_id that would create two e-mails.
    """

    path = "email/upsert"
    needs_owner = False
    repeatable = False
    name: NameText
    subject: Annotated[str, Text(998, clearable=False)] = field(kw_only=True)
    content: Annotated[str, Text(LARGEST_CONTENT, clearable=False)] = field(kw_only=True)
    sender_account_id: NameText = field(kw_only=True)
    email_owner: NameText = field(kw_only=True)
    email_id: NameText | None = field(default=None, kw_only=True)
    group: ShortText | None = field(default=None, kw_only=True)
    shared: bool | None = field(default=None, kw_only=True)
    utm_campaign: ShortText | None = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the content is too long in UTF-8."""
        size = len(body["content"].encode("utf-8", "surrogatepass"))
        if size > LARGEST_CONTENT:
            raise Invalid(f"is {size} bytes long, at most {LARGEST_CONTENT} are allowed", field="content")


@frozen(kw_only=True)
class ConfirmationSent(Answer):
    """`contact_exists` and `contact_id` describe the contact; `message` says whether the e-mail was sent."""

    contact_exists: bool | None = None
    contact_id: str | None = None


@frozen
class SendConfirmation(Request[ConfirmationSent]):
    """Ask an opted-out contact to confirm a subscription (reference: "Sending subscription confirmation").

    With `tag`, only a contact with that tag is asked. The e-mail is chosen by `double_opt_in_language`, as mapped in
    the account's settings, or by `double_opt_in_email_id`.
    """

    path = "email/sendConfirmation"
    repeatable = False
    email: EmailText
    tag: NameText | None = field(default=None, kw_only=True)
    double_opt_in_language: NameText | None = field(default=None, kw_only=True)
    double_opt_in_email_id: NameText | None = field(default=None, kw_only=True)
    owner: Owner = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the e-mail is chosen in both ways."""
        if "doubleOptInLanguage" in body and "doubleOptInEmailId" in body:
            raise Invalid("give a language or an e-mail id, not both", field="doubleOptInEmailId")


@frozen
class SendEmailWithAttachment(Request[EmailsSent]):
    """Send an e-mail with a file to the chosen contacts (reference: "Sending email with attachment").

    Like `SendEmail`, but with `Email`, `ContactId` and `Tag` only. `immediate` sends immediately, whatever `date` says;
    `rule` counts it among the e-mails that rules send. `attachment` is sent as a form part next to the body.
    """

    path = "email/sendWithAttachment"
    effect = "sends an e-mail to"
    needs_owner = False
    repeatable = False
    email_id: NameText
    contacts: SingleAddressees
    attachment: Annotated[Attachment | None, Upload(file="attachment", body="emailSendRequest")] = None
    date: Moment = field(kw_only=True)
    exclude_contacts: SingleAddressees | None = field(default=None, kw_only=True)
    immediate: bool | None = field(default=None, kw_only=True)
    rule: bool | None = field(default=None, kw_only=True)
    user: User = field(default=None, kw_only=True)
