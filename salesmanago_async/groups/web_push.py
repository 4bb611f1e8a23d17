"""`sm.web_push`: notifications in browsers, their recipients and statistics."""

from typing import Any

from ..api.web_push import (
    ExportConsentFormStats,
    ExportWebPushData,
    ExportWebPushStats,
    GetWebPushStats,
    ListConsentForms,
    ListWebPushConversations,
    WebPushRecipient,
    WebPushSource,
)
from ..exports.shapes import as_it_is, web_push_recipient
from ..jobs import Job, started_job
from .group import Group, call


class WebPush(Group):
    """Calls about web push notifications (reference: "API - Web Push")."""

    list = call(ListWebPushConversations)
    stats = call(GetWebPushStats)
    forms = call(ListConsentForms)

    async def export(self, web_push_id: int, *, user: str | None = None) -> Job[WebPushRecipient]:
        """Start an export of the recipients of a notification; see `ExportWebPushData`."""
        started = await self._connection.send(ExportWebPushData(web_push_id, user=user))
        return started_job(self._connection, started, web_push_recipient)

    async def export_stats(
        self, item_id: int, *, web_push_source_type: WebPushSource, user: str | None = None
    ) -> Job[Any]:
        """Start an export of the statistics of a notification; see `ExportWebPushStats`."""
        request = ExportWebPushStats(item_id, web_push_source_type=web_push_source_type, user=user)
        return started_job(self._connection, await self._connection.send(request), as_it_is)

    async def export_form_stats(self, int_id: int, *, user: str | None = None) -> Job[Any]:
        """Start an export of the statistics of a consent form; see `ExportConsentFormStats`."""
        started = await self._connection.send(ExportConsentFormStats(int_id, user=user))
        return started_job(self._connection, started, as_it_is)
