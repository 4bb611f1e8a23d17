"""A contact export in structs of msgspec. Times stay numbers, as msgspec reads no milliseconds."""

import msgspec


class _Part(msgspec.Struct, rename="camel"):
    """A part of a contact."""


class ContactData(_Part):
    """A contact's own fields."""

    id: str | None = None
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    fax: str | None = None
    company: str | None = None
    state: str | None = None
    score: int | None = None
    opted_out: bool | None = None
    opted_out_phone: bool | None = None
    deleted: bool | None = None
    invalid: bool | None = None
    created_on: int | None = None
    modified_on: int | None = None
    street_address: str | None = None
    zip_code: str | None = None
    city: str | None = None
    country: str | None = None
    birthday: str | None = None
    province: str | None = None
    main_owner: str | None = None
    last_opt_in_on: int | None = None
    last_opt_out_on: int | None = None


class Tag(_Part):
    """A tag."""

    tag_name: str | None = None
    score: int | None = None
    created_on: int | None = None


class Event(_Part):
    """An external event."""

    event_id: str | None = None
    date: int | None = None
    description: str | None = None
    products: str | None = None
    location: str | None = None
    value: float | None = None
    contact_ext_event_type: str | None = None
    external_id: str | None = None
    detail1: str | None = None
    detail2: str | None = None
    detail3: str | None = None


class Visit(_Part):
    """A page view."""

    host: str | None = None
    time: int | None = None
    duration: int | None = None
    visit_source: str | None = None
    visit_source_host: str | None = None
    visit_source_keywords: str | None = None
    visit_score: int | None = None
    url: str | None = None
    location: str | None = None


class Email(_Part):
    """An e-mail that was sent."""

    name: str | None = None
    subject: str | None = None
    date: int | None = None
    sent: bool | None = None
    date_sent: int | None = None
    opened: bool | None = None
    date_opened: int | None = None
    clicked: bool | None = None
    date_clicked: int | None = None
    email_conversation: str | None = None
    delivery_status: str | None = None


class Detail(_Part):
    """A standard detail."""

    name: str | None = None
    value: str | None = None


class DictionaryDetail(_Part):
    """A dictionary detail."""

    name: str | None = None
    type: str | None = None
    value: str | int | None = None


class Export(_Part):
    """All parts of a contact."""

    contact_data: ContactData | None = None
    tag_data: list[Tag] = []
    ext_event_data: list[Event] = []
    visits_data: list[Visit] = []
    emails_data: list[Email] = []
    funnels_data: list[dict[str, str]] = []
    contact_properties_data: list[Detail] = []
    contact_dictionary_properties_data: list[DictionaryDetail] = []


decode = msgspec.json.Decoder(list[dict[str, Export]]).decode
"""Reads an array of contacts, each an object whose only key is the contact's id."""
