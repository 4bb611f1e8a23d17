"""`sm.messages`: send text messages, and read their state and statistics."""

from ..api.messages import (
    ConversationMessage,
    ExportConversationData,
    GetConversationData,
    GetConversationStats,
    ListConversations,
    SendMessage,
    SendTransactionalMessage,
)
from ..exports.shapes import conversation_message
from ..jobs import Job, started_job
from .group import Group, call


class Messages(Group):
    """Calls about text messages (reference: "API - SMS messages")."""

    send = call(SendMessage)
    send_transactional = call(SendTransactionalMessage)
    list = call(ListConversations)
    data = call(GetConversationData)
    stats = call(GetConversationStats)

    async def export(self, conversation_id: int, *, user: str | None = None) -> Job[ConversationMessage]:
        """Start an export of the messages of a conversation; see `ExportConversationData`."""
        started = await self._connection.send(ExportConversationData(conversation_id, user=user))
        return started_job(self._connection, started, conversation_message)
