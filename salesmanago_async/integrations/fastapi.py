"""FastAPI: one client for an app, opened and closed with the app, and injected together with its buffers.

`Client`, `ContactBuffer` and `EventBuffer` are the types of parameters that FastAPI fills in. Here is an app with a
sign-up form and a purchase (`pip install fastapi python-multipart uvicorn`, then `uvicorn shop:app`). It sets the
cookie by which the monitoring code knows the contact:

```python
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import anyio
from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from salesmanago_async import Contact, ExternalEvent, Invalid, SalesManago, SalesManagoError
from salesmanago_async.integrations.fastapi import Client, ContactBuffer, EventBuffer, with_salesmanago
from salesmanago_async.integrations.monitoring import MonitoringCookie, read_visitor, set_monitoring_cookie

salesmanago = with_salesmanago(
    SalesManago.from_env, contacts={"journal": "signups.db"}, events={"journal": "purchases.db"}
)
app = FastAPI(lifespan=salesmanago)

PAGE = (
    "<!doctype html><title>Shop</title>"
    '<form method="post" action="/sign-up">'
    '<input name="email" type="email"> <input name="name"> <button>Sign up</button></form>'
    '<form method="post" action="/purchase"><input name="product" value="p01"> <button>Buy</button></form>'
)


@app.get("/")
async def form() -> HTMLResponse:
    return HTMLResponse(PAGE)


@app.post("/sign-up")
async def sign_up(
    sm: Client, contacts: ContactBuffer, email: Annotated[str, Form()], name: Annotated[str, Form()] = ""
):
    response = RedirectResponse("/", status_code=303)
    contact = Contact(email=email, name=name, tags=["SIGN_UP"])
    try:
        with anyio.fail_after(3):
            answer = await sm.contacts.upsert(contact)
    except Invalid as error:
        raise HTTPException(422, str(error)) from None
    except (SalesManagoError, TimeoutError):  # the buffer's file keeps it until the server answers
        await contacts.add(contact)
    else:
        if answer.contact_id:
            set_monitoring_cookie(response, MonitoringCookie(answer.contact_id))
    return response


@app.post("/purchase")
async def purchase(request: Request, product: Annotated[str, Form()], events: EventBuffer):
    visitor = read_visitor(request.cookies)
    if visitor.contact_id:
        await events.add(
            ExternalEvent(
                contact_id=visitor.contact_id,
                date=datetime.now(UTC),
                contact_ext_event_type="PURCHASE",
                products=[product],
                external_id=str(uuid4()),
            )
        )
    return RedirectResponse("/", status_code=303)
```

While the server does not answer, a sign-up goes to the buffer, whose file keeps it until the server has it.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends
from fastapi.requests import HTTPConnection

from ..buffers.options import ContactBufferOptions, EventBufferOptions
from ..client import SalesManago
from ._account import Account, ContactsBuffer, EventsBuffer, open_account

_STATE = "salesmanago"


def with_salesmanago(
    make: Callable[[], SalesManago],
    *,
    contacts: ContactBufferOptions | None = None,
    events: EventBufferOptions | None = None,
) -> Callable[[Any], AbstractAsyncContextManager[Mapping[str, Account]]]:
    """Return the lifespan of an app with a client and two buffers; `contacts` and `events` are their options.

    `make` creates the client, once for each worker and event loop. Events wait for their contacts in the other buffer.
    """

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncGenerator[Mapping[str, Account]]:
        async with open_account(make, contacts, events) as account:
            yield {_STATE: account}

    return lifespan


def _account(connection: HTTPConnection) -> Account:
    account: Account = getattr(connection.state, _STATE)
    return account


def _client(connection: HTTPConnection) -> SalesManago:
    return _account(connection).sm


def _contacts(connection: HTTPConnection) -> ContactsBuffer:
    return _account(connection).contacts


def _events(connection: HTTPConnection) -> EventsBuffer:
    return _account(connection).events


Client = Annotated[SalesManago, Depends(_client)]
"""A parameter of this type is the app's client."""
ContactBuffer = Annotated[ContactsBuffer, Depends(_contacts)]
"""A parameter of this type is the app's buffer of contacts."""
EventBuffer = Annotated[EventsBuffer, Depends(_events)]
"""A parameter of this type is the app's buffer of events."""
