"""The events of exported contacts: each with the address and the id of its contact, so that it can be imported.

An exported contact has its events in a list, and so has a contact of a call:

    {id: {"contactData": {"email": …}, "extEventData": [{"eventId": …, "date": …, …}, …]}}
    {"id": …, "email": …, "contactExtEvents": [{"eventId": …, "date": …, …}, …]}

Each event of both becomes an object of its own:

    {"email": …, "contactId": …, "eventId": …, "date": …, …}
"""

from collections.abc import Mapping
from typing import Any, cast, overload

import attrs

from ..api.contact_details import ContactDetails, RecordedEvent
from ..api.contact_exports import ContactEvent, ContactExport
from ..api.readers import documented_name


@overload
def contact_events(contact: ContactExport | ContactDetails) -> list[ContactEvent]: ...
@overload
def contact_events(contact: Mapping[str, Any]) -> list[dict[str, Any]]: ...
def contact_events(contact: Any) -> list[Any]:
    """Return the external events of an exported contact, each with the `email` and the `contact_id` of the contact.

    `contact` is a contact of `sm.contacts.walk`, `get`, `export_modified`, or of an export with the parts CONTACT and
    EXT_EVENT; other parts and calls have no events. The events of a typed contact are `ContactEvent` values. The events
    of an object, as it is in the file, are objects with the API's names. `flat_row` makes rows of both.

        async for contact in sm.contacts.walk():
            for event in contact_events(contact):
                ...
    """
    if isinstance(contact, ContactExport):
        email = contact.contact_data.email if contact.contact_data else None
        return [_typed(event, email, contact.contact_id) for event in contact.ext_event_data]
    if isinstance(contact, ContactDetails):
        return [_typed(event, contact.email, contact.id) for event in contact.contact_ext_events]
    return _events_of_object(contact)


def _typed(event: RecordedEvent, email: str | None, contact_id: str | None) -> ContactEvent:
    content = {name: getattr(event, name) for name in attrs.fields_dict(RecordedEvent)}
    return ContactEvent(email=email, contact_id=contact_id, **content)


def _events_of_object(contact: Mapping[str, Any]) -> list[dict[str, Any]]:
    contact_id, fields = _identified(contact)
    data = fields.get("contactData", fields)
    found = fields.get("extEventData", fields.get("contactExtEvents"))
    named = {"email": data.get("email") if isinstance(data, Mapping) else None, "contactId": contact_id}
    return [
        {**named, **{documented_name(key, event): value for key, value in event.items()}}
        for event in (found if isinstance(found, list) else ())
        if isinstance(event, Mapping)
    ]


def _identified(contact: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Return the id of a contact, and its fields or parts. The id is the only key of an exported contact."""
    if len(contact) == 1:
        ((contact_id, parts),) = contact.items()
        if isinstance(parts, Mapping):
            return contact_id, cast("Mapping[str, Any]", parts)
    return contact.get("id") or contact.get("contactId"), contact
