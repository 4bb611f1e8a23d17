"""loyalty/program/v1/*: members of loyalty programs, and their points (reference: "API - Loyalty Program")."""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from attrs import field, frozen

from .fields import Count, EmailText, NameText, ShortText, Text
from .request import Answer, Owner, Request
from .selectors import Selector

__all__ = ["AddLoyaltyContact", "GetLoyaltyPoints", "ModifyLoyaltyPoints", "RemoveLoyaltyContact"]

ModificationType: TypeAlias = Literal["ADD", "SUBTRACT"] | str
"""Whether points are added or subtracted."""

Members = Annotated[Sequence[Selector], Count(1, 255)]
"""[guess] at most 255 selectors: the reference says "255" about this list, as it does about texts."""


@frozen
class AddLoyaltyContact(Request[Answer]):
    """Add contacts to a loyalty program (reference: "Adding contact to Loyalty Program").

    `contacts` are up to 255 selectors, `loyalty_program` is the program's name.
    """

    path = "loyalty/program/v1/addContact"
    contacts: Members
    loyalty_program: NameText = field(kw_only=True)
    owner: Owner = field(default=None, kw_only=True)


@frozen
class RemoveLoyaltyContact(Request[Answer]):
    """Remove contacts from a loyalty program (reference: "Removing contact from Loyalty Program").

    `contacts` are up to 255 selectors, `loyalty_program` is the program's name.
    """

    path = "loyalty/program/v1/removeContact"
    contacts: Members
    loyalty_program: NameText = field(kw_only=True)
    owner: Owner = field(default=None, kw_only=True)


@frozen
class ModifyLoyaltyPoints(Request[Answer]):
    """Add or subtract points (reference: "Adding/removing contact points to Loyalty Program").

    `contacts` are up to 255 selectors: each contact that they match gets, or loses, that many `points`. `comment` takes
    255 characters.
    """

    path = "loyalty/program/v1/modifyPoints"
    repeatable = False
    contacts: Members
    loyalty_program: NameText = field(kw_only=True)
    points: int = field(kw_only=True)
    modification_type: Annotated[ModificationType, Text(255, clearable=False)] = field(kw_only=True)
    comment: ShortText | None = field(default=None, kw_only=True)
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class LoyaltyPoints(Answer):
    """`points` is the contact's number of points in the program."""

    points: int | None = None


@frozen
class GetLoyaltyPoints(Request[LoyaltyPoints]):
    """Get the points of a contact (reference: "Returning the number of points in the Loyalty Program")."""

    path = "loyalty/program/v1/getPoints"
    changes_nothing = True
    email: EmailText
    loyalty_program: NameText = field(kw_only=True)
    owner: Owner = field(default=None, kw_only=True)
