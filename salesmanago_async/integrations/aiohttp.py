"""aiohttp: one client for an app, opened and closed with the app, and stored under keys of the app.

The keys are `CLIENT`, `CONTACTS` and `EVENTS`. Here is an app with a sign-up form and a purchase (`python shop.py`). It
sets the cookie by which the monitoring code knows the contact:

```python
from datetime import UTC, datetime
from uuid import uuid4

import anyio
from aiohttp import web

from salesmanago_async import Contact, ExternalEvent, Invalid, SalesManago, SalesManagoError
from salesmanago_async.integrations.aiohttp import CLIENT, CONTACTS, EVENTS, salesmanago_ctx
from salesmanago_async.integrations.monitoring import MonitoringCookie, read_visitor, set_monitoring_cookie

PAGE = (
    "<!doctype html><title>Shop</title>"
    '<form method="post" action="/sign-up">'
    '<input name="email" type="email"> <input name="name"> <button>Sign up</button></form>'
    '<form method="post" action="/purchase"><input name="product" value="p01"> <button>Buy</button></form>'
)


async def form(request: web.Request) -> web.Response:
    return web.Response(text=PAGE, content_type="text/html")


async def sign_up(request: web.Request) -> web.Response:
    given = await request.post()
    response = web.Response(status=303, headers={"Location": "/"})
    contact = Contact(email=str(given.get("email", "")), name=str(given.get("name", "")), tags=["SIGN_UP"])
    try:
        with anyio.fail_after(3):
            answer = await request.app[CLIENT].contacts.upsert(contact)
    except Invalid as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from None
    except (SalesManagoError, TimeoutError):
        await request.app[CONTACTS].add(contact)
    else:
        if answer.contact_id:
            set_monitoring_cookie(response, MonitoringCookie(answer.contact_id))
    return response


async def purchase(request: web.Request) -> web.Response:
    product = str((await request.post()).get("product", ""))
    visitor = read_visitor(request.cookies)
    if visitor.contact_id:
        await request.app[EVENTS].add(
            ExternalEvent(
                contact_id=visitor.contact_id,
                date=datetime.now(UTC),
                contact_ext_event_type="PURCHASE",
                products=[product],
                external_id=str(uuid4()),
            )
        )
    return web.Response(status=303, headers={"Location": "/"})


app = web.Application()
app.cleanup_ctx.append(
    salesmanago_ctx(SalesManago.from_env, contacts={"journal": "signups.db"}, events={"journal": "purchases.db"})
)
app.router.add_get("/", form)
app.router.add_post("/sign-up", sign_up)
app.router.add_post("/purchase", purchase)

if __name__ == "__main__":
    web.run_app(app)
```

While the server does not answer, a sign-up goes to the buffer, whose file keeps it until the server has it.
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
