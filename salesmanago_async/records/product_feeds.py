"""Product feeds as shops have them → the fields of products. Pure: no I/O.

    Google Merchant   <item> or <entry> with g:id, title, link, g:price, …; or a table with these columns
    Ceneo             <o id url price avail stock> with <cat>, <name>, <imgs>, <desc>, <attrs>

Both are read by one table, because their names do not collide. A field is read from the first of its places that is
filled; all places are `plain` names (support/nearest.py). What is in no place of the table is passed over: a feed has
many fields that a catalogue does not know.

A Google feed says all of a product: [guess] one without a sale price has no discount any more. A Ceneo feed has no
discounts, and leaves them as they are.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, TypeAlias

from attrs import frozen

from ..api.fields import CLEAR
from ..support.nearest import plain
from .digit_times import iso_time
from .findings import Finding
from .prices import amount_in, currency_in

Texts: TypeAlias = Sequence[str]
"""The texts that a feed has in one place: an element may be repeated."""

UNCATEGORIZED = "Uncategorized"
"""The category of a product without one: the default of the vendor's SDK."""

MOST = 5
"""The most categories and further images of a product; a feed may have more, and the first ones count."""

SALE_PRICE = "sale_price"
"""The column whose prices may be of a sale that is over."""

_AVAILABLE = {
    **dict.fromkeys(("instock", "limitedavailability", "preorder", "backorder", "availablefororder"), "true"),
    **dict.fromkeys(("outofstock", "soldout", "discontinued"), "false"),
    **dict.fromkeys(("1", "3", "7", "14", "90", "110"), "true"),  # Ceneo: days until it is sent, or on order
    "99": None,  # Ceneo: ask the shop
}
_GENDERS = {"female": "0", "male": "1", "unisex": "4"}
_NUMBER = re.compile(r"\d+")


def _first(texts: Texts) -> Any:
    return texts[0]


def _price(texts: Texts) -> Any:
    """Return a price without its currency; a text of another form is returned as it is."""
    amount = amount_in(texts[0])
    return texts[0] if amount is None else amount


def _availability(texts: Texts) -> Any:
    return _AVAILABLE.get(plain(texts[0]), texts[0])


def _gender(texts: Texts) -> Any:
    return _GENDERS.get(texts[0].strip().lower(), texts[0] if _NUMBER.fullmatch(texts[0]) else None)


def _images(texts: Texts) -> Any:
    """Return further images; a table has several in one cell."""
    parts = [part.strip() for text in texts for part in re.split(r",(?=\s*https?://)", text)]
    return list(dict.fromkeys(filter(None, parts)))[:MOST]


@frozen
class FeedField:
    """Where a feed may have a field of a product, and how its texts are read; None leaves the field out."""

    places: tuple[str, ...]
    read: Callable[[Texts], Any] = _first


def _field(*places: str, read: Callable[[Texts], Any] = _first) -> FeedField:
    return FeedField(tuple(map(plain, places)), read)


FEED_FIELDS: Mapping[str, FeedField] = {
    "productId": _field("productId", "id", "item_id", "sku"),
    "name": _field("title", "name", "product_name"),
    "description": _field("description", "desc", "summary", "content"),
    "productUrl": _field("link", "link.href", "url", "product_url"),
    "mainImageUrl": _field("image_link", "main_image_url", "image_url", "image", "imgs.main.url"),
    "imageUrls": _field("additional_image_link", "image_urls", "imgs.i.url", read=_images),
    "price": _field("price", "price_gross", read=_price),
    "discountPrice": _field(SALE_PRICE, "discount_price", read=_price),
    "available": _field("availability", "available", "avail", read=_availability),
    "quantity": _field("quantity", "stock", "inventory"),
    "brand": _field("brand", "attrs.Marka", "attrs.Producent"),
    "manufacturer": _field("manufacturer", "producer", "attrs.Producent"),
    "color": _field("color", "attrs.Kolor"),
    "season": _field("season"),
    "gender": _field("gender", read=_gender),
    **{f"detail{number}": _field(f"custom_label_{number - 1}", f"detail{number}") for number in range(1, 6)},
}
"""The fields of products, by the places in a feed. [guess] The custom labels 0 to 4 are detail1 to detail5.

A name with dots means an element inside another, or an attribute: `imgs.main.url` is the url of <main> in <imgs>. An
element with a name attribute, such as <a name="Producent">, has that name. Categories have more than one form, and are
read by `_categories`.
"""

_FIELD_AT = {place: name for name, field in FEED_FIELDS.items() for place in field.places}
PRICES = frozenset(name for name, field in FEED_FIELDS.items() if field.read is _price)
"""The fields that are prices, which a feed writes with their currency."""

SALE_IS_OVER: Finding = (
    "has prices of sales that are over, or have not begun (sale_price_effective_date): they are sent as discountPrice"
)
OTHER_CURRENCY: Finding = "has prices in another currency than those in price: they are sent without their currency"
_SALE_DATES = plain("sale_price_effective_date")
_DISCOUNTS = frozenset(FEED_FIELDS["discountPrice"].places)
_CATEGORIES = tuple(map(plain, ("product_type", "main_category", "category", "google_product_category", "cat")))
_SEPARATED = {plain("cat"): "/"}
"""What separates the levels of a category, if it is not the ">" of Google."""


def is_feed(names: Collection[object]) -> bool:
    """Return whether the columns of a table, or the keys of a record, are those of Google Merchant.

    They have a title in the place of a name, and an id, which may be mapped to the field productId.
    """
    found = {plain(name) for name in names if isinstance(name, str)}
    return "title" in found and "name" not in found and not found.isdisjoint({"id", "productid"})


def field_at(name: str) -> str | None:
    """Return the field that is read from the column, the key or the field with this name; None if none is."""
    return name if name in FEED_FIELDS else _FIELD_AT.get(plain(name))


def has_discounts(names: Collection[str]) -> bool:
    """Return whether a table with these plain names says of each product what it costs less."""
    return not _DISCOUNTS.isdisjoint(names)


def product_of(texts: Mapping[str, Texts], fields: Collection[str], *, ends_discount: bool) -> dict[str, Any]:
    """Return the product with these fields, as a flat record, from the texts of a feed by their plain names.

    With `ends_discount` a product without a sale price has its discount cleared: what is left out keeps its value.
    """
    product: dict[str, Any] = {}
    for name, field in FEED_FIELDS.items():
        place = next((place for place in field.places if texts.get(place)), None)
        if name in fields and place and (value := field.read(texts[place])) is not None:
            product[name] = value
    if "mainCategory" in fields:
        product |= _categories(texts)
    if ends_discount and "discountPrice" in fields and "discountPrice" not in product:
        product |= {"setAsNull": ["discountPrice"]} if "setAsNull" in fields else {"discountPrice": CLEAR}
    return product


def odd_sales(texts: Mapping[str, Texts], now: datetime, zone: tzinfo) -> Sequence[Finding]:
    """Return what looks wrong in the sale price of a product, though it is sent; times without a zone are in `zone`."""
    sale, price = _first_of(texts, "discountPrice"), _first_of(texts, "price")
    if not sale:
        return ()
    [dates, *_] = texts.get(_SALE_DATES) or [""]
    currencies = {currency_in(sale), currency_in(price)} - {None}
    return (
        *([] if _includes(dates, now, zone) else [SALE_IS_OVER]),
        *([OTHER_CURRENCY] if len(currencies) > 1 else []),
    )


def _first_of(texts: Mapping[str, Texts], field: str) -> str:
    """Return the text of a field; "" if it has none."""
    return next((texts[place][0] for place in FEED_FIELDS[field].places if texts.get(place)), "")


def _includes(dates: str, now: datetime, zone: tzinfo) -> bool:
    """Return whether an interval of two times with a slash between them includes a time; what is none says nothing."""
    first, slash, last = dates.partition("/")
    begin, end = iso_time(first.strip()), iso_time(last.strip())
    if not slash or begin is None or end is None:
        return True
    begin, end = (time if time.tzinfo else time.replace(tzinfo=zone) for time in (begin, end))
    is_whole_day = len(last.strip()) == len("2026-12-31")
    return begin <= now and now - timedelta(days=is_whole_day) < end


def _categories(texts: Mapping[str, Texts]) -> dict[str, Any]:
    """Return the category of a product, which is the innermost one, and the levels above it.

    [guess] "Home > Women > Dresses" is the category Dresses. The numbers of Google's own categories say nothing here.
    """
    for place in _CATEGORIES:
        levels = [
            level
            for text in texts.get(place, ())
            for part in text.split(_SEPARATED.get(place, ">"))
            if (level := part.strip()) and not _NUMBER.fullmatch(level)
        ]
        if levels:
            first = texts[place][0].split(_SEPARATED.get(place, ">"))
            inner = next((part.strip() for part in reversed(first) if part.strip() in levels), levels[0])
            return {"mainCategory": inner, "categories": list(dict.fromkeys(levels))[-MOST:]}
    return {"mainCategory": UNCATEGORIZED}
