"""What a run sends its chunks to: contacts, or events."""

from typing import Any

from attrs import frozen

from ..api import Request
from ..api.contacts import BatchUpsertContacts
from ..api.events import BatchAddContactExtEvent


@frozen(kw_only=True)
class Target:
    """What a run sends its chunks to."""

    kind: str
    request_class: type[Request[Any]]
    list_field: str


CONTACTS = Target(kind="contacts", request_class=BatchUpsertContacts, list_field="upsertDetails")
EVENTS = Target(kind="events", request_class=BatchAddContactExtEvent, list_field="events")
