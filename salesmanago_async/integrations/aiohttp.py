"""aiohttp: one client for an app, opened and closed with the app, and stored under keys of the app.

    app.cleanup_ctx.append(salesmanago_ctx(SalesManago.from_env, contacts={"journal": "signups.db"}))

    async def sign_up(request: web.Request) -> web.Response:
        await request.app[CONTACTS].add(Contact(email=(await request.post())["email"]))
        return web.Response()

The keys are `CLIENT`, `CONTACTS` and `EVENTS`.
"""

from collections.abc import AsyncIterator, Callable

from aiohttp import web

from ..buffers.buffer import Buffer
from ..buffers.options import ContactBufferOptions, EventBufferOptions
from ..client import SalesManago
from ._account import ContactsBuffer, EventsBuffer, open_account

CLIENT = web.AppKey("salesmanago", SalesManago)
"""The app's client."""
CONTACTS: web.AppKey[ContactsBuffer] = web.AppKey("salesmanago_contacts", Buffer)
"""The app's buffer of contacts."""
EVENTS: web.AppKey[EventsBuffer] = web.AppKey("salesmanago_events", Buffer)
"""The app's buffer of events."""


def salesmanago_ctx(
    make: Callable[[], SalesManago],
    *,
    contacts: ContactBufferOptions | None = None,
    events: EventBufferOptions | None = None,
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return the cleanup context of an app with a client and two buffers; `contacts` and `events` are their options.

    `make` creates the client, once for each worker and event loop. Events wait for their contacts in the other buffer.
    """

    async def context(app: web.Application) -> AsyncIterator[None]:
        async with open_account(make, contacts, events) as account:
            app[CLIENT], app[CONTACTS], app[EVENTS] = account.sm, account.contacts, account.events
            yield

    return context
