"""How the rows of a source are known from one sync to the next: by a key, which names a contact or a product."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import orjson
from attrs import frozen

from ..errors import Invalid
from ..records.compiled import Encoded
from ..records.names import canonical
from .settings import KeyField

NO_KEY = "is missing, and the sync knows its rows by it"

PRODUCT_ID = "product_id"
_KEPT_OF_PRODUCT = ("productId", "name", "mainCategory", "price")
"""Without these no product can be sent, not even one that is to be switched off."""


@frozen(kw_only=True)
class Keys:
    """How rows are known.

    `key_of` returns the key of an encoded row in canonical form, and raises `Invalid` if it has none. The names of the
    row are no keys from `others_from` on. `kept_of` returns what the state must hold of a row, so that something can be
    done to it when it is gone.
    """

    kind: Literal["contacts", "products"]
    field: str
    key_of: Callable[[Encoded], str]
    others_from: int
    kept_of: Callable[[Encoded], str]


def contact_keys(key: KeyField) -> Keys:
    """Return how contacts are known by a field."""
    if key == "email":
        return Keys(kind="contacts", field=key, key_of=_address, others_from=1, kept_of=_name)
    in_field = partial(_in_field, {"external_id": "externalId"}.get(key, "contactId"))
    return Keys(kind="contacts", field=key, key_of=in_field, others_from=0, kept_of=_name)


def product_keys() -> Keys:
    """Return how the products of a catalogue are known: by their ids, as they are."""
    return Keys(
        kind="products", field=PRODUCT_ID, key_of=lambda encoded: encoded[1][0], others_from=1, kept_of=_least_product
    )


def _address(encoded: Encoded) -> str:
    """Return the address of a contact: its first name, if it has one."""
    first = encoded[1][0]
    if "@" not in first:
        raise Invalid(NO_KEY, field="email")
    return first


def _in_field(name: str, encoded: Encoded) -> str:
    value = orjson.loads(encoded[0])["contact"].get(name)
    if not value:
        raise Invalid(NO_KEY, field=name)
    return canonical(value)


def _name(encoded: Encoded) -> str:
    """Return the address of a contact as it is sent, or else its id."""
    contact = orjson.loads(encoded[0])["contact"]
    return str(contact.get("email") or contact["contactId"])


def _least_product(encoded: Encoded) -> str:
    product = orjson.loads(encoded[0])
    return orjson.dumps({name: product[name] for name in _KEPT_OF_PRODUCT}).decode()
