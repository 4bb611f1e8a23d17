"""contact/*: lists of contacts, complete or by page, and recent activity (reference: "API - Contact management")."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from attrs import field, frozen

from ..errors import Invalid
from .contact_details import ContactCard, ContactDetails, Visit
from .fields import Count, EmailText, Moment, NameText, Text
from .request import Answer, JobStarted, Owner, Part, Request

__all__ = [
    "ExportContactListPage",
    "GetRecentActivity",
    "ListBasicContacts",
    "ListBasicContactsById",
    "ListContactsById",
    "ListContactsPage",
    "ListCreatedContacts",
    "ListModifiedContacts",
    "ListModifiedContactsPage",
]

MOST_ROWS = 1000
"""The most contacts on a page."""

LONGEST_SPAN_MS = 31 * 86_400_000
"""[guess] a span of modifications must be shorter: "30 days" is documented, and the sample next to it spans 30.9."""


def check_page(body: dict[str, Any]) -> None:
    """Raise `Invalid` for a page number below 1, or a page size other than 1 to 1000."""
    if body["page"] < 1:
        raise Invalid(f"is {body['page']}: the first page is 1", field="page")
    if not 1 <= body["size"] <= MOST_ROWS:
        raise Invalid(f"is {body['size']}, 1 to {MOST_ROWS} are allowed", field="size")


def check_span(body: dict[str, Any]) -> None:
    """Raise `Invalid` if the span ends before it begins."""
    if body["from"] > body["to"]:
        raise Invalid("the span ends before it begins", field="to")


@frozen(kw_only=True)
class BasicContact(ContactCard):
    """The basic fields of a contact, and its last visit of the site."""

    contact_id: str | None = None
    last_visit: datetime | None = None


@frozen(kw_only=True)
class BasicContactList(Answer):
    """The contacts that were found; unknown ones are left out."""

    contacts: tuple[BasicContact, ...] = ()


@frozen
class ListBasicContacts(Request[BasicContactList]):
    """Read the basic fields of contacts (reference: "Export basic contacts’ data by email address")."""

    path = "contact/basic"
    changes_nothing = True
    email: Annotated[Sequence[EmailText], Count(1, 10**6)]
    owner: Owner = field(default=None, kw_only=True)


@frozen
class ListBasicContactsById(Request[BasicContactList]):
    """Read the basic fields of contacts (reference: "Export basic contacts’ data by contact ID")."""

    path = "contact/basicById"
    changes_nothing = True
    id: Annotated[Sequence[NameText], Count(1, 10**6)]
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class ContactListById(Answer):
    """The contacts that were found; `unavailable_contacts` are the ids that the owner cannot access."""

    contacts: tuple[ContactDetails, ...] = ()
    unavailable_contacts: tuple[str, ...] = ()


@frozen
class ListContactsById(Request[ContactListById]):
    """Read all data of up to 50 contacts (reference: "Export Contacts by Contact ID").

    An id takes 36 characters. For any number of ids use `sm.contacts.get_by_id`.
    """

    path = "contact/listById"
    changes_nothing = True
    contact_id: Annotated[Sequence[Annotated[str, Text(36, clearable=False)]], Count(1, 50)]
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class ListedContact(Part):
    """A contact with its id and its address only."""

    id: str | None = None
    email: str | None = None


@frozen(kw_only=True)
class CreatedContacts(Answer):
    """The contacts that were created in the span."""

    created_contacts: tuple[ListedContact, ...] = ()


@frozen
class ListCreatedContacts(Request[CreatedContacts]):
    """List the contacts created in a span of time (reference: "Exporting the list of recently created contacts").

    `from_` and `to` are aware datetimes or UNIX milliseconds.
    """

    path = "contact/createdContacts"
    changes_nothing = True
    from_: Moment
    to: Moment
    owner: Owner = field(default=None, kw_only=True)
    check_body = staticmethod(check_span)


@frozen(kw_only=True)
class ModifiedContacts(Answer):
    """The contacts that were last modified in the span; only pages have `has_more`."""

    modified_contacts: tuple[ListedContact, ...] = ()
    has_more: bool | None = None


@frozen
class ListModifiedContacts(Request[ModifiedContacts]):
    """List contacts last modified in a span of time (reference: "Exporting the list of recently modified contacts").

    `from_` and `to` are aware datetimes or UNIX milliseconds. For long lists use `sm.contacts.walk_modified`.
    """

    path = "contact/modifiedContacts"
    changes_nothing = True
    from_: Moment
    to: Moment
    owner: Owner = field(default=None, kw_only=True)
    check_body = staticmethod(check_span)


@frozen
class ListModifiedContactsPage(Request[ModifiedContacts]):
    """List a page of contacts last modified in a span (reference: "Recently modified Contacts (paginated list)").

    `from_` and `to` are aware datetimes or UNIX milliseconds, at most 30 days apart. `page` counts from 1, `size` takes
    1 to 1000. For spans and lists of any length use `sm.contacts.walk_modified`.
    """

    path = "contact/paginatedModifiedContacts"
    changes_nothing = True
    from_: Moment
    to: Moment
    page: int = field(kw_only=True)
    size: int = field(kw_only=True)
    owner: Owner = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` for a page or a span that the reference does not allow."""
        check_page(body)
        check_span(body)
        if body["to"] - body["from"] >= LONGEST_SPAN_MS:
            raise Invalid("the span is longer than 30 days", field="to")


@frozen(kw_only=True)
class IpDetails(Part):
    """What is known about a visitor's IP address: all as text, `country_code` with 2 letters."""

    ip: str | None = None
    country_code: str | None = None
    country_name: str | None = None
    region_code: str | None = None
    region_name: str | None = None
    city: str | None = None
    postal_code: str | None = None
    latitude: str | None = None
    longitude: str | None = None
    isp: str | None = None
    organization: str | None = None


@frozen(kw_only=True)
class ActivityVisit(Part):
    """A visit; `contact_visits` are its pages. The unit of `duration` is not documented."""

    uuid: int | None = None
    time: datetime | None = None
    duration: int | None = None
    visit_source: str | None = None
    visit_source_host: str | None = None
    visit_source_keywords: str | None = None
    visit_source_details: str | None = None
    visit_score: int | None = None
    client: str | None = None
    email: str | None = None
    contact_id: str | None = None
    url: str | None = None
    ip_organization: str | None = None
    vid: int | None = None
    cid: int | None = None
    ip_details: IpDetails | None = None
    contact_visits: tuple[Visit, ...] = ()


@frozen(kw_only=True)
class VisitStatistics(Part):
    """The number of visits on one day of the last week."""

    date: datetime | None = None
    partners_visits: int | None = None
    prospects_visits: int | None = None
    customers_visits: int | None = None
    other_visits: int | None = None


@frozen(kw_only=True)
class Activities(Part):
    """The visits of a span, by the visitors' relation to the shop, and counts of the account's contacts."""

    from_: datetime | None = None
    to: datetime | None = None
    monitored_contacts: int | None = None
    total_contacts: int | None = None
    customers: tuple[ActivityVisit, ...] = ()
    partners: tuple[ActivityVisit, ...] = ()
    prospects: tuple[ActivityVisit, ...] = ()
    anonymous: tuple[ActivityVisit, ...] = ()
    all_visits: tuple[ActivityVisit, ...] = ()
    visit_stats: tuple[VisitStatistics, ...] = ()


@frozen(kw_only=True)
class RecentActivity(Answer):
    """The activity in the span."""

    recent_activities: Activities | None = None


@frozen
class GetRecentActivity(Request[RecentActivity]):
    """Read the visits of the site in a span of time (reference: "Contacts’ activity"). No owner is needed.

    `from_` and `to` are aware datetimes or UNIX milliseconds. `all_visits` adds every page opened in the span,
    `ip_details` what is known about the visitor's IP address.
    """

    path = "contact/recentActivity"
    changes_nothing = True
    needs_owner = False
    from_: Moment
    to: Moment
    all_visits: bool | None = field(default=None, kw_only=True)
    ip_details: bool | None = field(default=None, kw_only=True)
    check_body = staticmethod(check_span)


@frozen(kw_only=True)
class ContactOnPage(ListedContact):
    """A contact in the export of all contacts [guess: the reference does not show that file]."""

    name: str | None = None
    country: str | None = None
    phone: str | None = None
    exists: bool | None = None
    success: bool | None = None


@frozen
class ExportContactListPage(Request[JobStarted]):
    """Start an export of one page of all contacts (reference: "Paginated contacts list export").

    `page` counts from 1, `size` takes 1 to 1000. The file has one object; its `contacts` are empty after the last page.
    """

    path = "contact/paginatedContactList/export"
    page: int
    size: int = field(kw_only=True)
    owner: Owner = field(default=None, kw_only=True)
    check_body = staticmethod(check_page)


@frozen(kw_only=True)
class ContactsPage(Answer):
    """All data of the contacts of a page; `has_more` says whether there may be a next page."""

    contacts: tuple[ContactDetails, ...] = ()
    has_more: bool | None = None


@frozen
class ListContactsPage(Request[ContactsPage]):
    """Read a page of an owner's contacts (reference: "Contacts assigned to a specific owner (paginated list)").

    `page` counts from 1, `size` takes 1 to 1000. For all of them use `sm.contacts.walk`.
    """

    path = "contact/paginatedListById"
    changes_nothing = True
    page: int
    size: int = field(kw_only=True)
    owner: Owner = field(default=None, kw_only=True)
    check_body = staticmethod(check_page)
