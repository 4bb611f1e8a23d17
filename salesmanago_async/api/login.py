"""The calls that make credentials from a user's password. The reference does not have them; the vendor's SDK does.

authorization/token exchanges a user name and a password for a token, and account/integration the token and an API key
of one's choice for the client id and the sha of that key.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from attrs import field, frozen

from .fields import JsonPath, NameText
from .request import Answer, Request

__all__ = ["GetLoginToken", "IntegrateAccount"]


@frozen(kw_only=True)
class LoginToken(Answer):
    """`token` proves the login to account/integration; `endpoint` is the account's host, with or without a scheme."""

    token: str | None = field(default=None, repr=False)
    endpoint: str | None = None
    smapp: str | None = None
    extra: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen
class GetLoginToken(Request[LoginToken]):
    """Exchange the user name and password of a user of the panel for a token (not in the reference).

    Each text takes 255 characters [guess]. The call is not signed: it needs no credentials.
    """

    path = "authorization/token"
    changes_nothing = True
    needs_owner = False
    signed = False
    username: NameText
    password: NameText = field(kw_only=True, repr=False)


@frozen(kw_only=True)
class IntegratedAccount(Answer):
    """`short_id` is the client id, `sha1` the sha that signs every request together with the given API key."""

    short_id: str | None = None
    sha1: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen
class IntegrateAccount(Request[IntegratedAccount]):
    """Get the client id and the sha for an API key of your choice (not in the reference).

    `token` is that of authorization/token. The call is not signed: it needs no credentials.
    """

    path = "account/integration"
    changes_nothing = True
    needs_owner = False
    signed = False
    token: NameText = field(repr=False)
    api_key: Annotated[NameText, JsonPath("apiKey")] = field(kw_only=True, repr=False)
