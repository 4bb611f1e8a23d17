"""`sm.events`: add one external event or millions, change or delete one."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

from ..api.events import (
    AddContactExtEvent,
    DeleteContactExtEvent,
    EventAdded,
    ExternalEvent,
    UpdateContactExtEvent,
)
from ..connection.blocks import block
from ..imports.report import Report
from ..imports.runs import EventRunOptions, Outcomes, event_run
from ..outcome import RecordT
from ..records.shapes import event_shape
from ..sources.sources import FileOrFrame, GivenRecords, GivenSource
from .group import Group, call

if TYPE_CHECKING:
    from ..buffers.buffer import Buffer
    from ..buffers.options import EventBufferOptions


class Events(Group):
    """Calls about external events (reference: "API - External events")."""

    update = call(UpdateContactExtEvent)
    delete = call(DeleteContactExtEvent)

    async def add(self, event: ExternalEvent, *, owner: str | None = None) -> EventAdded:
        """Add one event; see `AddContactExtEvent`. After an error that is `in_doubt`, the event may have been added."""
        return await self._connection.send(AddContactExtEvent(event, owner=owner))

    async def add_many(self, source: GivenSource, **options: Unpack[EventRunOptions]) -> Report:
        """Add any number of events, and return the counts of their outcomes.

        Works as `sm.contacts.upsert_many`, with `ExternalEvent` values or mappings. The server answers directly,
        without a job. A chunk without an answer is never simply sent again, because that could double its events.
        Instead the events are looked up in the account, by reading their contacts back, and the missing ones are sent.
        Events that remain undecided are in doubt (see `in_doubt` in `EventRunOptions`, the type of `options`).

        `report.raise_if_incomplete()` raises `RunIncomplete` if the run stopped early or events are in doubt.

        The options are those of `sm.contacts.upsert_many`, except those that are about contacts (`tags`, `lang`,
        `fire_events`, `use_api_double_opt_in`, `accept_consents`), and `path`, the path of another call for events.
        """
        return await event_run(self._connection, source, options).execute()

    @overload
    def adding(
        self, source: FileOrFrame, **options: Unpack[EventRunOptions]
    ) -> AbstractAsyncContextManager[Outcomes]: ...
    @overload
    def adding(
        self, source: GivenRecords[RecordT], **options: Unpack[EventRunOptions]
    ) -> AbstractAsyncContextManager[Outcomes[RecordT]]: ...
    @block("`async with sm.events.adding(source) as outcomes`, and then `async for outcome in outcomes`")
    async def adding(self, source: GivenSource, **options: Unpack[EventRunOptions]) -> AsyncGenerator[Outcomes[Any]]:
        """Run as `add_many` does, but yield each outcome when it becomes known; see `sm.contacts.upserting`."""
        async with event_run(self._connection, source, options).outcomes() as outcomes:
            yield outcomes

    def buffer(self, **options: "Unpack[EventBufferOptions]") -> "Buffer[ExternalEvent | Mapping[str, Any]]":
        """Return a buffer that collects single events and adds them together; for apps.

        The options are those of `salesmanago_async.buffers.options.EventBufferOptions`.
        """
        from ..buffers.buffer import Buffer  # here, as few programs need it
        from ..buffers.options import EventBufferOptions
        from ..buffers.settings import BufferSettings

        settings, others = BufferSettings.taken_from(options, EventBufferOptions)
        shape = event_shape(any_location=bool(others.get("any_location")))
        return Buffer(event_run(self._connection, (), cast("EventRunOptions", others)), shape, settings)
