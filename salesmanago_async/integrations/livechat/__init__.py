"""LiveChat Inc.: chats that identified customers begin become contacts and MEETING events.

`livechat_app` is the webhook `incoming_chat` as an ASGI app. Register it as `https://…/livechat/`, with the slash at
the end. A repeated delivery is handled once, also after a restart: `Seen` remembers deliveries in a file. An event
waits while the buffer `after` holds its contact.

```python
import os
from contextlib import asynccontextmanager

from fastapi import FastAPI

from salesmanago_async import SalesManago
from salesmanago_async.integrations.livechat import Seen, livechat_app


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with (
        SalesManago.from_env() as sm,
        sm.contacts.buffer(journal="chatters.db") as contacts,
        sm.events.buffer(journal="chats.db", after=contacts) as events,
    ):
        secret = os.environ["LIVECHAT_SECRET"]
        app.mount("/livechat", livechat_app(secret=secret, contacts=contacts, events=events, seen=Seen("seen.db")))
        yield  # the app serves requests until it is stopped


app = FastAPI(lifespan=lifespan)
```

`read_chat`, `contact_of` and `event_of` do the same without the app. `contacts` and `events` may also be `sm.contacts`
and `sm.events` themselves: then each delivery is answered once the server has taken what is in it.
"""

from .chats import Chat, contact_of, event_of, read_chat
from .seen import Seen
from .webhook import Adds, Upserts, livechat_app

__all__ = ["Adds", "Chat", "Seen", "Upserts", "contact_of", "event_of", "livechat_app", "read_chat"]
