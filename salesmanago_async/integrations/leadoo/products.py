"""What a product feed tells of a product, and the columns it becomes. Pure.

Neither SALESmanago's feeds nor Leadoo's CSV have a documented schema; the names are those of Google's and Ceneo's feeds
and of SALESmanago's product catalogue [guess]. So the table is a value, and yours can take its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from ._names import plain

COLUMNS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "id": ("id", "product_id", "item_id", "sku"),
        "title": ("title", "name", "product_name"),
        "description": ("description", "desc", "summary", "content"),
        "url": ("link", "link.href", "url", "product_url"),
        "image_url": ("image_link", "main_image_url", "image_url", "image", "img", "imgs.main.url"),
        "price": ("price", "price_gross"),
        "sale_price": ("sale_price", "discount_price"),
        "availability": ("availability", "available", "avail"),
        "brand": ("brand", "manufacturer", "producer", "attrs.Producent", "attrs.Marka"),
        "category": ("product_type", "main_category", "category", "categories", "cat", "google_product_category"),
    }
)
"""From the column that Leadoo gets to where a feed may have it; the first place that is filled counts.

Case, separators and an XML prefix (g:id) do not count. A name with dots is that of an element inside another, or of an
attribute: `imgs.main.url` is the url of <main> in <imgs>. An element with a name, as <a name="Producent">, goes by it.
"""


def with_sources(columns: Mapping[str, Sequence[str]], first: Iterable[tuple[str, str]]) -> dict[str, Sequence[str]]:
    """Return the table with some sources, each with its column, before the others; new columns come last."""
    extended = dict(columns)
    for source, column in first:
        extended[column] = (source, *extended.get(column, ()))
    return extended


def cells_of(product: Mapping[str, str], columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the cells of a product, whose names are plain."""
    return [next(filter(None, (product.get(plain(source)) for source in sources)), "") for sources in columns.values()]
