"""FastAPI: one client for an app, opened and closed with the app, and injected together with its buffers.

    app = FastAPI(lifespan=with_salesmanago(SalesManago.from_env, contacts={"journal": "signups.db"}))

    @app.post("/sign-up")
    async def sign_up(email: Annotated[str, Form()], contacts: ContactBuffer) -> None:
        await contacts.add(Contact(email=email))

`Client`, `ContactBuffer` and `EventBuffer` are the types of parameters that FastAPI fills in.
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
