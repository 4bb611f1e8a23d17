"""contact/addNote: notes on contacts (reference: "API - Notes")."""

from typing import Annotated, Any

from attrs import field, frozen

from ..errors import Invalid
from .fields import EmailText, NameText, Text
from .request import Answer, Owner, Request

__all__ = ["AddNote"]


@frozen
class AddNote(Request[Answer]):
    """Add a note of up to 1024 characters to a contact (reference: "Adding note").

    The contact is identified by `email` or `contact_id`. A note with `priv=True` is visible to its author only; the
    server's default is False.
    """

    path = "contact/addNote"
    repeatable = False
    note: Annotated[str, Text(1024, clearable=False)]
    email: EmailText | None = field(default=None, kw_only=True)
    contact_id: NameText | None = field(default=None, kw_only=True)
    priv: bool | None = field(default=None, kw_only=True)
    owner: Owner = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the body identifies no contact."""
        if "email" not in body and "contactId" not in body:
            raise Invalid("give the contact's email or contactId", field="email")
