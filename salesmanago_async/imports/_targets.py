"""What a run sends its chunks to: contacts, or events."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from ..api import Request
from ..api.contacts import BatchUpsertContacts
from ..api.events import BatchAddContactExtEvent
from ._chunks import Names, names_of_contact, names_of_event


@frozen(kw_only=True)
class Target:
    """What a run sends its chunks to."""

    kind: str
    request_class: type[Request[Any]]
    list_field: str
    names_of: Callable[[Mapping[str, Any]], Names]


CONTACTS = Target(
    kind="contacts", request_class=BatchUpsertContacts, list_field="upsertDetails", names_of=names_of_contact
)
EVENTS = Target(kind="events", request_class=BatchAddContactExtEvent, list_field="events", names_of=names_of_event)
