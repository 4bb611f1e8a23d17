"""user/*: the user accounts."""

from typing import Any

from .._handler import Handler
from .._store import AccountStore


def list_by_client(store: AccountStore, _: dict[str, Any]) -> dict[str, Any]:
    """user/listByClient."""
    return {"users": store.owners}


HANDLERS: dict[str, Handler] = {"user/listByClient": list_by_client}
