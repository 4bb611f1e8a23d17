"""What the records of each kind of file are read into."""

from collections.abc import Mapping
from typing import Any

from ..api._codec import read_leniently
from ..api.contact_exports import ContactExport
from ..errors import Unreadable


def contact_export(record: Any) -> ContactExport:
    """Read one element of a contact export: an object whose only key is the contact's id."""
    if not isinstance(record, Mapping):
        raise Unreadable(f"an element of the export is a {type(record).__name__}, not an object")
    if len(record) == 1:
        ((contact_id, parts),) = record.items()
        if isinstance(parts, Mapping):
            return read_leniently(ContactExport, {"contactId": contact_id, **parts})
    return read_leniently(ContactExport, record)


def as_it_is(record: Any) -> Any:
    """Return the record as the file has it."""
    return record
