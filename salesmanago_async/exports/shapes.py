"""The types of the records of each kind of file.

    contact export            an array of objects, each with one key: the contact's id     ContactExport
    events of contacts        the same file; each contact is split into its events         ContactEvent
    page of all contacts      an object, whose list `contacts` holds the records           ContactOnPage
    statistics of mailings    an object for one, an array of them for those of a span      ConversationStatistics
    recipients of a mailing   one object, which is the only record                         ConversationRecipients
    messages                  an archive of arrays                                         ConversationMessage
    notifications             an archive of arrays                                         WebPushRecipient

Fields that the reference does not name are in `extra` of a record or of its part, unchanged.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from attrs import frozen

from ..api.codec import lenient_reader
from ..api.contact_exports import ContactEvent, ContactExport
from ..api.contact_lists import ContactOnPage
from ..api.email_statistics import ConversationRecipients, ConversationStatistics
from ..api.messages import ConversationMessage
from ..api.web_push import WebPushRecipient
from ..errors import Unreadable
from .events import contact_events

RecordT = TypeVar("RecordT")


@frozen
class Listed(Generic[RecordT]):
    """Reads the records of a file that is one object with its records in the list `inside`; a call reads one."""

    inside: str
    read: Callable[[Any], RecordT]

    def __call__(self, record: Any) -> RecordT:
        """Read one element of the list."""
        return self.read(record)


@frozen
class Split(Generic[RecordT]):
    """Reads the records of a file whose objects are split into several records each; a call reads one record."""

    split: Callable[[Any], list[Any]]
    read: Callable[[Any], RecordT]

    def __call__(self, record: Any) -> RecordT:
        """Read one record."""
        return self.read(record)


def split_batch(read: Callable[[Any], Any], batch: list[Any]) -> list[Any]:
    """Return the records of some objects of a file: the objects themselves, unless `read` splits them."""
    return [part for record in batch for part in read.split(record)] if isinstance(read, Split) else batch


def list_inside(read: Callable[[Any], Any]) -> str | None:
    """Return the name of the list that holds the records of a file; None if the file is the array or the record."""
    return read.inside if isinstance(read, Listed) else None


def contact_export(record: Any) -> ContactExport:
    """Read one element of a contact export: an object whose only key is the contact's id."""
    if isinstance(record, dict) and len(record) == 1:
        ((contact_id, parts),) = record.items()
        if isinstance(parts, dict):
            return lenient_reader(ContactExport)({"contactId": contact_id, **parts})
    return _read(ContactExport, record)


def _contact_event(record: Any) -> ContactEvent:
    return _read(ContactEvent, record)


def _split_contact(record: Any) -> list[Any]:
    if not isinstance(record, dict):
        raise _not_an_object(record)
    return contact_events(cast("dict[str, Any]", record))


events_of_contacts = Split(_split_contact, _contact_event)
"""A contact export with the parts CONTACT and EXT_EVENT, as the events of the contacts."""


def conversation_message(record: Any) -> ConversationMessage:
    """Read one element of an export of message conversation data."""
    return _read(ConversationMessage, record)


def web_push_recipient(record: Any) -> WebPushRecipient:
    """Read one element of an export of notification conversation data."""
    return _read(WebPushRecipient, record)


def conversation_statistics(record: Any) -> ConversationStatistics:
    """Read the statistics of one mailing: one element of the file, or the whole file."""
    return _read(ConversationStatistics, record)


def conversation_recipients(record: Any) -> ConversationRecipients:
    """Read the recipients of a mailing: the whole file."""
    return _read(ConversationRecipients, record)


def _contact_on_page(record: Any) -> ContactOnPage:
    return _read(ContactOnPage, record)


contacts_on_page = Listed("contacts", _contact_on_page)
"""A page of the export of all contacts."""


def _read(kind: type[RecordT], record: Any) -> RecordT:
    if not isinstance(record, dict):
        raise _not_an_object(record)
    return lenient_reader(kind)(record)


def _not_an_object(record: Any) -> Unreadable:
    return Unreadable(f"an element of the export is a {type(record).__name__}, not an object")


def as_it_is(record: Any) -> Any:
    """Return the record as the file has it."""
    return record
