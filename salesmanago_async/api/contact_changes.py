"""contact/*: deleting contacts, changing their owner, and their monitoring (reference: "API - Contact management")."""

from collections.abc import Sequence
from typing import Annotated, Any

from attrs import field, frozen

from ..errors import Invalid
from .fields import Count, EmailText, NameText
from .request import Answer, Owner, Request
from .selectors import Selector

__all__ = ["BatchDeleteContacts", "DeleteContact", "RestoreMonitoring", "SetMainOwner", "StopMonitoring"]

LONGEST_VALUE = 255
"""The most characters of all joined values of one selector of contact/batchDelete."""


@frozen(kw_only=True)
class Deleted(Answer):
    """`result` is the server's description of what was done."""

    result: str | None = None


@frozen
class BatchDeleteContacts(Request[Deleted]):
    """Delete every contact that any of the selectors matches (reference: "Deleting many contacts simultaneously").

    The values of one selector take 255 characters in all, commas included; `sm.contacts.delete_many` splits longer
    ones.
    """

    path = "contact/batchDelete"
    effect = "deletes"
    contacts: Annotated[Sequence[Selector], Count(1, 10**6)]
    owner: Owner = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the values of a selector are too long."""
        for selector in body["contacts"]:
            for name in ("value", "optValue"):
                if len(selector.get(name, "")) > LONGEST_VALUE:
                    raise Invalid(
                        f"is {len(selector[name])} characters long, 255 are allowed", field=f"contacts.{name}"
                    )


@frozen
class DeleteContact(Request[Deleted]):
    """Delete the contact with an address (reference: "Deleting a contact").

    Several contacts can share an address, and all of them are deleted [guess: from experience]. To delete exactly one
    contact, use its id: `sm.contacts.delete_many([ContactId(...)])`.
    """

    path = "contact/delete"
    may_answer_nothing = True
    email: EmailText
    owner: Owner = field(default=None, kw_only=True)


@frozen
class SetMainOwner(Request[Answer]):
    """Change the main owner of a contact (reference: "Changing the main contact owner").

    `contact` is the contact's address, `new_owner` the e-mail address of a user account.
    """

    path = "contact/setMainOwner"
    contact: EmailText
    new_owner: NameText = field(kw_only=True)
    owner: Owner = field(default=None, kw_only=True)


@frozen
class StopMonitoring(Request[Answer]):
    """Stop recording the visits of the chosen contacts (reference: "Stop contacts’ monitoring").

    `async_` is only in the sample of the reference, without an explanation.
    """

    path = "contact/stopMonitoring"
    effect = "stops the monitoring of"
    contacts: Annotated[Sequence[Selector], Count(1, 10**6)]
    owner: Owner = field(default=None, kw_only=True)
    async_: bool | None = field(default=None, kw_only=True)


@frozen
class RestoreMonitoring(Request[Answer]):
    """Record the visits of the chosen contacts again (reference: "Restore contacts’ monitoring").

    `async_` is only in the sample of the reference, without an explanation.
    """

    path = "contact/restoreMonitoring"
    contacts: Annotated[Sequence[Selector], Count(1, 10**6)]
    owner: Owner = field(default=None, kw_only=True)
    async_: bool | None = field(default=None, kw_only=True)
