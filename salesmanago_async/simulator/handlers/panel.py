"""Calls around a login that only old clients make: another token, the panel, and the settings of an integration.

All of them are [likely], known from the vendor's old SDK, and none is in the reference.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from attrs import define

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore
from .system import Tokens

AUTHORIZE = "authorization/authorize"
NO_TOKEN = "Token not specified"  # noqa: S105 - a message
NOT_JSON = "properties: is not JSON as text"


@define
class IntegrationProperties:
    """The settings of the integration, JSON as text; None before the first were saved."""

    text: str | None = None


def refresh_token(store: AccountStore, _: dict[str, Any]) -> dict[str, Any]:
    """authorization/refreshToken: a new token for a signed call. [guess] older tokens stay valid until they expire."""
    token, _end = store.section(Tokens).give(store.now_ms())
    return {"token": token}


def check_token(store: AccountStore, token: object) -> None:
    """Refuse a token that is missing, or was not given, or has expired."""
    if not token:
        raise RefusedCall(NO_TOKEN)
    if not store.section(Tokens).is_valid(str(token), store.now_ms()):
        raise RefusedCall("Authorization failed. Wrong Token")


def check_session(store: AccountStore, body: Mapping[str, Any]) -> None:
    """Refuse a call that is authenticated by a token alone, if that is wrong, or is for another account."""
    check_token(store, body.get("token"))
    if body.get("clientId") != store.section(Tokens).client_id:
        raise RefusedCall("Not authenticated")


def read_properties(store: AccountStore, _: dict[str, Any]) -> dict[str, Any]:
    """account/integration/properties: the text that was saved last."""
    saved = store.section(IntegrationProperties).text
    if saved is None:
        raise RefusedCall("No integration properties found")
    return {"properties": saved}


def save_properties(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """account/integration/setProperties: keeps a text as it is. [guess] it is answered back."""
    given = body.get("properties")
    if not isinstance(given, str):
        raise RefusedCall(NOT_JSON)
    store.section(IntegrationProperties).text = given
    return {"properties": given}


def open_panel(store: AccountStore, query: str) -> None:
    """authorization/authorize?t=TOKEN: refuse a token that opens no panel. There is no panel to show."""
    tokens = parse_qs(query).get("t", [])
    check_token(store, tokens[0] if tokens else None)


HANDLERS: dict[str, Handler] = {
    "authorization/refreshToken": refresh_token,
    "account/integration/properties": read_properties,
    "account/integration/setProperties": save_properties,
}

TOKEN_ONLY = frozenset({"account/integration/properties", "account/integration/setProperties"})
"""Paths whose token is all that authenticates them."""

CHANGING_NOTHING = frozenset({"authorization/refreshToken", "account/integration/properties"})
"""Paths that leave the account unchanged; tokens are not kept in a state file."""
