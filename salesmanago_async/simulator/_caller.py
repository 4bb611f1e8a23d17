"""Checks the caller: the credentials or the token must be right, and the owner must be one of the account's."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any

from ..api import Request, request_class
from ..api.codegen import names_of
from ..settings import Credentials
from ._refusal import RefusedCall
from ._store import AccountStore
from .handlers._user import check_owner
from .handlers.integration import INTEGRATE
from .handlers.legacy import OWNER_OPTIONAL
from .handlers.panel import NO_TOKEN, TOKEN_ONLY, check_session
from .handlers.system import Tokens


def check_caller(path: str, body: Mapping[str, Any], credentials: Credentials, store: AccountStore) -> None:
    """Refuse a call that is not signed with `credentials`, or that names no owner although it needs one."""
    known = request_class(path)
    if path in TOKEN_ONLY:
        check_session(store, body)
        return
    if path == INTEGRATE and not body.get("token"):
        raise RefusedCall(NO_TOKEN)
    if known is None or known.signed:
        _check_presence(known, body)
        _authenticate(body, credentials, store)
    if known and "user" in names_of(known) and body.get("owner") and not body.get("user"):
        raise RefusedCall("User cannot be empty")
    needs_owner = known.needs_owner if known else path not in OWNER_OPTIONAL
    if needs_owner or "owner" in body:
        check_owner(store, body)


def _check_presence(known: type[Request[Any]] | None, body: Mapping[str, Any]) -> None:
    """Refuse a call without an API key or a time. Any number is a time: clients send milliseconds or seconds."""
    if not body.get("apiKey"):
        raise RefusedCall("Api key not specified")
    is_needed = known is None or known.needs_request_time or "requestTime" in body
    if is_needed and not str(body.get("requestTime")).isdecimal():  # a documented sample has it as text
        raise RefusedCall("Not authenticated")


def _authenticate(body: Mapping[str, Any], mine: Credentials, store: AccountStore) -> None:
    """Refuse a call that neither the credentials sign, nor a token, nor what account/integration has given."""
    tokens = store.section(Tokens)
    keys = {str(body["apiKey"]): tokens.signature_for(str(body["apiKey"]))}
    if not mine.api_secret:
        keys[mine.api_key] = mine.signature()
    is_mine = compare_digest(str(body.get("clientId")).encode(), mine.client_id.encode())
    expected = keys.get(str(body["apiKey"]), "")
    is_signed = compare_digest(str(body.get("sha")).encode(), expected.encode())
    if not is_mine or not (is_signed or tokens.have_signed(body, store.now_ms())):
        raise RefusedCall("Not authenticated")
