"""contact/*: adding, changing and reading contacts (reference: "API - Contact management")."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeAlias

from attrs import field, frozen

from ..errors import Invalid
from ..support.readable import readable
from .contact_details import ContactDetails
from .fields import BATCH, Count, EmailText, Form, JsonPath, NameText, ShortText, Text
from .request import Answer, JobStarted, Owner, Request

__all__ = ["BatchUpsertContacts", "HasContact", "ListContacts", "UpsertContact"]

ContactState: TypeAlias = Literal["CUSTOMER", "PROSPECT", "PARTNER", "OTHER", "UNKNOWN"] | str
"""The contact's relation to the shop: an open set."""


@readable
@frozen(kw_only=True)
class DictionaryProperty:
    """A detail with a number or a date; its name and type are defined for the whole account at the first use.

    `name` takes 3-255 characters. `value` is a whole number above 0 for type NUMBER. For type DATE it is a time at
    00:00 UTC, an aware datetime or UNIX milliseconds, which are negative before 1970.
    """

    name: Annotated[str, Text(255, least=3, clearable=False)]
    type: Annotated[Literal["NUMBER", "DATE"] | str, Text(255, clearable=False)]
    value: Annotated[datetime | int, Form.DICTIONARY_VALUE]

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if a number is not above 0; [guess] only types that are called DATE hold times."""
        if body["type"].upper() != "DATE" and body["value"] <= 0:
            raise Invalid(f"is {body['value']}, not a whole number above 0", field="value")


@readable
@frozen(kw_only=True)
class ConsentDetail:
    """A contact's answer to a consent that is defined in the account's settings.

    [guess] confirmed is consent_accept=True, opt_out=False; not confirmed is False, False; withdrawn is False, True.
    `consent_name` takes 30 characters. The default of `agreement_date` (aware datetime or UNIX milliseconds) is now.
    """

    consent_name: Annotated[str, Text(30, clearable=False)]
    consent_accept: bool
    agreement_date: Annotated[datetime | int, Form.EVENT_TIME] | None = None
    ip: ShortText | None = None
    opt_out: bool | None = None
    consent_description_id: int | None = None


@readable
@frozen(kw_only=True)
class Relation:
    """A relation to another, existing contact; only for accounts with contact relationships enabled."""

    type: Annotated[Literal["CHILD", "PARENT"] | str, Text(255, clearable=False)]
    email: EmailText


@readable
@frozen(kw_only=True)
class Contact:
    """A contact to be added or changed (reference: "Adding a new contact or modifying the existing one").

    The contact is identified by `email` (at most 254 characters) or `contact_id`. None and "" leave a field unchanged;
    `CLEAR` empties it. Texts take 255 characters, and so does each tag, and each key and value of `properties`.
    `birthday` is yyyyMMdd or MMdd, or a date. `country` should be ISO 3166-1 alpha-2. The force_* flags set the consent
    to e-mail and mobile marketing: without them a new contact is opted in to e-mail and out of mobile. `new_email`
    changes the address of an existing contact, which must then be identified by its current `email`. A tag in both
    `tags` and `remove_tags` is removed. `relation` works in imports only.

    Three fields are not in the reference, but the vendor's own clients send them: `lang`, the contact's language as two
    letters ("PL"); `loyalty_program`, the name of a program; `tag_scoring`, whose meaning is not known [guess: whether
    a tag that the contact has already adds to its score again].

    The constructor checks nothing: a value that breaks a rule raises `Invalid` when it is sent; in a run the record is
    rejected with the reason.
    """

    email: Annotated[EmailText | None, JsonPath("contact.email")] = None
    contact_id: Annotated[NameText | None, JsonPath("contact.contactId")] = None
    name: Annotated[ShortText | None, JsonPath("contact.name")] = None
    phone: Annotated[ShortText | None, JsonPath("contact.phone")] = None
    fax: Annotated[ShortText | None, JsonPath("contact.fax")] = None
    company: Annotated[ShortText | None, JsonPath("contact.company")] = None
    external_id: Annotated[ShortText | None, JsonPath("contact.externalId")] = None
    state: Annotated[ContactState | None, Text(255), JsonPath("contact.state")] = None
    street_address: Annotated[ShortText | None, JsonPath("contact.address.streetAddress")] = None
    zip_code: Annotated[ShortText | None, JsonPath("contact.address.zipCode")] = None
    city: Annotated[ShortText | None, JsonPath("contact.address.city")] = None
    country: Annotated[ShortText | None, JsonPath("contact.address.country")] = None
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
    lang: ShortText | None = None
    tag_scoring: bool | None = None
    loyalty_program: ShortText | None = None

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the body identifies no contact, or changes the address of one it names by its id."""
        contact = body.get("contact", {})
        if "email" in contact:
            return
        if "contactId" not in contact:
            raise Invalid("give an email or a contactId", field="email")
        if "newEmail" in body:
            raise Invalid("needs the current email: a contact named by its id keeps its address", field="newEmail")


@frozen(kw_only=True)
class Upserted(Answer):
    """`contact_id` is the value for the smclient cookie in the contact's browser."""

    contact_id: str | None = None
    external_id: str | None = None


@frozen
class UpsertContact(Request[Upserted]):
    """Add a contact or change it (reference: "Adding a new contact or modifying the existing one").

    With `use_api_double_opt_in=True` the server asks the contact by e-mail to confirm the consent, unless the contact
    is already opted in; this overrides force_opt_in. `double_opt_in_language` and `double_opt_in_email_id` choose that
    e-mail. With None the server decides. The reference names no default for this call, and the default of
    the bulk call is on: pass False if no e-mail may be sent. `async_=False` waits until the contact is stored (over a
    second); with the server's default, True, the answer with the contact_id comes immediately.
    """

    path = "contact/upsert"
    contact: Annotated[Contact, JsonPath("")]
    owner: Owner = field(default=None, kw_only=True)
    use_api_double_opt_in: bool | None = field(default=None, kw_only=True)
    double_opt_in_language: ShortText | None = field(default=None, kw_only=True)
    double_opt_in_email_id: ShortText | None = field(default=None, kw_only=True)
    async_: bool | None = field(default=None, kw_only=True)


@frozen
class BatchUpsertContacts(Request[JobStarted]):
    """Add or change 1 to 1000 contacts in one server job (reference: "Asynchronous adding or modifying many contacts").

    For any number of contacts, with an outcome for each, use `sm.contacts.upsert_many`.

    With `use_api_double_opt_in=True` the server asks each contact that is to be opted in to confirm it by e-mail; this
    overrides force_opt_in. `lang` is the language of that e-mail. The server's own default is True, which would e-mail
    a whole list, so this class always sends False by default; None leaves the choice to the server. `fire_events=False`
    prevents the import from triggering rules and workflows.
    """

    path = "contact/batchupsertv2"
    upsert_details: Annotated[Sequence[Contact], BATCH]
    owner: Owner = field(default=None, kw_only=True)
    use_api_double_opt_in: bool | None = field(default=False, kw_only=True)
    lang: ShortText | None = field(default=None, kw_only=True)
    fire_events: bool | None = field(default=None, kw_only=True)


@frozen(kw_only=True)
class ContactPresence(Answer):
    """`result` says whether the contact exists, `contact_id` is its id."""

    result: bool | None = None
    contact_id: str | None = None


@frozen
class HasContact(Request[ContactPresence]):
    """Check whether an address belongs to a contact (reference: "Checking if a contact is already recorded")."""

    path = "contact/hasContact"
    changes_nothing = True
    email: EmailText
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class ContactList(Answer):
    """The contacts that were found; unknown ones are left out."""

    contacts: tuple[ContactDetails, ...] = ()


@frozen
class ListContacts(Request[ContactList]):
    """Read all data of up to 50 contacts (reference: "Export Contacts by email address").

    For any number of addresses use `sm.contacts.get`.
    """

    path = "contact/list"
    changes_nothing = True
    email: Annotated[Sequence[EmailText], Count(1, 50)]
    owner: Owner = field(default=None, kw_only=True)
