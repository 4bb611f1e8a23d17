"""Checks the caller: the credentials or the token must be right, and the owner must be one of the account's."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any

from ..api import request_class
from ..settings import Credentials
from ._refusal import RefusedCall
from ._store import AccountStore
from .handlers.system import Tokens


def check_caller(path: str, body: Mapping[str, Any], credentials: Credentials, store: AccountStore) -> None:
    """Refuse a call that is not signed with `credentials`, or that names no owner although it needs one."""
    known = request_class(path)
    if known is None or known.signed:
        _authenticate(body, credentials, store)
    if known is None or known.needs_owner or "owner" in body:
        _check_owner(body.get("owner"), store)


def _authenticate(body: Mapping[str, Any], mine: Credentials, store: AccountStore) -> None:
    if not body.get("apiKey"):
        raise RefusedCall("Api key not specified")
    if mine.api_secret:
        mine = Credentials(client_id=mine.client_id, api_key=str(body["apiKey"]), api_secret=mine.api_secret)
    given = tuple(str(body.get(name)) for name in ("clientId", "apiKey", "sha"))
    expected = (mine.client_id, mine.api_key, mine.signature())
    matches = [compare_digest(one.encode(), other.encode()) for one, other in zip(given, expected, strict=True)]
    if not str(body.get("requestTime")).isdecimal():  # a documented sample has it as text
        raise RefusedCall("Not authenticated")
    if not all(matches) and not (matches[0] and store.section(Tokens).have_signed(body, store.now_ms())):
        raise RefusedCall("Not authenticated")


def _check_owner(owner: object, store: AccountStore) -> None:
    if not owner:
        raise RefusedCall("Not authenticated, not owner specified")
    if owner not in store.owners:
        raise RefusedCall("Not authenticated, invalid owner")
