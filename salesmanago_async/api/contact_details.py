"""The parts of a contact in answers, which lists and exports share."""

from datetime import datetime
from typing import Annotated

from attrs import frozen

from ..support.readable import readable
from .fields import JsonPath
from .request import Part


@frozen(kw_only=True)
class TagScore(Part):
    """A tag of a contact; `score` is how often the tag was assigned."""

    tag: str | None = None
    tag_name: str | None = None
    score: int | None = None
    created_on: datetime | None = None
    tag_with_score: str | None = None


@frozen(kw_only=True)
class Visit(Part):
    """A page view; `duration` is in seconds [guess: the reference names no unit]."""

    conversation_int_id: str | None = None
    host: str | None = None
    time: datetime | None = None
    duration: int | None = None
    visit_source: str | None = None
    visit_source_host: str | None = None
    visit_source_keywords: str | None = None
    visit_score: int | None = None
    url: str | None = None
    location: str | None = None


@frozen(kw_only=True)
class RecordedEvent(Part):
    """An external event as stored by the server."""

    event_id: str | None = None
    date: datetime | None = None
    description: str | None = None
    products: str | None = None
    location: str | None = None
    value: float | None = None
    contact_ext_event_type: str | None = None
    shop_domain: str | None = None
    external_id: str | None = None
    detail1: str | None = None
    detail2: str | None = None
    detail3: str | None = None
    detail4: str | None = None
    detail5: str | None = None
    detail6: str | None = None
    detail7: str | None = None
    detail8: str | None = None
    detail9: str | None = None
    detail10: str | None = None
    detail11: str | None = None
    detail12: str | None = None
    detail13: str | None = None
    detail14: str | None = None
    detail15: str | None = None
    detail16: str | None = None
    detail17: str | None = None
    detail18: str | None = None
    detail19: str | None = None
    detail20: str | None = None


@frozen(kw_only=True)
class HistoryEvent(Part):
    """An entry of the contact's history."""

    date: datetime | None = None
    description: str | None = None
    detail1: str | None = None
    detail2: str | None = None
    detail3: str | None = None
    detail4: str | None = None
    detail5: str | None = None


@frozen(kw_only=True)
class SentEmail(Part):
    """An e-mail to the contact, with its delivery, opens and clicks."""

    name: str | None = None
    subject: str | None = None
    date: datetime | None = None
    sent: bool | None = None
    date_sent: datetime | None = None
    opened: bool | None = None
    date_opened: datetime | None = None
    clicked: bool | None = None
    date_clicked: datetime | None = None
    email_conversation: int | None = None
    int_id: str | None = None
    delivery_status: str | None = None


@frozen(kw_only=True)
class Property(Part):
    """A standard detail of a contact."""

    name: str | None = None
    value: str | None = None


@frozen(kw_only=True)
class RecordedDictionaryProperty(Part):
    """A dictionary detail; `value` is a number, or UNIX milliseconds if `type` is DATE."""

    name: str | None = None
    type: str | None = None
    value: float | None = None


@frozen(kw_only=True)
class FunnelPlace(Part):
    """A funnel that the contact is in, and the stage."""

    sales_funnel: str | None = None
    sales_funnel_id: str | None = None
    sales_stage: str | None = None
    sales_stage_id: str | None = None


@frozen(kw_only=True)
class RecordedNote(Part):
    """A note on the contact; if `priv` is True, only its author sees the note."""

    note: str | None = None
    date: datetime | None = None
    priv: bool | None = None


@frozen(kw_only=True)
class RecordedTask(Part):
    """A task about the contact."""

    id: str | None = None
    note: str | None = None
    date: datetime | None = None
    cc: str | None = None
    reminder: datetime | None = None


@frozen(kw_only=True)
class ContactCoupon(Part):
    """A coupon of the contact."""

    name: str | None = None
    coupon: str | None = None
    valid_to: datetime | None = None
    used: bool | None = None


@frozen(kw_only=True)
class MobileMessage(Part):
    """A text message to the contact: SMS, WHATS_APP or VIBER."""

    name: str | None = None
    channel_type: str | None = None
    delivered: bool | None = None
    sender: str | None = None
    source: str | None = None
    source_name: str | None = None
    send_date: datetime | None = None


@frozen(kw_only=True)
class RecordedConsent(Part):
    """A consent; `action` is A (confirmed), D (deleted) or R (rejected)."""

    name: str | None = None
    description: str | None = None
    ip: str | None = None
    action: str | None = None
    created_on: datetime | None = None
    source: str | None = None
    date_on: datetime | None = None


@frozen(kw_only=True)
class SmsMessage(Part):
    """A text message as it is in an export."""

    created_date: datetime | None = None
    date_sent: datetime | None = None
    date_delivered: datetime | None = None
    delivery_status: str | None = None
    date_replied: datetime | None = None
    replay_msg: str | None = None
    content: str | None = None
    sent_by: str | None = None


@frozen(kw_only=True)
class ContactFields(Part):
    """The fields of a contact that every list and export has."""

    email: str | None = None
    name: str | None = None
    phone: str | None = None
    fax: str | None = None
    company: str | None = None
    external_id: str | None = None
    state: str | None = None
    score: int | None = None
    opted_out: bool | None = None
    opted_out_phone: bool | None = None
    deleted: bool | None = None
    invalid: bool | None = None
    created_on: datetime | None = None
    modified_on: datetime | None = None


@frozen(kw_only=True)
class ContactCard(ContactFields):
    """The additional fields of a contact that every list has."""

    street_address: Annotated[str | None, JsonPath("address.streetAddress")] = None
    zip_code: Annotated[str | None, JsonPath("address.zipCode")] = None
    city: Annotated[str | None, JsonPath("address.city")] = None
    country: Annotated[str | None, JsonPath("address.country")] = None
    birthday_year: int | None = None
    birthday_month: int | None = None
    birthday_day: int | None = None


@readable
@frozen(kw_only=True)
class ContactDetails(ContactCard):
    """All data that the server stores for one contact (reference: "Export Contacts by email address")."""

    id: str | None = None
    province: str | None = None
    main_contact_owner: str | None = None
    purchase_probability: float | None = None
    contact_visits: tuple[Visit, ...] = ()
    contact_tags: tuple[TagScore, ...] = ()
    contact_events: tuple[HistoryEvent, ...] = ()
    email_messages: tuple[SentEmail, ...] = ()
    properties: tuple[Property, ...] = ()
    contact_funnels: tuple[FunnelPlace, ...] = ()
    contact_notes: tuple[RecordedNote, ...] = ()
    contact_tasks: tuple[RecordedTask, ...] = ()
    contact_ext_events: tuple[RecordedEvent, ...] = ()
    coupons: tuple[ContactCoupon, ...] = ()
    mobile_messages: tuple[MobileMessage, ...] = ()
    consents: tuple[RecordedConsent, ...] = ()
