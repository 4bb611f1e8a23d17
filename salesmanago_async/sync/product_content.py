"""What has changed of a product: its prices alone, its quantity alone, or more. Pure: no I/O.

Two digests are kept of the content that was accepted last, one without the prices and one without the quantity:

    without prices      without quantity
    the same            another one         only the prices have changed: product/updatePrice
    another one         the same            only the quantity has changed: product/updateQuantity
    another one         another one         the whole product is sent

`setAsNull: ["discountPrice"]` belongs to the prices: a sale ends.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal, TypeAlias

import orjson

from ..api.products import UpdateProductPrices, UpdateProductQuantities, UpsertProducts
from ..api.request import Request
from .known import WORD

ProductPart: TypeAlias = Literal["quantities", "prices"]
"""What alone is sent of a product."""

REQUESTS: Mapping[ProductPart | None, type[Request[Any]]] = {
    None: UpsertProducts,
    "prices": UpdateProductPrices,
    "quantities": UpdateProductQuantities,
}
"""The requests that send a part of a product, or all of it."""

_HASH = blake2b(digest_size=WORD)
_ID, _PRICE, _DISCOUNT, _QUANTITY, _CLEARED = "productId", "price", "discountPrice", "quantity", "setAsNull"


class ProductContent:
    """The content of an encoded product.

    `parts` are the digest of the content without the prices, and the digest of the content without the quantity.
    """

    def __init__(self, item: bytes) -> None:
        self._fields: dict[str, Any] = orjson.loads(item)
        self._cleared: list[str] = self._fields.get(_CLEARED) or []
        self.parts = _digest(self._without_prices()) + _digest(self._without(_QUANTITY))

    def changed_part(self, before: bytes) -> ProductPart | None:
        """Return the part that alone is another one than in the content with these `parts`; None for any other change.

        A quantity that is no longer there is such a change, as no request says so. So is a discount that is given and
        cleared at once.
        """
        has_same_others = before[:WORD] == self.parts[:WORD]
        has_same_prices = before[WORD:] == self.parts[WORD:]
        is_discount_clear = _DISCOUNT not in self._fields or _DISCOUNT not in self._cleared
        if has_same_others and not has_same_prices and is_discount_clear:
            return "prices"
        if has_same_prices and not has_same_others and _QUANTITY in self._fields:
            return "quantities"
        return None

    def only(self, part: ProductPart) -> bytes:
        """Return the item of a request that changes this part alone."""
        names = {"prices": (_ID, _PRICE, _DISCOUNT), "quantities": (_ID, _QUANTITY)}[part]
        found = {name: self._fields[name] for name in names if name in self._fields}
        if part == "prices" and _DISCOUNT in self._cleared:
            found[_DISCOUNT] = None
        return orjson.dumps(found)

    def _without_prices(self) -> dict[str, Any]:
        others = self._without(_PRICE, _DISCOUNT, _CLEARED)
        if cleared := [name for name in self._cleared if name != _DISCOUNT]:
            others[_CLEARED] = cleared
        return others

    def _without(self, *names: str) -> dict[str, Any]:
        others = self._fields.copy()
        for name in names:
            others.pop(name, None)
        return others


def _digest(fields: Mapping[str, Any]) -> bytes:
    digest = _HASH.copy()  # made faster than a new one
    digest.update(orjson.dumps(fields))
    return digest.digest()
