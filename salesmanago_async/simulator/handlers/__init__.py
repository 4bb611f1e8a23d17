"""What each path does: a handler takes the store and a checked body, and returns the answer or raises `Refusal`."""

from collections.abc import Callable, Mapping
from typing import Any

from .._store import Store
from . import contacts, events, jobs, users

Handler = Callable[[Store, dict[str, Any]], dict[str, Any]]

HANDLERS: Mapping[str, Handler] = {
    "contact/upsert": contacts.upsert,
    "contact/hasContact": contacts.has_contact,
    "contact/list": contacts.list_contacts,
    "contact/export/data": contacts.export_data,
    "v2/contact/addContactExtEvent": events.add,
    "user/listByClient": users.list_by_client,
    "job/status": jobs.status,
}
"""Handlers of bodies that are checked as a whole."""

BATCH_HANDLERS: Mapping[str, Handler] = {
    "contact/batchupsertv2": contacts.batch_upsert,
    "contact/batchAddContactExtEvent": events.batch_add,
    "v2/contact/addBatchContactExtEvent": events.batch_add,
}
"""Handlers of bodies whose entries are checked, and fail, one by one. The last is the newer path of the one before."""
