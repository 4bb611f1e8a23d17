"""`sm.users`: the user accounts of a client."""

from ..api.users import ListUsers
from .group import Group, call


class Users(Group):
    """Calls about user accounts (reference: "Getting list of user accounts for a client")."""

    list = call(ListUsers)
