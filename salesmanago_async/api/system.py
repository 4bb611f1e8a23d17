"""system/*: a token in exchange for a password (reference: "Temporary authorization")."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from .fields import NameText
from .request import Answer, Request

__all__ = ["Authorise"]


@frozen(kw_only=True)
class Authorised(Answer):
    """`token` replaces the secret, together with `client_id`, until `valid_to`: `Credentials(token=…)`."""

    token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    valid_to: datetime | None = None
    extra: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen
class Authorise(Request[Authorised]):
    """Get a temporary token for a user of the account (reference: "Temporary authorization").

    Each text takes 255 characters. The call is not signed: it needs no credentials. A client with `Login(user_name=…,
    password=…)` makes this call itself, and again before the token expires.
    """

    path = "system/authorise"
    changes_nothing = True
    needs_owner = False
    signed = False
    user_name: NameText
    password: NameText = field(kw_only=True, repr=False)
