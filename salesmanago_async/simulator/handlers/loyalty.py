"""loyalty/program/v1/*: the members of loyalty programs and their points.

[guess] The texts of refusals. [guess] Every name is a program, because no call creates one; only members have points,
and lose them when they leave; points may go below 0; selectors that match no contact are no error.
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
    """loyalty/program/v1/addContact: an existing member keeps its points."""
    points = _points(store, body)
    for contact in store.select(body["contacts"]):
        points.setdefault(contact.id, 0)
    return {}


def remove_contact(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """loyalty/program/v1/removeContact: removing a contact that is not a member succeeds."""
    points = _points(store, body)
    for contact in store.select(body["contacts"]):
        points.pop(contact.id, None)
    return {}


def modify_points(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """loyalty/program/v1/modifyPoints: changes the points of those selected contacts that are members."""
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
    return store.section(LoyaltyPrograms).points[body["loyaltyProgram"]]


HANDLERS: dict[str, Handler] = {
    "loyalty/program/v1/addContact": add_contact,
    "loyalty/program/v1/removeContact": remove_contact,
    "loyalty/program/v1/modifyPoints": modify_points,
    "loyalty/program/v1/getPoints": get_points,
}
