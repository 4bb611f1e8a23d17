"""Maps the fields of a product in a feed to columns; no I/O.

Neither SALESmanago's feeds nor Leadoo's CSV have a documented schema. The names are those of Google's and Ceneo's feeds
and of SALESmanago's product catalogue [guess]. So the table is a value, and you can replace it.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from ...support.nearest import plain

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
"""Maps each column for Leadoo to the places where a feed may have its value; the first place that is filled counts.

Case, separators and an XML prefix (g:id) are ignored. A name with dots means an element inside another, or an
attribute: `imgs.main.url` is the url of <main> in <imgs>. An element with a name attribute, such as
<a name="Producent">, has that name.
"""


def with_sources(columns: Mapping[str, Sequence[str]], first: Iterable[tuple[str, str]]) -> dict[str, Sequence[str]]:
    """Return the table with these sources before the others, each with its column; new columns are last."""
    extended = dict(columns)
    for source, column in first:
        extended[column] = (source, *extended.get(column, ()))
    return extended


def cells_of(product: Mapping[str, str], columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the cells of a product, whose names are plain."""
    return [next(filter(None, (product.get(plain(source)) for source in sources)), "") for sources in columns.values()]
