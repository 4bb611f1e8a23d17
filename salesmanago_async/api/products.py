"""v3/product/*: products of a catalogue (API v3: not in the reference; shapes are those of the vendor's own SDK)."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from attrs import field, frozen

from ..support.readable import readable
from .fields import CLEAR, Codec, Count, Form, NameText, Text, amount
from .product_problems import ProductProblem
from .request import Answer, Part, ProductRequest

__all__ = ["UpdateProductPrices", "UpdateProductQuantities", "UpsertProducts"]

MOST_PRODUCTS = 100
"""The most products of one request; for quantities and prices [likely]."""

ProductId = NameText
ProductText = NameText
Url = Annotated[
    str, Text(2048, pattern=re.compile(r"https?://\S+"), rule="is no http or https address", clearable=False)
]
Price = Annotated[float | Decimal, Form.NUMBER]
_NULL = orjson.Fragment(b"null")


@readable
@frozen(kw_only=True)
class SystemDetails:
    """Details that SALESmanago knows. `gender`: -1 undefined, 0 female, 1 male, 2 other, 4 unisex."""

    brand: ProductText | None = None
    manufacturer: Annotated[str | None, Text(100, clearable=False)] = None
    season: Annotated[str | None, Text(40, clearable=False)] = None
    color: Annotated[str | None, Text(40, clearable=False)] = None
    popularity: int | None = None
    gender: int | None = None
    bestseller: bool | None = None
    new_product: bool | None = None


@readable
@frozen(kw_only=True)
class CustomDetails:
    """Five details of one's own."""

    detail1: ProductText | None = None
    detail2: ProductText | None = None
    detail3: ProductText | None = None
    detail4: ProductText | None = None
    detail5: ProductText | None = None


Nullable: TypeAlias = Literal["discountPrice", "detail1", "detail2", "detail3", "detail4", "detail5"] | str


@readable
@frozen(kw_only=True)
class Product:
    """A product. [likely] `product_id`, `name`, `main_category` and `price` are required.

    Fields that are left out keep their value; `set_as_null` clears the fields that it names: discountPrice, detail1 to
    detail5. Texts take 255 characters, `description` 16384, addresses 2048; `categories` and `image_urls` have up to 5
    entries. Prices are in the catalogue's currency. `available` is False for what cannot be bought now, `active` for
    what has left the shop.
    """

    product_id: ProductId
    name: ProductText
    main_category: ProductText
    price: Price
    category_external_id: ProductText | None = None
    categories: Annotated[Sequence[ProductText] | None, Count(0, 5)] = None
    description: Annotated[str | None, Text(16384, clearable=False)] = None
    product_url: Url | None = None
    main_image_url: Url | None = None
    image_urls: Annotated[Sequence[Url] | None, Count(0, 5)] = None
    available: bool | None = None
    active: bool | None = None
    quantity: int | None = None
    discount_price: Price | None = None
    system_details: SystemDetails | None = None
    custom_details: CustomDetails | None = None
    set_as_null: Sequence[Annotated[Nullable, Text(255, clearable=False)]] | None = None


@frozen(kw_only=True)
class ProductAnswer(Answer):
    """`request_id` names the request in the vendor's logs. `problems` are warnings: what was trimmed."""

    request_id: str | None = None
    problems: tuple[ProductProblem, ...] = ()


@frozen(kw_only=True)
class ProductsUpserted(ProductAnswer):
    """`product_ids` are the products that were taken [likely: in their order]. They are stored later."""

    product_ids: tuple[str, ...] = ()


@frozen
class UpsertProducts(ProductRequest[ProductsUpserted]):
    """Add 1 to 100 products to a catalogue, or change them (API v3, product/upsert).

    [likely] One bad product refuses the whole request; `problems` of the error name the products by their index.
    """

    path = "v3/product/upsert"
    catalog_id: NameText
    products: Annotated[Sequence[Product], Count(1, MOST_PRODUCTS)]


@readable
@frozen(kw_only=True)
class ProductQuantity:
    """The quantity of a product in stock."""

    product_id: ProductId
    quantity: int


@frozen
class UpdateProductQuantities(ProductRequest[ProductAnswer]):
    """Change the quantities of 1 to 100 products (API v3, product/updateQuantity). It creates no product [likely]."""

    path = "v3/product/updateQuantity"
    catalog_id: NameText
    products: Annotated[Sequence[ProductQuantity], Count(1, MOST_PRODUCTS)]


def _write_discount(value: Any) -> Any:
    return _NULL if value is CLEAR else amount(value)


@readable
@frozen(kw_only=True)
class ProductPrice:
    """The price of a product. `discount_price=CLEAR` ends a discount [likely: it is sent as null]."""

    product_id: ProductId
    price: Price
    discount_price: Annotated[float | Decimal | str | None, Codec(_write_discount, amount), Form.NUMBER] = None


@frozen
class UpdateProductPrices(ProductRequest[ProductAnswer]):
    """Change the prices of 1 to 100 products (API v3, product/updatePrice). It creates no product [likely]."""

    path = "v3/product/updatePrice"
    catalog_id: NameText
    products: Annotated[Sequence[ProductPrice], Count(1, MOST_PRODUCTS)]


@frozen(kw_only=True)
class Limits(Part):
    """`max` is how many of them the account may have."""

    max: int | None = field(default=None)
