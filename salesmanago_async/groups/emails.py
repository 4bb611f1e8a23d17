"""`sm.emails`: create and send e-mails, and read their statistics."""

from collections.abc import Sequence
from datetime import datetime
from os import PathLike

from anyio import Path

from ..api.email_addressees import Personalized
from ..api.email_statistics import (
    ConversationRecipients,
    ConversationStatistics,
    ConversationType,
    ExportType,
    GetConversationStatistics,
    GetGlobalConversationStatistics,
    GetMessageStatistics,
    ListMassConversations,
)
from ..api.emails import Attachment, EmailsSent, SendConfirmation, SendEmail, SendEmailWithAttachment, UpsertEmail
from ..api.selectors import Selector
from ..exports.shapes import conversation_recipients, conversation_statistics
from ..jobs import Job, started_job
from .group import Group, call


class Emails(Group):
    """Calls about e-mails (reference: "API - Email messages")."""

    upsert = call(UpsertEmail)
    send = call(SendEmail)
    send_confirmation = call(SendConfirmation)
    mass_conversation_list = call(ListMassConversations)
    global_conversation_statistics = call(GetGlobalConversationStatistics)

    async def send_with_attachment(
        self,
        email_id: str,
        contacts: Sequence[Selector | Personalized],
        attachment: Attachment | str | PathLike[str],
        *,
        date: datetime | int,
        exclude_contacts: Sequence[Selector | Personalized] | None = None,
        immediate: bool | None = None,
        rule: bool | None = None,
        user: str | None = None,
    ) -> EmailsSent:
        """Send an e-mail with a file, passed as an `Attachment` or by its path; see `SendEmailWithAttachment`."""
        return await self._connection.send(
            SendEmailWithAttachment(
                email_id,
                contacts,
                attachment if isinstance(attachment, Attachment) else await _read(Path(attachment)),
                date=date,
                exclude_contacts=exclude_contacts,
                immediate=immediate,
                rule=rule,
                user=user,
            )
        )

    async def conversation_statistics(
        self,
        conversation_id: str | None = None,
        *,
        from_: datetime | int | None = None,
        to: datetime | int | None = None,
        conversation_type: ConversationType | None = None,
        export_type: ExportType | None = None,
        user: str | None = None,
    ) -> Job[ConversationStatistics]:
        """Start an export of the statistics of one mailing, or of the mailings of a span; one record for each mailing.

        See `GetConversationStatistics` for the arguments.
        """
        request = GetConversationStatistics(
            conversation_id,
            from_=from_,
            to=to,
            conversation_type=conversation_type,
            export_type=export_type,
            user=user,
        )
        return started_job(self._connection, await self._connection.send(request), conversation_statistics)

    async def message_statistics(self, conversation_id: str, *, user: str | None = None) -> Job[ConversationRecipients]:
        """Start an export of the recipients of a mailing; the file has one record, which holds them all."""
        started = await self._connection.send(GetMessageStatistics(conversation_id, user=user))
        return started_job(self._connection, started, conversation_recipients)


async def _read(path: Path) -> Attachment:
    return Attachment(path.name, await path.read_bytes())
