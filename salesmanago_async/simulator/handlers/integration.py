"""integration/upsert, and the calls that make credentials from a password. None of them is in the reference."""

from collections.abc import Mapping
from typing import Any

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore
from ._user import check_owner
from .contacts import store_contact
from .events import put_event, stored_event
from .system import Tokens

INTEGRATE = "account/integration"
CONTACT, EVENT = "contactUpsertRequest", "addContactExtEventRequest"


def upsert(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """integration/upsert: the contact first, then its event. [guess] either is refused before anything is changed."""
    parts = [body[name] for name in (CONTACT, EVENT) if name in body]
    for part in parts:
        check_owner(store, part)
        _check_client(store, part)
    event_id = body.get(EVENT, {}).get("contactEvent", {}).get("eventId")
    if event_id:
        stored_event(store, event_id)
    answer: dict[str, Any] = {}
    if CONTACT in body:
        answer["contactId"] = store_contact(store, body[CONTACT]).id
    if EVENT in body:
        answer["eventId"] = put_event(store, body[EVENT])
    return answer


def _check_client(store: AccountStore, part: Mapping[str, Any]) -> None:
    """[guess] A part without a client id is taken; one with another account's is refused."""
    if part.get("clientId", store.section(Tokens).client_id) != store.section(Tokens).client_id:
        raise RefusedCall("Authorization failed. Wrong clientId")


def login_token(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """authorization/token: as system/authorise, but with the host of the account, which is this one."""
    token, _ = store.section(Tokens).log_in(store, body["username"], body["password"])
    return {"token": token, "endpoint": "", "smapp": "simulator"}  # [guess] what smapp is


def integrate(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """account/integration: the client id, and the sha of any API key."""
    tokens = store.section(Tokens)
    if not tokens.is_valid(body["token"], store.now_ms()):
        raise RefusedCall("Authorization failed. Wrong Token")
    return {"shortId": tokens.client_id, "sha1": tokens.signature_for(body["apiKey"])}


HANDLERS: dict[str, Handler] = {
    "integration/upsert": upsert,
    "authorization/token": login_token,
    INTEGRATE: integrate,
}
