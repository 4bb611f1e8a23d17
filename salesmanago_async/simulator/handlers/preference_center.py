"""customerPreferenceCenter/*: the addresses of contacts' pages. No documented call creates a center: any id is one."""

from hashlib import sha256
from typing import Any

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore


def generate_endpoint(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """customerPreferenceCenter/generateEndpoint. [guess] the text for an unknown contact."""
    center, contact = body["preferenceCenterId"], body["contactId"]
    if contact not in store.contacts:
        raise RefusedCall("Contact with given contactId does not exist")
    key = int.from_bytes(sha256(f"{center} {contact}".encode()).digest()[:4]) % 10**6
    return {"endpoint": f"https://simulator.invalid/customerPreferenceCenter/#/{center}/{contact}/?key={key:06}"}


HANDLERS: dict[str, Handler] = {"customerPreferenceCenter/generateEndpoint": generate_endpoint}
