"""integration/upsert: a contact and an event in one request. The reference does not have it; the vendor's SDK does."""

from collections.abc import Mapping
from typing import Annotated, Any

from attrs import field, frozen

from ..errors import Invalid
from .contacts import Contact
from .events import ExternalEvent
from .fields import JsonPath, NameText, ShortText
from .request import Answer, Owner, Request

__all__ = ["UpsertContactWithEvent"]


@frozen(kw_only=True)
class ContactPart:
    """The contact of the request, with the arguments of `UpsertContact`. The client fills in `client_id`."""

    client_id: NameText | None = None
    owner: Owner = None
    contact: Annotated[Contact, JsonPath("")]
    use_api_double_opt_in: bool | None = None
    double_opt_in_language: ShortText | None = None
    double_opt_in_email_id: ShortText | None = None
    async_: bool | None = None


@frozen(kw_only=True)
class EventPart:
    """The event of the request. With the `event_id` of an earlier answer that event gets this content [likely].

    `force_opt_in` is always sent as False, as by the vendor's SDK, so that an event opts nobody in. The client fills in
    `client_id`.
    """

    client_id: NameText | None = None
    owner: Owner = None
    event: Annotated[ExternalEvent, JsonPath("")]
    event_id: Annotated[NameText | None, JsonPath("contactEvent.eventId")] = None
    force_opt_in: bool | None = False


@frozen(kw_only=True)
class ContactAndEvent(Answer):
    """`contact_id` is the id of the contact, `event_id` the id of the event for later changes.

    `values` names the fields that were refused, if the server says so.
    """

    contact_id: str | None = None
    event_id: str | None = None
    values: Mapping[str, Any] | None = None


@frozen
class UpsertContactWithEvent(Request[ContactAndEvent]):
    """Add a contact or change it, and add an event to it or change it, in one request (not in the reference).

    The contact is stored before the event, so the event need not wait for it [likely]. One of the two parts may be
    missing. An event without an id is new at each request: such a request is sent once only. With an `event_id`, or
    without an event, it is repeatable. `sm.contacts.upsert_with_event` makes the parts.
    """

    path = "integration/upsert"
    repeatable = False
    needs_owner = False
    contact: Annotated[ContactPart | None, JsonPath("contactUpsertRequest")] = None
    event: Annotated[EventPart | None, JsonPath("addContactExtEventRequest")] = field(default=None, kw_only=True)

    @property
    def is_repeatable(self) -> bool:
        """Whether the request adds no event."""
        return self.event is None or bool(self.event.event_id)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the body has neither part."""
        if not body.keys() & {"contactUpsertRequest", "addContactExtEventRequest"}:
            raise Invalid("give a contact, an event, or both", field="contactUpsertRequest")
