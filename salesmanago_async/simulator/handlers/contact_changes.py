"""contact/*: deletes contacts, changes their owners, stops and restores their monitoring.

[guess] deleting a contact that does not exist succeeds: no refusal is documented.
"""

from typing import Any

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore


def delete(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/delete: deletes every contact with the address."""
    for contact in store.with_email(body["email"]):
        store.remove(contact)
    return {"result": "Contact deleted"}


def batch_delete(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/batchDelete."""
    for contact in store.select(body["contacts"]):
        store.remove(contact)
    return {"result": "Contacts deleted"}


def set_main_owner(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/setMainOwner: the previous main owner stays an owner. [guess] the texts of both refusals."""
    chosen = store.with_email(body["contact"])
    if not chosen:
        raise RefusedCall("Contact does not exist")
    if body["newOwner"] not in store.owners:
        raise RefusedCall("newOwner is not a user account")
    for contact in chosen:
        contact.main_owner = body["newOwner"]
        contact.owners.add(body["newOwner"])
        contact.modified_on = store.now_ms()
    return {}


def stop_monitoring(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/stopMonitoring."""
    _monitor(store, body, monitored=False)
    return {"message": ["Contacts have stopped being monitored."]}


def restore_monitoring(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/restoreMonitoring."""
    _monitor(store, body, monitored=True)
    return {"message": ["Contacts have restored being monitored."]}


def _monitor(store: AccountStore, body: dict[str, Any], *, monitored: bool) -> None:
    for contact in store.select(body["contacts"]):
        contact.monitored = monitored


HANDLERS: dict[str, Handler] = {
    "contact/delete": delete,
    "contact/batchDelete": batch_delete,
    "contact/setMainOwner": set_main_owner,
    "contact/stopMonitoring": stop_monitoring,
    "contact/restoreMonitoring": restore_monitoring,
}
