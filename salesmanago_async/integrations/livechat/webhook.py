"""The webhook, as an ASGI app: it checks the caller, and transfers each chat once."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Protocol, TypeVar, runtime_checkable
from weakref import WeakValueDictionary

import anyio
import orjson
from attrs import field, frozen

from ...api.contacts import Contact
from ...api.events import ExternalEvent
from ...errors import Invalid
from .._asgi import App, Message, webhook_app
from .chats import Chat, contact_of, event_of, read_chat
from .seen import Seen

RecordT_contra = TypeVar("RecordT_contra", contravariant=True)

BODY_LIMIT = 256 * 1024
"""The longest accepted body, in bytes: an incoming chat has a few thousand."""

_log = logging.getLogger("salesmanago_async.integrations.livechat")


class Adds(Protocol[RecordT_contra]):
    """Anything that accepts records: `sm.events`, or a buffer."""

    async def add(self, record: RecordT_contra, /) -> object:
        """Accept a record; an exception means that the record was not accepted."""
        ...


@runtime_checkable
class Upserts(Protocol):
    """Anything that accepts contacts as `sm.contacts` does."""

    async def upsert(self, contact: Contact, /) -> object:
        """Accept a contact; an exception means that the contact was not accepted."""
        ...


def livechat_app(
    *,
    secret: str,
    contacts: Adds[Contact] | Upserts,
    events: Adds[ExternalEvent],
    seen: Seen | None = None,
    body_limit: int = BODY_LIMIT,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> App:
    """Return the ASGI app to register with LiveChat's webhook `incoming_chat`.

    The app answers 200 when `contacts` (`sm.contacts`, or a buffer) has the contact and `events` has the event. It
    answers 500 if one of them raises: then LiveChat delivers the chat again, and only what is missing is transferred.
    `seen` remembers what was transferred; without a file, a restart forgets it. `secret` is the `secret_key` of the
    registration.

    LiveChat waits about 10 seconds for an answer, so use buffers if the account may be slower: a repeated delivery that
    reaches another process during the first transfer is transferred a second time. If `sm.events` raises an error that
    is `in_doubt`, the event may have been added, and the repeated delivery then adds a second one.

    Bodies over `body_limit` bytes are refused. Raises `Invalid` for an empty secret.
    """
    if not secret:
        raise Invalid("is empty, so everybody would know it", field="secret")
    webhook = _Webhook(
        secret=secret.encode(),
        add_contact=contacts.upsert if isinstance(contacts, Upserts) else contacts.add,
        add_event=events.add,
        seen=seen or Seen(),
        now=now,
    )
    return webhook_app(webhook.status, body_limit=body_limit)


@frozen(kw_only=True)
class _Webhook:
    secret: bytes = field(repr=False)
    add_contact: Callable[[Contact], Awaitable[object]]
    add_event: Callable[[ExternalEvent], Awaitable[object]]
    seen: Seen
    now: Callable[[], datetime]
    locks: WeakValueDictionary[str, anyio.Lock] = field(factory=WeakValueDictionary)

    async def status(self, _: Message, delivery: Mapping[str, Any]) -> HTTPStatus:
        """Do everything that a delivery asks for, and return the status of the answer."""
        if not self._knows_secret(delivery):
            return HTTPStatus.FORBIDDEN
        try:
            chat = read_chat(delivery)
        except Invalid as error:
            _log.warning("an incoming chat cannot be read: %s", error)
            return HTTPStatus.BAD_REQUEST
        return await self._transfer(chat) if chat else HTTPStatus.OK

    def _knows_secret(self, delivery: Mapping[str, Any]) -> bool:
        """Compare in constant time. Deliveries have no signature: the body contains the secret itself."""
        given = delivery.get("secret_key")
        return hmac.compare_digest(given.encode() if isinstance(given, str) else b"", self.secret)

    async def _transfer(self, chat: Chat) -> HTTPStatus:
        """Transfer a chat. A repeat that arrives meanwhile waits: it may have to do what failed here."""
        name = sha256(orjson.dumps([chat.chat_id, chat.thread_id])).hexdigest()[:32]
        shown = f"{chat.chat_id}/{chat.thread_id}"[:80]
        lock = self.locks.setdefault(name, anyio.Lock())
        try:
            async with lock:
                await self._once(f"{name}/contact", partial(self.add_contact, contact_of(chat)))
                await self._once(f"{name}/event", partial(self.add_event, event_of(chat, self.now())))
        except Invalid as error:
            _log.error("chat %s cannot be transferred, even if it is repeated: %s", shown, error.field or "a record")
        except Exception as error:
            # Log neither its text nor a traceback: both may contain the customer's address.
            _log.error("chat %s was not transferred, LiveChat will repeat it: %s", shown, type(error).__name__)
            return HTTPStatus.INTERNAL_SERVER_ERROR
        return HTTPStatus.OK

    async def _once(self, key: str, act: Callable[[], Awaitable[object]]) -> None:
        """Call `act`, unless it succeeded before; after a failure, a repeated delivery calls it again."""
        if not await self.seen.has(key):
            await act()
            await self._remember(key)

    async def _remember(self, key: str) -> None:
        """Add a key, even if the request is cancelled now; a failure is only logged: the record was accepted."""
        with anyio.CancelScope(shield=True):
            try:
                await self.seen.add(key)
            except Exception:
                _log.exception("%s was transferred, but cannot be remembered: a repeated delivery would double it", key)
