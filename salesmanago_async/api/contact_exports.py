"""contact/export/data: exports of contacts to a file (reference: "Exporting contact data")."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from attrs import field, frozen

from ..support.readable import readable
from .contact_details import (
    ContactCoupon,
    ContactFields,
    FunnelPlace,
    Property,
    RecordedConsent,
    RecordedDictionaryProperty,
    RecordedEvent,
    RecordedNote,
    RecordedTask,
    SentEmail,
    SmsMessage,
    TagScore,
    Visit,
)
from .fields import Count, Form, Text, Wrapped
from .request import JobStarted, Owner, Part, Request
from .selectors import Selector

__all__ = ["ExportContactsData"]

DataType: TypeAlias = (
    Literal[
        "CONTACT", "TAG", "EXT_EVENT", "VISITS", "EMAILS", "FUNNELS", "NOTES", "TASKS", "COUPONS", "SMS",
        "CONSENTS", "PROPERTIES", "DICTIONARY_PROPERTIES",
    ]
    | str
)  # fmt: skip
"""A part of the exported data of each contact: an open set."""


@frozen(kw_only=True)
class DateRange:
    """The time span of an export [guess: in UNIX seconds, as in its only sample]."""

    start_date: Annotated[datetime | int | None, Form.SECONDS] = None
    end_date: Annotated[datetime | int | None, Form.SECONDS] = None


@frozen
class ExportContactsData(Request[JobStarted]):
    """Start an export of the chosen parts of the chosen contacts (reference: "Exporting contact data").

    `contacts` are selectors (`Email`, `ContactId`, `Tag`, `Funnel`, `Stage`). `data` names the parts of each contact,
    at least one of CONTACT, TAG, EXT_EVENT, VISITS, EMAILS, FUNNELS, NOTES, TASKS, COUPONS, SMS, CONSENTS, PROPERTIES,
    DICTIONARY_PROPERTIES.
    """

    path = "contact/export/data"
    contacts: Annotated[Sequence[Selector], Count(1, 10**6)]
    data: Annotated[Sequence[Annotated[DataType, Text(255), Wrapped("dataType")]], Count(1, 1000)]
    date_range: DateRange | None = field(default=None, kw_only=True)
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class ExportedContact(ContactFields):
    """The basic fields of a contact in an export; `birthday` is unchanged from the file."""

    id: str | None = None
    street_address: str | None = None
    zip_code: str | None = None
    city: str | None = None
    country: str | None = None
    birthday: str | None = None
    province: str | None = None
    main_owner: str | None = None
    last_opt_in_on: datetime | None = None
    last_opt_out_on: datetime | None = None


@readable
@frozen(kw_only=True)
class ContactEvent(RecordedEvent):
    """An event of a contact, with the address and the id of the contact."""

    email: str | None = None
    contact_id: str | None = None


@readable
@frozen(kw_only=True)
class ContactExport(Part):
    """One contact of an export file; parts that were not requested are None or empty."""

    contact_id: str | None = None
    contact_data: ExportedContact | None = None
    tag_data: tuple[TagScore, ...] = ()
    ext_event_data: tuple[RecordedEvent, ...] = ()
    visits_data: tuple[Visit, ...] = ()
    emails_data: tuple[SentEmail, ...] = ()
    funnels_data: tuple[FunnelPlace, ...] = ()
    notes_data: tuple[RecordedNote, ...] = ()
    tasks_data: tuple[RecordedTask, ...] = ()
    coupons_data: tuple[ContactCoupon, ...] = ()
    sms_data: tuple[SmsMessage, ...] = ()
    consents_data: tuple[RecordedConsent, ...] = ()
    contact_properties_data: tuple[Property, ...] = ()
    contact_dictionary_properties_data: tuple[RecordedDictionaryProperty, ...] = ()
