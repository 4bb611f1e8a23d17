"""contact/*: deleting contacts, their owners, their monitoring (reference: "API - Contact management")."""

from collections.abc import Sequence
from typing import Annotated, Any

from attrs import field, frozen

from ..errors import Invalid
from .fields import Count, EmailText, NameText
from .request import Answer, Owner, Request
from .selectors import Selector

__all__ = ["BatchDeleteContacts", "DeleteContact", "RestoreMonitoring", "SetMainOwner", "StopMonitoring"]

LONGEST_VALUE = 255
"""The most characters of the joined values of one selector of contact/batchDelete."""


@frozen(kw_only=True)
class Deleted(Answer):
    """`result` says in words what was done."""

    result: str | None = None


@frozen
class BatchDeleteContacts(Request[Deleted]):
    """Delete every contact that any of the selectors picks (reference: "Deleting many contacts simultaneously").

    The values of one selector take 255 characters in all, commas included; `sm.contacts.delete_many` splits longer
    ones.
    """

    path = "contact/batchDelete"
    effect = "deletes"
    contacts: Annotated[Sequence[Selector], Count(1, 10**6)]
    owner: Owner = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Refuse a selector whose values are too long."""
        for selector in body["contacts"]:
            for name in ("value", "optValue"):
                if len(selector.get(name, "")) > LONGEST_VALUE:
                    raise Invalid(f"is {len(selector[name])} characters long, 255 are taken", field=f"contacts.{name}")


@frozen
class DeleteContact(Request[Deleted]):
    """Delete the contact of an address (reference: "Deleting a contact").

    Several contacts can share an address, and all of them are deleted [guess: as experience has it]. To delete one
    contact for sure, name it by its id: `sm.contacts.delete_many([ContactId(...)])`.
    """

    path = "contact/delete"
    may_answer_nothing = True
    email: EmailText
    owner: Owner = field(default=None, kw_only=True)


@frozen
class SetMainOwner(Request[Answer]):
    """Give a contact another main owner (reference: "Changing the main contact owner").

    `contact` is the contact's address, `new_owner` the e-mail address of a user account.
    """

    path = "contact/setMainOwner"
    contact: EmailText
    new_owner: NameText = field(kw_only=True)
    owner: Owner = field(default=None, kw_only=True)


@frozen
class StopMonitoring(Request[Answer]):
    """Stop recording the visits of the chosen contacts (reference: "Stop contacts’ monitoring").

    `async_` is in the reference's sample only, without a word on it.
    """

    path = "contact/stopMonitoring"
    effect = "stops the monitoring of"
    contacts: Annotated[Sequence[Selector], Count(1, 10**6)]
    owner: Owner = field(default=None, kw_only=True)
    async_: bool | None = field(default=None, kw_only=True)


@frozen
class RestoreMonitoring(Request[Answer]):
    """Record the visits of the chosen contacts again (reference: "Restore contacts’ monitoring").

    `async_` is in the reference's sample only, without a word on it.
    """

    path = "contact/restoreMonitoring"
    contacts: Annotated[Sequence[Selector], Count(1, 10**6)]
    owner: Owner = field(default=None, kw_only=True)
    async_: bool | None = field(default=None, kw_only=True)
