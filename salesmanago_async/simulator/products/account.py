"""The catalogues, products, collections and keys of the account."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import define, field, frozen

DAY_SECONDS = 86_400
LIFETIMES: dict[str, float | None] = {
    "SEVEN_DAYS": 7 * DAY_SECONDS,
    "ONE_MONTH": 30 * DAY_SECONDS,
    "THREE_MONTHS": 90 * DAY_SECONDS,
    "ONE_YEAR": 365 * DAY_SECONDS,
    "NEVER": None,
}
"""How long a key works, by its `expiry`; [guess] the length of a month."""


@frozen(kw_only=True)
class ProductSettings:
    """How many catalogues and collections the account may have, and what is not known of the server.

    `key_refusal` is the form in which a key is refused: clients are written for both. `most_products` is how many
    products all catalogues may hold [guess: what reason code 19 is about]. `problems` are what is wrong with certain
    products, by their ids, whenever they are sent: {"SKU-7": (13, "name|Missing")}. With `stores_the_others`, a request
    with bad products is refused for these alone: the answer names the stored ones beside the problems. With
    `takes_any_catalog`, products that are sent to a catalogue that does not exist create it.

    `later_problems`, in the form of `problems`, are found when the request was answered with success already: such a
    product is not stored, and its problem is posted to the webhook of the key. `webhook_url` is the webhook of the
    demo key; other keys are made with theirs.
    """

    most_catalogs: int = 10
    most_collections: int = 5
    most_products: int | None = None
    takes_any_catalog: bool = False
    problems: Mapping[str, tuple[int, str]] = field(factory=dict)
    stores_the_others: bool = False
    later_problems: Mapping[str, tuple[int, str]] = field(factory=dict)
    webhook_url: str | None = None
    key_refusal: Literal["problems", "messages"] = "problems"


@define
class StoredKey:
    """A key; `ends` is in seconds since 1970, None for never."""

    name: str
    ends: float | None = None
    is_revoked: bool = False
    webhook_url: str | None = None


@define
class StoredCollection:
    """A collection, with the products of each contact."""

    name: str
    catalog_id: str
    products: dict[str, list[str]] = field(factory=dict)


@define
class ProductAccount:
    """The account. `products` are by catalogue and product id."""

    settings: ProductSettings = ProductSettings()
    keys: dict[str, StoredKey] = field(factory=dict)
    catalogs: dict[str, dict[str, Any]] = field(factory=dict)
    products: dict[str, dict[str, dict[str, Any]]] = field(factory=dict)
    collections: dict[str, StoredCollection] = field(factory=dict)
