"""A group of a client is made when it is first used; then its module, with its requests and answers, is imported.

    class SalesManago:
        contacts: "LazyGroup[Contacts]" = LazyGroup("contacts:Contacts")

A program that uses few groups imports few of some 300 classes, and making a client takes little time. The
annotation is what type checkers and editors see.
"""

from functools import cached_property
from importlib import import_module
from typing import Any, TypeVar

from .group import Group

GroupT = TypeVar("GroupT", bound=Group)


class LazyGroup(cached_property[GroupT]):
    """Declare a group of a client by its module and class; `connection` is the client's attribute that it uses."""

    def __init__(self, where: str, connection: str = "_connection") -> None:
        module, _, name = where.partition(":")

        def make(client: Any) -> GroupT:
            group: type[GroupT] = getattr(import_module(f".{module}", __package__), name)
            return group(getattr(client, connection))

        super().__init__(make)
        self.where = where
        self.__doc__ = f"See `{name}`, in groups/{module}.py."


def groups_of(client: object) -> dict[str, Group]:
    """Return all groups of a client by the names of its attributes; this imports them all."""
    members = {name: member for kind in type(client).__mro__ for name, member in vars(kind).items()}
    return {name: getattr(client, name) for name, member in members.items() if isinstance(member, LazyGroup)}
