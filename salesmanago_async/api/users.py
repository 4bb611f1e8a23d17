"""user/*: the user accounts of a client (reference: "Getting list of user accounts for a client")."""

from attrs import frozen

from .request import Answer, Request

__all__ = ["ListUsers"]


@frozen(kw_only=True)
class Users(Answer):
    """`users` are the e-mail addresses of the client's user accounts: each can be an `owner`."""

    users: tuple[str, ...] = ()


@frozen
class ListUsers(Request[Users]):
    """List the e-mail addresses of the client's user accounts. No owner is needed."""

    path = "user/listByClient"
    changes_nothing = True
    needs_owner = False
