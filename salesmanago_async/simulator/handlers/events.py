"""contact/*ExtEvent: adds, changes and deletes events."""

from collections.abc import Mapping
from typing import Any

from ...api import CREDENTIAL_FIELDS
from ...api.codec import read_strictly, write
from ...api.events import ExternalEvent
from ...errors import Invalid
from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore
from .contacts import batch


def add(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """v2/contact/addContactExtEvent: an event of a contact that does not exist yet is kept for an hour."""
    email, contact_id = body.get("email"), body.get("contactId")
    contact = {"email": email, "contactId": contact_id, "emailOrContactId": email or contact_id}
    return {"eventId": put_event(store, body), "contact": contact}


def put_event(store: AccountStore, body: dict[str, Any]) -> str:
    """Add the event of a body, or give the event with its eventId this content; return the id of the event."""
    event = body["contactEvent"]
    if "eventId" in event:
        return str(update(store, body)["eventId"])
    return store.add_event(body, event) or store.add_event_later(body, event)


def batch_add(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/batchAddContactExtEvent: a failed entry is named by its contact."""
    entries = batch(body, "events", {"owner", "events"} | CREDENTIAL_FIELDS)
    failed = [_name_of(entry) for entry in entries if not _added(store, entry)]
    return {
        "failedContacts": failed,
        "createdAmount": len(entries) - len(failed),
        "failedAmount": len(failed),
    }


def _added(store: AccountStore, entry: Any) -> bool:
    try:
        body = write(read_strictly(ExternalEvent, entry))
    except Invalid:
        return False
    return store.add_event(body, body["contactEvent"]) is not None


def update(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """v2/contact/updateContactExtEvent: fields that are not repeated are lost. [guess] the text if it is unknown."""
    content = body["contactEvent"]
    event = stored_event(store, content["eventId"])
    event.clear()
    event.update(content)
    return {"eventId": content["eventId"]}


def stored_event(store: AccountStore, event_id: str) -> dict[str, Any]:
    """Return the event with that id; refuse an unknown id."""
    event = next((event for event in store.events() if event["eventId"] == event_id), None)
    if event is None:
        raise RefusedCall("Event with given eventId does not exist")
    return event


def delete(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """v2/contact/deleteContactExtEvent: takes effect a little later; deleting an event that does not exist succeeds.

    [guess] all events with one externalId are deleted.
    """
    name = "eventId" if "eventId" in body else "externalId"
    event_ids = {event["eventId"] for event in store.events() if event.get(name) == body[name]}
    store.after_job_time(lambda: store.delete_events(event_ids))
    return {"result": "Ext event has been scheduled to delete."}


def _name_of(entry: Any) -> Any:
    return (entry.get("email") or entry.get("contactId")) if isinstance(entry, Mapping) else entry


HANDLERS: dict[str, Handler] = {
    "v2/contact/addContactExtEvent": add,
    "v2/contact/updateContactExtEvent": update,
    "v2/contact/deleteContactExtEvent": delete,
}

BATCH_HANDLERS: dict[str, Handler] = {
    "contact/batchAddContactExtEvent": batch_add,
    "v2/contact/addBatchContactExtEvent": batch_add,
}
"""The second path is the newer name of the first."""
