"""loyalty/program/v1/*: what becomes of members and their points.

[guess] The texts of refusals, and: any name is a program, as no call makes one; points are for members only, who lose
them when they leave; points may go below 0; selectors that pick nobody are no error.
"""

from collections import defaultdict
from typing import Any

from attrs import define, field

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore


@define
class LoyaltyPrograms:
    """The points of each member, by program and contact id."""

    points: defaultdict[str, dict[str, int]] = field(factory=lambda: defaultdict(dict))


def add_contact(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """loyalty/program/v1/addContact: who is a member already keeps the points."""
    points = _points(store, body)
    for contact in store.select(body["contacts"]):
        points.setdefault(contact.id, 0)
    return {}


def remove_contact(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """loyalty/program/v1/removeContact: who is no member is removed already."""
    points = _points(store, body)
    for contact in store.select(body["contacts"]):
        points.pop(contact.id, None)
    return {}


def modify_points(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """loyalty/program/v1/modifyPoints: of the chosen contacts, those that are members get or lose points."""
    signs = {"ADD": 1, "SUBTRACT": -1}
    if body["modificationType"] not in signs:
        raise RefusedCall("modificationType must be ADD or SUBTRACT")
    points = _points(store, body)
    for contact in store.select(body["contacts"]):
        if contact.id in points:
            points[contact.id] += signs[body["modificationType"]] * body["points"]
    return {}


def get_points(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """loyalty/program/v1/getPoints."""
    contact = store.find(body)
    points = _points(store, body)
    if contact is None or contact.id not in points:
        raise RefusedCall("Contact is not in the loyalty program")
    return {"points": points[contact.id]}


def _points(store: AccountStore, body: dict[str, Any]) -> dict[str, int]:
    return store.room(LoyaltyPrograms).points[body["loyaltyProgram"]]


HANDLERS: dict[str, Handler] = {
    "loyalty/program/v1/addContact": add_contact,
    "loyalty/program/v1/removeContact": remove_contact,
    "loyalty/program/v1/modifyPoints": modify_points,
    "loyalty/program/v1/getPoints": get_points,
}
