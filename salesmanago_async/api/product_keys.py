"""v3/auth/*: the keys of API v3 (not in the reference; shapes are those of the vendor's own SDK)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from attrs import field, frozen

from .fields import LongText, NameText, Text
from .request import Answer, ProductRequest

__all__ = ["CreateKey", "RevokeKey"]

Expiry: TypeAlias = Literal["SEVEN_DAYS", "ONE_MONTH", "THREE_MONTHS", "ONE_YEAR", "NEVER"] | str
"""How long a key works: an open set."""


@frozen(kw_only=True)
class KeyCreated(Answer):
    """`api_key` is the new key: `SalesManago(products_key=…)`."""

    api_key: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen
class CreateKey(ProductRequest[KeyCreated]):
    """Create a key from the login of a user of the panel (API v3, auth/create). The call itself needs no key.

    Problems that arise later are posted to `webhook_url`. `endpoint` is the host of the account, without a scheme, for
    an e-mail address with accounts on several hosts.
    """

    path = "v3/auth/create"
    repeatable = False
    needs_key = False
    carries_secret = True
    email: NameText
    password: NameText = field(kw_only=True, repr=False)
    key_name: NameText = field(kw_only=True)
    expiry: Annotated[Expiry, Text(255, clearable=False)] = field(kw_only=True)
    webhook_url: LongText | None = field(default=None, kw_only=True)
    endpoint: NameText | None = field(default=None, kw_only=True)


@frozen(kw_only=True)
class KeyRevoked(Answer):
    """`api_key_name` is the name of the key that works no more."""

    api_key_name: str | None = None


@frozen
class RevokeKey(ProductRequest[KeyRevoked]):
    """Revoke a key, usually the client's own (API v3, auth/revoke). A second try is refused: not authenticated."""

    path = "v3/auth/revoke"
    carries_secret = True
    api_key: NameText = field(repr=False)
