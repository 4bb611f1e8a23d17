"""contact/*ExtEvent: external events of contacts (reference: "API - External events")."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from attrs import field, frozen

from ..errors import Invalid
from ..support.readable import readable
from .fields import BATCH, EmailText, Form, JsonPath, LongText, NameText, ShortText, Text
from .request import Answer, Owner, Part, Request

__all__ = ["AddContactExtEvent", "BatchAddContactExtEvent", "DeleteContactExtEvent", "UpdateContactExtEvent"]

ContactExtEventType: TypeAlias = (
    Literal[
        "PURCHASE", "CART", "VISIT", "PHONE_CALL", "OTHER", "RESERVATION", "CANCELLED", "ACTIVATION",
        "MEETING", "OFFER", "DOWNLOAD", "LOGIN", "TRANSACTION", "CANCELLATION", "RETURN", "SURVEY",
    ]
    | str
)  # fmt: skip
"""The type of an event: an open set; SALESmanago's analytics use PURCHASE and CART."""

Location = Annotated[
    str,
    Text(
        255,
        pattern=re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
        rule="may hold only letters a-z, digits and _, and must not begin with a digit",
    ),
]
ShopLocation = Annotated[
    str, Text(255, pattern=re.compile(r"[A-Za-z0-9/_.-]+"), rule="may hold only letters a-z, digits and / _ - .")
]
EventTime = Annotated[datetime | int, Form.EVENT_TIME]


@readable
@frozen(kw_only=True)
class EventContent:
    """The content of an event, without its contact; `ExternalEvent` describes the fields.

    `location` may also contain / . and -, because events that did not come through this API may have them.
    """

    date: Annotated[EventTime, JsonPath("contactEvent.date")]
    contact_ext_event_type: Annotated[
        ContactExtEventType, Text(255, clearable=False), JsonPath("contactEvent.contactExtEventType")
    ]
    products: Annotated[str | Sequence[str] | None, Form.COMMA_LIST, Text(2048), JsonPath("contactEvent.products")] = (
        None
    )
    value: Annotated[float | Decimal | None, Form.NUMBER, JsonPath("contactEvent.value")] = None
    location: Annotated[ShopLocation | None, JsonPath("contactEvent.location")] = None
    external_id: Annotated[ShortText | None, JsonPath("contactEvent.externalId")] = None
    description: Annotated[LongText | None, JsonPath("contactEvent.description")] = None
    shop_domain: Annotated[ShortText | None, JsonPath("contactEvent.shopDomain")] = None
    detail1: Annotated[ShortText | None, JsonPath("contactEvent.detail1")] = None
    detail2: Annotated[ShortText | None, JsonPath("contactEvent.detail2")] = None
    detail3: Annotated[ShortText | None, JsonPath("contactEvent.detail3")] = None
    detail4: Annotated[ShortText | None, JsonPath("contactEvent.detail4")] = None
    detail5: Annotated[ShortText | None, JsonPath("contactEvent.detail5")] = None
    detail6: Annotated[ShortText | None, JsonPath("contactEvent.detail6")] = None
    detail7: Annotated[ShortText | None, JsonPath("contactEvent.detail7")] = None
    detail8: Annotated[ShortText | None, JsonPath("contactEvent.detail8")] = None
    detail9: Annotated[ShortText | None, JsonPath("contactEvent.detail9")] = None
    detail10: Annotated[ShortText | None, JsonPath("contactEvent.detail10")] = None
    detail11: Annotated[ShortText | None, JsonPath("contactEvent.detail11")] = None
    detail12: Annotated[ShortText | None, JsonPath("contactEvent.detail12")] = None
    detail13: Annotated[ShortText | None, JsonPath("contactEvent.detail13")] = None
    detail14: Annotated[ShortText | None, JsonPath("contactEvent.detail14")] = None
    detail15: Annotated[ShortText | None, JsonPath("contactEvent.detail15")] = None
    detail16: Annotated[ShortText | None, JsonPath("contactEvent.detail16")] = None
    detail17: Annotated[ShortText | None, JsonPath("contactEvent.detail17")] = None
    detail18: Annotated[ShortText | None, JsonPath("contactEvent.detail18")] = None
    detail19: Annotated[ShortText | None, JsonPath("contactEvent.detail19")] = None
    detail20: Annotated[ShortText | None, JsonPath("contactEvent.detail20")] = None


@readable
@frozen(kw_only=True)
class ExternalEvent(EventContent):
    """Something a contact did: a purchase, a cart, a call (reference: "Adding an External Event").

    The contact is identified by `email` or `contact_id`, and must exist. `date` is an aware datetime or UNIX
    milliseconds. `products` are product ids, as text with commas or as a sequence, 2048 characters in all; `value` is
    the amount, of at most 19 digits before the decimal point; two behind it are documented, more are sent as given.
    `location` is the name of the shop in its product feed: letters, digits and _, where a product catalogue takes 3 to
    36 characters. A shop whose old name has dots, slashes or hyphens adds its events in bulk with `any_location=True`,
    or with `sm.call`, which checks nothing. `external_id` is your own number of the event: it lets you identify an
    event in doubt later. `description` takes 2048 characters, every other text 255. The vendor's own clients cut
    `products` at 512 characters, so longer lists are less tried.

    The constructor checks nothing: a value that breaks a rule raises `Invalid` when it is sent; in a run the record is
    rejected with the reason.
    """

    email: EmailText | None = None
    contact_id: NameText | None = None
    location: Annotated[Location | None, JsonPath("contactEvent.location")] = None

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the body identifies no contact."""
        if "email" not in body and "contactId" not in body:
            raise Invalid("give the contact's email or contactId", field="email")


@frozen(kw_only=True)
class EventAnywhere(ExternalEvent):
    """An event whose `location` may also contain / . and -, for shops whose old name has them.

    The reference allows these characters where events are changed, and not where they are added.
    """

    location: Annotated[ShopLocation | None, JsonPath("contactEvent.location")] = None


@frozen(kw_only=True)
class EventContact(Part):
    """The contact of a new event, as echoed by the server."""

    email: str | None = None
    contact_id: str | None = None
    email_or_contact_id: str | None = None


@frozen(kw_only=True)
class EventAdded(Answer):
    """`event_id` is the id of the new event for later updates."""

    event_id: str | None = None
    contact: EventContact | None = None


@frozen
class AddContactExtEvent(Request[EventAdded]):
    """Add one event to a contact (reference: "Adding an External Event").

    If the contact does not exist yet, the server tries again every 5 minutes for one hour.
    """

    path = "v2/contact/addContactExtEvent"
    repeatable = False
    event: Annotated[ExternalEvent, JsonPath("")]
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class EventUpdated(Answer):
    """`event_id` is the id of the changed event."""

    event_id: str | None = None


@frozen
class UpdateContactExtEvent(Request[EventUpdated]):
    """Replace an event's content (reference: "Adding many contact external events simultaneously", modifying an event).

    `event_id` was returned when the event was added. Fields that are left out are lost, so pass all of them: for
    example the `ExternalEvent` that was added, changed with `attrs.evolve`. The contact of an event cannot be changed:
    an email or contact_id is not sent.
    """

    path = "v2/contact/updateContactExtEvent"
    event_id: Annotated[NameText, JsonPath("contactEvent.eventId")]
    event: Annotated[EventContent, JsonPath("")]
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class EventDeleted(Answer):
    """`result` says that the event will be deleted."""

    result: str | None = None


@frozen
class DeleteContactExtEvent(Request[EventDeleted]):
    """Delete an event a little later (reference: "Removal of External Event").

    The event is identified by `event_id` (returned when it was added) or by your own `external_id`; if both are given,
    event_id counts.
    """

    path = "v2/contact/deleteContactExtEvent"
    event_id: NameText | None = None
    external_id: NameText | None = field(default=None, kw_only=True)
    owner: Owner = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid`, with the server's own message, if the body identifies no event."""
        if "eventId" not in body and "externalId" not in body:
            raise Invalid("No eventId/externalId specified")


@frozen(kw_only=True)
class EventsAdded(Answer):
    """The number of created events; `failed_contacts` are the addresses or ids of the events that failed."""

    created_amount: int | None = None
    failed_amount: int | None = None
    failed_contacts: Any = ()


@frozen
class BatchAddContactExtEvent(Request[EventsAdded]):
    """Add 1 to 1000 events in one request (reference: "Adding many contact external events simultaneously").

    For any number of events, with an outcome for each, use `sm.events.add_many`.
    """

    path = "contact/batchAddContactExtEvent"
    repeatable = False
    events: Annotated[Sequence[ExternalEvent], BATCH]
    owner: Owner = field(default=None, kw_only=True)
