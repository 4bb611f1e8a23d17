"""Where a run sends its chunks: contacts, or events."""

from typing import Any

from attrs import frozen

from ..api import Request
from ..api.contacts import BatchUpsertContacts
from ..api.events import BatchAddContactExtEvent


@frozen(kw_only=True)
class Target:
    """The request to which a run sends its chunks."""

    kind: str
    request_class: type[Request[Any]]
    list_field: str


CONTACTS = Target(kind="contacts", request_class=BatchUpsertContacts, list_field="upsertDetails")
EVENTS = Target(kind="events", request_class=BatchAddContactExtEvent, list_field="events")
