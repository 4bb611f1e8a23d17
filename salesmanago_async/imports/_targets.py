"""What a run sends its chunks to: contacts, or events."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from ..api import Request
from ..api.contacts import BatchUpsertContacts
from ..api.events import BatchAddContactExtEvent
from ._chunks import key_of_contact, key_of_event


@frozen(kw_only=True)
class Target:
    """What a run sends its chunks to."""

    request_class: type[Request[Any]]
    list_field: str
    key_of: Callable[[Mapping[str, Any]], str]


CONTACTS = Target(request_class=BatchUpsertContacts, list_field="upsertDetails", key_of=key_of_contact)
EVENTS = Target(request_class=BatchAddContactExtEvent, list_field="events", key_of=key_of_event)
