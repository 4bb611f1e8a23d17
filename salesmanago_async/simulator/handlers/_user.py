"""The fields `user` and `owner`, which name the user account for which a call is made."""

from collections.abc import Mapping
from typing import Any

from .._refusal import RefusedCall
from .._store import AccountStore


def check_owner(store: AccountStore, body: Mapping[str, Any]) -> None:
    """Refuse an owner that is missing or is not an account of the client."""
    owner = body.get("owner")
    if not owner:
        raise RefusedCall("Not authenticated, not owner specified")
    if owner not in store.owners:
        raise RefusedCall("Not authenticated, invalid owner")


def check_user(store: AccountStore, body: Mapping[str, Any]) -> str:
    """Return the user of a body; refuse a user that is missing or is not an account of the client."""
    user = body.get("user")
    if not user:
        raise RefusedCall("User cannot be empty")
    if user not in store.owners:
        raise RefusedCall("User not authenticated")
    return str(user)


def check_any_user(store: AccountStore, body: Mapping[str, Any]) -> None:
    """Refuse a user that is not an account of the client; the user may be missing."""
    if "user" in body:
        check_user(store, body)
