"""contact/*: the people (reference: "API - Contact management")."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeAlias

from attrs import field, frozen

from ..errors import Invalid
from ._fields import At, Count, EmailText, Form, Moment, NameText, ShortText, Text, Wrapped
from ._request import Answer, JobStarted, Owner, Part, Request
from .selectors import Selector

ContactState: TypeAlias = Literal["CUSTOMER", "PROSPECT", "PARTNER", "OTHER", "UNKNOWN"] | str
"""What a contact is to the shop: an open set."""

DataType: TypeAlias = (
    Literal[
        "CONTACT", "TAG", "EXT_EVENT", "VISITS", "EMAILS", "FUNNELS", "NOTES", "TASKS", "COUPONS", "SMS",
        "CONSENTS", "PROPERTIES", "DICTIONARY_PROPERTIES",
    ]
    | str
)  # fmt: skip
"""A part of what an export tells of each contact: an open set."""


@frozen(kw_only=True)
class DictionaryProperty:
    """A detail with a number or a date, defined for the whole account at its first use.

    `name` takes 3-255 characters. `value` is a whole number above 0 for type NUMBER, a time for type DATE: an aware
    datetime or UNIX milliseconds, at 00:00 UTC.
    """

    name: Annotated[str, Text(255, least=3, clearable=False)]
    type: Annotated[Literal["NUMBER", "DATE"] | str, Text(255, clearable=False)]
    value: Annotated[datetime | int, Form.DICTIONARY_VALUE]


@frozen(kw_only=True)
class ConsentDetail:
    """A contact's answer to a consent that is defined in the account's settings.

    [guess] confirmed is consent_accept=True, opt_out=False; not confirmed is False, False; withdrawn is False, True.
    `consent_name` takes 30 characters. Without `agreement_date` (aware datetime or UNIX milliseconds) it is now.
    """

    consent_name: Annotated[str, Text(30, clearable=False)]
    consent_accept: bool
    agreement_date: Moment | None = None
    ip: ShortText | None = None
    opt_out: bool | None = None
    consent_description_id: int | None = None


@frozen(kw_only=True)
class Relation:
    """A tie to another, existing contact; for accounts that have contact relationships switched on."""

    type: Annotated[Literal["CHILD", "PARENT"] | str, Text(255, clearable=False)]
    email: EmailText


@frozen(kw_only=True)
class Contact:
    """A contact to be made or changed (reference: "Adding a new contact or modifying the existing one").

    Named by `email` (at most 254 characters) or `contact_id`. None and "" leave a field as it is; `CLEAR` empties it.
    Texts take 255 characters, and so does each tag, and each key and value of `properties`. `birthday` is yyyyMMdd or
    MMdd, or a date. `country` is best given as ISO 3166-1 alpha-2. The force_* flags set the consent to e-mail and
    mobile marketing: a new contact is opted in to e-mail and out of mobile unless told otherwise. `new_email` changes
    the address of an existing contact. A tag in both `tags` and `remove_tags` is removed. `relation` is taken by
    imports only.

    Nothing is checked here: a value that breaks a rule is refused when it is sent, or rejected by name in a run.
    """

    email: Annotated[EmailText | None, At("contact.email")] = None
    contact_id: Annotated[NameText | None, At("contact.contactId")] = None
    name: Annotated[ShortText | None, At("contact.name")] = None
    phone: Annotated[ShortText | None, At("contact.phone")] = None
    fax: Annotated[ShortText | None, At("contact.fax")] = None
    company: Annotated[ShortText | None, At("contact.company")] = None
    external_id: Annotated[ShortText | None, At("contact.externalId")] = None
    state: Annotated[ContactState | None, Text(255), At("contact.state")] = None
    street_address: Annotated[ShortText | None, At("contact.address.streetAddress")] = None
    zip_code: Annotated[ShortText | None, At("contact.address.zipCode")] = None
    city: Annotated[ShortText | None, At("contact.address.city")] = None
    country: Annotated[ShortText | None, At("contact.address.country")] = None
    province: ShortText | None = None
    birthday: Annotated[str | date | None, Form.BIRTHDAY] = None
    new_email: EmailText | None = None
    force_opt_in: bool | None = None
    force_opt_out: bool | None = None
    force_phone_opt_in: bool | None = None
    force_phone_opt_out: bool | None = None
    tags: Sequence[NameText] | None = None
    remove_tags: Sequence[NameText] | None = None
    properties: Mapping[str, ShortText] | None = None
    dictionary_properties: Sequence[DictionaryProperty] | None = None
    consent_details: Sequence[ConsentDetail] | None = None
    relation: Relation | None = None

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Refuse a body that names no contact."""
        contact = body.get("contact", {})
        if "email" not in contact and "contactId" not in contact:
            raise Invalid("give an email or a contactId", field="email")


@frozen(kw_only=True)
class Upserted(Answer):
    """`contact_id` is what the smclient cookie of the contact's browser is set to."""

    contact_id: str | None = None
    external_id: str | None = None


@frozen
class UpsertContact(Request[Upserted]):
    """Add a contact or change it (reference: "Adding a new contact or modifying the existing one").

    `use_api_double_opt_in` has the consent confirmed by e-mail, and overrides force_opt_in; `double_opt_in_language`
    and `double_opt_in_email_id` choose that e-mail. `async_`: False waits until the contact is stored (over a second);
    the server's default, True, answers with the contact_id at once.
    """

    path = "contact/upsert"
    contact: Annotated[Contact, At("")]
    owner: Owner = field(default=None, kw_only=True)
    use_api_double_opt_in: bool | None = field(default=None, kw_only=True)
    double_opt_in_language: ShortText | None = field(default=None, kw_only=True)
    double_opt_in_email_id: ShortText | None = field(default=None, kw_only=True)
    async_: bool | None = field(default=None, kw_only=True)


@frozen
class BatchUpsertContacts(Request[JobStarted]):
    """Add or change 1 to 1000 contacts in one server job (reference: "Asynchronous adding or modifying many contacts").

    For any number of contacts, with an outcome for each, use `sm.contacts.upsert_many`. `use_api_double_opt_in` is on
    by the server's default and overrides force_opt_in; `lang` is the language of that e-mail; `fire_events=False` keeps
    rules and workflows from being triggered.
    """

    path = "contact/batchupsertv2"
    upsert_details: Annotated[Sequence[Contact], Count(1, 1000)]
    owner: Owner = field(default=None, kw_only=True)
    use_api_double_opt_in: bool | None = field(default=None, kw_only=True)
    lang: ShortText | None = field(default=None, kw_only=True)
    fire_events: bool | None = field(default=None, kw_only=True)


@frozen(kw_only=True)
class ContactPresence(Answer):
    """`result` tells whether the contact exists, `contact_id` which it is."""

    result: bool | None = None
    contact_id: str | None = None


@frozen
class HasContact(Request[ContactPresence]):
    """Ask whether an address belongs to a contact (reference: "Checking if a contact is already recorded")."""

    path = "contact/hasContact"
    email: EmailText
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class TagScore(Part):
    """A tag of a contact; `score` tells how often it was given."""

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
    """An external event as the server holds it."""

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
    """An e-mail to the contact, and what became of it."""

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
    """A dictionary detail; `value` is a number, or UNIX milliseconds where `type` is DATE."""

    name: str | None = None
    type: str | None = None
    value: float | None = None


@frozen(kw_only=True)
class FunnelPlace(Part):
    """A funnel the contact is in, and the stage it is at."""

    sales_funnel: str | None = None
    sales_funnel_id: str | None = None
    sales_stage: str | None = None
    sales_stage_id: str | None = None


@frozen(kw_only=True)
class RecordedNote(Part):
    """A note on the contact; `priv` tells that only its author sees it."""

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
    """A text message as an export tells of it."""

    created_date: datetime | None = None
    date_sent: datetime | None = None
    date_delivered: datetime | None = None
    delivery_status: str | None = None
    date_replied: datetime | None = None
    replay_msg: str | None = None
    content: str | None = None
    sent_by: str | None = None


@frozen(kw_only=True)
class ContactDetails(Part):
    """Everything the server holds of one contact (reference: "Export Contacts by email address")."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    fax: str | None = None
    score: int | None = None
    state: str | None = None
    opted_out: bool | None = None
    opted_out_phone: bool | None = None
    deleted: bool | None = None
    invalid: bool | None = None
    company: str | None = None
    external_id: str | None = None
    street_address: Annotated[str | None, At("address.streetAddress")] = None
    zip_code: Annotated[str | None, At("address.zipCode")] = None
    city: Annotated[str | None, At("address.city")] = None
    country: Annotated[str | None, At("address.country")] = None
    birthday_year: int | None = None
    birthday_month: int | None = None
    birthday_day: int | None = None
    province: str | None = None
    main_contact_owner: str | None = None
    modified_on: datetime | None = None
    created_on: datetime | None = None
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


@frozen(kw_only=True)
class ContactList(Answer):
    """The contacts that were found; those that do not exist are left out."""

    contacts: tuple[ContactDetails, ...] = ()


@frozen
class ListContacts(Request[ContactList]):
    """Read everything about up to 50 contacts (reference: "Export Contacts by email address").

    For any number of addresses use `sm.contacts.get`.
    """

    path = "contact/list"
    email: Annotated[Sequence[EmailText], Count(1, 50)]
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class DateRange:
    """The span an export looks at [guess: in UNIX seconds, as its only sample has it]."""

    start_date: Annotated[datetime | int | None, Form.SECONDS] = None
    end_date: Annotated[datetime | int | None, Form.SECONDS] = None


@frozen
class ExportContactsData(Request[JobStarted]):
    """Start an export of the chosen parts of the chosen contacts (reference: "Exporting contact data").

    `contacts` are selectors (`Email`, `ContactId`, `Tag`, `Funnel`, `Stage`), `data` names the parts of each contact:
    at least one of CONTACT, TAG, EXT_EVENT, VISITS, EMAILS, FUNNELS, NOTES, TASKS, COUPONS, SMS, CONSENTS, PROPERTIES,
    DICTIONARY_PROPERTIES.
    """

    path = "contact/export/data"
    contacts: Annotated[Sequence[Selector], Count(1, 10**6)]
    data: Annotated[Sequence[Annotated[DataType, Text(255), Wrapped("dataType")]], Count(1, 1000)]
    date_range: DateRange | None = field(default=None, kw_only=True)
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class ExportedContact(Part):
    """The basic fields of a contact in an export; `birthday` is as the file has it."""

    id: str | None = None
    email: str | None = None
    created_on: datetime | None = None
    modified_on: datetime | None = None
    name: str | None = None
    phone: str | None = None
    score: int | None = None
    fax: str | None = None
    state: str | None = None
    opted_out: bool | None = None
    opted_out_phone: bool | None = None
    deleted: bool | None = None
    invalid: bool | None = None
    company: str | None = None
    external_id: str | None = None
    street_address: str | None = None
    zip_code: str | None = None
    city: str | None = None
    country: str | None = None
    birthday: str | None = None
    province: str | None = None
    main_owner: str | None = None
    last_opt_in_on: datetime | None = None
    last_opt_out_on: datetime | None = None


@frozen(kw_only=True)
class ContactExport(Part):
    """One contact of an export file; parts that were not asked for are None or empty."""

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
