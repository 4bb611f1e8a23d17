"""contact/addNote: adds notes to contacts."""

from typing import Any

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore


def add(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/addNote. [guess] the text for a contact that does not exist."""
    contact = store.find(body)
    if contact is None:
        raise RefusedCall("Contact does not exist")
    contact.notes.append({"note": body["note"], "date": store.now_ms(), "priv": body.get("priv", False)})
    return {"message": ["Note was added to contact"]}


HANDLERS: dict[str, Handler] = {"contact/addNote": add}
