"""Opens and closes what an app needs of an account, in order: one client, and the buffers through which it writes."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

from attrs import frozen

from ..api.contacts import Contact
from ..api.events import ExternalEvent
from ..buffers.buffer import Buffer
from ..buffers.options import ContactBufferOptions, EventBufferOptions
from ..client import SalesManago

ContactsBuffer: TypeAlias = Buffer[Contact | Mapping[str, Any]]
EventsBuffer: TypeAlias = Buffer[ExternalEvent | Mapping[str, Any]]


@frozen
class Account:
    """The client of an app, and its buffers."""

    sm: SalesManago
    contacts: ContactsBuffer
    events: EventsBuffer


@asynccontextmanager
async def open_account(
    make: Callable[[], SalesManago], contacts: ContactBufferOptions | None, events: EventBufferOptions | None
) -> AsyncGenerator[Account]:
    """Open a client and its buffers. At the end the events are drained, then the contacts; then the client closes."""
    async with AsyncExitStack() as stack:
        sm = await stack.enter_async_context(make())
        contact_buffer = await stack.enter_async_context(sm.contacts.buffer(**(contacts or {})))
        options: EventBufferOptions = {"after": contact_buffer, **(events or {})}
        event_buffer = await stack.enter_async_context(sm.events.buffer(**options))
        yield Account(sm, contact_buffer, event_buffer)
