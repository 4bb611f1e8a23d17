"""What the records of each kind of file are read into."""

from collections.abc import Mapping
from typing import Any, TypeVar

from ..api._codec import read_leniently
from ..api.contact_exports import ContactExport
from ..api.email_statistics import ConversationRecipients, ConversationStatistics
from ..api.messages import ConversationMessage
from ..api.web_push import WebPushRecipient
from ..errors import Unreadable

RecordT = TypeVar("RecordT")


def contact_export(record: Any) -> ContactExport:
    """Read one element of a contact export: an object whose only key is the contact's id."""
    if not isinstance(record, Mapping):
        raise Unreadable(f"an element of the export is a {type(record).__name__}, not an object")
    if len(record) == 1:
        ((contact_id, parts),) = record.items()
        if isinstance(parts, Mapping):
            return read_leniently(ContactExport, {"contactId": contact_id, **parts})
    return read_leniently(ContactExport, record)


def conversation_message(record: Any) -> ConversationMessage:
    """Read one element of an export of message conversation data."""
    return _read(ConversationMessage, record)


def web_push_recipient(record: Any) -> WebPushRecipient:
    """Read one element of an export of notification conversation data."""
    return _read(WebPushRecipient, record)


def conversation_statistics(record: Any) -> ConversationStatistics:
    """Read what became of one mailing: one element of the file, or all of it."""
    return _read(ConversationStatistics, record)


def conversation_recipients(record: Any) -> ConversationRecipients:
    """Read whom a mailing was sent to: all of the file."""
    return _read(ConversationRecipients, record)


def _read(kind: type[RecordT], record: Any) -> RecordT:
    if not isinstance(record, Mapping):
        raise Unreadable(f"an element of the export is a {type(record).__name__}, not an object")
    return read_leniently(kind, record)


def as_it_is(record: Any) -> Any:
    """Return the record as the file has it."""
    return record
